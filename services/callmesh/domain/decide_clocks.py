"""The deciders about time: extensions asked and decided, pauses asked, approved, denied and ended.

Asking changes no clock. An extension moves the limit of the result; a pause stops every clock of the referral and
moves what was left of each limit when it ends, in the sort of time the limit runs on. P0 and P1 never pause.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from callmesh.domain import clocks
from callmesh.domain import commands_clocks as c
from callmesh.domain import facts as f
from callmesh.domain import facts_clocks as fc
from callmesh.domain.case import Case
from callmesh.domain.decide_watch import need_overseer
from callmesh.domain.directory import Calendar, Span
from callmesh.domain.errors import Invalid, WrongState, need_text
from callmesh.domain.guards import find_referral, need_referral_state, own_referral
from callmesh.domain.referral import Referral
from callmesh.domain.values import replace
from callmesh.domain.words import ActorKind, PendingKind, ReferralState

_S = ReferralState
_WORKING = (_S.ACCEPTED, _S.IN_PROGRESS)


class Dues(NamedTuple):
    """The moments of a referral's three limits, and when to warn of each."""

    accept: datetime
    feedback: datetime
    resolve: datetime
    accept_warn: datetime | None
    feedback_warn: datetime | None
    resolve_warn: datetime | None


def dues(one: Referral, start: datetime, calendar: Calendar) -> Dues | None:
    """The limits stored on the referral, counted from `start`; None when it carries none."""
    if not (one.accept_within and one.feedback_within and one.resolve_within):
        return None
    spans = (one.accept_within, one.feedback_within, one.resolve_within)
    ends = [clocks.due(start, span, calendar, one.wall_time) for span in spans]
    warnings = [_warning(one, span, start, end, calendar) for span, end in zip(spans, ends, strict=True)]
    return Dues(*ends, *warnings)


def counted(made: Referral, start: datetime, calendar: Calendar) -> Referral:
    """A new referral with its limits counted from `start`."""
    ends = dues(made, start, calendar)
    assert ends is not None, "an offer carries limits"
    return replace(
        made,
        accept_due=ends.accept,
        feedback_due=ends.feedback,
        resolve_due=ends.resolve,
        accept_warn_at=ends.accept_warn,
        feedback_warn_at=ends.feedback_warn,
        resolve_warn_at=ends.resolve_warn,
    )


def request_extension(case: Case, command: c.RequestExtension, stamp: f.Stamp) -> fc.ExtensionRequested:
    """At most one ordinary and one special, asked before it is due."""
    referral = own_referral(case, command.referral, stamp)
    need_referral_state(referral, _WORKING, "申请延期", stamp)
    need_text(command.reason, "reason", "延期理由")
    if referral.resolve_due is None or stamp.at >= referral.resolve_due:
        reason = {"until": "asked after the limit was due"}
        raise Invalid("an extension must be asked before it is due", "已超过办结时限, 不能再申请延期", reason)
    _need_unused(referral, command.special)
    rules = command.oversight.rules
    most = rules.extension_special if command.special else rules.extension_ordinary
    longest = clocks.due(referral.resolve_due, most, command.oversight.calendar, referral.wall_time)
    until = _within(command.until, referral.resolve_due, longest)
    due = command.oversight.decision_due(case, stamp.at)
    return fc.ExtensionRequested(referral.name, until, command.reason, command.special, due)


def decide_extension(case: Case, command: c.DecideExtension, stamp: f.Stamp) -> fc.ExtensionDecided:
    """By who sent it or supervises it; a time that others waited for is not held against the agency."""
    referral = find_referral(case, command.referral)
    need_overseer(case, referral, stamp, "审批延期")
    asked = referral.asked_for(PendingKind.EXTENSION)
    if asked is None:
        raise _nothing_asked(referral, "延期", "RequestExtension")
    need_text(command.reason, "reason", "审批意见")
    if not command.granted:
        return fc.ExtensionDecided(referral.name, False, command.reason, special=asked.special)
    need_referral_state(referral, (*_WORKING, _S.SUSPENDED, _S.RETURN_REQUESTED), "批准延期", stamp)
    before = referral.resolve_due or stamp.at
    until = command.until or asked.until or before
    if until <= before:
        reason = {"until": "must be later than the limit in force"}
        raise Invalid("an extension must give more time", "延期后的时限必须晚于现行时限", reason)
    warn = _warning_of_result(referral, until, command.calendar)
    return fc.ExtensionDecided(referral.name, True, command.reason, until, asked.special, warn)


def request_suspension(case: Case, command: c.RequestSuspension, stamp: f.Stamp) -> fc.SuspensionRequested:
    """While it is worked on; the clocks run on until it is approved."""
    referral = own_referral(case, command.referral, stamp)
    need_referral_state(referral, _WORKING, "申请挂账", stamp)
    _need_pausable(case, referral)
    need_text(command.reason, "reason", "挂账理由")
    if referral.asked_for(PendingKind.SUSPENSION):
        raise _asked_already(referral, "挂账")
    until = _pause_until(case, command.until, command, stamp)
    return fc.SuspensionRequested(referral.name, command.reason, until, command.oversight.decision_due(case, stamp.at))


def suspend(case: Case, command: c.Suspend, stamp: f.Stamp) -> fc.ReferralSuspended:
    """Approve it. Without a request the pause is the approver's own, and is told as theirs."""
    referral = find_referral(case, command.referral)
    need_overseer(case, referral, stamp, "批准挂账")
    need_referral_state(referral, _WORKING, "挂账", stamp)
    _need_pausable(case, referral)
    need_text(command.reason, "reason", "审批意见")
    asked = referral.asked_for(PendingKind.SUSPENSION)
    until = _pause_until(case, command.until or (asked.until if asked else None), command, stamp)
    asked_by = referral.agency if asked else stamp.actor.agency or referral.sender
    return fc.ReferralSuspended(referral.name, command.reason, asked_by, until)


def deny_suspension(case: Case, command: c.DenySuspension, stamp: f.Stamp) -> fc.SuspensionDenied:
    """The agency goes on."""
    referral = find_referral(case, command.referral)
    need_overseer(case, referral, stamp, "驳回挂账")
    if referral.asked_for(PendingKind.SUSPENSION) is None:
        raise _nothing_asked(referral, "挂账", "RequestSuspension")
    need_text(command.reason, "reason", "驳回理由")
    return fc.SuspensionDenied(referral.name, command.reason)


def resume(case: Case, command: c.Resume, stamp: f.Stamp) -> fc.ReferralResumed | None:
    """By the agency itself, who approved it, a rule, or the timer when the pause is over."""
    referral = find_referral(case, command.referral)
    if stamp.actor.kind == ActorKind.TIMER and _not_over(referral, stamp.at):
        return None
    if stamp.actor.agency != referral.agency:
        need_overseer(case, referral, stamp, "恢复办理")
    need_referral_state(referral, (_S.SUSPENDED,), "恢复办理", stamp)
    return _resumed(case, referral, command, stamp.at)


def _resumed(case: Case, one: Referral, command: c.Resume, at: datetime) -> fc.ReferralResumed:
    since, city = one.suspended_at or at, command.oversight

    def on(end: datetime | None, span: Span | None) -> datetime | None:
        return clocks.moved(end, since, at, _days(one, span, city.calendar))

    return fc.ReferralResumed(
        one.name,
        command.reason,
        feedback_due=on(one.feedback_due, one.feedback_within),
        resolve_due=on(one.resolve_due, one.resolve_within),
        return_due=on(one.return_due, city.return_within),
        answer_due=on(one.answer_due, city.answer_within(case)),
        feedback_warn_at=on(one.feedback_warn_at, one.feedback_within),
        resolve_warn_at=on(one.resolve_warn_at, one.resolve_within),
    )


def _not_over(referral: Referral, at: datetime) -> bool:
    return referral.state != _S.SUSPENDED or referral.suspended_until is None or at < referral.suspended_until


def _need_unused(referral: Referral, special: bool) -> None:
    if referral.asked_for(PendingKind.EXTENSION):
        raise _asked_already(referral, "延期")
    ordinary = referral.extension_count - referral.special_extension_count
    if (referral.special_extension_count if special else ordinary) > 0:
        sort, zh = ("special", "特殊") if special else ("ordinary", "一般")
        raise WrongState(
            f"the {sort} extension was granted already; there is only one",
            f"{zh}延期已批准过一次, 不能再次申请",
            state=f"extended_{sort}",
            allowed=("ResolveReferral",) if special else ("RequestExtension (special)", "ResolveReferral"),
        )


def _need_pausable(case: Case, referral: Referral) -> None:
    if case.emergency or clocks.on_wall_time(case.level) or referral.wall_time:
        raise WrongState(
            "P0 and P1 never pause",
            "特急、紧急事件不得挂账",
            state=(case.level.value if case.level else "emergency"),
            allowed=("ReportProgress", "RequestExtension", "ResolveReferral"),
        )


def _pause_until(
    case: Case, wanted: datetime | None, command: c.RequestSuspension | c.Suspend, stamp: f.Stamp
) -> datetime:
    longest = command.oversight.until(case, stamp.at, command.oversight.rules.suspension_most)
    return _within(wanted, stamp.at, longest)


def _within(wanted: datetime | None, after: datetime, longest: datetime) -> datetime:
    """The time asked for, the longest allowed when none is named."""
    if wanted is None:
        return longest
    if not after < wanted <= longest:
        reason = {"until": f"after {after.isoformat()}, at most {longest.isoformat()}"}
        raise Invalid("until is out of range", "所申请的时间超出允许范围, 请核对", reason)
    return wanted


def _nothing_asked(referral: Referral, what: str, rpc: str) -> WrongState:
    return WrongState(
        f"nothing to decide: {rpc} comes first",
        f"该单没有待审批的{what}申请",
        state=referral.state.value,
        allowed=(rpc,),
    )


def _asked_already(referral: Referral, what: str) -> WrongState:
    return WrongState(
        "asked already; it waits for a decision",
        f"{what}申请正在审批, 请勿重复提交",
        state=referral.state.value,
        allowed=("ReportProgress", "ResolveReferral"),
    )


def _warning_of_result(one: Referral, end: datetime, calendar: Calendar) -> datetime | None:
    start = one.received_at or one.offered_at
    if one.resolve_within is None or start is None:
        return None
    return _warning(one, one.resolve_within, start, end, calendar)


def _warning(one: Referral, span: Span, start: datetime, end: datetime, calendar: Calendar) -> datetime | None:
    days = _days(one, span, calendar)
    return clocks.warning(start, span, end, one.warn_before, one.warn_percent, days)


def _days(one: Referral, span: Span | None, calendar: Calendar) -> Calendar | None:
    """The calendar that a limit of the referral runs on, None for wall time."""
    return calendar if span is not None and span.unit == "wd" and not one.wall_time else None
