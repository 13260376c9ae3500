"""Commands on referrals: offer, receipt, acceptance, return, result, limits; and every way they are refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from callmesh.domain import commands as c
from callmesh.domain import facts as f
from callmesh.domain.case import Actor, Case
from callmesh.domain.errors import Invalid, NotDivertible, NotFound, NotYours, WrongState
from callmesh.domain.evolve import evolve
from callmesh.domain.guards import REFERRAL_ZH
from callmesh.domain.report import Caller, Report
from callmesh.domain.watch import Alarm, Watch, next_limit
from callmesh.domain.words import CaseState, Consent, Level, Limit, Mode, ReferralState, Role, Supervision
from support.builders import (
    CALENDAR,
    COMMANDER,
    FIRE,
    GAS,
    HOTLINE,
    LATER,
    LIMITS,
    NOW,
    POLICE,
    RETURN_WITHIN,
    RULE,
    TIMER,
    WATER,
    Given,
    accepted,
    asked_back,
    classified,
    given,
    in_state,
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

S = ReferralState
ONE = name(1)
BASE = (opened(), classified(), offered())
WITH_SUPPORT = (opened(), classified(), offered(referral(), referral("water", 2, Role.SUPPORT)))
RETURN = c.RequestReturn(ONE, "not_our_duty", "职责清单第3条")
ON_THE_LEAD: dict[str, tuple[c.Command, Actor, set[S]]] = {
    "progress": (c.Progress(ONE, "已到场"), GAS, {S.ACCEPTED, S.IN_PROGRESS}),
    "return": (RETURN, GAS, {S.OFFERED, S.ACCEPTED, S.IN_PROGRESS}),
    "grant": (c.GrantReturn(ONE, "同意", target("water"), CALENDAR), POLICE, {S.RETURN_REQUESTED}),
    "deny": (c.DenyReturn(ONE, "属你单位"), POLICE, {S.RETURN_REQUESTED}),
    "resolve": (c.Resolve(ONE, "已恢复", "已恢复"), GAS, {S.ACCEPTED, S.IN_PROGRESS}),
    "recall": (
        c.Recall(ONE, "误派"),
        POLICE,
        {S.OFFERED, S.ACCEPTED, S.IN_PROGRESS, S.SUSPENDED, S.RETURN_REQUESTED},
    ),
}


@pytest.mark.parametrize("state", S)
@pytest.mark.parametrize("command", ON_THE_LEAD)
def test_a_command_is_possible_in_its_states_and_refused_in_all_others(command: str, state: S) -> None:
    asked, by, allowed = ON_THE_LEAD[command]
    answer = given(in_state(told(*BASE), state)).when(asked, by)
    if state in allowed:
        assert answer.refusal is None
        assert answer.fact is not None
    else:
        assert REFERRAL_ZH[state] in answer.then_refused(WrongState, state=state.value).zh


@pytest.mark.parametrize("state", S)
def test_acceptance_by_state(state: S) -> None:
    answer = given(in_state(told(*BASE), state)).when(c.Accept(ONE, "g-1", CALENDAR, "抢修一班"), GAS)
    if state == S.OFFERED:
        answer.then(f.ReferralAccepted(ONE, "g-1", "抢修一班"))
    elif state in (S.ACCEPTED, S.IN_PROGRESS):
        answer.then_nothing()
    else:
        answer.then_refused(WrongState, state=state.value)


@pytest.mark.parametrize("state", S)
def test_waiving_support_by_state(state: S) -> None:
    case = in_state(told(*WITH_SUPPORT), state, 2)
    answer = given(case).when(c.Waive(name(2), "不需要"))
    if state in (S.OFFERED, S.ACCEPTED, S.IN_PROGRESS, S.SUSPENDED):
        answer.then(f.ReferralWaived(name(2), "不需要"))
    else:
        answer.then_refused(WrongState, state=state.value)


@pytest.mark.parametrize("state", S)
def test_a_receipt_counts_only_for_what_is_offered(state: S) -> None:
    answer = given(in_state(told(*BASE), state)).when(c.Receive(ONE, CALENDAR, RETURN_WITHIN), GAS)
    if state == S.OFFERED:
        answer.then(received())
    else:
        answer.then_nothing()


BY_ITS_AGENCY = [
    c.Receive(ONE, CALENDAR, RETURN_WITHIN),
    c.Accept(ONE, "x", CALENDAR),
    c.Progress(ONE, "x"),
    RETURN,
    c.Resolve(ONE, "x", "x"),
]
BY_ITS_SENDER = [
    c.GrantReturn(ONE, "同意", target("water"), CALENDAR),
    c.DenyReturn(ONE, "不同意"),
    c.Recall(ONE, "误派"),
    c.Waive(ONE, "不需要"),
]


@pytest.mark.parametrize("command", BY_ITS_AGENCY, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("state", [S.OFFERED, S.ACCEPTED])
def test_another_agencys_referral_looks_as_if_it_were_not_there(command: c.Command, state: S) -> None:
    given(in_state(told(*BASE), state)).when(command, WATER).then_refused(NotFound)


@pytest.mark.parametrize("command", BY_ITS_AGENCY + BY_ITS_SENDER, ids=lambda one: type(one).__name__)
def test_a_referral_that_does_not_exist(command: c.Command) -> None:
    missing = replace(command, referral=name(9))  # type: ignore[type-var]
    given(*BASE).when(missing, GAS).then_refused(NotFound)


def waiting_for_decision() -> Given:
    return given(*BASE, received(), accepted(), asked_back())


@pytest.mark.parametrize("command", BY_ITS_SENDER[:3], ids=["grant", "deny", "recall"])
class TestWhoDecides:
    def test_neither_a_stranger_nor_the_agency_itself(self, command: c.Command) -> None:
        waiting_for_decision().when(command, WATER).then_refused(NotYours)
        case = waiting_for_decision().case
        assert case is not None
        assert case.owner == "gas"  # it owns the case since it accepted, yet may not judge itself
        waiting_for_decision().when(command, GAS).then_refused(NotYours)

    @pytest.mark.parametrize("by", [POLICE, COMMANDER, RULE], ids=["sender", "commander", "rule"])
    def test_sender_commander_and_rule_may(self, command: c.Command, by: Actor) -> None:
        assert waiting_for_decision().when(command, by).refusal is None


class TestTransfer:
    def test_one_key_is_one_fact_with_all_referrals(self) -> None:
        helper = target("water", Role.SUPPORT, task="供水车")
        command = transfer(target(), helper, plan="p", reason="r", city_version="v1", flags=("x",))
        wanted = (referral(), referral("water", 2, Role.SUPPORT, task="供水车"))
        given(opened(), classified()).when(command).then(f.CaseTransferred(wanted, "p", "r", "v1", ("x",)))
        case = told(opened(), classified(), f.CaseTransferred(wanted, "p", "r", "v1", ("x",)))
        assert (case.state, case.owner, case.plan) == (CaseState.REFERRED, "110", "p")
        assert (case.city_version, case.flags) == ("v1", ("x",))
        assert case.lead == wanted[0]

    def test_a_rule_sends_in_the_owners_name(self) -> None:
        given(opened(), classified()).when(transfer(), RULE).then(offered())

    def test_a_rule_is_silent_once_anybody_has_it(self) -> None:
        given(*BASE).when(transfer(target("water")), RULE).then_nothing()

    def test_the_same_again_changes_nothing(self) -> None:
        given(*BASE).when(transfer(), replace(HOTLINE, role="supervisor")).then_nothing()

    def test_a_second_lead_is_refused(self) -> None:
        answer = given(*BASE).when(transfer(target("water")))
        answer.then_refused(WrongState, allowed=("RecallReferral", "TransferCase (support)"))

    def test_support_may_be_added_to_a_lead(self) -> None:
        answer = given(*BASE).when(transfer(target("water", Role.SUPPORT)))
        answer.then(offered(referral("water", 2, Role.SUPPORT)))

    @pytest.mark.parametrize(
        "targets",
        [
            (target("water", Role.SUPPORT),),
            (target("gas"), target("water")),
        ],
        ids=["none", "two"],
    )
    def test_exactly_one_lead(self, targets: tuple[c.Target, ...]) -> None:
        answer = given(opened(), classified()).when(transfer(*targets))
        answer.then_refused(Invalid, violations={"agency": "exactly one lead"})

    def test_no_targets_at_all(self) -> None:
        nobody = c.Transfer((), Mode.PUSH, CALENDAR)
        given(opened(), classified()).when(nobody).then_refused(Invalid)

    def test_an_agency_comes_once(self) -> None:
        twice = transfer(target(), target("gas", Role.SUPPORT))
        given(opened(), classified()).when(twice).then_refused(Invalid)
        returned = in_state(told(*WITH_SUPPORT), S.RETURNED)
        given(returned).when(transfer(target("gas"))).then_refused(Invalid)

    def test_an_agency_whose_referral_was_recalled_may_have_it_again(self) -> None:
        given(*BASE, f.ReferralRecalled(ONE, "x")).when(transfer()).then(offered(referral(number=2)))

    def test_an_emergency_is_led_by_an_emergency_service(self) -> None:
        facts = (opened(emergency=True), classified("fire", Level.P0, True))
        given(*facts).when(transfer(target("gas"))).then_refused(NotDivertible, state="emergency")
        helped = transfer(target("119"), target("gas", Role.SUPPORT))
        assert given(*facts).when(helped).refusal is None
        support_only = transfer(target("gas"), target("119", Role.SUPPORT))
        given(*facts).when(support_only).then_refused(NotDivertible)

    def test_a_plan_may_put_the_repair_crew_in_charge_of_an_emergency(self) -> None:
        """As long as an emergency service is among its bodies."""
        facts = (opened(emergency=True), classified("main_burst", Level.P1, True))
        helped = (target("water"), target("110", Role.SUPPORT))
        assert given(*facts).when(transfer(*helped, plan="water-main")).refusal is None
        given(*facts).when(transfer(*helped)).then_refused(NotDivertible)
        alone = (target("water"), target("gas", Role.SUPPORT))
        given(*facts).when(transfer(*alone, plan="water-main")).then_refused(NotDivertible)

    def test_an_emergency_does_not_wait_for_consent(self) -> None:
        refused = Report(Caller(consent=Consent.REFUSED), "着火了")
        facts = (opened(emergency=True, report=refused), classified("fire", Level.P0, True))
        assert given(*facts).when(transfer(target("119"))).refusal is None

    def test_a_caller_who_refused_keeps_an_ordinary_matter(self) -> None:
        refused = Report(Caller(consent=Consent.REFUSED), "停气了")
        answer = given(opened(report=refused), classified()).when(transfer())
        answer.then_refused(WrongState, state="consent_refused", allowed=("AnswerCase",))


class TestReceiptAndAcceptance:
    def test_the_clocks_start_at_delivery(self) -> None:
        given(*BASE).when(c.Receive(ONE, CALENDAR, RETURN_WITHIN), GAS, LATER).then(received(1, LATER))
        case = evolve(told(*BASE), f.Fact(stamp(GAS, LATER), received(1, LATER)))
        one = case.referrals[0]
        assert (one.received_at, one.accept_due) == (LATER, LATER + timedelta(minutes=30))
        assert one.return_due == LATER + timedelta(days=2)
        assert one.state == S.OFFERED

    def test_a_second_receipt_changes_nothing(self) -> None:
        given(*BASE, received()).when(c.Receive(ONE, CALENDAR, RETURN_WITHIN), GAS, LATER).then_nothing()

    def test_acceptance_of_the_lead_moves_ownership(self) -> None:
        case = told(*BASE, received(), accepted())
        assert (case.owner, case.referrals[0].state, case.referrals[0].handler) == ("gas", S.ACCEPTED, "g-1")

    def test_acceptance_of_support_does_not(self) -> None:
        assert told(*WITH_SUPPORT, accepted(2)).owner == "110"

    def test_acceptance_without_receipt_counts_as_receipt(self) -> None:
        assert told(*BASE, accepted()).referrals[0].received_at == NOW

    def test_acceptance_names_a_person(self) -> None:
        given(*BASE).when(c.Accept(ONE, "", CALENDAR), GAS).then_missing("handler")

    def test_late_acceptance_is_welcome(self) -> None:
        late = (*BASE, received(), f.DeadlineMissed(ONE, Limit.ACCEPT, LATER, Supervision.YELLOW))
        given(*late).when(c.Accept(ONE, "g-1", CALENDAR), GAS, NOW + timedelta(days=3)).then(accepted())


class TestProgressAndResult:
    def test_progress_begins_the_work_and_arrival_is_kept(self) -> None:
        given(*BASE, accepted()).when(c.Progress(ONE, "已到场", True), GAS).then(progressed())
        one = told(*BASE, accepted(), progressed(), f.ProgressReported(ONE, "在修")).referrals[0]
        assert (one.state, one.started_at, one.arrived_at, one.feedback_at) == (S.IN_PROGRESS, NOW, NOW, NOW)
        assert [note.text for note in one.feedback] == ["已到场", "在修"]

    def test_progress_says_something(self) -> None:
        given(*BASE, accepted()).when(c.Progress(ONE), GAS).then_missing("text")
        assert given(*BASE, accepted()).when(c.Progress(ONE, arrived=True), GAS).refusal is None

    def test_the_leads_result_moves_the_case_to_follow_up(self) -> None:
        given(*BASE, accepted()).when(c.Resolve(ONE, "已恢复供气", "您好, 已恢复供气"), GAS).then(resolved())
        case = told(*BASE, accepted(), resolved())
        assert (case.state, case.result, case.public_reply) == (
            CaseState.FOLLOW_UP,
            "已恢复供气",
            "您好, 已恢复供气",
        )

    def test_a_supporting_result_does_not(self) -> None:
        given(*WITH_SUPPORT, accepted(2)).when(c.Resolve(name(2), "已送水"), WATER).then(
            f.ReferralResolved(name(2), "已送水")
        )
        assert told(*WITH_SUPPORT, accepted(2), f.ReferralResolved(name(2), "已送水")).state == CaseState.REFERRED

    def test_what_a_result_needs(self) -> None:
        given(*BASE, accepted()).when(c.Resolve(ONE, "", "您好"), GAS).then_missing("result")
        given(*BASE, accepted()).when(c.Resolve(ONE, "已恢复", ""), GAS).then_missing("public_reply")

    def test_who_is_refused_is_told_their_own_moves(self) -> None:
        result = f.ReferralResolved(ONE, "已恢复", "您好")
        done = given(*BASE, accepted(), result)
        own = done.when(c.Progress(ONE, "再看"), GAS).then_refused(WrongState, state="resolved", allowed=())
        assert "请等待" in own.zh
        moves = ("SendBackResolution", "ApproveResolution")
        done.when(c.Recall(ONE, "误派"), POLICE).then_refused(WrongState, allowed=moves)

    def test_the_lead_waits_for_support(self) -> None:
        waiting = given(*WITH_SUPPORT, accepted()).when(c.Resolve(ONE, "已恢复", "您好"), GAS)
        assert "water" in waiting.then_refused(WrongState, state="support_open").zh
        for end in (f.ReferralWaived(name(2), "x"), f.ReferralResolved(name(2), "已送水")):
            ready = given(*WITH_SUPPORT, accepted(), accepted(2), end)
            assert ready.when(c.Resolve(ONE, "已恢复", "您好"), GAS).refusal is None


class TestReturn:
    def test_reason_and_basis(self) -> None:
        given(*BASE).when(RETURN, GAS).then(asked_back())
        given(*BASE).when(replace(RETURN, reason=""), GAS).then_missing("reason")
        given(*BASE).when(replace(RETURN, basis=""), GAS).then_missing("basis")
        flagged = replace(RETURN, reason="own_code", flags=("unknown_return_reason",))
        given(*BASE).when(flagged, GAS).then(
            f.ReturnRequested(ONE, "own_code", "职责清单第3条", ("unknown_return_reason",))
        )
        assert told(*BASE, replace(asked_back(), flags=("x",))).flags == ("x",)

    def test_support_cannot_return(self) -> None:
        given(*WITH_SUPPORT).when(replace(RETURN, referral=name(2)), WATER).then_refused(NotYours)

    def test_a_binding_referral_stays_also_by_the_back_door(self) -> None:
        bound = (opened(), classified(), offered(referral(binding=True)), accepted())
        given(*bound).when(RETURN, GAS).then_refused(WrongState, state="binding")
        given(*bound).when(c.Recall(ONE, "不归我管"), GAS).then_refused(NotYours)

    @pytest.mark.parametrize(("seconds", "late"), [(0, False), (1, True)])
    def test_within_the_limit(self, seconds: int, late: bool) -> None:
        answer = given(*BASE, received()).when(RETURN, GAS, NOW + timedelta(days=2, seconds=seconds))
        if late:
            answer.then_refused(WrongState, state="return_expired")
        else:
            answer.then(asked_back())

    @pytest.mark.parametrize("level", [Level.P0, Level.P1])
    def test_danger_is_answered_before_it_is_returned(self, level: Level) -> None:
        urgent = (opened(), classified("gas_leak", level), offered(), accepted())
        given(*urgent).when(RETURN, GAS).then_refused(WrongState, allowed=("AcceptReferral", "ReportProgress"))
        given(*urgent, progressed()).when(RETURN, GAS).then(asked_back())

    def test_a_grant_offers_on_in_the_same_fact(self) -> None:
        answer = waiting_for_decision().when(c.GrantReturn(ONE, "同意", target("water"), CALENDAR))
        following = referral("water", 2, hop=1)
        answer.then(f.ReturnGranted(ONE, "同意", (following,)))
        case = told(*BASE, accepted(), asked_back(), f.ReturnGranted(ONE, "同意", (following,)))
        assert (case.owner, case.state, case.lead) == ("110", CaseState.REFERRED, following)
        assert case.referrals[0].state == S.RETURNED

    def test_a_decision_needs_a_reason(self) -> None:
        waiting_for_decision().when(c.GrantReturn(ONE, "", target("water"), CALENDAR)).then_missing("reason")
        waiting_for_decision().when(c.DenyReturn(ONE, "")).then_missing("reason")

    def test_never_the_same_agency_again(self) -> None:
        again = c.GrantReturn(ONE, "同意", target("gas"), CALENDAR)
        waiting_for_decision().when(again).then_refused(Invalid, violations={"agency": "already returned it"})

    def test_an_emergency_is_not_returned_into_office_hours(self) -> None:
        facts = (opened(emergency=True), classified("fire", Level.P0, True), offered(referral("119")))
        case = told(*facts, accepted(), progressed(), asked_back())
        given(case).when(c.GrantReturn(ONE, "同意", target("gas"), CALENDAR)).then_refused(NotDivertible)
        assert given(case).when(c.GrantReturn(ONE, "同意", target("110"), CALENDAR)).refusal is None

    @pytest.mark.parametrize(
        ("before", "state"),
        [
            ((), S.OFFERED),
            ((accepted(),), S.ACCEPTED),
            ((accepted(), progressed()), S.IN_PROGRESS),
        ],
    )
    def test_a_denial_puts_it_back_where_it_stood(self, before: tuple[f.Body, ...], state: S) -> None:
        case = told(*BASE, *before, asked_back(), f.ReturnDenied(ONE, "属你单位"))
        assert (case.referrals[0].state, case.referrals[0].return_count) == (state, 1)


class TestRecallAndWaive:
    def test_a_recalled_lead_gives_the_case_back(self) -> None:
        given(*BASE, accepted()).when(c.Recall(ONE, "误派")).then(f.ReferralRecalled(ONE, "误派"))
        case = told(*BASE, accepted(), f.ReferralRecalled(ONE, "误派"))
        assert (case.state, case.owner, case.lead) == (CaseState.CLASSIFIED, "110", None)

    def test_recalled_support_does_not(self) -> None:
        case = told(*WITH_SUPPORT, accepted(), f.ReferralRecalled(name(2), "x"))
        assert (case.state, case.owner) == (CaseState.REFERRED, "gas")

    def test_reasons(self) -> None:
        given(*BASE).when(c.Recall(ONE, "")).then_missing("reason")
        given(*WITH_SUPPORT).when(c.Waive(name(2), "")).then_missing("reason")

    def test_an_emergency_is_recalled_by_a_commander(self) -> None:
        facts = (opened(), classified("fire", Level.P0), offered(referral("119")))
        given(*facts).when(c.Recall(ONE, "误派")).then_refused(NotYours)
        given(*facts).when(c.Recall(ONE, "误派"), COMMANDER).then(f.ReferralRecalled(ONE, "误派"))

    def test_only_support_is_waived_and_by_sender_or_lead(self) -> None:
        given(*BASE).when(c.Waive(ONE, "x")).then_refused(Invalid)
        given(*WITH_SUPPORT).when(c.Waive(name(2), "x"), FIRE).then_refused(NotYours)
        given(*WITH_SUPPORT).when(c.Waive(name(2), "x"), WATER).then_refused(NotYours)
        for by in (POLICE, GAS, COMMANDER):
            given(*WITH_SUPPORT).when(c.Waive(name(2), "x"), by).then(f.ReferralWaived(name(2), "x"))


class TestLimits:
    def missed(self, case: Case, limit: Limit, at: datetime) -> f.Body | None:
        answer = given(case).when(c.MissDeadline(ONE, limit), TIMER, at)
        assert answer.refusal is None
        return answer.fact

    def test_at_the_limit_and_not_before(self) -> None:
        case, due = told(*BASE, received()), NOW + timedelta(minutes=30)
        assert self.missed(case, Limit.ACCEPT, due - timedelta(microseconds=1)) is None
        assert self.missed(case, Limit.ACCEPT, due) == f.DeadlineMissed(ONE, Limit.ACCEPT, due, Supervision.YELLOW)

    def test_once(self) -> None:
        due = NOW + timedelta(minutes=30)
        case = told(*BASE, received(), f.DeadlineMissed(ONE, Limit.ACCEPT, due, Supervision.YELLOW))
        assert case.supervision == Supervision.YELLOW
        assert self.missed(case, Limit.ACCEPT, due) is None
        one = case.referrals[0]
        assert next_limit(case) == Watch(NOW + timedelta(hours=24), Alarm.MISS, one.agency, one.name, Limit.RESOLVE)

    def test_the_result_limit_turns_red_and_watch_only_rises(self) -> None:
        case = told(*BASE, received(), accepted(), progressed())
        late = self.missed(case, Limit.RESOLVE, NOW + timedelta(hours=24))
        assert late == f.DeadlineMissed(ONE, Limit.RESOLVE, NOW + timedelta(hours=24), Supervision.RED)
        red = replace(told(*BASE, received()), supervision=Supervision.RED)
        still = self.missed(red, Limit.ACCEPT, NOW + timedelta(hours=1))
        assert isinstance(still, f.DeadlineMissed)
        assert still.supervision == Supervision.RED

    @pytest.mark.parametrize(
        ("facts", "limit"),
        [
            ((accepted(),), Limit.ACCEPT),
            ((accepted(), progressed()), Limit.FEEDBACK),
            ((asked_back(),), Limit.ACCEPT),
            ((accepted(), resolved()), Limit.RESOLVE),
            ((f.ReferralRecalled(ONE, "x"),), Limit.ACCEPT),
        ],
        ids=["accepted", "answered", "asked back", "resolved", "recalled"],
    )
    def test_a_late_timer_finds_nothing(self, facts: tuple[f.Body, ...], limit: Limit) -> None:
        assert self.missed(told(*BASE, received(), *facts), limit, NOW + timedelta(days=9)) is None

    def test_a_timer_for_a_referral_that_is_gone(self) -> None:
        given(*BASE).when(c.MissDeadline(name(9), Limit.ACCEPT), TIMER, LATER).then_nothing()

    def test_the_earliest_limit_of_all_referrals_comes_next(self) -> None:
        slow = referral("water", 2, Role.SUPPORT, accept_due=NOW + timedelta(minutes=1))
        case = told(opened(), classified(), offered(referral(), slow))
        assert next_limit(case) == Watch(NOW + timedelta(minutes=1), Alarm.MISS, slow.agency, slow.name, Limit.ACCEPT)

    def test_missing_a_limit_takes_nothing_away(self) -> None:
        case = told(*BASE, received(), f.DeadlineMissed(ONE, Limit.ACCEPT, LATER, Supervision.YELLOW))
        assert (case.owner, case.state, case.referrals[0].state) == ("110", CaseState.REFERRED, S.OFFERED)
        assert case.referrals[0].missed == (Limit.ACCEPT,)


def test_the_limits_stand_on_the_referral_when_it_is_offered() -> None:
    fact = given(opened(), classified()).when(transfer()).fact
    assert isinstance(fact, f.CaseTransferred)
    one = fact.referrals[0]
    assert (one.accept_within, one.feedback_within, one.resolve_within, one.profile) == (
        LIMITS.accept,
        LIMITS.feedback,
        LIMITS.resolve,
        "L2",
    )
