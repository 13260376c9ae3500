"""The timeline: stages, holds whose parts sum to the whole, the next deadline."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tracking_play import CALENDAR, Play

from callmesh.api.v1 import common_pb2
from callmesh.api.v1 import tracking_service_pb2 as api
from callmesh.domain import commands as c
from callmesh.domain.directory import Span
from callmesh.tracking.timeline import timeline
from callmesh.tracking.words import SECOND, micros

Stage = api.TimelineEntry


async def _timeline(play: Play, case: str, later: float = 0.0) -> api.Timeline:
    heads = await play.ledger.history(case)
    return timeline(case, heads, play.at + timedelta(seconds=later))


def _waits(hold: api.Hold) -> tuple[float, ...]:
    parts = (hold.transport, hold.unopened, hold.working, hold.waiting)
    return tuple(part.ToMicroseconds() / SECOND for part in parts)


async def test_a_whole_case_shows_all_stages() -> None:
    play = Play()
    made = await _timeline(play, await play.whole(), later=1000)
    stages = [entry.stage for entry in made.entries]
    expected = [Stage.RECEIVE, Stage.RECEIVE, Stage.ASSIGN, Stage.ASSIGN, Stage.HANDLE, Stage.HANDLE]
    assert stages == [*expected, Stage.FEEDBACK, Stage.FEEDBACK, Stage.FEEDBACK]
    assert [entry.elapsed.ToSeconds() for entry in made.entries] == [0, 1, 1, 2, 60, 180, 360, 60, 1]
    assert all(entry.event.actor.agency for entry in made.entries)
    assert made.case.etag == "9" and not made.HasField("next_due")


async def test_the_work_of_a_closed_case_ends_with_its_result() -> None:
    play = Play()
    made = await _timeline(play, await play.whole(), later=1000)
    assert [_waits(one) for one in made.holds] == [(2, 60, 540, 0)]
    assert made.holds[0].slowest and made.holds[0].agency == "water"


async def test_a_return_is_waiting_and_the_slowest_hop_shows() -> None:
    play = Play()
    made = await _timeline(play, await play.returned(), later=40)
    water, street, gas = made.holds
    assert (water.agency, street.agency, gas.agency) == ("water", "street", "gas")
    assert _waits(water) == (2, 30, 0, 300)
    assert _waits(street) == (2 + 30 + 300 + 40, 0, 0, 0)
    assert _waits(gas) == (40, 0, 0, 0)
    assert [one.slowest for one in made.holds] == [False, True, False]


@pytest.mark.parametrize("scene", ["whole", "returned", "missed"])
async def test_four_waits_sum_to_the_whole(scene: str) -> None:
    play = Play()
    made = await _timeline(play, await getattr(play, scene)(), later=12.345678)
    now = int((play.at + timedelta(seconds=12.345678)).timestamp() * SECOND)
    for hold in made.holds:
        referral = next(one for one in made.case.referrals if one.name == hold.referral)
        ends = [name for name in ("resolved_at", "ended_at") if referral.HasField(name)]
        end = micros(getattr(referral, ends[0])) if ends else now
        assert sum(_waits(hold)) * SECOND == pytest.approx(end - micros(referral.offered_at), abs=1)


async def test_a_clock_that_goes_back_makes_no_negative_wait() -> None:
    play = Play()
    case = await play.open()
    await play.classify(case)
    referral = await play.transfer(case)
    await play.do(case, c.Receive(referral, CALENDAR, Span(2, "wd")), "water", -30)
    await play.do(case, c.Accept(referral, "h1", CALENDAR), "water", 40)
    made = await _timeline(play, case, later=5)
    assert _waits(made.holds[0]) == (0, 10, 5, 0)
    assert min(entry.elapsed.ToSeconds() for entry in made.entries) == 0


async def test_the_next_deadline_names_limit_and_agency() -> None:
    play = Play()
    case = await play.open()
    await play.classify(case)
    referral = await play.transfer(case)
    made = await _timeline(play, case)
    assert made.next_limit == common_pb2.LIMIT_ACCEPT and made.next_agency == "water"
    await play.do(case, c.Accept(referral, "h1", CALENDAR), "water", 60)
    made = await _timeline(play, case)
    assert made.next_limit == common_pb2.LIMIT_FEEDBACK
    assert micros(made.next_due) == micros(made.case.referrals[0].feedback_due)
