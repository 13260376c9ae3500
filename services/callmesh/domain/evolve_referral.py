"""What a referral's own steps make of the case: received, accepted, worked on, returned, resolved, recalled, waived."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from callmesh.domain import evolve_clocks, evolve_life
from callmesh.domain import facts as f
from callmesh.domain.case import Case
from callmesh.domain.changes import changed, flagged
from callmesh.domain.referral import Feedback, Pending
from callmesh.domain.values import replace
from callmesh.domain.words import CaseState, PendingKind, ReferralState, Role


def _received(case: Case, body: f.ReferralReceived, stamp: f.Stamp) -> Case:
    return changed(
        case,
        body.referral,
        received_at=stamp.at,
        accept_due=body.accept_due,
        feedback_due=body.feedback_due,
        resolve_due=body.resolve_due,
        return_due=body.return_due,
        accept_warn_at=body.accept_warn_at,
        feedback_warn_at=body.feedback_warn_at,
        resolve_warn_at=body.resolve_warn_at,
        released=body.released,
    )


def _accepted(case: Case, body: f.ReferralAccepted, stamp: f.Stamp) -> Case:
    referral = case.referral(body.referral)
    owner = referral.agency if referral and referral.role == Role.LEAD else case.owner
    received = referral.received_at if referral else None
    return_due = referral.return_due if referral else None
    taken = changed(
        case,
        body.referral,
        state=ReferralState.ACCEPTED,
        accepted_at=stamp.at,
        received_at=received or stamp.at,
        return_due=return_due or body.return_due,
        handler=body.handler,
        unit=body.unit,
    )
    return replace(taken, owner=owner)


def _progressed(case: Case, body: f.ProgressReported, stamp: f.Stamp) -> Case:
    referral = case.referral(body.referral)
    if referral is None:
        return case
    said = bool(body.text or body.arrived or body.attachments)  # that work begins tells the caller nothing yet
    note = Feedback(stamp.at, stamp.actor.person, body.text, body.arrived, body.attachments)
    return changed(
        case,
        body.referral,
        state=ReferralState.IN_PROGRESS,
        started_at=referral.started_at or stamp.at,
        arrived_at=referral.arrived_at or (stamp.at if body.arrived else None),
        feedback_at=referral.feedback_at or (stamp.at if said else None),
        feedback=(*referral.feedback, *(note,) * said),
        answer_due=None if said else referral.answer_due,
        answer_overdue=referral.answer_overdue and not said,
    )


def _return_requested(case: Case, body: f.ReturnRequested, stamp: f.Stamp) -> Case:
    referral = case.referral(body.referral)
    count = referral.return_count + 1 if referral else 1
    back = Pending(PendingKind.RETURN, stamp.at, decision_due=body.decision_due)
    asked = changed(
        case,
        body.referral,
        state=ReferralState.RETURN_REQUESTED,
        return_reason=body.reason,
        return_basis=body.basis,
        return_count=count,
        answer_due=None,
        answer_overdue=False,
        pending=evolve_clocks.asking(referral, back) if referral else (back,),
    )
    return replace(asked, flags=flagged(case, *body.flags))


def _return_granted(case: Case, body: f.ReturnGranted, stamp: f.Stamp) -> Case:
    ended = changed(case, body.referral, state=ReferralState.RETURNED, ended_at=stamp.at)
    referral = case.referral(body.referral)
    return replace(
        ended,
        owner=referral.sender if referral else case.owner,
        referrals=(*evolve_life.relieved(ended, body.referrals, stamp), *body.referrals),
    )


def _return_denied(case: Case, body: f.ReturnDenied, stamp: f.Stamp) -> Case:
    referral = case.referral(body.referral)
    state = ReferralState.OFFERED
    if referral and referral.accepted_at:
        state = ReferralState.IN_PROGRESS if referral.started_at else ReferralState.ACCEPTED
    left = evolve_clocks.without(referral, PendingKind.RETURN) if referral else ()
    return changed(case, body.referral, state=state, pending=left)


def _resolved(case: Case, body: f.ReferralResolved, stamp: f.Stamp) -> Case:
    done = changed(
        case,
        body.referral,
        state=ReferralState.RESOLVED,
        resolved_at=stamp.at,
        result=body.result,
        public_reply=body.public_reply,
        answer_due=None,
        answer_overdue=False,
        pending=(),
    )
    referral = case.referral(body.referral)
    if referral is None or referral.role != Role.LEAD:
        return done
    return replace(
        done,
        state=CaseState.FOLLOW_UP,
        result=body.result,
        public_reply=body.public_reply,
        follow_up_due=body.follow_up_due,
    )


def _recalled(case: Case, body: f.ReferralRecalled, stamp: f.Stamp) -> Case:
    ended = changed(case, body.referral, state=ReferralState.RECALLED, ended_at=stamp.at)
    referral = case.referral(body.referral)
    if referral is None or referral.role != Role.LEAD:
        return ended
    state = CaseState.CLASSIFIED if case.classification else CaseState.RECEIVED
    return replace(ended, state=state, owner=referral.sender, decision_due=body.decision_due)


def _waived(case: Case, body: f.ReferralWaived, stamp: f.Stamp) -> Case:
    return changed(case, body.referral, state=ReferralState.WAIVED, ended_at=stamp.at)


EVOLVERS: dict[type, Callable[[Case, Any, f.Stamp], Case]] = {
    f.ReferralReceived: _received,
    f.ReferralAccepted: _accepted,
    f.ProgressReported: _progressed,
    f.ReturnRequested: _return_requested,
    f.ReturnGranted: _return_granted,
    f.ReturnDenied: _return_denied,
    f.ReferralResolved: _resolved,
    f.ReferralRecalled: _recalled,
    f.ReferralWaived: _waived,
}
