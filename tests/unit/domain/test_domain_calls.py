"""Calls of a case (通话): a leg's way from ring to end, what a lost one leaves, and who is never rung."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from callmesh.domain import commands as c
from callmesh.domain import facts as f
from callmesh.domain import ringing
from callmesh.domain.calls import CallBack, CallLeg, case_of_leg, leg_of
from callmesh.domain.case import Case
from callmesh.domain.city_calls import CallRules
from callmesh.domain.decide_calls import NO_INTERPRETER, UNSUPPORTED_LANGUAGE
from callmesh.domain.errors import Invalid, NotFound, NotYours, WrongState
from callmesh.domain.release import view
from callmesh.domain.report import Caller, Report
from callmesh.domain.watch import Alarm, next_watch
from callmesh.domain.words import LegReason, LegState, Limit, Mode, Supervision
from support.builders import (
    CASE_ID,
    GAS,
    NOW,
    POLICE,
    RULE,
    TIMER,
    WATER,
    accepted,
    classified,
    given,
    name,
    offered,
    opened,
    referral,
    told,
)
from support.city import demo_city

S, R = LegState, LegReason
RULES = CallRules()
FIRST = leg_of(CASE_ID, 1)
RINGS = NOW + timedelta(seconds=20)
BACK = NOW + timedelta(minutes=5)
RING = c.Ring("gas", RULES, 2, referral=name())
RINGING = CallLeg(FIRST, "gas", S.RINGING, NOW, name(), targets=2, due=RINGS)
ANSWERED = replace(RINGING, state=S.ANSWERED, due=NOW + timedelta(hours=2))
OFFERED = told(opened(), classified(), offered(referral(mode=Mode.CALL)))


def with_leg(leg: CallLeg, *more: CallLeg) -> Case:
    return replace(OFFERED, call_legs=(leg, *more))


def after(case: Case, body: f.Body | None) -> Case:
    from callmesh.domain.evolve import evolve
    from support.builders import stamp

    assert body is not None
    return evolve(case, f.Fact(stamp(RULE), body))


def hear(state: LegState, reason: LegReason | None = None, leg: str = FIRST) -> c.Hear:
    return c.Hear(leg, state, RULES, reason)


class TestRing:
    def test_the_first_number_rings_for_as_long_as_the_city_says(self) -> None:
        given(OFFERED).when(RING, RULE).then(f.CallLegChanged(RINGING))
        assert case_of_leg(FIRST) == CASE_ID

    def test_a_rule_that_comes_twice_rings_once(self) -> None:
        for leg in (RINGING, ANSWERED, replace(RINGING, state=S.ENDED), replace(RINGING, state=S.FAILED)):
            given(with_leg(leg)).when(RING, RULE).then_nothing()

    def test_the_next_number_follows_the_one_that_came_to_nothing(self) -> None:
        failed = with_leg(replace(RINGING, state=S.FAILED, reason=R.BUSY))
        following = ringing.following(replace(demo_city(), calls=RULES), failed.call_legs[0])
        assert following == replace(RING, target=2)
        given(failed).when(following, RULE).then(f.CallLegChanged(replace(RINGING, leg=leg_of(CASE_ID, 2), target=2)))
        second = replace(RINGING, leg=leg_of(CASE_ID, 2), target=2)
        given(with_leg(failed.call_legs[0], second)).when(following, RULE).then_nothing()

    def test_without_a_number_it_is_recorded_and_pushed(self) -> None:
        unrung = replace(RINGING, state=S.FAILED, reason=R.NO_LINE, due=None, targets=0)
        given(OFFERED).when(replace(RING, targets=0), RULE).then(f.CallLegChanged(unrung, pushed=True))

    @pytest.mark.parametrize(
        "changes",
        [
            {"channel": "sms"},
            {"channel": "kiosk"},
            {"report": Report(Caller(silent=True), "救命")},
            {"report": Report(Caller(confidential=True), "举报")},
        ],
    )
    def test_who_writes_is_silent_or_confidential_is_never_rung(self, changes: dict[str, Any]) -> None:
        case = told(opened(**changes), classified(), offered())
        for command, by in ((RING, RULE), (c.Confer(RING), POLICE)):
            given(case).when(command, by).then_refused(WrongState, state="no_voice")


class TestConference:
    def test_the_agency_on_the_line_joins(self) -> None:
        for leg in (RINGING, ANSWERED):
            given(with_leg(leg)).when(c.Confer(RING)).then(f.CallLegChanged(replace(leg, conference=True)))
        given(with_leg(replace(ANSWERED, conference=True))).when(c.Confer(RING)).then_nothing()

    def test_one_that_is_not_is_rung_again(self) -> None:
        failed = replace(RINGING, state=S.FAILED, reason=R.NO_ANSWER)
        again = replace(RINGING, leg=leg_of(CASE_ID, 2), conference=True)
        given(with_leg(failed)).when(c.Confer(RING)).then(f.CallLegChanged(again))
        given(OFFERED).when(c.Confer(replace(RING, targets=0))).then_refused(Invalid)

    def test_the_operator_leaves_and_they_talk_on(self) -> None:
        three = replace(ANSWERED, state=S.CONFERENCE, conference=True)
        left = replace(three, conference=False)
        given(with_leg(three)).when(c.LeaveCall("")).then(f.CallLegChanged(left))
        given(with_leg(left)).when(c.LeaveCall(FIRST)).then_nothing()
        assert after(with_leg(left), f.CallLegChanged(replace(left, state=S.ANSWERED))).call_legs[0].is_live

    def test_only_who_answers_for_the_case_and_only_a_leg_that_there_is(self) -> None:
        for command in (c.Confer(RING), c.LeaveCall(FIRST), c.HangUp(FIRST), c.RecordCallBack(FIRST, True)):
            given(with_leg(ANSWERED)).when(command, WATER).then_refused(NotFound)
        support = told(opened(), classified(), offered(referral(), referral("water", 2, role=_support())))
        given(replace(support, call_legs=(ANSWERED,))).when(c.HangUp(FIRST), WATER).then_refused(NotYours)
        given(OFFERED).when(c.HangUp(FIRST)).then_refused(NotFound)
        other = replace(ANSWERED, leg=leg_of(CASE_ID, 2), agency="water")
        given(with_leg(ANSWERED, other)).when(c.HangUp("")).then_refused(Invalid)


def _support() -> Any:
    from callmesh.domain.words import Role

    return Role.SUPPORT


class TestHeard:
    def test_answered_and_three_on_one_line(self) -> None:
        given(with_leg(RINGING)).when(hear(S.ANSWERED), RULE).then(f.CallLegChanged(ANSWERED))
        given(with_leg(ANSWERED)).when(hear(S.CONFERENCE), RULE).then(
            f.CallLegChanged(replace(ANSWERED, state=S.CONFERENCE))
        )
        given(with_leg(ANSWERED)).when(hear(S.ANSWERED), RULE).then_nothing()
        given(with_leg(RINGING)).when(hear(S.RINGING), RULE).then_nothing()

    def test_nobody_answers_the_next_rings_and_after_the_last_the_order_is_pushed(self) -> None:
        given(with_leg(RINGING)).when(c.Lapse(FIRST, RULES), TIMER).then_nothing()
        over = replace(RINGING, state=S.FAILED, at=RINGS, reason=R.NO_ANSWER, due=None)
        given(with_leg(RINGING)).when(c.Lapse(FIRST, RULES), TIMER, RINGS).then(f.CallLegChanged(over))
        last = replace(RINGING, target=2)
        body = given(with_leg(last)).when(hear(S.FAILED, R.BUSY), RULE).fact
        assert body == f.CallLegChanged(replace(last, state=S.FAILED, reason=R.BUSY, due=None), pushed=True)
        pushed = after(with_leg(last), body)
        assert (pushed.referrals[0].mode, pushed.owner) == (Mode.PUSH, "110")
        given(pushed).when(c.Lapse(FIRST, RULES), TIMER, RINGS).then_nothing()

    @pytest.mark.parametrize(
        ("leg", "reason"),
        [(ANSWERED, R.DROPPED), (RINGING, R.SWITCH_AWAY), (RINGING, R.DROPPED), (ANSWERED, R.SWITCH_AWAY)],
    )
    def test_a_lost_call_leaves_a_call_back_to_the_first_receiver(self, leg: CallLeg, reason: LegReason) -> None:
        body = given(with_leg(leg)).when(hear(S.FAILED, reason), RULE).fact
        over = replace(leg, state=S.FAILED, reason=reason, due=None, call_back=CallBack("110", BACK))
        assert body == f.CallLegChanged(over, pushed=leg is RINGING)

    def test_no_call_lasts_for_ever(self) -> None:
        body = given(with_leg(ANSWERED)).when(c.Lapse(FIRST, RULES), TIMER, NOW + timedelta(hours=2)).fact
        assert isinstance(body, f.CallLegChanged) and body.leg.reason == R.DROPPED and body.leg.is_owed

    def test_what_is_over_stays_over_but_for_a_switch_that_was_only_out_of_reach(self) -> None:
        ended = replace(ANSWERED, state=S.ENDED, reason=R.HUNG_UP)
        for state in S:
            given(with_leg(ended)).when(hear(state), RULE).then_nothing()
        lost = replace(ANSWERED, state=S.FAILED, reason=R.SWITCH_AWAY, call_back=CallBack("110", BACK))
        given(with_leg(lost)).when(hear(S.ANSWERED), RULE).then(f.CallLegChanged(ANSWERED))
        given(with_leg(lost)).when(hear(S.FAILED, R.DROPPED), RULE).then_nothing()
        given(OFFERED).when(hear(S.ANSWERED), RULE).then_nothing()

    def test_a_person_hangs_up_and_what_only_rang_is_pushed(self) -> None:
        over = replace(RINGING, state=S.ENDED, reason=R.HUNG_UP, due=None)
        given(with_leg(RINGING)).when(c.HangUp(FIRST)).then(f.CallLegChanged(over, pushed=True))
        given(with_leg(over)).when(c.HangUp(FIRST)).then_nothing()
        body = given(with_leg(ANSWERED)).when(c.HangUp("")).fact
        assert isinstance(body, f.CallLegChanged) and not body.pushed


class TestCallBack:
    LOST = with_leg(replace(ANSWERED, state=S.FAILED, reason=R.DROPPED, due=None, call_back=CallBack("110", BACK)))

    def test_it_is_open_until_the_caller_was_reached(self) -> None:
        tried = given(self.LOST).when(c.RecordCallBack("", False)).fact
        case = after(self.LOST, tried)
        assert case.call_legs[0].is_owed and case.call_legs[0].call_back == CallBack("110", BACK, attempts=1)
        reached = after(case, given(case).when(c.RecordCallBack(FIRST, True)).fact)
        assert not reached.call_legs[0].is_owed
        given(reached).when(c.RecordCallBack(FIRST, True)).then_nothing()
        given(with_leg(ANSWERED)).when(c.RecordCallBack(FIRST, True)).then_refused(WrongState)

    def test_its_limit_is_missed_once(self) -> None:
        watch = next_watch(self.LOST, BACK)
        assert watch is not None
        assert (watch.at, watch.alarm, watch.agency, watch.limit) == (BACK, Alarm.MISS, "110", Limit.CALL_BACK)
        missed = given(self.LOST).when(c.MissDeadline("", Limit.CALL_BACK), TIMER, BACK).fact
        assert missed == f.DeadlineMissed("", Limit.CALL_BACK, BACK, Supervision.YELLOW)
        late = after(self.LOST, missed)
        assert late.call_legs[0].is_owed and "late_call_back" in late.flags
        given(late).when(c.MissDeadline("", Limit.CALL_BACK), TIMER, BACK).then_nothing()

    def test_an_ended_case_is_not_called_back_for(self) -> None:
        ended = after(self.LOST, f.CaseCancelled("误报"))
        assert next_watch(ended, BACK) is None


class TestInterpreter:
    def test_the_language_finds_who_speaks_it(self) -> None:
        city = demo_city()
        english = ringing.interpreter(city, "en-GB")
        assert (english.agency, english.language, english.conference, english.flags) == ("12345", "en", True, ())
        assert [ringing.is_foreign(city, one) for one in ("", "zh-CN", "en")] == [False, False, True]

    def test_one_that_nobody_speaks_falls_back_and_says_so(self) -> None:
        city = demo_city()
        other = ringing.interpreter(city, "sw")
        assert (other.language, other.flags) == ("en", (UNSUPPORTED_LANGUAGE,))
        alone = ringing.interpreter(replace(city, interpreters=()), "sw")
        body = given(OFFERED).when(alone, RULE).fact
        assert isinstance(body, f.CallLegChanged) and body.leg.reason == R.NO_LINE and not body.pushed
        assert set(after(OFFERED, body).flags) == {UNSUPPORTED_LANGUAGE, NO_INTERPRETER}

    def test_nobody_interprets_and_the_case_says_so(self) -> None:
        rung = replace(RINGING, referral="", language="en", target=2)
        body = given(with_leg(rung)).when(hear(S.FAILED, R.BUSY), RULE).fact
        assert isinstance(body, f.CallLegChanged) and (body.flags, body.pushed) == ((NO_INTERPRETER,), False)

    def test_numbers_come_from_the_city_and_may_be_gone(self) -> None:
        city, rung = demo_city(), replace(RINGING, agency="12345", language="en")
        assert ringing.number(city, rung) == city.interpreters[0].numbers[0]
        assert ringing.number(city, replace(RINGING, target=2)) == city.numbers("gas")[1]
        assert ringing.number(replace(city, lines=()), RINGING) == ""


def test_an_agency_sees_its_own_calls_only() -> None:
    other = replace(ANSWERED, leg=leg_of(CASE_ID, 2), agency="12345", language="en")
    case = after(with_leg(ANSWERED, other), accepted())
    over = replace(ANSWERED, state=S.ENDED, reason=R.HUNG_UP)
    for leg in (ANSWERED, over):
        shown = view(replace(case, call_legs=(leg, other)), GAS.agency, demo_city())
        assert shown.call_legs == (leg,) and type(shown.call_legs[0].reason) is type(leg.reason)
