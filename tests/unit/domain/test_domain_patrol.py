"""The record patrol (巡查): each check both ways, and a finding's life from found to verified."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from callmesh.domain import commands as c
from callmesh.domain import commands_matters as cm
from callmesh.domain import facts as f
from callmesh.domain import facts_matters as m
from callmesh.domain.case import Actor, Case, FollowUp
from callmesh.domain.city_rules import PatrolCheck, PatrolRule, Responsible
from callmesh.domain.directory import City
from callmesh.domain.errors import NotFound, NotYours, WrongState
from callmesh.domain.matters import Finding, Patrol
from callmesh.domain.patrol import PARAMETERS, findings, responsible, version_of
from callmesh.domain.report import Caller, Report
from callmesh.domain.spans import Span
from callmesh.domain.watch import next_watch
from callmesh.domain.words import ActorKind, FindingState, Level, Limit, Supervision
from support.builders import (
    GAS,
    LATER,
    NOW,
    RULE,
    TIMER,
    accepted,
    classified,
    given,
    offered,
    opened,
    received,
    resolved,
    told,
)

CHIEF = Actor(ActorKind.PERSON, "110", "s-1", "supervisor")
SAID = f.FollowUpRecorded(FollowUp(True, True, True, 5, round=1))
CLOSED = told(opened(), classified(), offered(), received(), accepted(), resolved(), SAID, f.CaseClosed())


def rule(check: PatrolCheck, **given_: Any) -> PatrolRule:
    values: dict[str, Any] = {"within": None} | given_
    return PatrolRule(check.value, "规则", "rule", check, Span(2, "wd"), **values)


def lead(case: Case = CLOSED, **changes: Any) -> Case:
    return replace(case, referrals=(replace(case.referrals[0], **changes),))


MINUTE, MINUTES = timedelta(minutes=1), Span(5, "m")
BROKEN: list[tuple[PatrolRule, Case, Case]] = [
    (rule(PatrolCheck.NO_REPLY, least=4), replace(CLOSED, public_reply=" 好 "), CLOSED),
    (rule(PatrolCheck.NO_FOLLOW_UP), replace(CLOSED, follow_ups=()), replace(CLOSED, follow_ups=(), waiver="拒访")),
    (
        rule(PatrolCheck.NEEDLESS_WAIVER),
        replace(CLOSED, follow_ups=(), waiver="拒访"),
        replace(CLOSED, follow_ups=(), waiver="保密", report=Report(Caller("13900000000", confidential=True))),
    ),
    (
        rule(PatrolCheck.CLOSED_UNSOLVED),
        replace(CLOSED, follow_ups=(FollowUp(True, True, False, 1, round=1),)),
        replace(CLOSED, follow_ups=(FollowUp(True, solved=False, round=1), FollowUp(True, solved=True, round=1))),
    ),
    (
        rule(PatrolCheck.RESOLVED_TOO_FAST, within=MINUTES),
        lead(accepted_at=NOW, resolved_at=NOW + MINUTE),
        lead(accepted_at=NOW, resolved_at=NOW + 6 * MINUTE),
    ),
    (
        rule(PatrolCheck.RETURN_WITHOUT_BASIS, least=4),
        lead(return_count=1, return_basis="无"),
        lead(return_count=1, return_basis="职责清单第3条"),
    ),
    (
        rule(PatrolCheck.OFFERED_LATE, within=MINUTES),
        lead(offered_at=NOW + 6 * MINUTE),
        lead(offered_at=NOW + 4 * MINUTE),
    ),
    (
        rule(PatrolCheck.ARRIVED_LATE, within=MINUTES),
        lead(received_at=NOW, arrived_at=NOW + 6 * MINUTE),
        lead(received_at=NOW, arrived_at=NOW + 5 * MINUTE),
    ),
    (
        rule(PatrolCheck.LIMIT_MISSED, limits=(Limit.RESOLVE,)),
        lead(missed=(Limit.RESOLVE,)),
        lead(missed=(Limit.ACCEPT,)),
    ),
    (rule(PatrolCheck.TOO_MANY_HOPS, most=2), lead(hop=3), lead(hop=2)),
]


@pytest.mark.parametrize(("one", "broken", "kept"), BROKEN, ids=[one.id for one, _, _ in BROKEN])
def test_each_check_finds_what_it_looks_for_and_nothing_else(one: PatrolRule, broken: Case, kept: Case) -> None:
    assert findings(broken, [one]) == [(one, "gas")]
    assert findings(kept, [one]) == []


def test_every_check_is_tried_here() -> None:
    assert {one.check for one, _, _ in BROKEN} == set(PatrolCheck) == set(PARAMETERS)


def test_never_having_arrived_is_late_too() -> None:
    one = rule(PatrolCheck.ARRIVED_LATE, within=MINUTES)
    assert findings(lead(received_at=NOW, arrived_at=None), [one])


def test_a_folded_case_needed_no_follow_up_of_its_own() -> None:
    one = rule(PatrolCheck.NEEDLESS_WAIVER)
    assert not findings(replace(CLOSED, follow_ups=(), waiver="随主单归档", parent="cases/x"), [one])


def test_levels_categories_and_who_mends_it() -> None:
    hit = rule(PatrolCheck.NO_REPLY, least=99)
    assert findings(CLOSED, [replace(hit, levels=(Level.P0,))]) == []
    assert findings(CLOSED, [replace(hit, categories=("fire",))]) == []
    assert findings(CLOSED, [replace(hit, levels=(Level.P2,), categories=("gas_outage",))])
    assert responsible(CLOSED, replace(hit, responsible=Responsible.ORIGIN)) == "110"
    assert responsible(replace(CLOSED, referrals=()), hit) == "110"


def test_the_version_names_the_rules(demo_city: City) -> None:
    rules = demo_city.patrol_rules
    assert version_of(rules) == version_of(tuple(rules))
    assert version_of(rules) != version_of(rules[1:])
    assert findings(lead(accepted_at=NOW - 9 * MINUTE), rules) == [], "an ordinary case is clean"
    assert [one.id for one, _ in findings(CLOSED, rules)] == ["resolved_too_fast"]


FOUND = Finding("no_reply", "gas", LATER, FindingState.OPEN, 1, "v1", 1, NOW)
RECTIFIED = replace(FOUND, state=FindingState.RECTIFIED, rectified_at=NOW, rectified_by="g-1", note="已补")


class TestFinding:
    def test_found_once_for_each_rule_version_and_round(self) -> None:
        command = cm.RecordFinding("no_reply", "gas", LATER, "v1", 1)
        given(CLOSED).when(command, RULE).then(m.FindingRecorded(FOUND))
        found = told_more(CLOSED, m.FindingRecorded(FOUND))
        given(found).when(command, RULE).then_nothing()
        again = given(found).when(replace(command, version="v2"), RULE)
        again.then(m.FindingRecorded(replace(FOUND, version="v2", number=2)))

    def test_visited_once_for_each_version_and_round(self) -> None:
        command = cm.VisitPatrol("v1", 1, 10, 0)
        visit = Patrol("v1", NOW, 1, 10, 0)
        given(CLOSED).when(command, RULE).then(m.PatrolVisited(visit))
        visited = told_more(CLOSED, m.PatrolVisited(visit))
        given(visited).when(command, RULE).then_nothing()
        assert given(visited).when(replace(command, round=2), RULE).fact is not None
        assert given(visited).when(replace(command, version="v2"), RULE).fact is not None

    def test_mended_by_the_responsible_agency(self) -> None:
        case = told_more(CLOSED, m.FindingRecorded(FOUND))
        given(case).when(cm.RectifyFinding(1, "已补"), GAS).then(m.FindingRecorded(RECTIFIED))
        given(case).when(cm.RectifyFinding(1, "已补")).then_refused(NotYours)
        given(case).when(cm.RectifyFinding(1, ""), GAS).then_missing("note")
        for number in (0, 2, -1):
            given(case).when(cm.RectifyFinding(number, "已补"), GAS).then_refused(NotFound)
        mended = told_more(case, m.FindingRecorded(RECTIFIED))
        given(mended).when(cm.RectifyFinding(1, "已补"), GAS).then_refused(WrongState, allowed=("VerifyFinding",))

    def test_checked_by_a_supervisor_who_did_not_mend_it(self) -> None:
        open_one = told_more(CLOSED, m.FindingRecorded(FOUND))
        case = told_more(open_one, m.FindingRecorded(RECTIFIED))
        verified = replace(RECTIFIED, state=FindingState.VERIFIED, verified_at=NOW)
        given(case).when(cm.VerifyFinding(1, True), CHIEF).then(m.FindingRecorded(verified))
        given(case).when(cm.VerifyFinding(1, True)).then_refused(NotYours)
        given(case).when(cm.VerifyFinding(1, True), replace(GAS, role="supervisor")).then_refused(NotYours)
        given(open_one).when(cm.VerifyFinding(1, True), CHIEF).then_refused(WrongState, allowed=("RectifyFinding",))
        given(case).when(cm.VerifyFinding(1, False), CHIEF).then_missing("note")
        again = replace(FOUND, note="仍过简", reopened=1)
        given(case).when(cm.VerifyFinding(1, False, "仍过简"), CHIEF).then(m.FindingRecorded(again))
        done = told_more(case, m.FindingRecorded(verified))
        assert done.findings == (verified,)
        given(done).when(cm.VerifyFinding(1, False, "x"), CHIEF).then_refused(WrongState, allowed=())


class TestOverdue:
    """Row 23: a finding that nobody mends by its due date is escalated once, though the case is closed."""

    MISS = c.MissDeadline("", Limit.RECTIFY)

    def test_told_once_and_never_early(self) -> None:
        case = told_more(CLOSED, m.FindingRecorded(FOUND))
        watch = next_watch(case, NOW)
        assert watch is not None
        assert (watch.at, watch.agency, watch.limit, watch.referral) == (LATER, "gas", Limit.RECTIFY, "")
        given(case).when(self.MISS, TIMER, LATER - timedelta(microseconds=1)).then_nothing()
        fact = given(case).when(self.MISS, TIMER, LATER).fact
        assert fact == f.DeadlineMissed("", Limit.RECTIFY, LATER, Supervision.YELLOW)
        late = told_more(case, fact)
        assert (late.flags, late.supervision, late.state) == (("late_rectification",), Supervision.YELLOW, case.state)
        assert [one.overdue for one in late.findings] == [True]
        given(late).when(self.MISS, TIMER, LATER).then_nothing()
        assert next_watch(late, LATER) is None
        again = told_more(late, m.FindingRecorded(replace(late.findings[0], reopened=1)))
        assert next_watch(again, LATER) is None, "opened again: it was told"

    def test_what_was_mended_in_time_is_not(self) -> None:
        mended = told_more(CLOSED, m.FindingRecorded(FOUND), m.FindingRecorded(RECTIFIED))
        assert next_watch(mended, NOW) is None
        given(mended).when(self.MISS, TIMER, LATER).then_nothing()

    def test_each_finding_has_its_own_date(self) -> None:
        second = replace(FOUND, rule="no_follow_up", agency="110", number=2, due=LATER + timedelta(days=1))
        case = told_more(CLOSED, m.FindingRecorded(FOUND), m.FindingRecorded(second))
        late = told_more(case, f.DeadlineMissed("", Limit.RECTIFY, LATER, Supervision.YELLOW))
        assert [one.overdue for one in late.findings] == [True, False]
        watch = next_watch(late, LATER)
        assert watch is not None and (watch.at, watch.agency) == (second.due, "110")


def told_more(case: Case, *facts: f.Body) -> Case:
    """The case after more facts of a rule."""
    from callmesh.domain.evolve import evolve
    from support.builders import stamp

    for body in facts:
        case = evolve(case, f.Fact(stamp(RULE), body))
    return case
