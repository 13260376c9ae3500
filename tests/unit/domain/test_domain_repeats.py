"""Repeated matters (重复警情): links, the review step by step, threats, mediation; what two reports share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from callmesh.domain import commands as c
from callmesh.domain import commands_matters as cm
from callmesh.domain import facts as f
from callmesh.domain import facts_matters as m
from callmesh.domain.case import Actor, Case
from callmesh.domain.city_rules import FoldMode, FoldPlace, FoldRule, LinkKind
from callmesh.domain.directory import City
from callmesh.domain.errors import Invalid, NotYours, WrongState
from callmesh.domain.evolve_matters import LINKS_NAMED
from callmesh.domain.matters import Link, Mediation, RepeatStep
from callmesh.domain.release import view
from callmesh.domain.repeats import common_keys, counts_for, fold_key, plain, reviews
from callmesh.domain.report import Caller, Place, Point, Report
from callmesh.domain.spans import Span
from callmesh.domain.words import ActorKind, CaseState, Level, RepeatStage, Supervision
from support.builders import (
    CASE,
    GAS,
    HOTLINE,
    LATER,
    NOW,
    POLICE,
    RULE,
    WATER,
    accepted,
    classified,
    given,
    offered,
    opened,
    resolved,
    target,
    told,
    transfer,
)

CHIEF = Actor(ActorKind.PERSON, "110", "s-1", "supervisor")
EARLIER = "cases/r1-0-01J00000000000000000000000"
OPENED = m.RepeatAdvanced(RepeatStep(RepeatStage.OPENED, "", NOW, "", 1), "repeat_caller", "number", 5)
THREAT = replace(OPENED, threat=True)
STEPS = (RepeatStage.SORTED, RepeatStage.ASSESSED, RepeatStage.ROUTED, RepeatStage.SUPERVISED, RepeatStage.RECHECKED)
DONE = (opened(), classified(), offered(), accepted(), resolved())


def step(stage: RepeatStage, text: str = "已核", settled: bool = False, round: int = 1) -> m.RepeatAdvanced:
    return m.RepeatAdvanced(RepeatStep(stage, text, NOW, "110", round, settled))


class TestLink:
    link = Link(EARLIER, "number", 3)

    def test_once_for_each_case_and_kind(self) -> None:
        given(opened()).when(cm.LinkTo(self.link), RULE).then(m.CaseLinked(self.link))
        linked = (opened(), m.CaseLinked(self.link))
        given(*linked).when(cm.LinkTo(self.link), RULE).then_nothing()
        given(*linked).when(cm.LinkTo(self.link, ("flag",)), RULE).then(m.CaseLinked(self.link, ("flag",)))
        given(opened()).when(cm.LinkTo(Link(CASE, "number")), RULE).then_nothing()

    def test_the_last_ones_are_kept(self) -> None:
        case = told(opened(), *(m.CaseLinked(Link(f"cases/{number}", "place")) for number in range(40)))
        assert len(case.links) == LINKS_NAMED
        assert case.links[-1].case == "cases/39"


class TestReview:
    def test_it_opens_once_and_raises_the_watch(self) -> None:
        opening = cm.OpenRepeat("repeat_caller", "number", 5)
        answer = given(opened()).when(opening, RULE).fact
        assert isinstance(answer, m.RepeatAdvanced)
        case = told(opened(), answer)
        assert case.repeat is not None
        assert (case.repeat.type, case.repeat.stage, case.repeat.count) == ("repeat_caller", RepeatStage.OPENED, 5)
        assert (case.supervision, case.flags) == (Supervision.BLUE, ("repeat_repeat_caller",))
        given(case).when(opening, RULE).then_nothing()
        given(replace(case, state=CaseState.CLOSED, repeat=None)).when(opening, RULE).then_nothing()

    def test_step_by_step_none_left_out(self) -> None:
        facts: list[f.Body] = [*DONE, OPENED]
        for number, stage in enumerate(STEPS):
            for later in STEPS[number + 1 :]:
                given(*facts).when(cm.AdvanceRepeat(later, "x", True), CHIEF).then_refused(WrongState)
            given(*facts).when(cm.AdvanceRepeat(stage, ""), CHIEF).then_missing("text")
            settled = stage == RepeatStage.RECHECKED
            given(*facts).when(cm.AdvanceRepeat(stage, "已核", settled), CHIEF).then(step(stage, settled=settled))
            facts.append(step(stage, settled=settled))
        given(*facts).when(cm.AdvanceRepeat(RepeatStage.RECHECKED, "再核", True), CHIEF).then_refused(WrongState)
        given(*facts).when(c.Close("来电人不愿回访")).then(f.CaseClosed("来电人不愿回访"))

    @pytest.mark.parametrize("reached", range(len(STEPS)))
    def test_no_end_before_the_recheck(self, reached: int) -> None:
        facts = [*DONE, OPENED, *(step(one) for one in STEPS[:reached])]
        given(*facts).when(c.Close("不愿回访")).then_refused(WrongState)
        unsettled = [*DONE, OPENED, *(step(one) for one in STEPS)]
        given(*unsettled).when(c.Close("不愿回访")).then_refused(WrongState, state="repeat_rechecked")

    def test_nor_on_the_spot_nor_inside_another_case(self) -> None:
        facts = (opened(), classified(), OPENED)
        given(*facts).when(c.Answer("已劝", "好")).then_refused(WrongState, state="repeat_opened")
        other = replace(told(opened(), classified()), name=EARLIER)
        given(*facts).when(cm.Merge(other, "同一处")).then_refused(WrongState)

    def test_a_new_round_wants_a_new_recheck(self) -> None:
        settled = [*DONE, OPENED, *(step(one, settled=True) for one in STEPS)]
        again = told(*settled, f.CaseReopened("未解决", ()))
        done = replace(again, state=CaseState.FOLLOW_UP, result="已修")
        given(done).when(c.Close("不愿回访")).then_refused(WrongState)
        recheck = cm.AdvanceRepeat(RepeatStage.RECHECKED, "再核", True)
        given(done).when(recheck, CHIEF).then(step(RepeatStage.RECHECKED, "再核", True, 2))

    def test_the_last_two_steps_are_a_supervisors_and_the_last_one_follows_the_work(self) -> None:
        facts: tuple[f.Body, ...] = (opened(), classified(), offered(), OPENED, *(step(one) for one in STEPS[:3]))
        given(*facts).when(cm.AdvanceRepeat(RepeatStage.SUPERVISED, "x")).then_refused(NotYours)
        facts = (*facts, step(RepeatStage.SUPERVISED))
        assert told(*facts).supervision == Supervision.YELLOW
        given(*facts).when(cm.AdvanceRepeat(RepeatStage.RECHECKED, "x", True)).then_refused(NotYours)
        given(*facts).when(cm.AdvanceRepeat(RepeatStage.RECHECKED, "x", True), CHIEF).then_refused(WrongState)

    def test_what_is_no_repeated_matter_has_no_review(self) -> None:
        given(*DONE).when(cm.AdvanceRepeat(RepeatStage.SORTED, "x")).then_refused(WrongState)


class TestThreat:
    def test_it_is_an_emergency_of_110_that_cannot_be_diverted(self) -> None:
        case = told(opened(), classified(), THREAT)
        assert (case.emergency, case.level, case.supervision) == (True, Level.P0, Supervision.YELLOW)
        assert "threat_extreme" in case.flags
        given(case).when(transfer(target("gas"))).then_refused(_not_divertible())
        assert given(case).when(transfer(target("110"))).fact is not None

    def test_only_a_commander_lowers_it(self) -> None:
        case = told(opened(), classified(), THREAT)
        lower = c.Classify(replace(classified().classification, reason="误会"), lower_emergency=True)
        given(case).when(lower).then_refused(NotYours)
        assert given(case).when(lower, replace(POLICE, role="commander")).fact is not None

    def test_one_that_shows_later_is_added(self) -> None:
        more = cm.OpenRepeat("repeat_caller", "number", 6, True)
        answer = given(opened(), OPENED, step(RepeatStage.SORTED)).when(more, RULE)
        case = told(opened(), OPENED, step(RepeatStage.SORTED), answer.fact)  # type: ignore[arg-type]
        assert case.repeat is not None
        assert (case.repeat.threat, case.repeat.stage) == (True, RepeatStage.SORTED)
        given(case).when(more, RULE).then_nothing()

    def test_a_rule_may_add_110_to_a_case_that_was_offered(self) -> None:
        case = told(opened(), classified(), offered(), THREAT)
        given(case).when(transfer(target("110", "support")), RULE).then_nothing()  # type: ignore[arg-type]
        assert given(case).when(transfer(target("110", "support"), forced=True), RULE).fact  # type: ignore[arg-type]


def _not_divertible() -> Any:
    from callmesh.domain.errors import NotDivertible

    return NotDivertible


class TestMediation:
    def test_by_who_takes_part_while_it_lives(self) -> None:
        case = (opened(), classified(), offered())
        session = cm.RecordMediation("达成协议", True)
        given(*case).when(session, GAS, LATER).then(
            m.MediationRecorded(Mediation("gas", LATER, "达成协议", "g-1", True))
        )
        given(*case).when(session, WATER).then_refused(NotYours)
        given(*case).when(cm.RecordMediation("")).then_missing("outcome")
        given(*case).when(cm.RecordMediation("长" * 2_001)).then_refused(Invalid)
        given(*case, f.CaseCancelled("撤")).when(session).then_refused(WrongState)

    def test_a_partner_sees_its_own_sessions_only(self, demo_city: City) -> None:
        mine, other = Mediation("gas", NOW, "我方"), Mediation("110", NOW, "他方")
        case = told(opened(), classified(), offered(), m.MediationRecorded(mine), m.MediationRecorded(other), OPENED)
        shown = view(replace(case, parent=EARLIER, links=(Link(EARLIER, "number", 2),)), "gas", demo_city)
        assert shown.mediations == (mine,)
        assert (shown.parent, shown.children, shown.links, shown.findings) == ("", (), (), ())
        assert shown.repeat is not None
        assert (shown.repeat.count, shown.repeat.steps) == (5, ())


def reported(*, category: str = "", division: str = "990102", **caller: Any) -> Case:
    number = caller.setdefault("number", "13900000001")
    report = Report(Caller(**caller), "x", place=Place("解放里 8号", Point(120.3401, 30.2601)))
    case = told(opened(report=report, division=division, caller_key=f"hash of {number}"))
    return replace(case, classification=classified(category).classification) if category else case


def kinds_of(case: Case) -> set[LinkKind]:
    return {kind for kind, _ in common_keys(case, LinkKind)}


class TestCommon:
    def test_number_person_place_and_matter(self) -> None:
        keys = dict(common_keys(reported(name="赵长工", category="neighbor"), LinkKind))
        assert keys[LinkKind.NUMBER] == "number|hash of 13900000001"
        assert keys[LinkKind.PERSON] == "person|990102|赵长工"
        assert keys[LinkKind.PLACE] == "place|990102|解放里8号"
        assert keys[LinkKind.MATTER].startswith("matter|neighbor|")

    @pytest.mark.parametrize("protected", [{"confidential": True}, {"silent": True}])
    def test_protected_callers_share_no_number_and_no_name(self, protected: dict[str, bool]) -> None:
        assert kinds_of(reported(name="赵长工", **protected)) == {LinkKind.PLACE}

    @pytest.mark.parametrize("number", ["110", "00000000000", "", "12345"])
    def test_a_service_number_and_a_withheld_one_are_nobodys(self, number: str) -> None:
        assert LinkKind.NUMBER not in kinds_of(reported(number=number))

    @pytest.mark.parametrize("name", ["", "王", "王某", "李先生", "赵女士", "匿名"])
    def test_half_a_name_is_nobodys(self, name: str) -> None:
        assert LinkKind.PERSON not in kinds_of(reported(name=name))

    def test_the_same_place_written_otherwise(self) -> None:
        assert plain("解放里　８号，(东门)") == plain("解放里8号东门")
        vague = replace(reported(), report=Report(Caller(), place=Place("滨河区")))
        assert kinds_of(vague) == set()

    def test_places_to_fold_at(self) -> None:
        rule = FoldRule(("gas_outage",), FoldPlace.CELL, 3, Span(4, "h"), FoldMode.SUGGEST)
        here = reported(category="gas_outage")
        near = replace(here, report=replace(here.report, place=Place("", Point(120.3420, 30.2620))))
        far = replace(here, report=replace(here.report, place=Place("", Point(120.3501, 30.2601))))
        assert fold_key(here, rule) == fold_key(near, rule) != fold_key(far, rule)
        assert fold_key(replace(here, report=Report()), rule) == "", "a place that nobody knows is not the same"
        by_division = replace(rule, place=FoldPlace.DIVISION)
        assert fold_key(here, by_division) == fold_key(far, by_division)
        assert fold_key(replace(here, division=""), by_division) == ""


def test_the_demo_city_has_a_rule_for_each_of_twelve_types(demo_city: City) -> None:
    """Row 7."""
    assert len(demo_city.repeat_types) == 12
    found = [one.id for one in reviews(demo_city, "neighbor")]
    assert found == ["neighbour_dispute", "repeat_caller"], "narrow ones first"
    chengdu = found and next(one for one in demo_city.repeat_types if one.id == "repeat_caller")
    assert chengdu
    assert (chengdu.count, chengdu.kinds) == (5, (LinkKind.NUMBER,))
    assert counts_for(chengdu, reported())
    assert not counts_for(demo_city.repeat_types[1], reported(category="gas_outage"))
    assert HOTLINE.agency == demo_city.policy.hotline
