"""The deciders about calls: ring, three on one line, leave, hang up, what the switch says, a call-back.

A leg rings one number of an agency. Nobody answers in the city's limit, or it is busy: transfer rings the next one, and
after the last the referral goes on as a pushed work order; the owner is the same all the time, for only a person's
acceptance changes it. A call that broke, or could not be put through because the switch is away, leaves a call-back
to the first receiver, in the same fact. Callers who may not be called - silent, confidential, by text - have no legs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from callmesh.domain import commands_calls as c
from callmesh.domain import facts as f
from callmesh.domain.access import FOLLOW_UP
from callmesh.domain.calls import NEXT_TARGET, TALKING, CallBack, CallLeg, leg_of
from callmesh.domain.case import Case
from callmesh.domain.city_calls import CallRules
from callmesh.domain.errors import Invalid, NotFound, WrongState
from callmesh.domain.guards import at_least_open, need_part
from callmesh.domain.release import is_shielded
from callmesh.domain.repeats import length
from callmesh.domain.values import replace
from callmesh.domain.words import ATTENDED, LegReason, LegState

NO_INTERPRETER = "no_interpreter"
UNSUPPORTED_LANGUAGE = "unsupported_language"
_S, _R = LegState, LegReason


def has_voice(case: Case) -> bool:
    """Whether the caller may be on a line: by phone or video, neither silent nor confidential."""
    return case.channel in ATTENDED and not is_shielded(case.report.caller)


def need_voice(case: Case) -> None:
    """Raises WrongState for a caller who may not be called."""
    if not has_voice(case):
        raise WrongState(
            "this caller must not be called: not by phone, silent or confidential; push the work order",
            "该来件非语音呼叫, 或来电人为静默、保密, 不得接通电话; 请以推送方式转办",
            state="no_voice",
            allowed=("TransferCase (push)",),
        )


def ring(case: Case, command: c.Ring, stamp: f.Stamp) -> f.CallLegChanged | None:
    """A new leg, unless this number was rung already: a rule may come twice."""
    at_least_open(case, "呼叫")
    need_voice(case)
    return None if _rung(case, command) else _new(case, command, stamp)


def _rung(case: Case, command: c.Ring) -> bool:
    last = next((one for one in reversed(case.call_legs) if _same(one, command)), None)
    if last is None or last.is_live:
        return last is not None
    return last.target != command.target - 1 if command.target > 1 else last.referral == command.referral


def _same(one: CallLeg, command: c.Ring) -> bool:
    return (one.agency, one.language) == (command.agency, command.language)


def _new(case: Case, command: c.Ring, stamp: f.Stamp) -> f.CallLegChanged:
    leg = CallLeg(
        leg=leg_of(case.id, len(case.call_legs) + 1),
        agency=command.agency,
        at=stamp.at,
        referral=command.referral,
        language=command.language,
        target=command.target,
        targets=command.targets,
        conference=command.conference,
        due=stamp.at + length(command.rules.ring),
    )
    if not command.targets:
        unrung = replace(leg, state=_S.FAILED, reason=_R.NO_LINE, due=None)
        return f.CallLegChanged(unrung, _waits(case, leg), command.flags)
    return f.CallLegChanged(leg, flags=command.flags)


def confer(case: Case, command: c.Confer, stamp: f.Stamp) -> f.CallLegChanged | None:
    """The agency's leg becomes a conference as soon as it is answered; without a leg it is rung for one."""
    need_part(case, stamp, "三方通话")
    at_least_open(case, "三方通话")
    need_voice(case)
    asked = command.ring
    leg = next((one for one in case.call_legs if one.is_live and _same(one, asked)), None)
    if leg is None:
        if not asked.targets:
            raise Invalid(
                "no number to ring", "城市目录中没有该单位的电话, 请以推送方式转办", {"agency": "has no number"}
            )
        return _new(case, replace(asked, conference=True), stamp)
    return None if leg.conference else f.CallLegChanged(replace(leg, conference=True))


def leave(case: Case, command: c.LeaveCall, stamp: f.Stamp) -> f.CallLegChanged | None:
    """The operator leaves a conference: caller and partner talk on."""
    need_part(case, stamp, "退出通话")
    leg = _meant(case, command.leg, lambda one: one.is_live and one.conference)
    return f.CallLegChanged(replace(leg, conference=False)) if leg.is_live and leg.conference else None


def hang_up(case: Case, command: c.HangUp, stamp: f.Stamp) -> f.CallLegChanged | None:
    """Ended by a person; the referral of one that only rang goes on as a push."""
    need_part(case, stamp, "挂断")
    leg = _meant(case, command.leg, lambda one: one.is_live)
    if not leg.is_live:
        return None
    over = replace(leg, state=_S.ENDED, at=stamp.at, reason=_R.HUNG_UP, due=None)
    return f.CallLegChanged(over, _waits(case, leg) and leg.state == _S.RINGING)


def hear(case: Case, command: c.Hear, stamp: f.Stamp) -> f.CallLegChanged | None:
    """What the switch says. Of a leg that is over nothing is heard but that it lived while the switch was away."""
    leg = case.leg(command.leg)
    if leg is None or leg.state == command.state or not (leg.is_live or _was_alive(leg, command)):
        return None
    if command.state in TALKING:
        until = stamp.at + length(command.rules.talk)
        return f.CallLegChanged(replace(leg, state=command.state, at=stamp.at, reason=None, due=until, call_back=None))
    if command.state == _S.FAILED:
        return _failed(case, leg, command.reason or _R.DROPPED, command.rules, stamp)
    if command.state == _S.ENDED:
        return f.CallLegChanged(replace(leg, state=_S.ENDED, at=stamp.at, reason=command.reason, due=None))
    return None


def _was_alive(leg: CallLeg, command: c.Hear) -> bool:
    return leg.reason == _R.SWITCH_AWAY and command.state in TALKING


def lapse(case: Case, command: c.Lapse, stamp: f.Stamp) -> f.CallLegChanged | None:
    """Once, and not before its time."""
    leg = case.leg(command.leg)
    if leg is None or not leg.is_live or leg.due is None or stamp.at < leg.due:
        return None
    reason = _R.NO_ANSWER if leg.state == _S.RINGING else _R.DROPPED
    return _failed(case, leg, reason, command.rules, stamp)


def _failed(case: Case, leg: CallLeg, reason: LegReason, rules: CallRules, stamp: f.Stamp) -> f.CallLegChanged:
    """A broken call leaves a call-back; one that was never answered its next number, or the push."""
    talked = leg.state in TALKING
    more = reason in NEXT_TARGET and leg.target < leg.targets
    lost = talked or reason in (_R.DROPPED, _R.SWITCH_AWAY)
    back = CallBack(case.origin, stamp.at + length(rules.call_back)) if lost else None
    over = replace(leg, state=_S.FAILED, at=stamp.at, reason=reason, due=None, call_back=back)
    alone = (NO_INTERPRETER,) if leg.language and not more else ()
    return f.CallLegChanged(over, _waits(case, leg) and not talked and not more, alone)


def _waits(case: Case, leg: CallLeg) -> bool:
    """Whether the referral whose data went with the call still waits for somebody."""
    referral = case.referral(leg.referral)
    return referral is not None and referral.is_open


def call_back(case: Case, command: c.RecordCallBack, stamp: f.Stamp) -> f.CallLegChanged | None:
    """By a person; who was not reached is called again."""
    need_part(case, stamp, "回电", FOLLOW_UP)
    leg = _meant(case, command.leg, lambda one: one.is_owed)
    back = leg.call_back
    if back is None:
        raise WrongState("nobody has to call back", "该通话没有待回电任务", state=leg.state.value)
    if not back.is_open:
        return None
    back = replace(back, attempts=back.attempts + 1)
    if command.reached:
        back = replace(back, done_at=stamp.at, person=stamp.actor.person)
    return f.CallLegChanged(replace(leg, call_back=back))


def _meant(case: Case, leg: str, fits: Callable[[CallLeg], bool]) -> CallLeg:
    """The leg of that id, or without one the only one that fits."""
    found = [one for one in case.call_legs if (one.leg == leg if leg else fits(one))]
    if not found:
        raise NotFound("no such call leg", "没有这路通话, 请核对编号")
    if len(found) > 1:
        reason = {"leg": f"one of {', '.join(one.leg for one in found)}"}
        raise Invalid("several call legs are meant", "有多路通话, 请指明其一", reason)
    return found[0]


DECIDERS: dict[type, Callable[[Case, Any, f.Stamp], f.Body | None]] = {
    c.Ring: ring,
    c.Confer: confer,
    c.LeaveCall: leave,
    c.HangUp: hang_up,
    c.Hear: hear,
    c.Lapse: lapse,
    c.RecordCallBack: call_back,
}
