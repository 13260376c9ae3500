"""The deciders about referrals: offer, receipt, acceptance, progress, return, result. Limits: `decide_watch`."""

from __future__ import annotations

from typing import Any

from callmesh.domain import commands as c
from callmesh.domain import facts as f
from callmesh.domain import watch
from callmesh.domain.access import COMMANDER
from callmesh.domain.case import Case
from callmesh.domain.clocks import due, on_wall_time
from callmesh.domain.decide_clocks import counted, dues
from callmesh.domain.directory import Calendar
from callmesh.domain.errors import Invalid, NotDivertible, NotYours, WrongState, need_text
from callmesh.domain.guards import (
    at_least_open,
    find_referral,
    need_part,
    need_referral_state,
    need_sender,
    need_state,
    own_referral,
)
from callmesh.domain.oversight import decide_by
from callmesh.domain.referral import Referral
from callmesh.domain.values import replace
from callmesh.domain.watch import LATE_DIVERSION
from callmesh.domain.words import (
    ActorKind,
    CaseState,
    Consent,
    Level,
    Limit,
    ReferralState,
    Role,
)

_S = ReferralState


def offer(
    case: Case, target: c.Target, stamp: f.Stamp, calendar: Calendar, number: int, mode_of: c.Transfer | None = None
) -> Referral:
    """The `number`-th new referral of the case; its due times count from now until receipt moves them."""
    limits = target.limits
    made = Referral(
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
        warn_before=limits.warn_before,
        warn_percent=limits.warn_percent,
        wall_time=case.emergency or on_wall_time(case.level),
    )
    return counted(made, stamp.at, calendar)


def in_round(referral: Referral, number: int) -> Referral:
    """The same offer in another round."""
    return replace(referral, round=number)


def transfer(case: Case, command: c.Transfer, stamp: f.Stamp) -> f.Body | None:
    """Offer to all targets in one fact; exactly one lead unless a lead is at work already."""
    open_states = {CaseState.RECEIVED, CaseState.CLASSIFIED, CaseState.REFERRED, CaseState.DISPUTED}
    if not case.emergency:
        need_part(case, stamp, "转接")
    if stamp.actor.kind != ActorKind.PERSON and case.this_round and not command.forced:
        return None  # the rule ran already, or an operator was faster
    if case.lead is not None and _held_already(case, command):
        return None  # the mesh, or another desk, did the same a moment ago
    if case.state in open_states and command.plan and plan_applied(case, command.plan):
        return None  # the same instruction again, though some bodies may be done with it
    need_state(case, open_states, "转接")
    _need_undisputed(case, command)
    _need_one_lead(case, command)
    _need_divertible(case, command)
    _need_new_agencies(case, command)
    referrals = tuple(
        offer(case, target, stamp, command.calendar, number, command)
        for number, target in enumerate(command.targets, start=1)
    )
    found = watch.missed(case, "", Limit.DIVERSION)
    late = found is not None and stamp.at > found.at  # the timer has not been here yet
    flags = (*command.flags, LATE_DIVERSION) if late else command.flags
    how = command.plan, command.reason, command.city_version
    return f.CaseTransferred(referrals, *how, flags, command.conference)


def _held_already(case: Case, command: c.Transfer) -> bool:
    held = {one.agency for one in case.this_round if one.is_open}
    return bool(command.targets) and all(target.agency in held for target in command.targets)


def plan_applied(case: Case, plan: str) -> bool:
    """Whether the plan's bodies were tasked in this round and one of them leads."""
    return case.plan == plan and case.lead is not None and any(one.task for one in case.this_round)


def _need_undisputed(case: Case, command: c.Transfer) -> None:
    """Who leads a disputed case is a commander's to say; an emergency does not wait for that."""
    leads = any(target.role == Role.LEAD for target in command.targets)
    if case.state == CaseState.DISPUTED and leads and not case.emergency:
        raise WrongState(
            "the case is disputed: a commander designates who leads",
            "事件单争议中, 主办单位由指挥长指定, 请提请指挥长指定管辖",
            state=case.state.value,
            allowed=("DesignateJurisdiction", "TransferCase (support)") if case.lead else ("DesignateJurisdiction",),
        )


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
    """Nobody has it twice; who helps so far may lead, which ends the help (`evolve_life.relieved`)."""
    names = [target.agency for target in command.targets]
    spent = {one.agency for one in case.this_round if one.state == _S.RETURNED}
    held = {one.agency for one in case.this_round if one.is_open}
    leads = {target.agency for target in command.targets if target.role == Role.LEAD}
    doubled = [name for name in names if names.count(name) > 1 or name in spent or name in held - leads]
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
    back = due(stamp.at, command.return_within, calendar, referral.wall_time)
    ends = dues(referral, stamp.at, calendar)
    said: dict[str, Any] = {
        "attempts": command.attempts,
        "released": command.released,
        "purpose": command.purpose,
    }
    if ends is None:
        return f.ReferralReceived(referral.name, return_due=back, **said)
    return f.ReferralReceived(
        referral.name,
        accept_due=ends.accept,
        feedback_due=ends.feedback,
        resolve_due=ends.resolve,
        return_due=back,
        accept_warn_at=ends.accept_warn,
        feedback_warn_at=ends.feedback_warn,
        resolve_warn_at=ends.resolve_warn,
        **said,
    )


def accept(case: Case, command: c.Accept, stamp: f.Stamp) -> f.Body | None:
    """A person takes it. Late acceptance is welcome; what was recalled or reassigned is not theirs any more."""
    referral = own_referral(case, command.referral, stamp)
    need_text(command.handler, "handler", "签收人")
    if referral.is_working:
        return None
    need_referral_state(referral, {_S.OFFERED}, "签收", stamp)
    within = command.return_within if referral.return_due is None else None
    return_due = due(stamp.at, within, command.calendar, referral.wall_time) if within else None
    return f.ReferralAccepted(referral.name, command.handler, command.unit, return_due)


def progress(case: Case, command: c.Progress, stamp: f.Stamp) -> f.Body:
    """Only while a person has it."""
    referral = own_referral(case, command.referral, stamp)
    need_referral_state(referral, {_S.ACCEPTED, _S.IN_PROGRESS}, "反馈", stamp)
    if not (command.arrived or command.started or command.attachments):
        need_text(command.text, "text", "反馈内容")
    return f.ProgressReported(referral.name, command.text, command.arrived, command.started, command.attachments)


def resolve(case: Case, command: c.Resolve, stamp: f.Stamp) -> f.Body:
    """Result and public reply; the lead waits until support is done or waived."""
    referral = own_referral(case, command.referral, stamp)
    need_referral_state(referral, {_S.ACCEPTED, _S.IN_PROGRESS}, "办结", stamp)
    need_text(command.result, "result", "办理结果")
    if referral.role == Role.LEAD:
        need_text(command.public_reply, "public_reply", "对来电人的答复")
        need_support_done(case)
    ask_by = command.oversight.follow_up_due(stamp.at) if command.oversight else None
    leads = referral.role == Role.LEAD
    return f.ReferralResolved(referral.name, command.result, command.public_reply, ask_by if leads else None)


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
    need_referral_state(referral, open_states, "撤回", stamp)
    need_sender(referral, case, stamp, "撤回")
    if case.level == Level.P0 and stamp.actor.role != COMMANDER:
        raise NotYours("only a commander may recall an emergency", "特急事件只能由指挥长撤回")
    need_text(command.reason, "reason", "撤回理由")
    if referral.role != Role.LEAD:
        return f.ReferralRecalled(referral.name, command.reason)
    return f.ReferralRecalled(referral.name, command.reason, decide_by(command.oversight, case, stamp.at))


def waive(case: Case, command: c.Waive, stamp: f.Stamp) -> f.Body:
    """Only support can be waived."""
    at_least_open(case, "免办")
    referral = find_referral(case, command.referral)
    lead = case.lead
    if lead is None or stamp.actor.agency != lead.agency:
        need_sender(referral, case, stamp, "免办")
    if referral.role != Role.SUPPORT:
        raise Invalid("only a supporting referral can be waived", "只有协办单可以免办", {"name": "is the lead"})
    need_referral_state(referral, {_S.OFFERED, _S.ACCEPTED, _S.IN_PROGRESS, _S.SUSPENDED}, "免办", stamp)
    need_text(command.reason, "reason", "免办理由")
    return f.ReferralWaived(referral.name, command.reason)
