"""Four waits a referral: they sum exactly to its time, whatever happens, and every pause has somebody who asked."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import example
from hypothesis import given as any_of
from hypothesis import strategies as st

from callmesh.domain import facts as f
from callmesh.domain import facts_clocks as fc
from callmesh.domain.case import Case
from callmesh.domain.evolve import evolve
from callmesh.domain.waits import Hold, Moment, Wait, holds, slowest
from callmesh.domain.words import PendingKind, ReferralState, Role
from support.builders import (
    NOW,
    accepted,
    asked_back,
    classified,
    name,
    offered,
    opened,
    progressed,
    received,
    referral,
    resolved,
    stamp,
)

ONE = name(1)
SUSPENDED = fc.ReferralSuspended(ONE, "等材料", "gas", NOW + timedelta(days=9))
RESUMED = fc.ReferralResumed(ONE)


def history(*steps: tuple[float, f.Body]) -> list[Moment]:
    """The moments of a case: seconds since the last fact, and the fact."""
    found: list[Moment] = []
    case: Case | None = None
    at = NOW
    for seconds, body in ((0, opened()), (0, classified()), *steps):
        at += timedelta(seconds=seconds)
        case = evolve(case, f.Fact(stamp(at=at), body))
        found.append((at, case))
    return found


def seconds(hold: Hold) -> tuple[float, ...]:
    return tuple(hold.waits[one].total_seconds() for one in Wait)


def test_a_life_with_a_pause() -> None:
    moments = history(
        (0, offered()), (2, received()), (30, accepted()), (60, progressed()),
        (5, SUSPENDED), (600, RESUMED), (7, resolved()),
    )  # fmt: skip
    [hold] = holds(moments, moments[-1][0] + timedelta(hours=9))
    assert seconds(hold) == (2, 30, 72, 600)
    assert [(one.agency, one.kind, one.length.total_seconds()) for one in hold.pauses] == [
        ("gas", PendingKind.SUSPENSION, 600)
    ]


def test_who_caused_which_pause() -> None:
    """The agency that asked for it: its own, the sender's, and a return that waited for a decision."""
    theirs = fc.ReferralSuspended(ONE, "等取证", "110", NOW + timedelta(days=9))
    moments = history(
        (0, offered()), (1, received()), (1, accepted()), (0, theirs), (10, f.ReportAmended()), (5, RESUMED),
        (0, SUSPENDED), (20, RESUMED), (1, asked_back()), (40, f.ReturnDenied(ONE, "属你单位")), (3, resolved()),
    )  # fmt: skip
    [hold] = holds(moments, moments[-1][0])
    told = [(one.agency, one.kind, one.length.total_seconds()) for one in hold.pauses]
    assert told == [
        ("110", PendingKind.SUSPENSION, 15),
        ("gas", PendingKind.SUSPENSION, 20),
        ("gas", PendingKind.RETURN, 40),
    ]
    assert [(one.start - NOW).total_seconds() for one in hold.pauses] == [2, 17, 38]


def test_the_slowest_of_several() -> None:
    moments = history((0, offered(referral(), referral("water", 2, Role.SUPPORT))), (9, received(2)), (4, accepted()))
    both = holds(moments, moments[-1][0] + timedelta(seconds=1))
    assert [seconds(one) for one in both] == [(13, 0, 1, 0), (9, 5, 0, 0)]
    assert slowest(both) is both[0] and slowest([]) is None
    assert holds([], NOW) == []


STEPS: list[f.Body] = [
    received(), accepted(), progressed(), SUSPENDED, RESUMED, asked_back(), f.ReturnDenied(ONE, "x"),
    f.ReturnGranted(ONE, "x", (referral("water", 2),)), resolved(), f.ReferralRecalled(ONE, "x"), f.ReportAmended(),
]  # fmt: skip
TIMES = st.floats(-50, 5000, allow_nan=False)


@any_of(st.lists(st.tuples(TIMES, st.sampled_from(STEPS)), max_size=14), TIMES)
@example([(1.5, received()), (-30.0, accepted())], 4.0)
def test_four_waits_sum_to_the_elapsed_time(steps: list[tuple[float, f.Body]], later: float) -> None:
    """Exactly, in any order of facts, with clocks that go back; and the pauses sum to the waiting."""
    grants = [number for number, (_, body) in enumerate(steps) if isinstance(body, f.ReturnGranted)]
    once = [one for number, one in enumerate(steps) if number not in grants[1:]]  # a second would reuse a name
    moments = history((0, offered()), *once)
    now = moments[-1][0] + timedelta(seconds=later)
    for hold in holds(moments, now):
        assert hold.total == _elapsed(moments, hold.referral, now)
        assert sum((one.length for one in hold.pauses), timedelta()) == hold.waits[Wait.WAITING]
        assert all(length >= timedelta() for length in hold.waits.values())


def _elapsed(moments: list[Moment], name: str, now: datetime) -> timedelta:
    """The time in which the referral existed and was not over, counted in another way than `holds` does."""
    over = {"resolved", "closed", "returned", "recalled", "waived"}
    clock, total, running_since = moments[0][0], timedelta(), None
    for at, case in moments:
        clock = max(clock, at)
        one = case.referral(name)
        lives = one is not None and ReferralState(one.state).value not in over
        if lives and running_since is None:
            running_since = clock
        if not lives and running_since is not None:
            total, running_since = total + (clock - running_since), None
    return total + (max(now, clock) - running_since if running_since else timedelta())
