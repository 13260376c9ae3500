"""The deciders of a life's harder turns: dispute and designation, review of results, advice, supervisor.

A dispute goes to a commander in two ways. A second return of a round is granted: nobody leads any more, the
sender answers for the case, and only a commander (or, in an emergency, the one key) gives it a lead again. Or
an agency contests the denial of its return: it keeps the referral and its limits run on, so that a
quarrel stalls nothing. Either way the designation is binding, which is what bounds every chain of returns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from callmesh.domain import commands as c
from callmesh.domain import facts as f
from callmesh.domain.access import COMMANDER
from callmesh.domain.case import Annotation, Case
from callmesh.domain.decide_referral import need_emergency_service, offer
from callmesh.domain.errors import NotYours, WrongState, need_text, no_case
from callmesh.domain.guards import (
    at_least_open,
    find_referral,
    need_part,
    need_referral_state,
    need_reviewer,
    need_state,
    own_referral,
)
from callmesh.domain.oversight import decide_by
from callmesh.domain.referral import Referral
from callmesh.domain.values import replace
from callmesh.domain.words import ActorKind, CaseState, Mode, PendingKind, ReferralState, Role

_S = ReferralState
_BEFORE_RESULT = (CaseState.RECEIVED, CaseState.CLASSIFIED, CaseState.REFERRED, CaseState.DISPUTED)


def contest(case: Case, command: c.Contest, stamp: f.Stamp) -> f.Body | None:
    """By the agency whose return was denied; once: a commander decides, not the louder voice."""
    referral = own_referral(case, command.referral, stamp)
    need_text(command.reason, "reason", "争议理由")
    need_referral_state(referral, {_S.OFFERED, _S.ACCEPTED, _S.IN_PROGRESS}, "提出争议", stamp)
    if case.state == CaseState.DISPUTED and referral.role == Role.LEAD:
        return None
    if referral.binding or not referral.return_count:
        raise WrongState(
            "only the denial of a return can be contested",
            "只有退单被驳回后才能提出争议; 指定管辖或兜底办理的不能再提",
            state="binding" if referral.binding else "not_denied",
            allowed=("ReportProgress", "ResolveReferral") if referral.binding else ("ReturnReferral",),
        )
    return f.DisputeOpened(referral.name, command.reason, False, decide_by(command.oversight, case, stamp.at))


def designate(case: Case, command: c.Designate, stamp: f.Stamp) -> f.Body | None:
    """By a commander: settles a dispute, acts first, or takes the case out of hands that get nowhere."""
    if stamp.actor.kind != ActorKind.PERSON or stamp.actor.role != COMMANDER:
        raise NotYours("only a commander may designate", "只有指挥长可以指定管辖, 请提请指挥长决定")
    need_state(case, _BEFORE_RESULT, "指定管辖")
    need_text(command.reason, "reason", "指定管辖的理由")
    need_emergency_service(case, command.target)
    held = case.lead
    if held is None or held.agency != command.target.agency:
        return f.JurisdictionDesignated((_designated(case, command, stamp),), command.reason)
    if held.binding:
        return None
    return f.JurisdictionDesignated((_kept(held, command.target),), command.reason)


def _designated(case: Case, command: c.Designate, stamp: f.Stamp) -> Referral:
    """The origin stands behind it as sender: a case falls back to its first receiver, never to a commander."""
    leads = [one.hop for one in case.this_round if one.role == Role.LEAD]
    given = offer(case, command.target, stamp, command.calendar, 1)
    return replace(given, binding=True, mode=Mode.PUSH, sender=case.origin, hop=max(leads, default=-1) + 1)


def _kept(held: Referral, target: c.Target) -> Referral:
    """What the agency did so far counts: the same referral, back where it stood if a return was waiting."""
    undecided = tuple(one for one in held.pending if one.kind != PendingKind.RETURN)
    return replace(held, binding=True, basis=target.basis, state=standing(held), pending=undecided)


def standing(referral: Referral) -> ReferralState:
    """Where a referral goes back to when its return is denied."""
    if referral.state != _S.RETURN_REQUESTED:
        return referral.state
    if referral.accepted_at is None:
        return _S.OFFERED
    return _S.IN_PROGRESS if referral.started_at else _S.ACCEPTED


def send_back(case: Case, command: c.SendBack, stamp: f.Stamp) -> f.Body:
    """The work goes on. A supporting result is reviewed while the lead is at work, the lead's afterwards."""
    referral = _under_review(case, command.referral, stamp, "退回办理结果")
    need_text(command.reason, "reason", "退回理由")
    need_state(case, _reviewed_in(referral), "退回办理结果")
    return f.ResolutionSentBack(referral.name, command.reason)


def approve(case: Case, command: c.Approve, stamp: f.Stamp) -> f.Body | None:
    """Once; an approval stands until the result is sent back."""
    referral = _under_review(case, command.referral, stamp, "审核办理结果")
    need_text(command.reason, "reason", "审核意见")
    return None if referral.approved_at else f.ResolutionApproved(referral.name, command.reason)


def _under_review(case: Case, name: str, stamp: f.Stamp, action: str) -> Referral:
    referral = find_referral(case, name)
    need_reviewer(referral, case, stamp, action)
    need_referral_state(referral, {_S.RESOLVED}, action, stamp)
    others = [one for one in case.this_round if one.agency == referral.agency and one.name != referral.name]
    if referral.round != case.round or any(one.is_open for one in others):
        raise WrongState(
            "the agency has the case again since then",
            f"该单位此后已重新承办, 不能{action}",
            state="superseded",
            allowed=("ReportProgress", "ResolveReferral"),
        )
    return referral


def _reviewed_in(referral: Referral) -> tuple[CaseState, ...]:
    if referral.role == Role.LEAD:
        return (CaseState.FOLLOW_UP,)
    return (CaseState.CLASSIFIED, CaseState.REFERRED, CaseState.DISPUTED)


def annotate(case: Case, command: c.Annotate, stamp: f.Stamp) -> f.Body:
    """Advice by who has or had a part in the case, or whose advice the city wants; it moves nothing."""
    agency = stamp.actor.agency
    parties = {
        case.origin,
        case.owner,
        *(one.agency for one in case.referrals),
        *(one.sender for one in case.referrals),
    }
    welcome = command.advisory or agency in parties or stamp.actor.role == COMMANDER
    if stamp.actor.kind == ActorKind.PERSON and not welcome:
        raise no_case()
    at_least_open(case, "提出意见")
    need_text(command.text, "text", "意见内容")
    return f.CaseAnnotated(Annotation(agency, command.text, stamp.at))


def change_supervisor(case: Case, command: c.ChangeSupervisor, stamp: f.Stamp) -> f.Body | None:
    """At a shift change for one; naming the same leader again changes nothing."""
    need_part(case, stamp, "变更督办人")
    at_least_open(case, "变更督办人")
    need_text(command.supervisor, "supervisor", "督办人工号")
    return None if case.supervisor == command.supervisor else f.SupervisorChanged(command.supervisor)


DECIDERS: dict[type, Callable[[Case, Any, f.Stamp], f.Body | None]] = {
    c.Contest: contest,
    c.Designate: designate,
    c.SendBack: send_back,
    c.Approve: approve,
    c.Annotate: annotate,
    c.ChangeSupervisor: change_supervisor,
}
