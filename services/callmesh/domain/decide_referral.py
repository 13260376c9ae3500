"""The deciders about referrals: offer, receipt, acceptance, progress, return, result, limits."""

from __future__ import annotations

from dataclasses import replace

from callmesh.domain import commands as c
from callmesh.domain import facts as f
from callmesh.domain.case import Case, Referral
from callmesh.domain.clocks import due
from callmesh.domain.directory import Calendar
from callmesh.domain.errors import Invalid, NotDivertible, NotYours, WrongState, missing
from callmesh.domain.guards import (
    at_least_open,
    find_referral,
    need_referral_state,
    need_sender,
    need_state,
    own_referral,
)
from callmesh.domain.words import (
    ActorKind,
    CaseState,
    Consent,
    Level,
    Limit,
    ReferralState,
    Role,
    Supervision,
)

_S = ReferralState


def offer(
    case: Case, target: c.Target, stamp: f.Stamp, calendar: Calendar, number: int, mode_of: c.Transfer | None = None
) -> Referral:
    """The `number`-th new referral of the case; its due times count from now until receipt moves them."""
    limits = target.limits
    return Referral(
        name=f"{case.name}/referrals/{len(case.referrals) + number}",
        agency=target.agency,
        role=target.role,
        mode=mode_of.mode if mode_of else None,
        sender=stamp.actor.agency or case.owner,
        basis=target.basis,
        task=target.task,
        round=case.round,
        binding=target.binding,
        profile=limits.id,
        accept_within=limits.accept,
        feedback_within=limits.feedback,
        resolve_within=limits.resolve,
        offered_at=stamp.at,
        accept_due=due(stamp.at, limits.accept, calendar),
        feedback_due=due(stamp.at, limits.feedback, calendar),
        resolve_due=due(stamp.at, limits.resolve, calendar),
    )


def transfer(case: Case, command: c.Transfer, stamp: f.Stamp) -> f.Body | None:
    """Offer to all targets in one fact; exactly one lead unless a lead is at work already."""
    open_states = {CaseState.RECEIVED, CaseState.CLASSIFIED, CaseState.REFERRED, CaseState.DISPUTED}
    if stamp.actor.kind != ActorKind.PERSON and case.this_round:
        return None  # the rule ran already, or an operator was faster
    if case.lead is not None and _held_already(case, command):
        return None  # the mesh, or another desk, did the same a moment ago
    need_state(case, open_states, "转接")
    _need_one_lead(case, command)
    _need_divertible(case, command)
    _need_new_agencies(case, command)
    referrals = tuple(
        offer(case, target, stamp, command.calendar, number, command)
        for number, target in enumerate(command.targets, start=1)
    )
    return f.CaseTransferred(referrals, command.plan, command.reason, command.city_version, command.flags)


def _held_already(case: Case, command: c.Transfer) -> bool:
    held = {one.agency for one in case.this_round if one.is_open}
    return bool(command.targets) and all(target.agency in held for target in command.targets)


def _need_one_lead(case: Case, command: c.Transfer) -> None:
    leads = sum(target.role == Role.LEAD for target in command.targets)
    if case.lead is not None and leads:
        raise WrongState(
            f"{case.lead.agency} leads already; recall it first or add support only",
            f"已由 {case.lead.agency} 主办, 请先撤回或仅增加协办单位",
            state=case.state.value,
            allowed=("RecallReferral", "TransferCase (support)"),
        )
    if case.lead is None and leads != 1:
        raise Invalid("exactly one lead is needed", "必须有且只有一个主办单位", {"agency": "exactly one lead"})


def _need_divertible(case: Case, command: c.Transfer) -> None:
    if case.emergency:
        lead_serves = case.lead is not None or any(
            target.emergency_service and (target.role == Role.LEAD or command.plan) for target in command.targets
        )
        if not lead_serves:
            raise _not_divertible()
    elif case.report.caller.consent == Consent.REFUSED:
        raise WrongState(
            "the caller refused the hand-over; answer or keep the case",
            "来电人不同意转办, 请当场答复或由本单位办理",
            state="consent_refused",
            allowed=("AnswerCase",),
        )


def _not_divertible() -> NotDivertible:
    return NotDivertible(
        "an emergency must be led by an emergency service; lower the flag first, with a reason",
        "紧急事件必须由应急单位主办; 如确非紧急, 请先说明理由撤销紧急标记",
        state="emergency",
        allowed=("TransferCase (emergency service)", "ClassifyCase (lower_emergency)"),
    )


def need_emergency_service(case: Case, target: c.Target) -> None:
    """Whoever leads an emergency next must be an emergency service."""
    if case.emergency and not target.emergency_service:
        raise _not_divertible()


def _need_new_agencies(case: Case, command: c.Transfer) -> None:
    names = [target.agency for target in command.targets]
    held = {one.agency for one in case.this_round if one.is_open or one.state == _S.RETURNED}
    doubled = [name for name in names if names.count(name) > 1 or name in held]
    if doubled:
        raise Invalid(
            f"{doubled[0]} has or had this case already in this round",
            f"{doubled[0]} 本轮已有或已退此单, 不能重复派单",
            {"agency": "already has or returned it"},
        )


def receive(case: Case, command: c.Receive, stamp: f.Stamp) -> f.Body | None:
    """Clocks start at delivery: the due times are set anew. A second receipt changes nothing."""
    referral = own_referral(case, command.referral, stamp)
    if referral.received_at is not None or referral.state != _S.OFFERED:
        return None
    return _received(referral, command.calendar, stamp, command)


def _received(referral: Referral, calendar: Calendar, stamp: f.Stamp, command: c.Receive) -> f.ReferralReceived:
    spans = (referral.accept_within, referral.feedback_within, referral.resolve_within)
    dues = [due(stamp.at, span, calendar) if span else None for span in (*spans, command.return_within)]
    accept_due, feedback_due, resolve_due, return_due = dues
    return f.ReferralReceived(referral.name, accept_due, feedback_due, resolve_due, return_due, command.attempts)


def accept(case: Case, command: c.Accept, stamp: f.Stamp) -> f.Body | None:
    """A person takes it. Late acceptance is welcome; what was recalled or reassigned is not theirs any more."""
    referral = own_referral(case, command.referral, stamp)
    if not command.handler:
        raise missing("handler", "签收人")
    if referral.is_working:
        return None
    need_referral_state(referral, {_S.OFFERED}, "签收")
    return f.ReferralAccepted(referral.name, command.handler, command.unit)


def progress(case: Case, command: c.Progress, stamp: f.Stamp) -> f.Body:
    """Only while a person has it."""
    referral = own_referral(case, command.referral, stamp)
    need_referral_state(referral, {_S.ACCEPTED, _S.IN_PROGRESS}, "反馈")
    if not command.text and not command.arrived:
        raise missing("text", "反馈内容")
    return f.ProgressReported(referral.name, command.text, command.arrived)


def request_return(case: Case, command: c.RequestReturn, stamp: f.Stamp) -> f.Body:
    """Lead only, within the limit, coded and founded; P0 and P1 respond first."""
    referral = own_referral(case, command.referral, stamp)
    if not command.reason:
        raise missing("reason", "退单原因代码")
    if not command.basis:
        raise missing("basis", "退单依据")
    need_referral_state(referral, {_S.OFFERED, _S.ACCEPTED, _S.IN_PROGRESS}, "退单")
    if referral.role != Role.LEAD:
        raise NotYours("a supporting agency cannot return the case", "协办单位不能退单, 请联系主办单位")
    _need_returnable(case, referral, stamp)
    return f.ReturnRequested(referral.name, command.reason, command.basis, command.flags)


def _need_returnable(case: Case, referral: Referral, stamp: f.Stamp) -> None:
    if referral.binding:
        raise WrongState(
            "this referral is binding and cannot be returned",
            "指定管辖或兜底单位不能退单",
            state="binding",
            allowed=("ReportProgress", "ResolveReferral"),
        )
    if referral.return_due is not None and stamp.at > referral.return_due:
        raise WrongState(
            "the time to return it has passed",
            "已超过退单期限, 请继续办理",
            state="return_expired",
            allowed=("ReportProgress", "ResolveReferral"),
        )
    if case.level in (Level.P0, Level.P1) and referral.feedback_at is None:
        raise WrongState(
            "P0 and P1 need a first response before a return",
            "特急、紧急事件须先行处置并反馈, 方可退单",
            state=referral.state.value,
            allowed=("AcceptReferral", "ReportProgress"),
        )


def grant_return(case: Case, command: c.GrantReturn, stamp: f.Stamp) -> f.Body:
    """The return is granted and the case offered on, in one fact; never to an agency that had it."""
    referral = find_referral(case, command.referral)
    need_referral_state(referral, {_S.RETURN_REQUESTED}, "审批退单")
    need_sender(referral, case, stamp, "审批退单")
    if not command.reason:
        raise missing("reason", "审批意见")
    had = {one.agency for one in case.this_round if one.role == Role.LEAD}
    if command.target.agency in had:
        reason = {"agency": "already returned it"}
        raise Invalid("never the same agency again", "不能再次派给已退单的单位", reason)
    need_emergency_service(case, command.target)
    following = offer(case, command.target, stamp, command.calendar, 1)
    return f.ReturnGranted(referral.name, command.reason, (_next_hop(following, referral),))


def _next_hop(following: Referral, before: Referral) -> Referral:
    return replace(following, hop=before.hop + 1, mode=before.mode)


def deny_return(case: Case, command: c.DenyReturn, stamp: f.Stamp) -> f.Body:
    """The agency keeps it."""
    referral = find_referral(case, command.referral)
    need_referral_state(referral, {_S.RETURN_REQUESTED}, "驳回退单")
    need_sender(referral, case, stamp, "驳回退单")
    if not command.reason:
        raise missing("reason", "驳回理由")
    return f.ReturnDenied(referral.name, command.reason)


def resolve(case: Case, command: c.Resolve, stamp: f.Stamp) -> f.Body:
    """Result and public reply; the lead waits until support is done or waived."""
    referral = own_referral(case, command.referral, stamp)
    need_referral_state(referral, {_S.ACCEPTED, _S.IN_PROGRESS}, "办结")
    if not command.result:
        raise missing("result", "办理结果")
    if referral.role == Role.LEAD:
        if not command.public_reply:
            raise missing("public_reply", "对来电人的答复")
        need_support_done(case)
    return f.ReferralResolved(referral.name, command.result, command.public_reply)


def need_support_done(case: Case) -> None:
    """Nobody who supports may still be at work."""
    waiting = [one.agency for one in case.this_round if one.role == Role.SUPPORT and one.is_open]
    if waiting:
        raise WrongState(
            f"supporting agencies are still at work: {', '.join(waiting)}",
            f"协办单位尚未办结: {'、'.join(waiting)}; 请等待或申请免办",
            state="support_open",
            allowed=("ReportProgress", "WaiveReferral"),
        )


def recall(case: Case, command: c.Recall, stamp: f.Stamp) -> f.Body:
    """By the sender, before it is resolved; an emergency only by a commander."""
    referral = find_referral(case, command.referral)
    open_states = {_S.OFFERED, _S.ACCEPTED, _S.IN_PROGRESS, _S.SUSPENDED, _S.RETURN_REQUESTED}
    need_referral_state(referral, open_states, "撤回")
    need_sender(referral, case, stamp, "撤回")
    if case.level == Level.P0 and stamp.actor.role != "commander":
        raise NotYours("only a commander may recall an emergency", "特急事件只能由指挥长撤回")
    if not command.reason:
        raise missing("reason", "撤回理由")
    return f.ReferralRecalled(referral.name, command.reason)


def waive(case: Case, command: c.Waive, stamp: f.Stamp) -> f.Body:
    """Only support can be waived."""
    at_least_open(case, "免办")
    referral = find_referral(case, command.referral)
    lead = case.lead
    if lead is None or stamp.actor.agency != lead.agency:
        need_sender(referral, case, stamp, "免办")
    if referral.role != Role.SUPPORT:
        raise Invalid("only a supporting referral can be waived", "只有协办单可以免办", {"name": "is the lead"})
    need_referral_state(referral, {_S.OFFERED, _S.ACCEPTED, _S.IN_PROGRESS}, "免办")
    if not command.reason:
        raise missing("reason", "免办理由")
    return f.ReferralWaived(referral.name, command.reason)


def miss_deadline(case: Case, command: c.MissDeadline, stamp: f.Stamp) -> f.Body | None:
    """Escalate a limit once, and never before it ran out."""
    referral = case.referral(command.referral)
    running = referral.running_limit() if referral else None
    if referral is None or running is None:
        return None
    limit, at = running
    if limit != command.limit or stamp.at < at:
        return None
    level = Supervision.RED if limit == Limit.RESOLVE else Supervision.YELLOW
    raised = max(level, case.supervision, key=lambda one: one.rank)
    return f.DeadlineMissed(referral.name, limit, at, raised)
