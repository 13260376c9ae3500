"""Disputes and designations, review of results, follow-up and reopening, advice, supervisors; and who may do what."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from callmesh.domain import commands as c
from callmesh.domain import facts as f
from callmesh.domain import returns, routing
from callmesh.domain.case import Actor, Annotation, Case, FollowUp
from callmesh.domain.directory import Span
from callmesh.domain.errors import Invalid, NotFound, NotYours, WrongState
from callmesh.domain.evolve import evolve
from callmesh.domain.guards import _CASE_MOVES, _MOVES_ZH, _REFERRAL_MOVES
from callmesh.domain.release import view
from callmesh.domain.report import Caller, Report
from callmesh.domain.routing import Question
from callmesh.domain.watch import FOR_COMMANDER, next_limit
from callmesh.domain.words import ActorKind, CaseState, Level, ReferralState, Role, Supervision
from support.builders import (
    CALENDAR,
    COMMANDER,
    FIRE,
    GAS,
    HOTLINE,
    LATER,
    NOW,
    POLICE,
    RULE,
    WATER,
    accepted,
    asked_back,
    classified,
    given,
    name,
    offered,
    opened,
    progressed,
    received,
    referral,
    reject,
    resolved,
    stamp,
    target,
    told,
    transfer,
)
from support.city import demo_city

C, S = CaseState, ReferralState
CITY = demo_city()
SUPERVISOR = replace(HOTLINE, role="supervisor")
FOLLOW_UP = replace(HOTLINE, role="follow_up")
ONE, TWO = name(1), name(2)
BASE = (opened(), classified(), offered())
WITH_SUPPORT = (opened(), classified(), offered(referral(), referral("water", 2, Role.SUPPORT)))
DENIED = (*BASE, received(), accepted(), asked_back(), f.ReturnDenied(ONE, "属你单位"))
SECOND = referral("water", 2, hop=1)
TWICE = (*BASE, asked_back(), f.ReturnGranted(ONE, "同意", (SECOND,)), asked_back(2))
DISPUTED = (*TWICE, f.DisputeOpened(TWO, "同意", granted=True))
DONE = (*BASE, accepted(), resolved())
GRANT = c.GrantReturn(TWO, "同意", target("119"), CALENDAR)
DESIGNATE = c.Designate("职责清单第7条", target("water"), CALENDAR)


class TestSecondReturn:
    def test_opens_a_dispute_and_gives_the_case_back_to_its_sender(self) -> None:
        given(*TWICE).when(GRANT).then(f.DisputeOpened(TWO, "同意", granted=True))
        given(*TWICE).when(GRANT, RULE).then(f.DisputeOpened(TWO, "同意", granted=True))
        case = told(*DISPUTED)
        assert (case.state, case.owner, case.lead) == (C.DISPUTED, "110", None)
        assert [one.state for one in case.referrals] == [S.RETURNED, S.RETURNED]
        assert case.supervision == Supervision.YELLOW

    def test_an_emergency_waits_for_no_dispute(self) -> None:
        urgent = replace(told(*TWICE), emergency=True)
        fact = given(urgent).when(GRANT).fact
        assert isinstance(fact, f.ReturnGranted)
        assert [one.agency for one in fact.referrals] == ["119"]

    def test_when_the_hops_are_used_up_it_goes_on_bindingly(self) -> None:
        spent = replace(GRANT, spent=True, target=target("minsheng110", binding=True))
        fact = given(*TWICE).when(spent).fact
        assert isinstance(fact, f.ReturnGranted)
        assert (fact.referrals[0].agency, fact.referrals[0].binding) == ("minsheng110", True)

    def test_a_rules_grant_keeps_the_sender_of_the_first_offer(self) -> None:
        """Else the agency that returned it would stand as the sender of the next hop, and decide about it."""
        back = (*BASE, received(), accepted(), asked_back())
        fact = given(*back).when(c.GrantReturn(ONE, "按规则", target("water"), CALENDAR), RULE).fact
        assert isinstance(fact, f.ReturnGranted)
        assert fact.referrals[0].sender == "110"

    def test_support_may_be_added_while_it_is_disputed_but_no_lead(self) -> None:
        given(*DISPUTED).when(transfer(target("gas"))).then_refused(WrongState, state="disputed")
        helped = given(*DISPUTED).when(c.Transfer((target("119", Role.SUPPORT),), transfer().mode, CALENDAR))
        helped.then_refused(Invalid, violations={"agency": "exactly one lead"})  # nobody leads: support of whom?
        contested = (*DENIED, f.DisputeOpened(ONE, "不属本单位"))
        fact = given(*contested).when(transfer(target("119", Role.SUPPORT))).fact
        assert isinstance(fact, f.CaseTransferred)
        assert told(*contested, fact).state == C.DISPUTED

    def test_a_disputed_emergency_still_has_its_one_key(self) -> None:
        urgent = replace(told(*DISPUTED), emergency=True)
        fact = given(urgent).when(transfer(target("119"))).fact
        assert fact is not None
        assert evolve(urgent, f.Fact(stamp(), fact)).state == C.REFERRED


class TestHops:
    @pytest.mark.parametrize("emergency", [False, True])
    def test_every_chain_ends_bindingly(self, emergency: bool) -> None:
        """Invariant 10: whatever the agencies answer, after the city's hops somebody keeps it."""
        facts = (opened(emergency=emergency), classified("streetlight", Level.P2, emergency))
        case = told(*facts, offered(referral("119")))
        tried = frozenset({"119"})
        for hop in range(CITY.policy.max_hops):
            one = case.referrals[-1]
            assert (one.hop, one.binding) == (hop, False)
            case = evolve(case, f.Fact(stamp(), replace(asked_back(), referral=one.name)))
            question = Question("streetlight", "990101", "110", NOW, emergency, tried)
            command = returns.grant(CITY, case, one, question, "", "同意")
            answer = given(case).when(replace(command, spent=True) if hop == 1 and not emergency else command)
            assert isinstance(answer.fact, f.ReturnGranted), answer.refusal
            case = evolve(case, f.Fact(stamp(), answer.fact))
            tried |= {case.referrals[-1].agency}
            if case.referrals[-1].binding:
                break
        last = case.referrals[-1]
        assert last.binding
        refused = given(case).when(replace(RETURN, referral=last.name), at_agency(last.agency))
        refused.then_refused(WrongState, state="binding")
        if emergency:
            assert CITY.agency[last.agency].kind in CITY.policy.emergency_kinds

    def test_a_named_agency_past_the_bound_is_bound(self) -> None:
        at_bound = replace(referral(), hop=CITY.policy.max_hops - 1)
        question = Question("gas_outage", "990101", "110", NOW)
        command = returns.grant(CITY, told(*BASE), at_bound, question, "water", "同意")
        assert (command.target.agency, command.target.binding, command.spent) == ("water", True, True)

    def test_the_last_resort_of_an_emergency_is_a_service_that_has_not_had_it(self) -> None:
        asked = Question("theft_fraud", "990101", "12345", NOW, True, frozenset({"110"}))
        last = routing.last_resort(CITY, asked)
        assert last.binding and last.emergency_service and last.agency != "110"


RETURN = c.RequestReturn(ONE, "not_our_duty", "职责清单第3条")


def at_agency(agency: str) -> Actor:
    return Actor(ActorKind.PERSON, agency, "x-1", "operator")


class TestContest:
    def test_a_denied_agency_contests_and_keeps_the_referral_meanwhile(self) -> None:
        given(*DENIED).when(c.Contest(ONE, "不属本单位"), GAS).then(f.DisputeOpened(ONE, "不属本单位"))
        case = told(*DENIED, f.DisputeOpened(ONE, "不属本单位"))
        assert (case.state, case.owner, case.referrals[0].state) == (C.DISPUTED, "gas", S.ACCEPTED)
        assert next_limit(case) is not None, "its limits run on: a quarrel stalls nothing"
        assert case.supervision == Supervision.YELLOW

    def test_reasons_owners_and_states(self) -> None:
        given(*DENIED).when(c.Contest(ONE, ""), GAS).then_missing("reason")
        given(*DENIED).when(c.Contest(ONE, "x"), WATER).then_refused(NotFound)
        given(*BASE, accepted()).when(c.Contest(ONE, "x"), GAS).then_refused(WrongState, state="not_denied")
        waiting = given(*BASE, asked_back()).when(c.Contest(ONE, "x"), GAS)
        waiting.then_refused(WrongState, state="return_requested")

    def test_once_and_no_return_beside_it(self) -> None:
        contested = (*DENIED, f.DisputeOpened(ONE, "不属本单位"))
        given(*contested).when(c.Contest(ONE, "还是不属"), GAS).then_nothing()
        given(*contested).when(RETURN, GAS).then_refused(WrongState, state="disputed")

    def test_its_result_ends_the_dispute(self) -> None:
        case = told(*DENIED, f.DisputeOpened(ONE, "不属本单位"), resolved())
        assert case.state == C.FOLLOW_UP


class TestDesignation:
    def test_another_agency_leads_bindingly_and_the_first_one_is_out(self) -> None:
        contested = (*DENIED, f.DisputeOpened(ONE, "不属本单位"))
        fact = given(*contested).when(DESIGNATE, COMMANDER).fact
        wanted = referral("water", 2, binding=True, hop=1)
        assert fact == f.JurisdictionDesignated((wanted,), "职责清单第7条")
        case = told(*contested, fact)
        assert (case.state, case.owner, case.lead) == (C.REFERRED, "110", wanted)
        assert case.referrals[0].state == S.RETURNED
        given(case).when(replace(RETURN, referral=TWO), WATER).then_refused(WrongState, state="binding")
        given(case).when(c.Contest(TWO, "x"), WATER).then_refused(WrongState, state="binding")

    def test_the_same_agency_keeps_what_it_did_so_far(self) -> None:
        contested = (*DENIED, progressed(), f.DisputeOpened(ONE, "不属本单位"))
        fact = given(*contested).when(replace(DESIGNATE, target=target("gas")), COMMANDER).fact
        assert isinstance(fact, f.JurisdictionDesignated)
        case = told(*contested, fact)
        (one,) = case.referrals
        assert (one.name, one.binding, one.state, len(one.feedback)) == (ONE, True, S.IN_PROGRESS, 1)
        assert (case.state, case.owner) == (C.REFERRED, "gas")
        given(case).when(replace(DESIGNATE, target=target("gas")), COMMANDER).then_nothing()

    def test_after_two_returns_anybody_may_be_designated_also_who_returned_it(self) -> None:
        fact = given(*DISPUTED).when(replace(DESIGNATE, target=target("gas")), COMMANDER).fact
        case = told(*DISPUTED, fact)  # type: ignore[arg-type]
        assert case.lead is not None
        assert (case.lead.agency, case.lead.binding, case.lead.hop) == ("gas", True, 2)

    def test_who_when_and_why(self) -> None:
        for by in (POLICE, SUPERVISOR, RULE):
            given(*DISPUTED).when(DESIGNATE, by).then_refused(NotYours)
        given(*DISPUTED).when(replace(DESIGNATE, reason=""), COMMANDER).then_missing("reason")
        given(*DONE).when(DESIGNATE, COMMANDER).then_refused(WrongState, state="follow_up")

    def test_a_commander_may_act_first(self) -> None:
        """Row 16: nobody has classified or sent anything yet."""
        fact = given(opened()).when(DESIGNATE, COMMANDER).fact
        case = told(opened(), fact)  # type: ignore[arg-type]
        assert (case.state, case.owner, [one.hop for one in case.referrals]) == (C.REFERRED, "110", [0])

    def test_a_lead_that_gets_nowhere_is_recalled_by_it(self) -> None:
        fact = given(*BASE, accepted()).when(DESIGNATE, COMMANDER).fact
        case = told(*BASE, accepted(), fact)  # type: ignore[arg-type]
        assert [one.state for one in case.referrals] == [S.RECALLED, S.OFFERED]


class TestWhoLeadsDoesNotSupport:
    def test_support_that_gets_the_lead_ends(self) -> None:
        """It used to hold two open referrals of one case."""
        grant = c.GrantReturn(ONE, "同意", target("water"), CALENDAR)
        fact = given(*WITH_SUPPORT, asked_back()).when(grant).fact
        case = told(*WITH_SUPPORT, asked_back(), fact)  # type: ignore[arg-type]
        assert [(one.agency, one.role, one.state) for one in case.referrals] == [
            ("gas", Role.LEAD, S.RETURNED),
            ("water", Role.SUPPORT, S.WAIVED),
            ("water", Role.LEAD, S.OFFERED),
        ]

    def test_also_by_the_key_after_a_recall(self) -> None:
        left = (*WITH_SUPPORT, f.ReferralRecalled(ONE, "误派"))
        fact = given(*left).when(transfer(target("water"))).fact
        case = told(*left, fact)  # type: ignore[arg-type]
        assert [one.agency for one in case.this_round if one.is_open] == ["water"]
        given(*left).when(transfer(target("gas"), target("water", Role.SUPPORT))).then_refused(Invalid)


class TestReview:
    def test_sent_back_it_is_work_again(self) -> None:
        given(*DONE).when(c.SendBack(ONE, "照片不清")).then(f.ResolutionSentBack(ONE, "照片不清"))
        case = told(*DONE, f.ResolutionSentBack(ONE, "照片不清"))
        one = case.referrals[0]
        assert (case.state, case.result, case.public_reply, case.owner) == (C.REFERRED, "", "", "gas")
        assert (one.state, one.resolved_at, one.result, one.sent_back_count) == (S.IN_PROGRESS, None, "", 1)

    def test_a_follow_up_about_the_old_result_does_not_close_the_new_one(self) -> None:
        said = f.FollowUpRecorded(FollowUp(True, True, True, 5, at=NOW, round=1))
        again = told(*DONE, said, f.ResolutionSentBack(ONE, "x"))
        again = evolve(again, f.Fact(stamp(GAS, LATER), resolved()))
        given(again).when(c.Close(), POLICE, LATER).then_missing("waiver")

    @pytest.mark.parametrize(
        "by", [POLICE, COMMANDER, SUPERVISOR, RULE], ids=["sender", "commander", "supervisor", "rule"]
    )
    def test_who_reviews(self, by: Actor) -> None:
        assert given(*DONE).when(c.SendBack(ONE, "x"), by).refusal is None
        assert given(*DONE).when(c.Approve(ONE, "属实"), by).refusal is None

    @pytest.mark.parametrize("command", [c.SendBack(ONE, "x"), c.Approve(ONE, "x")], ids=["send back", "approve"])
    def test_who_does_not(self, command: c.Command) -> None:
        given(*DONE).when(command, GAS).then_refused(NotYours)
        given(*DONE).when(command, FIRE).then_refused(NotFound)
        given(*BASE, accepted()).when(command).then_refused(WrongState, state="accepted")
        given(*DONE).when(replace(command, reason="")).then_missing("reason")  # type: ignore[type-var]

    def test_approved_once_and_until_sent_back(self) -> None:
        approved = (*DONE, f.ResolutionApproved(ONE, "属实"))
        assert told(*approved).referrals[0].approved_at == NOW
        given(*approved).when(c.Approve(ONE, "属实")).then_nothing()
        assert told(*approved, f.ResolutionSentBack(ONE, "x")).referrals[0].approved_at is None

    def test_support_is_reviewed_before_the_lead_is_done(self) -> None:
        helped = (*WITH_SUPPORT, accepted(), accepted(2), f.ReferralResolved(TWO, "已送水"))
        case = told(*helped, f.ResolutionSentBack(TWO, "未到场"))
        assert (case.state, case.referrals[1].state) == (C.REFERRED, S.IN_PROGRESS)
        given(*helped, resolved()).when(c.SendBack(TWO, "x")).then_refused(WrongState, state="follow_up")


def failed(times: int) -> tuple[f.Body, ...]:
    return tuple(f.FollowUpRecorded(FollowUp(at=NOW, round=1)) for _ in range(times))


class TestFollowUpAndClose:
    def test_three_failed_calls_close_it_without_a_word_typed(self) -> None:
        given(*DONE, *failed(2)).when(c.Close(attempts=3)).then_missing("waiver")
        given(*DONE, *failed(3)).when(c.Close(attempts=3)).then(f.CaseClosed("unreachable"))
        given(*DONE, *failed(3)).when(c.Close(attempts=3), RULE).then(f.CaseClosed("unreachable"))
        given(*DONE, *failed(3)).when(c.Close(attempts=5)).then_missing("waiver")

    def test_who_was_reached_is_no_longer_unreachable(self) -> None:
        spoke = f.FollowUpRecorded(FollowUp(True, at=NOW, round=1))
        given(*DONE, *failed(2), spoke).when(c.Close(attempts=3)).then(f.CaseClosed())

    def test_an_unanswered_call_is_no_outcome(self) -> None:
        given(*DONE, *failed(1)).when(c.Close()).then_missing("waiver")

    def test_nobody_answered_so_nothing_was_said(self) -> None:
        said = c.RecordFollowUp(FollowUp(False, solved=True))
        given(*DONE).when(said).then_refused(
            Invalid, violations={"follow_up.reached": "required where solved or satisfied is said"}
        )

    @pytest.mark.parametrize("caller", [Caller(confidential=True), Caller(silent=True)], ids=["confidential", "silent"])
    def test_not_even_an_attempt_is_made_to_call_some_callers(self, caller: Caller) -> None:
        case = replace(told(*DONE), report=Report(caller, "停气"))
        given(case).when(c.RecordFollowUp(FollowUp())).then_refused(NotYours)


def closed(round_number: int = 1) -> Case:
    return replace(told(*DONE, f.CaseClosed("免回访")), round=round_number)


class TestReopen:
    @pytest.mark.parametrize(("seconds", "late"), [(0, False), (1, True)])
    def test_within_the_citys_days(self, seconds: int, late: bool) -> None:
        again = c.Reopen("未解决", target(), CALENDAR, within_days=15)
        answer = given(closed()).when(again, POLICE, NOW + timedelta(days=15, seconds=seconds))
        if late:
            assert "15" in answer.then_refused(WrongState, state="reopen_expired", allowed=("OpenCase",)).zh
        else:
            assert answer.refusal is None

    def test_before_the_close_no_day_counts(self) -> None:
        again = c.Reopen("未解决", target(), CALENDAR, within_days=15)
        assert given(*DONE).when(again, POLICE, NOW + timedelta(days=99)).refusal is None

    def test_the_third_round_is_a_commanders(self) -> None:
        again = c.Reopen("仍未解决", target(), CALENDAR)
        assert given(closed(1)).when(again).refusal is None
        given(closed(2)).when(again).then_refused(NotYours)
        fact = given(closed(2)).when(again, COMMANDER).fact
        assert isinstance(fact, f.CaseReopened) and fact.flags == (FOR_COMMANDER,)

    def test_or_a_supervisor_hands_it_to_one(self) -> None:
        fact = given(closed(2)).when(c.Reopen("仍未解决", target(), CALENDAR), SUPERVISOR).fact
        assert isinstance(fact, f.CaseReopened) and fact.flags == (FOR_COMMANDER,)
        case = evolve(closed(2), f.Fact(stamp(SUPERVISOR), fact))
        assert (case.round, case.flags, case.owner) == (3, (FOR_COMMANDER,), "110")
        assert case.supervision == Supervision.RED


class TestAdviceAndSupervisor:
    NOTE = f.CaseAnnotated(Annotation("water", "阀门图在附件", NOW))

    def test_a_note_moves_nothing(self) -> None:
        given(*WITH_SUPPORT).when(c.Annotate("阀门图在附件"), WATER).then(self.NOTE)
        before = told(*WITH_SUPPORT)
        assert told(*WITH_SUPPORT, self.NOTE) == replace(before, annotations=(self.NOTE.annotation,))

    def test_by_the_agencies_of_the_case_and_those_whose_advice_is_wanted(self) -> None:
        given(*BASE).when(c.Annotate("x"), FIRE).then_refused(NotFound)
        assert given(*BASE).when(c.Annotate("x", advisory=True), FIRE).refusal is None
        given(*BASE).when(c.Annotate(""), GAS).then_missing("text")
        given(*DONE, f.CaseClosed("免")).when(c.Annotate("x"), GAS).then_refused(WrongState, state="closed")

    def test_it_is_read_by_the_lead_and_its_author(self) -> None:
        case = told(*WITH_SUPPORT, referral_by("119"), self.NOTE)
        seen = {one: len(view(case, one, CITY).annotations) for one in ("gas", "water", "119")}
        assert seen == {"gas": 1, "water": 1, "119": 0}

    def test_a_shift_change_names_another_leader_and_leaves_the_owner(self) -> None:
        """Row 22."""
        given(*BASE).when(c.ChangeSupervisor("z-2")).then(f.SupervisorChanged("z-2"))
        case = told(*BASE, accepted(), f.SupervisorChanged("z-1"), f.SupervisorChanged("z-2"))
        assert (case.owner, case.origin, case.supervisor) == ("gas", "110", "z-2")
        given(case).when(c.ChangeSupervisor("z-2")).then_nothing()
        given(case).when(c.ChangeSupervisor("")).then_missing("supervisor")
        given(case).when(c.ChangeSupervisor("z-3"), FIRE).then_refused(NotFound)


def referral_by(agency: str) -> f.CaseTransferred:
    return offered(referral(agency, 3, Role.SUPPORT))


OURS: list[c.Command] = [
    c.Classify(replace(classified().classification, reason="x")),
    c.Answer("x", "x"),
    reject(),
    c.Cancel("x"),
    c.RecordFollowUp(FollowUp(True)),
    c.Close("x"),
    c.Reopen("x", target(), CALENDAR),
    transfer(target("119")),
    c.ChangeSupervisor("z-1"),
]


@pytest.mark.parametrize("command", OURS, ids=lambda one: type(one).__name__)
class TestWhoHasAPart:
    def test_to_a_stranger_the_case_is_not_there(self, command: c.Command) -> None:
        for facts in (BASE, DONE):
            given(*facts).when(command, FIRE).then_refused(NotFound)

    def test_support_is_told_that_it_may_not(self, command: c.Command) -> None:
        given(*WITH_SUPPORT).when(command, WATER).then_refused(NotYours)

    def test_a_returned_agency_is_a_stranger_again(self, command: c.Command) -> None:
        case = told(*BASE, asked_back(), f.ReturnGranted(ONE, "同意", (SECOND,)))
        given(case).when(command, GAS).then_refused(NotFound)

    @pytest.mark.parametrize("role", ["commander", "supervisor"])
    def test_rank_counts_everywhere(self, command: c.Command, role: str) -> None:
        answer = given(*BASE).when(command, replace(FIRE, role=role))
        assert not isinstance(answer.refusal, (NotFound, NotYours))


def test_a_follow_up_agent_asks_closes_and_reopens_but_does_not_cancel() -> None:
    for command in (c.RecordFollowUp(FollowUp(True)), c.Close("x"), c.Reopen("x", target(), CALENDAR)):
        assert given(*DONE).when(command, FOLLOW_UP).refusal is None
    given(*DONE).when(c.Cancel("x"), FOLLOW_UP).then_refused(NotFound)


class TestMended:
    def test_acceptance_without_receipt_sets_the_time_to_return(self) -> None:
        taken = c.Accept(ONE, "g-1", CALENDAR, return_within=Span(2, "wd"))
        due = NOW + timedelta(days=2)
        given(*BASE).when(taken, GAS).then(f.ReferralAccepted(ONE, "g-1", return_due=due))
        case = told(*BASE, f.ReferralAccepted(ONE, "g-1", return_due=due))
        given(case).when(RETURN, GAS, due + timedelta(seconds=1)).then_refused(WrongState, state="return_expired")
        known = given(*BASE, received()).when(taken, GAS, LATER)
        known.then(f.ReferralAccepted(ONE, "g-1"))  # a receipt said so before

    def test_an_urgent_one_has_its_days_to_return_by_the_clock(self) -> None:
        friday = datetime(2026, 11, 27, 12, tzinfo=UTC)
        urgent = given(*BASE[:-1], f.CaseTransferred((replace(referral(), wall_time=True),)))
        taken = c.Accept(ONE, "g-1", CALENDAR, return_within=Span(2, "wd"))
        urgent.when(taken, GAS, friday).then(f.ReferralAccepted(ONE, "g-1", return_due=friday + timedelta(days=2)))

    def test_a_plan_pressed_twice_is_done_already_though_some_are_ready(self) -> None:
        lead, helper = referral("119", task="侦检"), referral("gas", 2, Role.SUPPORT, task="关阀")
        facts = (opened(), classified("gas_leak", Level.P1), f.CaseTransferred((lead, helper), "gas-main"))
        again = transfer(target("119"), target("gas", Role.SUPPORT), plan="gas-main")
        given(*facts, accepted(2), f.ReferralResolved(TWO, "已关阀")).when(again).then_nothing()
        given(*facts, f.ReferralWaived(TWO, "不需要")).when(replace(again, targets=())).then_nothing()

    def test_work_begins_without_a_word_and_is_no_feedback_yet(self) -> None:
        given(*BASE, accepted()).when(c.Progress(ONE, started=True), GAS).then(f.ProgressReported(ONE, started=True))
        one = told(*BASE, accepted(), f.ProgressReported(ONE, started=True)).referrals[0]
        assert (one.state, one.started_at, one.feedback_at, one.feedback) == (S.IN_PROGRESS, NOW, None, ())
        assert (
            told(*BASE, accepted(), f.ProgressReported(ONE, started=True), asked_back(), f.ReturnDenied(ONE, "x"))
            .referrals[0]
            .state
            == S.IN_PROGRESS
        )


class TestMoves:
    def test_every_state_says_what_is_allowed_in_both_languages(self) -> None:
        assert set(_CASE_MOVES) == set(CaseState)
        assert set(_REFERRAL_MOVES) == set(ReferralState)
        named = {one for moves in (*_CASE_MOVES.values(), *_REFERRAL_MOVES.values()) for one in moves}
        assert named <= set(_MOVES_ZH)

    def test_the_operator_reads_what_to_do(self) -> None:
        disputed = given(*DISPUTED).when(c.Close("x")).then_refused(WrongState, state="disputed")
        assert "指定管辖" in disputed.zh
        ended = given(opened(), f.CaseCancelled("误报")).when(c.Amend("x"))
        assert "另开新单" in ended.then_refused(WrongState, state="cancelled", allowed=()).zh


def test_row_14_xiamen_gas_main_as_it_was() -> None:
    """Row 14: call 15:26, five bodies tasked 15:28 in one fact, done 16:49; it ends when each is done or waived."""

    def at(clock: str) -> datetime:
        hour, minute = map(int, clock.split(":"))
        return datetime(2026, 9, 1, hour - 8, minute, tzinfo=UTC)

    bodies = ("119", "gas", "110", "122", "emergency-mgmt")
    plan = c.Transfer(
        tuple(target(one, Role.SUPPORT if number else Role.LEAD, task="按预案") for number, one in enumerate(bodies)),
        transfer().mode,
        CALENDAR,
        "gas-main",
    )
    case = told(opened(origin="110"), at=at("15:26"))
    tasked = given(case).when(plan, POLICE, at("15:28")).fact
    assert isinstance(tasked, f.CaseTransferred)
    assert [one.agency for one in tasked.referrals] == list(bodies), "N referrals, one fact"
    case = evolve(case, f.Fact(stamp(POLICE, at("15:28")), tasked))
    for number, body in enumerate(bodies, start=1):
        case = evolve(case, f.Fact(stamp(at_agency(body), at("15:31")), f.ReferralAccepted(name(number), "x-1")))
    done = c.Resolve(ONE, "关阀堵漏", "险情已排除")
    for number in (2, 3, 4, 5):
        given(case).when(done, FIRE, at("16:40")).then_refused(WrongState, state="support_open")
        end: f.Body = f.ReferralWaived(name(5), "无需到场") if number == 5 else f.ReferralResolved(name(number), "完成")
        case = evolve(case, f.Fact(stamp(POLICE, at("16:45")), end))
    fact = given(case).when(done, FIRE, at("16:49")).fact
    assert fact is not None
    case = evolve(case, f.Fact(stamp(FIRE, at("16:49")), fact))
    assert case.state == C.FOLLOW_UP
    lead = case.referrals[0]
    assert lead.resolved_at is not None and lead.offered_at is not None
    assert lead.offered_at - case.opened_at == timedelta(minutes=2)
    assert lead.resolved_at - case.opened_at == timedelta(minutes=83)
