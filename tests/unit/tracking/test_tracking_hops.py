"""Rounds, deliveries, missed limits, the slowest hop and relations of a timeline, from a case's facts alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tracking_play import CALENDAR, LIMITS, Play

from callmesh.api.v1 import tracking_service_pb2 as api
from callmesh.domain import commands as c
from callmesh.domain.case import FollowUp
from callmesh.domain.directory import Span
from callmesh.domain.words import Role
from callmesh.facts.v1 import facts_pb2
from callmesh.ledger.port import Head
from callmesh.tracking.timeline import timeline


async def _timeline(play: Play, case: str, later: float = 0.0, *more: Head) -> api.Timeline:
    heads = [*await play.ledger.history(case), *more]
    return timeline(case, heads, play.at + timedelta(seconds=later))


async def test_row_19_both_rounds_are_kept() -> None:
    """Row 19 (Shaowu): a dissatisfied caller's case is done again; both rounds can be told."""
    play = Play()
    case = await play.open()
    await play.classify(case)
    await play.work(case, await play.transfer(case))
    await play.do(case, c.RecordFollowUp(FollowUp(True, True, False, 2, note="还在漏")), after=60)
    again = c.Target("street", Role.LEAD, LIMITS, "redo")
    await play.do(case, c.Reopen("unsolved", again, CALENDAR), after=60)
    made = await _timeline(play, case)
    first, second = made.rounds
    assert (first.round, list(first.agencies), first.results) == (1, ["water"], 1)
    assert (first.end_time.ToDatetime() - first.start_time.ToDatetime()).total_seconds() == 664
    assert first.follow_up.satisfied == 2 and not first.follow_up.solved and not first.follow_up.note
    assert (second.round, second.reason, list(second.agencies)) == (2, "unsolved", ["street"])
    assert not second.HasField("end_time") and not second.HasField("follow_up")


async def test_a_case_that_was_never_reopened_has_one_round() -> None:
    play = Play()
    made = await _timeline(play, await play.whole())
    [only] = made.rounds
    assert only.HasField("end_time") and only.follow_up.satisfied == 5 and not only.reason


async def test_deliveries_are_counted_by_the_receipt() -> None:
    play = Play()
    case = await play.open()
    await play.classify(case)
    referral = await play.transfer(case, "water", "street")
    await play.do(case, c.Receive(referral, CALENDAR, Span(2, "wd"), attempts=3), "water", 40)
    lost = await _with(play, case, delivery_failed={"referral": f"{referral[:-1]}2", "attempts": 7})
    water, street = (await _timeline(play, case, 0, lost)).deliveries
    assert (water.agency, water.attempts, water.gave_up_after) == ("water", 3, 0) and water.HasField("received_at")
    assert (street.agency, street.attempts, street.gave_up_after) == ("street", 0, 7)
    assert not street.HasField("received_at")


async def test_missed_limits_tell_when_they_were_due() -> None:
    play = Play()
    made = await _timeline(play, await play.missed())
    [limit] = made.missed
    assert limit.agency == "street" and limit.at.ToDatetime() > limit.due.ToDatetime()
    assert limit.due == made.case.referrals[0].accept_due


async def test_the_slowest_hop_names_its_ends_and_whom_it_waited_for() -> None:
    play = Play()
    case = await play.returned()
    slow = (await _timeline(play, case, later=40)).slowest_hop
    assert slow.length.ToSeconds() == 300 and slow.agency == "water"
    names = {entry.event.name: entry.event.kind for entry in (await _timeline(play, case)).entries}
    assert (names[slow.start_event], names[slow.end_event]) == ("ReturnRequested", "ReturnGranted")
    waiting = (await _timeline(play, case, later=400)).slowest_hop
    assert waiting.length.ToSeconds() == 400 and waiting.agency == "gas" and not waiting.end_event


async def test_linked_and_folded_cases_are_told() -> None:
    play = Play()
    case = await play.open()
    link = {"case": "cases/r1-0-A", "kind": "same_caller"}
    head = await _with(play, case, case_linked={"link": link})
    record = head.record
    record.case.links.add(**link)
    record.case.children.extend(["cases/r1-0-B", "cases/r1-0-C"])
    record.case.parent = "cases/r1-0-P"
    made = await _timeline(play, case, 0, Head(record.SerializeToString(), head.sequence))
    assert [(one.case[-1], one.kind) for one in made.relations] == [
        *(("P", "parent"), ("B", "child")),
        *(("C", "child"), ("A", "same_caller")),
    ]
    assert made.entries[-1].event.kind == "CaseLinked" and made.entries[-1].stage == api.TimelineEntry.RECEIVE


async def _with(play: Play, case: str, **body: Any) -> Head:
    """One more message of the case, with a fact that another service may write."""
    last = (await play.ledger.history(case))[-1]
    record = facts_pb2.Record.FromString(last.data)
    record.fact.ClearField("body")
    record.fact.MergeFrom(facts_pb2.Fact(**body))
    return Head(record.SerializeToString(), last.sequence + 1)


async def test_row_4_five_stages_with_time_actor_and_agency() -> None:
    """Row 4: 接报 指派 处置 督办 反馈, each line with when, who and for which agency."""
    play = Play()
    case = await play.missed()
    referral = f"cases/{case}/referrals/1"
    await play.do(case, c.Accept(referral, "h1", CALENDAR), "street", 60)
    await play.do(case, c.Resolve(referral, "已劝阻", "已处理"), "street", 60)
    made = await _timeline(play, case)
    stage = api.TimelineEntry
    wanted = {stage.RECEIVE, stage.ASSIGN, stage.HANDLE, stage.SUPERVISE, stage.FEEDBACK}
    assert {entry.stage for entry in made.entries} == wanted
    for entry in made.entries:
        actor = entry.event.actor
        assert entry.event.at.seconds and actor.kind and entry.event.summary
        assert actor.agency or entry.stage == stage.SUPERVISE, "only a timer acts for no agency"
    assert sum(entry.elapsed.ToSeconds() for entry in made.entries) == made.case.updated_at.seconds - play_start(made)


def play_start(made: api.Timeline) -> int:
    return made.entries[0].event.at.seconds
