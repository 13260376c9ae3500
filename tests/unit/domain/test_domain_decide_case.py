"""Commands on the case itself: what each leads to, and every way it is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from callmesh.domain import commands as c
from callmesh.domain import facts as f
from callmesh.domain.case import ENDED_CASE, Case, FollowUp
from callmesh.domain.decide import decide, may_travel_alone
from callmesh.domain.errors import DomainError, Invalid, NotDivertible, NotFound, NotYours, WrongState
from callmesh.domain.evolve import evolve
from callmesh.domain.guards import CASE_ZH
from callmesh.domain.report import Attachment, Caller, Place, Report, Situation, Supplement
from callmesh.domain.watch import next_limit
from callmesh.domain.words import CaseState, Consent, FollowUpMethod, Level, Limit, Role, Supervision, Verdict
from support.builders import (
    CALENDAR,
    CASE,
    COMMANDER,
    GAS,
    HOTLINE,
    LATER,
    NOW,
    POLICE,
    RULE,
    accepted,
    classification,
    classified,
    given,
    offered,
    opened,
    referral,
    reject,
    resolved,
    speaks,
    stamp,
    target,
    told,
    transfer,
)

OPEN = set(CaseState) - ENDED_CASE
UNTRANSFERRED = {CaseState.RECEIVED, CaseState.CLASSIFIED}
ASKED = f.FollowUpRecorded(FollowUp(True, True, True, 5, at=NOW, agency="110", round=1))
COMMANDS: dict[str, tuple[c.Command, set[CaseState]]] = {
    "amend": (c.Amend("又来电"), OPEN),
    "classify": (c.Classify(classification()), OPEN),
    "answer": (c.Answer("已告知", "您好"), UNTRANSFERRED),
    "reject": (reject(), UNTRANSFERRED),
    "cancel": (c.Cancel("来电人撤销"), OPEN),
    "transfer": (transfer(), UNTRANSFERRED | {CaseState.REFERRED}),
    "follow_up": (
        c.RecordFollowUp(FollowUp(reached=True)),
        {CaseState.FOLLOW_UP, CaseState.CLOSED, CaseState.MERGED},
    ),
    "close": (c.Close("来电人不愿回访"), {CaseState.FOLLOW_UP}),
    "reopen": (c.Reopen("未解决", target(), CALENDAR), {CaseState.FOLLOW_UP, CaseState.CLOSED}),
}


def standing(state: CaseState) -> Case:
    """A case with nothing but its state to say against a command."""
    return replace(told(opened(), classified()), state=state, result="已办结")


@pytest.mark.parametrize("state", CaseState)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_possible_in_its_states_and_refused_in_all_others(command: str, state: CaseState) -> None:
    asked, allowed = COMMANDS[command]
    answer = given(standing(state)).when(asked)
    if state in allowed:
        assert answer.refusal is None
        assert answer.fact is not None
    else:
        refusal = answer.then_refused(WrongState, state=state.value)
        assert CASE_ZH[state] in refusal.zh


@pytest.mark.parametrize("command", [one for one, _ in COMMANDS.values()], ids=list(COMMANDS))
def test_a_command_on_a_case_that_was_never_opened_is_not_found(command: c.Command) -> None:
    given().when(command).then_refused(NotFound)


@pytest.mark.parametrize("body", [classified(), offered(), accepted()], ids=lambda one: type(one).__name__)
def test_a_fact_on_a_case_that_was_never_opened_is_a_defect(body: f.Body) -> None:
    with pytest.raises(ValueError, match="never opened"):
        evolve(None, f.Fact(stamp(), body))


def test_every_wrong_state_says_what_is_allowed_where_something_is() -> None:
    closed = given(standing(CaseState.CLOSED)).when(c.Cancel("晚了"))
    closed.then_refused(WrongState, allowed=("ReopenCase", "RecordFollowUp"))
    merged = given(standing(CaseState.MERGED)).when(c.Cancel("晚了"))
    merged.then_refused(WrongState, allowed=("RecordFollowUp", "UnmergeCase"))
    answered = given(standing(CaseState.ANSWERED)).when(c.Cancel("晚了"))
    answered.then_refused(WrongState, allowed=())


class TestOpen:
    def test_a_report_becomes_a_fact_and_a_case_of_its_receiver(self) -> None:
        given().when(c.Open(opened())).then(opened())
        case = told(opened(flags=("unknown_channel",), emergency=True))
        assert (case.state, case.origin, case.owner, case.round) == (CaseState.RECEIVED, "110", "110", 1)
        assert (case.opened_at, case.updated_at, case.emergency) == (NOW, NOW, True)
        assert case.flags == ("unknown_channel",)
        assert case.id == CASE.removeprefix("cases/")

    def test_opening_again_changes_nothing(self) -> None:
        given(opened()).when(c.Open(opened(channel="sms"))).then_nothing()

    @pytest.mark.parametrize(
        "said",
        [
            {"report": Report(narrative="停气")},
            {"report": Report(place=Place("望江路1号"))},
            {"report": Report(Caller(silent=True))},
            {"report": Report(attachments=(Attachment("s3://1"),))},
            {"report": Report(), "device": "kiosk-001"},
        ],
        ids=["narrative", "place", "silent", "attachment", "device"],
    )
    def test_any_one_thing_said_is_enough(self, said: dict[str, object]) -> None:
        given().when(c.Open(opened(**said))).then(opened(**said))

    def test_nothing_said_is_refused(self) -> None:
        given().when(c.Open(opened(report=Report(Caller("13900000000"))))).then_missing("report.narrative")


class TestAmend:
    def test_words_are_added_with_time_and_agency(self) -> None:
        words = Supplement("还有异味", LATER, "12345")
        given(opened()).when(c.Amend("还有异味"), HOTLINE, LATER).then(f.ReportAmended(words))
        case = told(opened(), f.ReportAmended(words))
        assert case.report.supplements == (words,)
        assert case.report.narrative == "厨房停气了"

    def test_counts_replace_the_old_ones_and_words_alone_leave_them(self) -> None:
        three = Situation(trapped=3)
        given(opened()).when(c.Amend(situation=three)).then(f.ReportAmended(None, three))
        case = told(opened(), f.ReportAmended(None, three), f.ReportAmended(Supplement("又来电")))
        assert case.situation == three

    def test_nothing_to_add_is_refused(self) -> None:
        given(opened()).when(c.Amend()).then_missing("text")


class TestClassify:
    def test_the_machine_speaks_once(self) -> None:
        said = c.Classify(classification(), emergency=True, flags=("x",))
        answer = given(opened()).when(said, RULE, LATER)
        answer.then(f.CaseClassified(classification(at=LATER), True, ("x",)))
        given(opened(), classified()).when(said, RULE).then_nothing()

    def test_but_danger_in_what_came_later_is_heard(self) -> None:
        later = c.Classify(classification("trauma"), emergency=True, raises=True)
        given(opened(), classified()).when(later, RULE).then(f.CaseClassified(classification("trauma"), True))
        calm = c.Classify(classification("trauma"), raises=True)
        given(opened(), classified()).when(calm, RULE).then_nothing()
        given(opened(), replace(classified(), emergency=True)).when(later, RULE).then_nothing()

    def test_a_person_may_change_it_and_says_why(self) -> None:
        other = classification("water_outage", reason="说的是停水")
        changed = c.Classify(other, machine_category="gas_outage")
        given(opened(), classified()).when(changed).then(f.CaseClassified(other))

    def test_changing_it_without_a_reason_is_refused(self) -> None:
        changed = c.Classify(classification("water_outage"), machine_category="gas_outage")
        given(opened(), classified()).when(changed).then_missing("reason")

    def test_confirming_it_needs_no_reason(self) -> None:
        same = c.Classify(classification(by_person=True), machine_category="gas_outage")
        given(opened(), classified()).when(same).then(f.CaseClassified(classification(by_person=True)))

    def test_an_emergency_flag_stays_when_nobody_lowers_it(self) -> None:
        given(opened(emergency=True)).when(c.Classify(classification())).then(f.CaseClassified(classification(), True))

    def test_lowering_the_flag_needs_a_reason(self) -> None:
        lower = c.Classify(classification(), lower_emergency=True)
        given(opened(emergency=True)).when(lower).then_missing("reason")
        why = classification(reason="误报")
        given(opened(emergency=True)).when(c.Classify(why, lower_emergency=True)).then(f.CaseClassified(why, False))

    def test_only_a_person_lowers_the_flag(self) -> None:
        lower = c.Classify(classification(reason="规则"), lower_emergency=True)
        answer = given(opened(emergency=True)).when(lower, RULE)
        answer.then(f.CaseClassified(classification(reason="规则"), True))

    def test_state_advances_only_from_received_and_flags_are_kept_once(self) -> None:
        flagged = replace(classified(), flags=("unknown_category", "seen"))
        case = told(opened(flags=("seen",)), flagged)
        assert case.state == CaseState.CLASSIFIED
        assert case.flags == ("seen", "unknown_category")
        assert told(opened(), classified(), offered(), flagged).state == CaseState.REFERRED


class TestAnswerRejectCancel:
    def test_told_on_the_spot(self) -> None:
        given(opened()).when(c.Answer("已告知", "请拨燃气热线")).then(f.CaseAnswered("已告知", "请拨燃气热线"))
        case = told(opened(), f.CaseAnswered("已告知", "请拨燃气热线"))
        assert (case.state, case.result, case.public_reply) == (CaseState.ANSWERED, "已告知", "请拨燃气热线")
        assert case.closed_at == NOW

    def test_an_answer_needs_result_and_reply(self) -> None:
        given(opened()).when(c.Answer("", "您好")).then_missing("result")
        given(opened()).when(c.Answer("已告知", "")).then_missing("public_reply")

    def test_a_rejection_needs_a_ground(self) -> None:
        given(opened()).when(reject()).then(f.CaseRejected("", "abuse"))
        given(opened()).when(reject("court", "区法院在审")).then(f.CaseRejected("区法院在审", "court"))
        given(opened()).when(reject("court")).then_missing("reason")
        case = told(opened(), f.CaseRejected("区法院在审", "court"))
        assert (case.state, case.ground, case.result) == (CaseState.REJECTED, "court", "区法院在审")

    @pytest.mark.parametrize("ground", ["", "恶意骚扰", "no_such_ground"])
    def test_a_ground_that_is_not_listed_is_refused_by_naming_those_that_are(self, ground: str) -> None:
        refused = given(opened()).when(reject(ground, "反复拨打")).refusal
        assert isinstance(refused, Invalid) and refused.violations == {"ground": "one of: abuse, court"}
        assert refused.zh == "不予受理须选择本市列明的理由: 恶意骚扰 (abuse)、已进入诉讼 (court)"
        nowhere = given(opened()).when(c.Reject("abuse", ())).refusal
        assert isinstance(nowhere, Invalid) and "grounds.toml" in nowhere.zh

    def test_a_rejection_of_before_there_were_grounds_keeps_its_words(self) -> None:
        case = told(opened(), f.CaseRejected("恶意骚扰"))
        assert (case.state, case.ground, case.result) == (CaseState.REJECTED, "", "恶意骚扰")

    @pytest.mark.parametrize("command", [c.Answer("已告知", "您好"), reject()], ids=["answer", "reject"])
    def test_an_emergency_ends_neither_way(self, command: c.Command) -> None:
        refused = given(opened(emergency=True)).when(command)
        refused.then_refused(WrongState, state="emergency", allowed=("TransferCase",))

    @pytest.mark.parametrize("command", [c.Answer("已告知", "您好"), reject()], ids=["answer", "reject"])
    def test_a_case_does_not_end_over_the_heads_of_those_who_still_support(self, command: c.Command) -> None:
        lead, helper = referral(), referral("water", 2, Role.SUPPORT)
        facts = (opened(), classified(), offered(lead, helper), f.ReferralRecalled(lead.name, "误派"))
        given(*facts).when(command).then_refused(WrongState, state="support_open")
        given(*facts, f.ReferralWaived(helper.name, "不需要")).when(command).then(
            f.CaseAnswered("已告知", "您好") if isinstance(command, c.Answer) else f.CaseRejected("", "abuse")
        )

    def test_a_cancelled_case_takes_its_open_referrals_back(self) -> None:
        given(opened()).when(c.Cancel("已恢复")).then(f.CaseCancelled("已恢复"))
        given(opened()).when(c.Cancel("")).then_missing("reason")
        case = told(opened(), classified(), offered(), f.CaseCancelled("已恢复"))
        assert case.state == CaseState.CANCELLED
        assert [one.state.value for one in case.referrals] == ["recalled"]
        assert next_limit(case) is None

    def test_an_emergency_is_cancelled_by_a_commander_only(self) -> None:
        given(opened(emergency=True)).when(c.Cancel("误报")).then_refused(NotYours)
        given(opened(emergency=True)).when(c.Cancel("误报"), COMMANDER).then(f.CaseCancelled("误报"))


class TestFollowUpCloseReopen:
    done = (opened(), classified(), offered(), accepted(), resolved())

    def test_what_the_caller_said_is_kept_with_time_agency_and_round(self) -> None:
        said = FollowUp(True, True, False, 2, FollowUpMethod.PHONE, note="还没好")
        wanted = replace(said, at=LATER, agency="12345", round=1)
        asker = replace(HOTLINE, role="follow_up")
        given(*self.done).when(c.RecordFollowUp(said), asker, LATER).then(f.FollowUpRecorded(wanted))

    @pytest.mark.parametrize("satisfied", [-1, 6])
    def test_satisfaction_out_of_range(self, satisfied: int) -> None:
        said = c.RecordFollowUp(FollowUp(satisfied=satisfied))
        given(*self.done).when(said).then_refused(Invalid, violations={"follow_up.satisfied": "0 to 5"})

    @pytest.mark.parametrize("satisfied", [0, 5])
    def test_satisfaction_at_its_ends(self, satisfied: int) -> None:
        assert given(*self.done).when(c.RecordFollowUp(FollowUp(True, satisfied=satisfied))).refusal is None

    @pytest.mark.parametrize("caller", [Caller(confidential=True), Caller(silent=True)], ids=["confidential", "silent"])
    def test_some_callers_are_never_called_back(self, caller: Caller) -> None:
        case = replace(told(*self.done), report=Report(caller, "停气"))
        given(case).when(c.RecordFollowUp(FollowUp(reached=True))).then_refused(NotYours)
        given(case).when(c.RecordFollowUp(FollowUp(reached=False))).then_refused(NotYours)
        given(case).when(c.Close("保密来电, 免回访")).then(f.CaseClosed("保密来电, 免回访"))

    def test_closing_needs_a_follow_up_of_this_round_or_a_waiver(self) -> None:
        given(*self.done).when(c.Close()).then_missing("waiver")
        given(*self.done).when(c.Close("三次未接通")).then(f.CaseClosed("三次未接通"))
        given(*self.done, ASKED).when(c.Close()).then(f.CaseClosed())
        next_round = replace(told(*self.done, ASKED), round=2)
        given(next_round).when(c.Close()).then_missing("waiver")

    def test_closing_needs_a_result(self) -> None:
        given(replace(told(*self.done, ASKED), result="")).when(c.Close()).then_missing("result")

    def test_a_closed_case_closes_its_resolved_referrals(self) -> None:
        case = told(*self.done, ASKED, f.CaseClosed())
        assert (case.state, case.closed_at) == (CaseState.CLOSED, NOW)
        assert [(one.state.value, one.ended_at) for one in case.referrals] == [("closed", NOW)]

    def test_a_supporting_agency_cannot_close(self) -> None:
        helper = referral("water", 2, Role.SUPPORT)
        case = told(opened(), classified(), offered(referral(), helper), f.ReferralWaived(helper.name, "x"))
        case = evolve(evolve(case, f.Fact(stamp(), accepted())), f.Fact(stamp(), resolved()))
        support = replace(GAS, agency="water")
        given(case).when(c.Close("免回访"), support).then_refused(NotYours)
        given(case).when(c.Close("免回访"), HOTLINE).then_refused(NotFound)
        given(case).when(c.Close("免回访"), GAS).then(f.CaseClosed("免回访"))

    def test_nor_when_it_called_others_to_an_emergency(self) -> None:
        helper, called = referral("water", 2, Role.SUPPORT), replace(referral("power", 3, Role.SUPPORT), sender="water")
        ended = [f.ReferralWaived(one.name, "x") for one in (helper, called)]
        case = told(opened(), classified(), offered(referral(), helper, called), *ended)
        case = evolve(evolve(case, f.Fact(stamp(), accepted())), f.Fact(stamp(), resolved()))
        given(case).when(c.Close("免回访"), replace(GAS, agency="water")).then_refused(NotYours)

    def test_a_new_round_keeps_the_old_one(self) -> None:
        asker = replace(HOTLINE, role="follow_up")
        answer = given(*self.done).when(c.Reopen("未解决", target(), CALENDAR), asker)
        again = referral(number=2, round=2, sender="12345", mode=None)
        answer.then(f.CaseReopened("未解决", (again,)))
        case = evolve(told(*self.done), f.Fact(stamp(HOTLINE), f.CaseReopened("未解决", (again,))))
        assert (case.state, case.round, case.owner, case.result) == (CaseState.REFERRED, 2, "110", "")
        assert case.supervision.value == "yellow"
        assert case.this_round == (again,)
        assert [one.round for one in case.referrals] == [1, 2]

    def test_reopening_needs_a_reason(self) -> None:
        given(*self.done).when(c.Reopen("", target(), CALENDAR)).then_missing("reason")

    def test_a_reopened_emergency_goes_to_an_emergency_service(self) -> None:
        case = replace(told(*self.done), emergency=True)
        given(case).when(c.Reopen("未解决", target("gas"), CALENDAR)).then_refused(NotDivertible)
        assert given(case).when(c.Reopen("未解决", target("119"), CALENDAR)).refusal is None

    def test_supervision_never_falls_by_reopening(self) -> None:
        red = f.DeadlineMissed(referral().name, Limit.RESOLVE, LATER, Supervision.RED)
        case = told(*self.done, red, f.CaseReopened("x", (referral(number=2, round=2),)))
        assert case.supervision == Supervision.RED


class TestTravelAlone:
    @pytest.mark.parametrize(
        ("verdict", "emergency", "consent", "alone"),
        [
            (Verdict.ROUTE, False, None, True),
            (Verdict.ROUTE, False, Consent.GIVEN, True),
            (Verdict.ROUTE, False, Consent.REFUSED, False),
            (Verdict.ASK, False, None, False),
            (Verdict.ASK, True, Consent.REFUSED, True),
            (Verdict.EMERGENCY, True, None, True),
        ],
    )
    def test_who_travels_without_an_operator(
        self, verdict: Verdict, emergency: bool, consent: Consent | None, alone: bool
    ) -> None:
        report = Report(Caller(consent=consent), "停气")
        sure = f.CaseClassified(classification(verdict=verdict), emergency)
        assert may_travel_alone(told(opened(report=report), sure)) is alone

    def test_nobody_twice_and_nobody_after_the_end(self) -> None:
        assert not may_travel_alone(told(opened(), classified(emergency=True), offered()))
        ended = told(opened(), classified(emergency=True), f.CaseCancelled("误报"))
        assert not may_travel_alone(ended)


def test_deciding_leaves_the_case_as_it_was() -> None:
    case = told(opened(), classified())
    before = repr(case)
    for command, _ in COMMANDS.values():
        try:
            decide(case, command, stamp(POLICE, NOW + timedelta(seconds=1)))
        except DomainError as refused:
            speaks(refused)
    assert repr(case) == before


def test_level_and_category_are_those_of_the_last_classification() -> None:
    assert (told(opened()).level, told(opened()).category) == (None, "")
    case = told(opened(), classified(), classified("fire", Level.P0))
    assert (case.level, case.category) == (Level.P0, "fire")
