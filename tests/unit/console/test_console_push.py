"""Push: the ring, replay, reset, and who is told what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from callmesh.console.accounts import Account
from callmesh.console.push import QUEUE, Change, Push, events
from callmesh.kernel.rpc.clients import Clients

POLICE = Account(id="a", name="a", agency="110", person="p")
GAS = Account(id="g", name="g", agency="gas", person="p", role="partner")
CHIEF = Account(id="c", name="c", agency="110", person="p", role="commander")


def change(seq: int, *agencies: str) -> Change:
    return Change(seq, "cases/x", "CaseOpened", 1, 0, False, "110", "", 0, frozenset(agencies or ("110",)))


@pytest.fixture
def push() -> Push:
    made = Push(mesh=Clients({}, *[None] * 7), ring=4)  # type: ignore[arg-type]
    made.started.set()
    made.feed(True)
    made.stand(True)
    return made


async def told(stream: AsyncIterator[bytes], count: int) -> list[tuple[str, int]]:
    """The next events: kind and id, 0 without one."""
    found = []
    for _ in range(count):
        lines = dict(line.split(": ", 1) for line in (await anext(stream)).decode().splitlines() if ": " in line)
        found.append((lines.get("event", "quiet"), int(lines.get("id", 0))))
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
    stream = events(push, POLICE, "1")
    assert await told(stream, 3) == [("hello", 0), ("change", 2), ("change", 3)]
    push.tell(change(4))
    assert await told(stream, 1) == [("change", 4)]


async def test_what_the_ring_has_lost_is_a_reset(push: Push) -> None:
    for seq in range(1, 8):
        push.tell(change(seq))
    stream = events(push, POLICE, "2")
    assert await told(stream, 2) == [("hello", 0), ("reset", 7)]
    stream = events(push, POLICE, "3")
    assert (await told(stream, 2))[1] == ("change", 4)


async def test_after_a_restart_nothing_is_known_so_everybody_starts_anew(push: Push) -> None:
    assert await told(events(push, POLICE, "17"), 2) == [("hello", 0), ("reset", 0)]


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
