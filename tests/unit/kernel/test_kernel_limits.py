"""Tokens and places, on a clock that the test moves."""

from __future__ import annotations

import contextlib

import pytest

from callmesh.domain.errors import Overloaded
from callmesh.kernel.rpc.limits import Allowance, Limits

PARTNER = Allowance(rate=20, burst=100, at_once=4)


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


def test_places_of_an_agency(clock: Clock) -> None:
    limits = Limits(100, clock)
    with contextlib.ExitStack() as busy:
        for _ in range(4):
            busy.enter_context(limits.place("water", PARTNER, ordinary))
        with pytest.raises(Overloaded), limits.place("water", PARTNER, ordinary):
            pass
        with limits.place("gas", PARTNER, ordinary), limits.place("water", PARTNER, urgent):
            pass
    with limits.place("water", PARTNER, ordinary):
        pass


def test_the_last_places_are_for_emergencies(clock: Clock) -> None:
    limits, wide = Limits(20, clock), Allowance(rate=1e6, burst=1e6, at_once=1000)
    with contextlib.ExitStack() as busy:
        for number in range(18):
            busy.enter_context(limits.place(f"a{number}", wide, ordinary))
        with pytest.raises(Overloaded), limits.place("b", wide, ordinary):
            pass
        for number in range(2):
            busy.enter_context(limits.place(f"c{number}", wide, urgent))
        with pytest.raises(Overloaded), limits.place("d", wide, urgent):
            pass


def test_open_streams_are_counted_apart(clock: Clock) -> None:
    limits = Limits(100, clock)
    with contextlib.ExitStack() as open_streams:
        for _ in range(4):
            open_streams.enter_context(limits.stream("water", PARTNER))
        with pytest.raises(Overloaded), limits.stream("water", PARTNER):
            pass
        with limits.place("water", PARTNER, ordinary):
            pass


def test_names_that_nobody_knows_do_not_fill_the_memory(clock: Clock) -> None:
    limits = Limits(100, clock)
    with limits.stream("water", PARTNER):
        for number in range(20_000):
            limits.wait(f"made up {number}", PARTNER, ordinary)
        assert len(limits._shares) <= 5_001
        assert "water" in limits._shares
