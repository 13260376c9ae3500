"""Tokens and places, on a clock that the test moves."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from callmesh.domain.errors import Overloaded
from callmesh.kernel.rpc.limits import HOLD_SECONDS, Allowance, Limits

PARTNER = Allowance(rate=20, burst=100, at_once=4, streams=3)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def ordinary() -> bool:
    return False


def urgent() -> bool:
    return True


def taken(limits: Limits, agency: str, most: int, is_urgent: bool = False) -> int:
    """How many tokens it gets, at most so many."""
    for count in range(most):
        if limits.wait(agency, PARTNER, urgent if is_urgent else ordinary):
            return count
    return most


def test_a_burst_then_the_rate(clock: Clock) -> None:
    limits = Limits(100, clock)
    assert taken(limits, "water", 500) == 100
    clock.now += 1
    assert taken(limits, "water", 500) == 20
    clock.now += 3600
    assert taken(limits, "water", 500) == 100, "a pause saves up one burst, no more"


def test_an_agency_cannot_use_up_anothers(clock: Clock) -> None:
    limits = Limits(100, clock)
    taken(limits, "water", 500)
    assert taken(limits, "gas", 500) == 100


def test_emergencies_have_a_reserve(clock: Clock) -> None:
    limits = Limits(100, clock)
    assert taken(limits, "water", 500) == 100
    assert taken(limits, "water", 500, is_urgent=True) == 100
    assert taken(limits, "water", 1) == 0


def test_a_refusal_says_when_to_come_back(clock: Clock) -> None:
    limits = Limits(100, clock)
    taken(limits, "water", 500)
    with pytest.raises(Overloaded) as wrong:
        limits.token("water", PARTNER, ordinary)
    assert wrong.value.after == pytest.approx(1 / 20)
    clock.now += wrong.value.after + 0.0001
    limits.token("water", PARTNER, ordinary)


async def entered(stack: contextlib.AsyncExitStack, limits: Limits, agency: str, is_urgent: bool = False) -> None:
    stack.enter_context(await limits.place(agency, PARTNER, urgent if is_urgent else ordinary))


async def test_a_few_are_served_at_once_the_others_wait_their_turn(clock: Clock) -> None:
    limits = Limits(100, clock)
    order: list[str] = []

    async def call(name: str, is_urgent: bool = False) -> None:
        with await limits.place("water", PARTNER, urgent if is_urgent else ordinary):
            order.append(name)

    async with contextlib.AsyncExitStack() as busy:
        for _ in range(4):
            await entered(busy, limits, "water")
        waiting = [asyncio.create_task(call(name)) for name in ("first", "second")]
        await asyncio.sleep(0)
        gone = asyncio.create_task(call("gone"))
        waiting.append(asyncio.create_task(call("urgent", is_urgent=True)))
        await asyncio.sleep(0)
        with await limits.place("gas", PARTNER, ordinary):
            assert order == [], "another agency does not wait for water's calls"
        gone.cancel()
    await asyncio.gather(*waiting)
    assert order == ["urgent", "first", "second"]
    async with contextlib.AsyncExitStack() as again:
        for _ in range(4):
            await asyncio.wait_for(entered(again, limits, "water"), 1)


async def test_so_many_wait_and_no_more(clock: Clock) -> None:
    limits = Limits(1_000, clock)

    async def call(is_urgent: bool = False) -> None:
        with await limits.place("water", PARTNER, urgent if is_urgent else ordinary):
            pass

    async with contextlib.AsyncExitStack() as busy:
        for _ in range(4):
            await entered(busy, limits, "water")
        waiting = [asyncio.create_task(call()) for _ in range(32)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await call()
        waiting.append(asyncio.create_task(call(is_urgent=True)))
        await asyncio.sleep(0)
        assert not any(one.done() for one in waiting)
    await asyncio.gather(*waiting)


async def test_the_last_places_are_for_emergencies(clock: Clock) -> None:
    limits = Limits(20, clock)
    async with contextlib.AsyncExitStack() as busy:
        for number in range(18):
            await entered(busy, limits, f"a{number}")
        with pytest.raises(Overloaded):
            await entered(busy, limits, "b")
        for number in range(2):
            await entered(busy, limits, f"c{number}", is_urgent=True)
        with pytest.raises(Overloaded):
            await entered(busy, limits, "d", is_urgent=True)


def test_refusals_go_out_one_after_the_other_at_the_agencys_rate(clock: Clock) -> None:
    limits = Limits(100, clock)

    def waits(count: int) -> list[float]:
        return [round(limits.line("water", PARTNER), 2) for _ in range(count)]

    assert waits(20) == [0.0] * 20, "a second's worth at once"
    assert waits(3) == [0.05, 0.1, 0.15]
    assert max(waits(1_000)) == HOLD_SECONDS
    assert limits.line("gas", PARTNER) == 0.0, "another agency does not stand in line"
    clock.now += 60
    assert waits(21) == [0.0] * 20 + [0.05], "a pause saves up no more"


async def test_who_stands_in_line_waits(clock: Clock) -> None:
    limits = Limits(100, clock)
    for _ in range(120):
        limits.line("water", PARTNER)
    held = asyncio.create_task(limits.hold("water", PARTNER))
    await asyncio.wait_for(limits.hold("gas", PARTNER), 1)
    assert not held.done()
    held.cancel()


async def test_open_streams_are_counted_apart(clock: Clock) -> None:
    limits = Limits(100, clock)
    with contextlib.ExitStack() as open_streams:
        for _ in range(3):
            open_streams.enter_context(limits.stream("water", PARTNER))
        with pytest.raises(Overloaded, match="one process needs one: close others") as told:
            open_streams.enter_context(limits.stream("water", PARTNER))
        assert "请先关闭不用的连接" in told.value.zh
        with await limits.place("water", PARTNER, ordinary):
            pass


def test_names_that_nobody_knows_do_not_fill_the_memory(clock: Clock) -> None:
    limits = Limits(100, clock)
    with limits.stream("water", PARTNER):
        for number in range(20_000):
            limits.wait(f"made up {number}", PARTNER, ordinary)
        assert len(limits._shares) <= 5_001
        assert "water" in limits._shares
