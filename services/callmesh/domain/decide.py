"""`decide(case, command, stamp)`: may it happen, and what happened then?

Answers a fact's body, `None` when the command asks for what is already so (a second receipt, a
timer that came too late), or raises a `DomainError`. The guards are those of domain.md section 4.
Referral guards stand in `decide_referral`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from callmesh.domain import commands as c
from callmesh.domain import decide_after, decide_life, decide_returns
from callmesh.domain import decide_clocks as on_time
from callmesh.domain import decide_privacy as privacy
from callmesh.domain import decide_referral as on_referral
from callmesh.domain import decide_watch as on_watch
from callmesh.domain import facts as f
from callmesh.domain.access import COMMANDER
from callmesh.domain.case import ENDED_CASE, Case
from callmesh.domain.clocks import on_wall_time
from callmesh.domain.decide_calls import DECIDERS as _CALLS
from callmesh.domain.decide_matters import DECIDERS as _MATTERS
from callmesh.domain.decide_repeats import need_rechecked, need_threat_kept
from callmesh.domain.directory import RejectionGround
from callmesh.domain.errors import Invalid, NotYours, WrongState, missing, need_text, no_case
from callmesh.domain.guards import at_least_open, need_part, need_state
from callmesh.domain.report import Supplement
from callmesh.domain.values import replace
from callmesh.domain.watch import LATE_DECISION, LATE_DIVERSION
from callmesh.domain.words import ActorKind, CaseState, Consent, Verdict


def decide(case: Case | None, command: c.Command, stamp: f.Stamp) -> f.Body | None:
    """The fact that the command makes of the case, or None when it is already so."""
    if isinstance(command, c.Open):
        return _open(case, command, stamp)
    if case is None:
        raise no_case()
    privacy.need_unerased(case, command, stamp)
    return _DECIDERS[type(command)](case, command, stamp)


def _open(case: Case | None, command: c.Open, stamp: f.Stamp) -> f.Body | None:
    if case is not None:
        return None
    report = command.opened.report
    said = report.narrative.strip() or report.place.text.strip() or report.caller.silent
    if not said and not report.attachments and not command.opened.device:
        raise missing("report.narrative", "报警内容 (或地点、图片、静默标记)")
    if command.oversight is None:
        return command.opened
    return replace(command.opened, diversion_due=command.oversight.diversion_due(stamp.at, command.opened.emergency))


def _amend(case: Case, command: c.Amend, stamp: f.Stamp) -> f.Body:
    at_least_open(case, "补充")
    if command.situation is None:
        need_text(command.text, "text", "补充内容")
    words = Supplement(command.text, stamp.at, stamp.actor.agency) if command.text.strip() else None
    return f.ReportAmended(words, command.situation)


def _classify(case: Case, command: c.Classify, stamp: f.Stamp) -> f.Body | None:
    need_part(case, stamp, "分类")
    at_least_open(case, "分类")
    new = command.classification
    if stamp.actor.kind != ActorKind.PERSON and case.classification is not None and not _raises(case, command):
        return None  # the machine speaks once; after that only people change it
    differs = bool(command.machine_category) and new.category != command.machine_category
    lower = command.lower_emergency and stamp.actor.kind == ActorKind.PERSON
    lowers = case.emergency and lower
    need_threat_kept(case, lowers, stamp)
    if differs or lowers:
        need_text(new.reason, "reason", "理由: 改变分类或撤销紧急标记必须说明")
    emergency = (case.emergency or command.emergency) and not lower
    urgent = emergency or on_wall_time(new.level)
    if _belongs_elsewhere(case, command, emergency):
        diversion, kept = _diversion_due(case, command, stamp, urgent), None
    else:
        diversion, kept = None, _keep_due(case, command, urgent)
    return f.CaseClassified(replace(new, at=stamp.at), emergency, command.flags, diversion, kept)


def _raises(case: Case, command: c.Classify) -> bool:
    """But danger in what came later is heard."""
    return command.raises and command.emergency and not case.emergency


def _belongs_elsewhere(case: Case, command: c.Classify, emergency: bool) -> bool:
    refused = case.report.caller.consent == Consent.REFUSED and not emergency
    return command.diverts and not refused


def _keep_due(case: Case, command: c.Classify, urgent: bool) -> datetime | None:
    """Until when who keeps the case answers it, or offers it after all; since it was opened, and told once."""
    known = case.referrals or case.decision_due or LATE_DECISION in case.flags
    return None if command.oversight is None or known else command.oversight.keep_due(case.opened_at, urgent)


def _diversion_due(case: Case, command: c.Classify, stamp: f.Stamp, urgent: bool) -> datetime | None:
    """Until when a matter of another agency must be offered; the clock runs since the case was opened."""
    if command.oversight is None or case.referrals or _was_late(case):
        return case.diversion_due
    due = command.oversight.diversion_due(stamp.at, urgent)
    return min(due, case.diversion_due or due)


def _was_late(case: Case) -> bool:
    return LATE_DIVERSION in case.flags


def _answer(case: Case, command: c.Answer, stamp: f.Stamp) -> f.Body:
    need_part(case, stamp, "当场答复")
    need_state(case, {CaseState.RECEIVED, CaseState.CLASSIFIED}, "当场答复")
    _not_for_emergency(case, "当场答复")
    need_rechecked(case, "当场答复")
    on_referral.need_support_done(case)
    need_text(command.result, "result", "处理结果")
    need_text(command.public_reply, "public_reply", "答复内容")
    return f.CaseAnswered(command.result, command.public_reply)


def _reject(case: Case, command: c.Reject, stamp: f.Stamp) -> f.Body:
    need_part(case, stamp, "不予受理")
    need_state(case, {CaseState.RECEIVED, CaseState.CLASSIFIED}, "不予受理")
    _not_for_emergency(case, "不予受理")
    on_referral.need_support_done(case)
    ground = next((one for one in command.listed if one.code == command.ground), None)
    if ground is None:
        raise _not_listed(command.listed)
    if ground.explain:
        need_text(command.reason, "reason", f"说明: 以“{ground.zh}”不予受理须写明依据")
    return f.CaseRejected(command.reason, ground.code)


def _not_listed(listed: tuple[RejectionGround, ...]) -> Invalid:
    codes = ", ".join(one.code for one in listed) or "the city lists none (grounds.toml)"
    names = "、".join(f"{one.zh} ({one.code})" for one in listed)
    zh = f"不予受理须选择本市列明的理由: {names}" if names else "本市未列明不予受理的理由, 请管理员发布 grounds.toml"
    return Invalid("a rejection needs a listed ground", zh, {"ground": f"one of: {codes}"})


def _cancel(case: Case, command: c.Cancel, stamp: f.Stamp) -> f.Body:
    need_part(case, stamp, "撤销")
    at_least_open(case, "撤销")
    need_text(command.reason, "reason", "撤销理由")
    if case.emergency and stamp.actor.role != COMMANDER:
        raise NotYours("only a commander may cancel an emergency", "紧急事件只能由指挥长撤销")
    return f.CaseCancelled(command.reason)


def _not_for_emergency(case: Case, action: str) -> None:
    if case.emergency:
        raise WrongState(
            "an emergency cannot end here: transfer it",
            f"紧急事件不能{action}, 请一键转接",
            state="emergency",
            allowed=("TransferCase",),
        )


def may_travel_alone(case: Case) -> bool:
    """Whether policy may offer an unattended case without an operator."""
    sure = case.classification is not None and case.classification.verdict == Verdict.ROUTE
    refused = case.report.caller.consent == Consent.REFUSED
    waiting = case.state not in ENDED_CASE and not case.this_round
    return waiting and (case.emergency or (sure and not refused))


_DECIDERS: dict[type, Callable[[Case, Any, f.Stamp], f.Body | None]] = {
    c.Amend: _amend,
    c.Classify: _classify,
    c.Answer: _answer,
    c.Reject: _reject,
    c.Cancel: _cancel,
    c.RecordFollowUp: decide_after.follow_up,
    c.Close: decide_after.close,
    c.Reopen: decide_after.reopen,
    c.Transfer: on_referral.transfer,
    c.Receive: on_referral.receive,
    c.Accept: on_referral.accept,
    c.Progress: on_referral.progress,
    c.RequestReturn: decide_returns.request_return,
    c.GrantReturn: decide_returns.grant_return,
    c.DenyReturn: decide_returns.deny_return,
    c.Resolve: on_referral.resolve,
    c.Recall: on_referral.recall,
    c.Waive: on_referral.waive,
    **decide_life.DECIDERS,
    c.RequestExtension: on_time.request_extension,
    c.DecideExtension: on_time.decide_extension,
    c.RequestSuspension: on_time.request_suspension,
    c.Suspend: on_time.suspend,
    c.DenySuspension: on_time.deny_suspension,
    c.Resume: on_time.resume,
    c.Remind: on_watch.remind,
    c.RaiseSupervision: on_watch.raise_supervision,
    c.LiftSupervision: on_watch.lift_supervision,
    c.WarnDeadline: on_watch.warn_deadline,
    c.MissDeadline: on_watch.miss_deadline,
    **privacy.DECIDERS,
    **_CALLS,
    **_MATTERS,
}
