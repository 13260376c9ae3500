"""The shorter ways say what the library says: headers, whatever lines NATS may carry, and what a listener is told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client
from nats.aio.msg import Msg

from callmesh.kernel.connection import Connection
from callmesh.kernel.messaging import connect
from support.nats_server import NatsServer
from support.waiting import until

_NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=":"), min_size=1, max_size=12)
_VALUES = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=30)


@given(st.dictionaries(_NAMES, _VALUES, max_size=8), st.sampled_from([": ", ":", ":\t"]))
def test_reads_headers_as_the_library_does(headers: dict[str, str], between: str) -> None:
    block = "".join(f"{name}{between}{value}\r\n" for name, value in headers.items()).encode() + b"\r\n"
    assert Connection._parse_header_lines(block) == Client._parse_header_lines(block)


def test_it_is_the_librarys_methods_that_are_replaced() -> None:
    assert {"_parse_header_lines", "_process_msg", "_remove_sub"} <= vars(Client).keys()


async def test_a_listener_is_told_what_a_subscriber_is(nats: NatsServer) -> None:
    """In the same order, with the same headers; one that fails stops nothing; unsubscribed it is told no more."""
    listened: list[Msg] = []
    subscribed: list[Msg] = []

    def note(message: Msg) -> None:
        listened.append(message)
        if message.data == b"bad":
            raise ValueError("cannot be read")

    async def take(message: Msg) -> None:
        subscribed.append(message)

    client = Connection()
    await connect(client, nats.url, "test")
    listening = await client.listen("x.>", note)
    await client.subscribe("x.>", cb=take)
    for text in (b"bad", b"1", b"2"):
        await client.publish("x.y", text, "answer.here", {"ce-type": "one"})
    await until(lambda: len(subscribed) == len(listened) == 3, "all of them")
    told = [[(one.subject, one.reply, one.data, one.headers) for one in each] for each in (listened, subscribed)]
    assert told[0] == told[1]
    await listening.unsubscribe()
    await client.publish("x.y", b"3")
    await until(lambda: len(subscribed) == 4, "the last")
    assert len(listened) == 3
    await client.close()
