"""What a case is watched for: warnings, misses, reminders, decisions, follow-ups, first offers, and the levels."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from callmesh.domain import commands as c
from callmesh.domain import commands_matters as cm
from callmesh.domain import facts as f
from callmesh.domain import facts_clocks as fc
from callmesh.domain import facts_matters as m
from callmesh.domain.case import Actor, Case, FollowUp
from callmesh.domain.directory import City, LimitProfile, Span, SupervisionRules
from callmesh.domain.errors import Invalid, NotYours, WrongState
from callmesh.domain.evolve import evolve
from callmesh.domain.oversight import Oversight
from callmesh.domain.report import Caller, Report
from callmesh.domain.routing import diverts
from callmesh.domain.watch import FOR_COMMANDER, Alarm, next_watch
from callmesh.domain.words import ActorKind, CaseState, Consent, Level, Limit, Mode, Supervision
from support.builders import (
    CALENDAR,
    COMMANDER,
    GAS,
    HOTLINE,
    LIMITS,
    NOW,
    POLICE,
    RULE,
    TIMER,
    WATER,
    Given,
    accepted,
    asked_back,
    classification,
    classified,
    given,
    name,
    offered,
    opened,
    progressed,
    received,
    referral,
    resolved,
    stamp,
    target,
    told,
    transfer,
)

ONE = name(1)
OVER = Oversight(SupervisionRules(commander="c-9"), CALENDAR)
BASE = (opened(), classified(), offered())
LEADER = Actor(ActorKind.PERSON, "12345", "leader-1", "supervisor")
MINUTE = timedelta(minutes=1)


def after(case: Case | None, command: c.Command, by: Actor, at: datetime) -> Case:
    """The case after a command that leads to a fact."""
    answer = Given(case).when(command, by, at)
    assert answer.fact is not None, answer.refusal
    return evolve(case, f.Fact(stamp(by, at), answer.fact))


def following(case: Case, at: datetime = NOW) -> tuple[datetime, Alarm, Limit | None] | None:
    """What is watched for next."""
    found = next_watch(case, at)
    return (found.at, found.alarm, found.limit) if found else None


class TestWarnings:
    PROFILE = replace(LIMITS, warn_percent=50)

    def offered(self) -> Case:
        case = told(opened(), classified())
        return after(case, transfer(target(limits=self.PROFILE)), POLICE, NOW)

    def test_the_warning_comes_first_and_once(self) -> None:
        case, due, warn = self.offered(), NOW + 30 * MINUTE, NOW + 15 * MINUTE
        assert following(case) == (warn, Alarm.WARN, Limit.ACCEPT)
        warned = c.WarnDeadline(ONE, Limit.ACCEPT)
        given(case).when(warned, TIMER, warn - timedelta(microseconds=1)).then_nothing()
        given(case).when(warned, TIMER, warn).then(fc.DeadlineWarned(ONE, Limit.ACCEPT, due, Supervision.BLUE))
        told_once = after(case, warned, TIMER, warn)
        given(told_once).when(warned, TIMER, warn).then_nothing()
        assert following(told_once, warn) == (due, Alarm.MISS, Limit.ACCEPT)

    def test_a_warning_after_the_limit_is_left_out(self) -> None:
        case, due = self.offered(), NOW + 30 * MINUTE
        assert following(case, due) == (due, Alarm.MISS, Limit.ACCEPT)
        given(case).when(c.WarnDeadline(ONE, Limit.ACCEPT), TIMER, due).then_nothing()

    def test_the_result_is_warned_of_in_yellow(self) -> None:
        case = after(self.offered(), c.Accept(ONE, "g", CALENDAR), GAS, NOW)
        case = after(case, c.Progress(ONE, "在办"), GAS, NOW)
        twelve = NOW + timedelta(hours=12)
        assert following(case) == (twelve, Alarm.WARN, Limit.RESOLVE)
        assert after(case, c.WarnDeadline(ONE, Limit.RESOLVE), TIMER, twelve).supervision == Supervision.YELLOW

    def test_met_limits_are_not_warned_of(self) -> None:
        case = after(self.offered(), c.Accept(ONE, "g", CALENDAR), GAS, NOW)
        given(case).when(c.WarnDeadline(ONE, Limit.ACCEPT), TIMER, NOW + 20 * MINUTE).then_nothing()


class TestReminders:
    REMIND = c.Remind(ONE, "来电人再次催问", OVER)

    @pytest.mark.parametrize(
        ("level", "due"), [(Level.P0, 30 * MINUTE), (Level.P1, 120 * MINUTE), (Level.P2, timedelta(days=1))]
    )
    def test_the_answer_is_due_by_level(self, level: Level, due: timedelta) -> None:
        case = told(opened(), classified("gas_leak", level), offered(), received(), accepted())
        given(case).when(self.REMIND).then(fc.ReferralReminded(ONE, "来电人再次催问", NOW + due))

    def test_no_feedback_in_time_is_escalated_once(self) -> None:
        case = told(opened(), classified("gas_leak", Level.P1), offered(), received(), accepted(), progressed())
        case = after(case, self.REMIND, POLICE, NOW)
        due, miss = NOW + timedelta(hours=2), c.MissDeadline(ONE, Limit.ANSWER)
        assert following(case) == (due, Alarm.MISS, Limit.ANSWER)
        given(case).when(miss, TIMER, due - MINUTE).then_nothing()
        late = after(case, miss, TIMER, due)
        assert (late.supervision, late.flags) == (Supervision.YELLOW, ("reminder_unanswered",))
        assert late.referrals[0].missed == (), "the limits of the referral are not touched"
        assert (late.referrals[0].answer_due, late.referrals[0].answer_overdue) == (due, True), "waited for still"
        given(late).when(miss, TIMER, due).then_nothing()
        for answered in (c.Progress(ONE, "在办"), c.Resolve(ONE, "已办", "已办", OVER)):
            done = after(late, answered, GAS, due).referrals[0]
            assert (done.answer_due, done.answer_overdue) == (None, False)
        anew = after(late, self.REMIND, POLICE, due)
        assert following(anew) == (due + timedelta(hours=2), Alarm.MISS, Limit.ANSWER)
        again = after(anew, miss, TIMER, due + timedelta(hours=2))
        assert (again.supervision, again.referrals[0].remind_count) == (Supervision.RED, 2)

    @pytest.mark.parametrize("answer", [progressed(), resolved(), asked_back()], ids=["feedback", "result", "return"])
    def test_an_answer_ends_it(self, answer: f.Body) -> None:
        case = told(*BASE, received(), accepted(), fc.ReferralReminded(ONE, "催", NOW + MINUTE), answer)
        given(case).when(c.MissDeadline(ONE, Limit.ANSWER), TIMER, NOW + 2 * MINUTE).then_nothing()

    def test_the_next_reminder_puts_nothing_off(self) -> None:
        case = told(*BASE, received(), accepted(), fc.ReferralReminded(ONE, "催", NOW + MINUTE))
        given(case).when(self.REMIND).then(fc.ReferralReminded(ONE, "来电人再次催问", NOW + MINUTE))

    def test_by_whom_and_when(self) -> None:
        given(*BASE).when(self.REMIND, GAS).then_refused(NotYours)
        given(*BASE).when(self.REMIND, WATER).then_refused(NotYours)
        assert given(*BASE).when(self.REMIND, LEADER).fact
        given(*BASE).when(replace(self.REMIND, reason="")).then_missing("reason")
        given(*BASE, accepted(), resolved()).when(self.REMIND).then_refused(WrongState, state="resolved")


class TestDecisions:
    def test_a_return_that_nobody_decides_is_escalated(self) -> None:
        case = told(*BASE, received(), accepted())
        case = after(case, c.RequestReturn(ONE, "not_our_duty", "职责清单", oversight=OVER), GAS, NOW)
        due, miss = NOW + timedelta(days=1), c.MissDeadline(ONE, Limit.DECISION)
        assert case.referrals[0].pending[0].decision_due == due
        late = after(case, miss, TIMER, due)
        assert (late.supervision, late.flags) == (Supervision.YELLOW, ("late_decision",))
        assert (late.referrals[0].pending[0].decision_due, late.referrals[0].pending[0].overdue) == (due, True)
        given(late).when(miss, TIMER, due).then_nothing()
        in_time = after(case, c.DenyReturn(ONE, "属你单位"), POLICE, NOW)
        given(in_time).when(miss, TIMER, due).then_nothing()

    def test_who_asks_to_see_more_is_answered_or_it_is_escalated(self) -> None:
        case = told(*BASE, received(), accepted())
        case = after(case, c.RequestDisclosure(ONE, ("name",), "上门核对", oversight=OVER), GAS, NOW)
        due, miss = NOW + timedelta(days=1), c.MissDeadline(ONE, Limit.DECISION)
        assert case.referrals[0].disclosures[0].decision_due == due
        late = after(case, miss, TIMER, due)
        assert (late.supervision, late.flags) == (Supervision.YELLOW, ("late_decision",))
        assert (late.referrals[0].disclosures[0].decision_due, late.referrals[0].disclosures[0].overdue) == (due, True)
        given(late).when(miss, TIMER, due).then_nothing()
        in_time = after(case, c.DecideDisclosure(ONE, False, "不必要"), POLICE, NOW)
        given(in_time).when(miss, TIMER, due).then_nothing()
        given(after(case, c.Recall(ONE, "误派"), POLICE, NOW)).when(miss, TIMER, due).then_nothing()

    def test_the_total_clock_runs_on_meanwhile(self) -> None:
        case = told(*BASE, received(), accepted(), asked_back())
        assert following(case) == (NOW + timedelta(hours=24), Alarm.MISS, Limit.RESOLVE)

    def test_urgent_ones_are_decided_at_once(self) -> None:
        case = told(opened(), classified("gas_leak", Level.P1), offered(), received(), accepted(), progressed())
        case = after(case, c.RequestReturn(ONE, "not_our_duty", "职责清单", oversight=OVER), GAS, NOW)
        assert case.referrals[0].pending[0].decision_due == NOW + 30 * MINUTE


class TestWhoseItIs:
    """A case that nobody leads is somebody's turn, and found when that one lets it lie."""

    MISS = c.MissDeadline("", Limit.DECISION)
    TOMORROW = NOW + timedelta(days=1)

    def found_once(self, case: Case, watched: Supervision, before: Supervision = Supervision.NONE) -> None:
        assert following(case) == (self.TOMORROW, Alarm.MISS, Limit.DECISION) and case.supervision == before
        given(case).when(self.MISS, TIMER, self.TOMORROW - MINUTE).then_nothing()
        late = after(case, self.MISS, TIMER, self.TOMORROW)
        assert (late.flags, late.supervision, following(late)) == (("late_decision",), watched, None)
        assert (late.decision_due, late.missed) == (self.TOMORROW, (Limit.DECISION,)), "and is waited for still"
        given(late).when(self.MISS, TIMER, self.TOMORROW).then_nothing()

    def test_a_recalled_case_is_offered_again(self) -> None:
        case = after(told(*BASE, received()), c.Recall(ONE, "误派", OVER), POLICE, NOW)
        self.found_once(case, Supervision.YELLOW)
        onward = after(case, transfer(target("water")), POLICE, NOW)
        given(onward).when(self.MISS, TIMER, self.TOMORROW).then_nothing()
        assert onward.flags == (), "taken back and offered anew is no late diversion"

    def test_support_taken_back_leaves_nothing_to_decide(self) -> None:
        case = told(opened(), classified(), offered(referral(), referral("water", 2, role="support")))  # type: ignore[arg-type]
        assert after(case, c.Recall(name(2), "误派", OVER), POLICE, NOW).decision_due is None

    def test_a_case_taken_out_of_another_waits_for_somebody(self) -> None:
        merged = told(opened(), classified(), m.CaseMerged("cases/r1-0-OTHER"))
        self.found_once(after(merged, cm.Unmerge("不是一处", oversight=OVER), POLICE, NOW), Supervision.YELLOW)

    def test_who_keeps_a_case_answers_it_or_offers_it_after_all(self) -> None:
        """Section 2: unclear, the first receiver keeps it; from the opening on, whoever classifies how often."""
        keep, later = c.Classify(classification(), oversight=OVER), NOW + timedelta(hours=1)
        case = after(after(None, c.Open(opened(), OVER), POLICE, NOW), keep, POLICE, later)
        self.found_once(case, Supervision.YELLOW)
        again = replace(keep, classification=classification(reason="核实"))
        assert after(case, again, POLICE, later).decision_due == self.TOMORROW
        late = after(case, self.MISS, TIMER, self.TOMORROW)
        assert following(after(late, again, POLICE, self.TOMORROW)) is None, "once"
        for done in (c.Answer("已告知", "您好"), transfer()):
            given(after(case, done, POLICE, later)).when(self.MISS, TIMER, self.TOMORROW).then_nothing()

    def test_a_kept_case_of_danger_is_looked_at_within_the_half_hour(self) -> None:
        urgent = c.Classify(classification("gas_leak", Level.P1), oversight=OVER)
        assert after(told(opened()), urgent, POLICE, NOW).decision_due == NOW + 30 * MINUTE
        refused = told(opened(report=Report(Caller("1", consent=Consent.REFUSED), "x")))
        assert after(refused, replace(urgent, diverts=True), POLICE, NOW).decision_due == NOW + 30 * MINUTE
        assert after(told(opened()), replace(urgent, diverts=True), POLICE, NOW).decision_due is None

    def test_a_dispute_is_a_commanders_turn(self) -> None:
        denied = told(*BASE, received(), accepted(), asked_back(), f.ReturnDenied(ONE, "属你单位"))
        contested = after(denied, c.Contest(ONE, "不属本单位", OVER), GAS, NOW)
        assert contested.decision_due == self.TOMORROW
        twice = told(*BASE, asked_back(), f.ReturnGranted(ONE, "同意", (referral("water", 2),)), asked_back(2))
        grant = c.GrantReturn(name(2), "同意", target("119"), CALENDAR, oversight=OVER)
        granted = after(twice, grant, POLICE, NOW)
        self.found_once(granted, Supervision.RED, Supervision.YELLOW)
        settled = after(granted, c.Designate("以职责清单为准", target("119"), CALENDAR), COMMANDER, NOW)
        assert settled.decision_due is None
        given(settled).when(self.MISS, TIMER, self.TOMORROW).then_nothing()


class TestFollowUps:
    def test_nobody_asked_the_caller(self) -> None:
        case = told(*BASE, received(), accepted())
        case = after(case, c.Resolve(ONE, "已恢复", "已恢复", OVER), GAS, NOW)
        due, miss = NOW + timedelta(days=2), c.MissDeadline("", Limit.FOLLOW_UP)
        assert following(case) == (due, Alarm.MISS, Limit.FOLLOW_UP)
        late = after(case, miss, TIMER, due)
        assert late.flags == ("late_follow_up",) and following(late) is None
        asked = told(*BASE, received(), accepted(), resolved())
        assert following(replace(asked, follow_up_due=None)) is None
        ended = after(case, c.Close("来电人要求不回访"), POLICE, NOW)
        assert following(ended) is None and ended.state == CaseState.CLOSED

    @pytest.mark.parametrize("said", [FollowUp(False), FollowUp(True, solved=False, satisfied=1)])
    def test_a_call_alone_ends_nothing(self, said: FollowUp) -> None:
        """Answered or not: who neither calls again nor closes nor reopens is found, again after every call."""
        case = after(told(*BASE, received(), accepted()), c.Resolve(ONE, "已恢复", "已恢复", OVER), GAS, NOW)
        called, again = NOW + timedelta(days=1), NOW + timedelta(days=3)
        case = after(case, c.RecordFollowUp(said, OVER), POLICE, called)
        assert following(case) == (again, Alarm.MISS, Limit.FOLLOW_UP)
        late = after(case, c.MissDeadline("", Limit.FOLLOW_UP), TIMER, again)
        assert late.flags == ("late_follow_up",) and following(late) is None
        assert (late.follow_up_due, late.missed) == (again, (Limit.FOLLOW_UP,)), "and is waited for still"
        anew = after(late, c.RecordFollowUp(said, OVER), POLICE, again)
        assert following(anew) is not None and anew.missed == ()
        assert following(after(case, c.Close("来电人要求不回访"), POLICE, called)) is None

    def test_support_is_not_followed_up(self) -> None:
        case = told(opened(), classified(), offered(referral(), referral("water", 2, role="support")), accepted(2))  # type: ignore[arg-type]
        fact = given(case).when(c.Resolve(name(2), "已断水", "", OVER), WATER).fact
        assert isinstance(fact, f.ReferralResolved) and fact.follow_up_due is None


class TestDiversion:
    """Row 23: a case of another agency whose first offer comes late is flagged once, whoever notices it."""

    CLASSIFY = c.Classify(classification(), oversight=OVER, diverts=True)
    DUE = NOW + timedelta(hours=2)

    def classified(self, **changes: object) -> Case:
        command = replace(self.CLASSIFY, **changes)  # type: ignore[arg-type]
        return after(told(opened()), command, POLICE, NOW)

    def test_the_timer_notices(self) -> None:
        case, miss = self.classified(), c.MissDeadline("", Limit.DIVERSION)
        assert following(case) == (self.DUE, Alarm.MISS, Limit.DIVERSION)
        given(case).when(miss, TIMER, self.DUE - MINUTE).then_nothing()
        late = after(case, miss, TIMER, self.DUE)
        assert (late.flags, late.supervision) == (("late_diversion",), Supervision.YELLOW)
        given(late).when(miss, TIMER, self.DUE).then_nothing()
        offered_late = after(late, transfer(), POLICE, self.DUE + MINUTE)
        assert (offered_late.flags, offered_late.missed) == (("late_diversion",), ())
        again = after(late, replace(self.CLASSIFY, classification=classification(reason="核实")), POLICE, self.DUE)
        assert (again.diversion_due, again.missed) == (self.DUE, (Limit.DIVERSION,)), "it is late still"
        assert following(again) is None, "and told once"

    def test_a_case_nobody_classified_is_late_too(self) -> None:
        """One limit from the opening on: whoever classifies late gains no time, whoever keeps the case is let go."""
        case = after(None, c.Open(opened(), OVER), POLICE, NOW)
        assert following(case) == (self.DUE, Alarm.MISS, Limit.DIVERSION)
        late = after(case, c.MissDeadline("", Limit.DIVERSION), TIMER, self.DUE)
        assert (late.flags, late.supervision) == (("late_diversion",), Supervision.YELLOW)
        assert (late.diversion_due, late.missed) == (self.DUE, (Limit.DIVERSION,)), "it is late still"
        classified = after(late, self.CLASSIFY, POLICE, self.DUE + MINUTE)
        assert (classified.diversion_due, following(classified)) == (self.DUE, None), "and told once"
        assert after(case, self.CLASSIFY, POLICE, NOW + 30 * MINUTE).diversion_due == self.DUE
        assert after(case, replace(self.CLASSIFY, diverts=False), POLICE, NOW + MINUTE).diversion_due is None
        urgent = after(None, c.Open(opened(emergency=True), OVER), POLICE, NOW)
        assert urgent.diversion_due == NOW + 5 * MINUTE

    def test_the_offer_notices_when_the_timer_was_away(self) -> None:
        late = after(self.classified(), transfer(), POLICE, self.DUE + MINUTE)
        assert (late.flags, late.supervision) == (("late_diversion",), Supervision.YELLOW)
        given(late).when(c.MissDeadline("", Limit.DIVERSION), TIMER, self.DUE + MINUTE).then_nothing()

    def test_in_time(self) -> None:
        good = after(self.classified(), transfer(), POLICE, self.DUE)
        assert (good.flags, good.supervision, good.diversion_due) == ((), Supervision.NONE, None)

    def test_who_keeps_the_case_is_not_late(self) -> None:
        assert self.classified(diverts=False).diversion_due is None
        report = Report(Caller("1", consent=Consent.REFUSED), "x")
        refused = after(told(opened(report=report)), self.CLASSIFY, POLICE, NOW)
        assert refused.diversion_due is None
        answered = after(self.classified(), c.Answer("已告知", "您好"), POLICE, NOW)
        assert following(answered) is None

    def test_urgent_ones_go_at_once_and_a_new_classification_gives_no_more_time(self) -> None:
        assert self.classified(emergency=True).diversion_due == NOW + 5 * MINUTE
        again = replace(self.CLASSIFY, classification=classification(reason="改"))
        assert after(self.classified(), again, POLICE, NOW + 30 * MINUTE).diversion_due == self.DUE


@pytest.mark.parametrize(
    ("origin", "category", "emergency", "wanted"),
    [
        ("110", "water_outage", False, True),
        ("110", "theft_fraud", True, False),
        ("110", "gas_leak", True, True),
        ("110", "gas_outage", True, True),
        ("12345", "theft_fraud", True, True),
        ("12345", "policy", False, True),  # what the hotline leads by the catalogue has a route away from itself
        ("110", "prank_abuse", False, False),
        ("110", "no_such_category", False, False),
        ("water", "water_outage", False, False),
    ],
)
def test_whose_matter_it_is(demo_city: City, origin: str, category: str, emergency: bool, wanted: bool) -> None:
    """Diverted is what belongs to another kind of agency than the first receiver's."""
    case = told(opened(origin=origin))
    assert diverts(demo_city, case, category, emergency) is wanted


class TestSupervision:
    def test_it_only_rises(self) -> None:
        case = told(*BASE)
        for level in (Supervision.BLUE, Supervision.YELLOW, Supervision.RED):
            case = after(case, c.RaiseSupervision(level, "群众反映强烈"), LEADER, NOW)
            assert (case.supervision, case.supervisor) == (level, "leader-1")
            down = given(case).when(c.RaiseSupervision(Supervision.BLUE, "x"), LEADER)
            down.then_refused(WrongState, state=level.value)

    def test_by_whom_and_with_what(self) -> None:
        up = c.RaiseSupervision(Supervision.BLUE, "关注")
        given(*BASE).when(up, GAS).then_refused(NotYours)
        given(*BASE).when(up, POLICE).then(fc.SupervisionRaised(Supervision.BLUE, "关注"))
        given(*BASE).when(c.RaiseSupervision(None, "关注"), LEADER).then_missing("supervision")
        given(*BASE).when(c.RaiseSupervision(Supervision.NONE, "关注"), LEADER).then_refused(Invalid)
        given(*BASE).when(replace(up, reason=""), LEADER).then_missing("reason")

    def test_lifting_needs_a_person_with_a_reason(self) -> None:
        case = told(*BASE, fc.SupervisionRaised(Supervision.RED, "x", "h-1"))
        lift = c.LiftSupervision("已协调到位")
        for by in (RULE, TIMER, POLICE, GAS):
            given(case).when(lift, by).then_refused(NotYours)
        given(case).when(c.LiftSupervision(""), LEADER).then_missing("reason")
        for by in (LEADER, HOTLINE, COMMANDER):  # the hotline's person is the supervisor of record
            given(case).when(lift, by).then(fc.SupervisionLifted("已协调到位"))
        lifted = after(case, lift, LEADER, NOW)
        assert lifted.supervision == Supervision.NONE
        given(lifted).when(lift, LEADER).then_nothing()
        missed = after(lifted, c.MissDeadline(ONE, Limit.ACCEPT), TIMER, NOW + 30 * MINUTE)
        assert missed.supervision == Supervision.YELLOW, "a new miss raises it anew"


class TestCommander:
    def test_round_three_is_the_commanders(self) -> None:
        case = told(*BASE, received(), accepted(), resolved())
        for number, level in ((2, Supervision.YELLOW), (3, Supervision.RED)):
            again = c.Reopen("未解决", target("water"), CALENDAR, oversight=OVER)
            case = after(case, again, LEADER, NOW)
            assert (case.round, case.supervision) == (number, level)
            by = replace(WATER, agency="water")
            case = after(case, c.Accept(name(number), "w", CALENDAR), by, NOW)
            case = after(case, c.Resolve(name(number), "已修", "已修"), by, NOW)
        assert (case.flags, case.supervisor) == ((FOR_COMMANDER,), "c-9")
        given(case).when(c.LiftSupervision("可以了"), LEADER).then_refused(NotYours)
        given(case).when(c.LiftSupervision("可以了"), COMMANDER).then(fc.SupervisionLifted("可以了"))


def test_what_comes_next_is_the_earliest_of_all() -> None:
    slow = LimitProfile("S", Span(90, "m"), Span(3, "h"), Span(24, "h"))
    targets = (target(limits=slow), replace(target("water", limits=LIMITS), role="support"))  # type: ignore[arg-type]
    case = after(told(opened(), classified()), c.Transfer(targets, Mode.PUSH, CALENDAR), POLICE, NOW)
    assert following(case) == (NOW + 30 * MINUTE, Alarm.MISS, Limit.ACCEPT)
    watch = next_watch(case, NOW)
    assert watch is not None and (watch.agency, watch.referral) == ("water", name(2))


def test_an_ended_case_is_left_alone() -> None:
    case = after(told(*BASE, received()), c.Cancel("误报"), POLICE, NOW)
    assert following(case, NOW + timedelta(days=99)) is None
