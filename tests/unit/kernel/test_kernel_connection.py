"""The shorter ways say what the library says: headers, whatever lines NATS may carry, what a listener is told, and what
is sent."""

from __future__ import annotations

import asyncio

import pytest
import uvloop
from hypothesis import example, given
from hypothesis import strategies as st
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import Header

from callmesh.kernel import headers
from callmesh.kernel.connection import Connection
from callmesh.kernel.messaging import connect
from callmesh.kernel.tasks import ended
from support.nats_server import NatsServer
from support.waiting import until

_NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=":"), min_size=1, max_size=12)
_VALUES = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=30)


@given(st.dictionaries(_NAMES, _VALUES, max_size=8), st.sampled_from([": ", ":", ":\t"]))
def test_reads_headers_as_the_library_does(lines: dict[str, str], between: str) -> None:
    block = "".join(f"{name}{between}{value}\r\n" for name, value in lines.items()).encode() + b"\r\n"
    assert Connection._parse_header_lines(block) == Client._parse_header_lines(block)


def test_it_is_the_librarys_methods_that_are_replaced() -> None:
    assert {"_parse_header_lines", "_process_msg", "_remove_sub", "_send_publish", "_flush_pending"} <= vars(
        Client
    ).keys()


@given(
    st.dictionaries(
        st.sampled_from([headers.CE_AGENCY, headers.MSG_ID, headers.TRACEPARENT]),
        st.text(st.characters(exclude_categories=["Cs"])),
        max_size=4,
    )
)
@example({headers.CE_AGENCY: "110", headers.PERSON: "张\r\nNats-Expected-Stream: X"})
@example({headers.CE_AGENCY: ""})
@example({Header.EXPECTED_LAST_SUBJECT_SEQUENCE: "7"})
async def test_sends_headers_that_are_read_as_the_librarys(said: dict[str, str]) -> None:
    """Whatever stands in a value: it adds no line and no header."""
    ours, theirs = await sent(Connection(), said), await sent(Client(), said)
    assert [line.partition(b" ")[0] for line in ours] == [line.partition(b" ")[0] for line in theirs]
    assert read(ours) == read(theirs)


async def sent(client: Client, said: dict[str, str]) -> list[bytes]:
    """The lines of a message, up to its payload."""
    await client._send_publish("a.b", "answer.here", b"said", 4, said)
    command, _, rest = b"".join(client._pending).partition(b"\r\n")
    before, whole = map(int, command.split()[-2:])
    assert rest[before:] == b"said\r\n" and whole - before == 4
    return [command, *rest[:before].split(b"\r\n")]


def read(lines: list[bytes]) -> dict[str, str]:
    """Without blanks around a value, which the library cuts off when it sends."""
    return {name: value.strip() for name, value in Connection._parse_header_lines(b"\r\n".join(lines[2:])).items()}


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


async def test_what_a_socket_does_not_take_at_once_comes_in_order(nats: NatsServer) -> None:
    """More than the socket, its buffer and the client's own hold."""
    came: list[int] = []
    client, reader = Connection(), Connection()
    await connect(client, nats.url, "test")
    await connect(reader, nats.url, "reader")
    await reader.listen("x.y", lambda message: came.append(int(message.data[:6])))
    await reader.flush()
    for number in range(3_000):
        await client.publish("x.y", b"%06d" % number + bytes(8_000))
    await until(lambda: len(came) == 3_000, "all of them")
    assert came == sorted(came)
    await client.close()
    await reader.close()


@pytest.mark.parametrize("flusher", ["alive", "ended"])
async def test_a_connection_that_closes_is_no_defect(nats: NatsServer, flusher: str) -> None:
    """The socket is gone and the client has not heard of it yet: what is published comes by the next one. The library's
    own task for it may have ended at the first word."""
    came: list[bytes] = []

    async def published() -> None:
        client, reader = Connection(), Connection()
        await connect(client, nats.url, "test")
        await connect(reader, nats.url, "reader")
        await reader.listen("x.y", lambda message: came.append(message.data))
        await reader.flush()
        assert client._transport is not None and client._flusher_task is not None
        if flusher == "ended":
            await ended(client._flusher_task)
        client._transport.close()
        said = 0
        while client.is_connected:
            await client.publish("x.y", b"%d" % said, headers={headers.CE_AGENCY: "110"})
            said += 1
            await asyncio.sleep(0)  # a turn of the loop
        await until(lambda: client.stats["reconnects"] == 1 and client.is_connected, "connected again")
        await until(lambda: came == [b"%d" % number for number in range(said)], "all that was said, in order")
        assert said
        await client.close()
        await reader.close()

    await asyncio.to_thread(uvloop.run, published())  # the services' loop, which takes it for a defect
