"""Push: the ring, replay, reset, and who is told what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from callmesh.console.accounts import Account
from callmesh.console.heads import read, text
from callmesh.console.push import QUEUE, Change, Push, events
from callmesh.kernel.rpc.clients import Clients

POLICE = Account(id="a", name="a", agency="110", person="p")
GAS = Account(id="g", name="g", agency="gas", person="p", role="partner")
CHIEF = Account(id="c", name="c", agency="110", person="p", role="commander")


def change(seq: int, *agencies: str, shard: int = 0) -> Change:
    case = f"cases/r1-{shard}-X"
    return Change(seq, case, "CaseOpened", 1, 0, False, "110", "", 0, frozenset(agencies or ("110",)))


@pytest.fixture
def push() -> Push:
    made = Push(mesh=Clients({}, *[None] * 7), ring=4)  # type: ignore[arg-type]
    made.started.set()
    made.feed(True)
    made.stand(True)
    return made


async def told(stream: AsyncIterator[bytes], count: int) -> list[tuple[str, int]]:
    """The next events: kind, and how far it says one is in the first shard, 0 without."""
    return [(kind, read(at).get("r1-0", 0)) for kind, at in await ids(stream, count)]


async def ids(stream: AsyncIterator[bytes], count: int) -> list[tuple[str, str]]:
    """The next events: kind and id, "" without one."""
    found = []
    for _ in range(count):
        lines = dict(line.split(": ", 1) for line in (await anext(stream)).decode().splitlines() if ": " in line)
        found.append((lines.get("event", "quiet"), lines.get("id", "")))
    return found


async def test_a_listener_is_told_what_happens_from_now_on(push: Push) -> None:
    push.tell(change(1))
    stream = events(push, POLICE, "")
    assert await told(stream, 1) == [("hello", 0)]
    push.tell(change(2))
    assert await told(stream, 1) == [("change", 2)]


async def test_who_comes_back_is_told_again_what_it_missed_in_order_and_once(push: Push) -> None:
    for seq in (1, 2, 3):
        push.tell(change(seq))
    stream = events(push, POLICE, "r1-0:1")
    assert await told(stream, 3) == [("hello", 0), ("change", 2), ("change", 3)]
    push.tell(change(4))
    assert await told(stream, 1) == [("change", 4)]


async def test_what_the_ring_has_lost_is_a_reset(push: Push) -> None:
    for seq in range(1, 8):
        push.tell(change(seq))
    stream = events(push, POLICE, "r1-0:2")
    assert await told(stream, 2) == [("hello", 0), ("reset", 7)]
    stream = events(push, POLICE, "r1-0:3")
    assert (await told(stream, 2))[1] == ("change", 4)


async def test_each_shard_counts_by_itself(push: Push) -> None:
    """A shard whose log is shorter is heard as well, and who comes back is told of each what it missed there."""
    push.tell(change(70))
    stream = events(push, POLICE, "")
    await told(stream, 1)
    for one in (change(1, shard=1), change(71), change(2, shard=1)):
        push.tell(one)
    expected = ["r1-0:70,r1-1:1", "r1-0:71,r1-1:1", "r1-0:71,r1-1:2"]
    assert await ids(stream, 3) == [("change", one) for one in expected]
    back = events(push, POLICE, expected[0])
    assert await ids(back, 3) == [("hello", ""), *(("change", one) for one in expected[1:])]
    push.tell(change(3, shard=1))
    assert await ids(back, 1) == [("change", "r1-0:71,r1-1:3")]


@pytest.mark.parametrize(
    ("came", "last"),
    [
        ([(5, 0)], "r1-0:5,r1-1:9"),  # of the second shard nothing is known: it may have moved meanwhile
        ([(5, 0), (9, 1)], "r1-0:5"),  # it never heard of the second
        ([(5, 0), (9, 1)], "r1-0:5,r1-1:7"),
        ([(9, 1), (5, 0), (6, 0), (7, 0), (8, 0)], "r1-0:8,r1-1:8"),  # the ring lost the one
        ([(5, 0)], "17"),
        ([(5, 0)], "r1-0:x"),
    ],
)
async def test_what_cannot_be_told_again_of_any_shard_is_a_reset(
    push: Push, came: list[tuple[int, int]], last: str
) -> None:
    for seq, shard in came:
        push.tell(change(seq, shard=shard))
    assert await ids(events(push, POLICE, last), 2) == [("hello", ""), ("reset", push.head)]


async def test_a_token_that_is_refused_leaves_a_hole_so_nothing_is_told_again(push: Push) -> None:
    for seq in (1, 2):
        push.tell(change(seq))
    push.refuse()
    push.tell(change(9))
    assert await ids(events(push, POLICE, "r1-0:1"), 2) == [("hello", ""), ("reset", "r1-0:9")]


@pytest.mark.parametrize("heads", [{"r1-0": 1}, {"r1-0": 10**17, "r2-13": 4}, {f"r1-{one}": one for one in range(64)}])
def test_how_far_one_is_reads_as_it_was_written(heads: dict[str, int]) -> None:
    assert read(text(heads)) == heads


async def test_after_a_restart_nothing_is_known_so_everybody_starts_anew(push: Push) -> None:
    assert await told(events(push, POLICE, "r1-0:17"), 2) == [("hello", 0), ("reset", 0)]


async def test_a_slow_listener_is_reset_and_holds_no_more_than_its_queue(push: Push) -> None:
    stream = events(push, POLICE, "")
    await told(stream, 1)
    for seq in range(1, QUEUE + 3):
        push.tell(change(seq))
    assert (await told(stream, 1))[0][0] == "reset"


async def test_agencies_hear_of_their_own_cases_and_commanders_of_all(push: Push) -> None:
    streams = {one.id: events(push, one, "") for one in (POLICE, GAS, CHIEF)}
    for one in streams.values():
        await told(one, 1)
    push.tell(change(1, "110", "gas"))
    push.tell(change(2, "water"))
    push.tell(change(3, "110"))
    assert await told(streams["a"], 2) == [("change", 1), ("change", 3)]
    assert await told(streams["c"], 3) == [("change", 1), ("change", 2), ("change", 3)]
    assert await told(streams["g"], 1) == [("change", 1)]
    waiting = asyncio.ensure_future(anext(streams["g"]))
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()


def test_a_change_says_nothing_that_anybody_said() -> None:
    kept = {one.name for one in msgspec.structs.fields(Change)}
    assert kept == {"seq", "case", "kind", "state", "level", "emergency", "by", "referral", "at", "agencies"}


async def test_everybody_is_told_that_nothing_arrives_and_when_it_does_again(push: Push) -> None:
    stream = events(push, GAS, "")
    assert b'"live":true' in await anext(stream)
    push.stand(False)
    push.stand(False)
    assert b'"live":false' in await anext(stream)
    push.stand(True)
    push.tell(change(1, "gas"))
    assert b'"live":true' in await anext(stream)
    assert await told(stream, 1) == [("change", 1)]


async def test_a_subscription_that_nothing_feeds_is_not_live(push: Push) -> None:
    """A log that hangs breaks no stream: only tracking's health says that it is silent because nothing reaches it."""
    stream = events(push, GAS, "")
    assert b'"live":true' in await anext(stream)
    push.feed(False)
    assert b'"live":false' in await anext(stream)
    push.stand(True)
    push.feed(True)
    assert b'"live":true' in await anext(stream)


async def test_who_comes_while_nothing_arrives_is_told_at_once() -> None:
    made = Push(mesh=Clients({}, *[None] * 7))  # type: ignore[arg-type]
    assert b'"live":false' in await anext(events(made, POLICE, ""))
