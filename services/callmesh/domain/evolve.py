"""`evolve(case, fact)`: the case after a fact. Total: a fact that was decided always applies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from callmesh.domain import evolve_clocks, evolve_life, evolve_privacy
from callmesh.domain import facts as f
from callmesh.domain.case import OPEN_REFERRAL, Case, Feedback, Pending, Referral
from callmesh.domain.changes import changed
from callmesh.domain.evolve_calls import EVOLVERS as _CALLS
from callmesh.domain.evolve_matters import EVOLVERS as _MATTERS
from callmesh.domain.watch import LATE_DIVERSION, higher
from callmesh.domain.words import CaseState, PendingKind, ReferralState, Role, Supervision


def evolve(case: Case | None, fact: f.Fact) -> Case:
    """The case after the fact; `case` is None only before CaseOpened."""
    body = fact.body
    if isinstance(body, f.CaseOpened):
        return _opened(body, fact.stamp)
    if case is None:
        raise ValueError(f"{fact.kind} on a case that was never opened")
    return replace(_EVOLVERS[type(body)](case, body, fact.stamp), updated_at=fact.stamp.at)


def _opened(body: f.CaseOpened, stamp: f.Stamp) -> Case:
    return Case(
        name=body.name,
        state=CaseState.RECEIVED,
        channel=body.channel,
        origin=body.origin,
        owner=body.origin,
        opened_at=stamp.at,
        updated_at=stamp.at,
        report=body.report,
        operator=body.operator,
        desk=body.desk,
        device=body.device,
        called_number=body.called_number,
        division=body.division,
        external_ids=body.external_ids,
        situation=body.situation,
        caller_key=body.caller_key,
        emergency=body.emergency,
        flags=body.flags,
        city_version=body.city_version,
        occurred_at=body.occurred_at,
        rang_at=body.rang_at,
        answered_at=body.answered_at,
    )


def _amended(case: Case, body: f.ReportAmended, stamp: f.Stamp) -> Case:
    report = case.report
    if body.supplement is not None:
        report = replace(report, supplements=(*report.supplements, body.supplement))
    return replace(case, report=report, situation=body.situation or case.situation)


def _classified(case: Case, body: f.CaseClassified, stamp: f.Stamp) -> Case:
    state = CaseState.CLASSIFIED if case.state == CaseState.RECEIVED else case.state
    return replace(
        case,
        state=state,
        classification=body.classification,
        emergency=body.emergency,
        flags=_merged(case.flags, body.flags),
        diversion_due=body.diversion_due,
    )


def _merged(old: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, ...]:
    return (*old, *(flag for flag in new if flag not in old))


def _answered(case: Case, body: f.CaseAnswered, stamp: f.Stamp) -> Case:
    return replace(
        case,
        state=CaseState.ANSWERED,
        result=body.result,
        public_reply=body.public_reply,
        closed_at=stamp.at,
    )


def _rejected(case: Case, body: f.CaseRejected, stamp: f.Stamp) -> Case:
    return replace(case, state=CaseState.REJECTED, result=body.reason, closed_at=stamp.at)


def _cancelled(case: Case, body: f.CaseCancelled, stamp: f.Stamp) -> Case:
    ended = _end_open(case, ReferralState.RECALLED, stamp)
    return replace(ended, state=CaseState.CANCELLED, result=body.reason, closed_at=stamp.at)


def _transferred(case: Case, body: f.CaseTransferred, stamp: f.Stamp) -> Case:
    led = case.state != CaseState.DISPUTED or any(one.role == Role.LEAD for one in body.referrals)
    late = LATE_DIVERSION in body.flags
    return replace(
        case,
        diversion_due=None,
        supervision=higher(Supervision.YELLOW, case.supervision) if late else case.supervision,
        state=CaseState.REFERRED if led else CaseState.DISPUTED,
        referrals=(*evolve_life.relieved(case, body.referrals, stamp).referrals, *body.referrals),
        plan=body.plan or case.plan,
        city_version=body.city_version or case.city_version,
        flags=_merged(case.flags, body.flags),
    )


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
        pending=evolve_clocks.asking(referral, back) if referral else (back,),
    )
    return replace(asked, flags=_merged(case.flags, body.flags))


def _return_granted(case: Case, body: f.ReturnGranted, stamp: f.Stamp) -> Case:
    ended = changed(case, body.referral, state=ReferralState.RETURNED, ended_at=stamp.at)
    ended = evolve_life.relieved(ended, body.referrals, stamp)
    referral = case.referral(body.referral)
    return replace(
        ended,
        owner=referral.sender if referral else case.owner,
        referrals=(*ended.referrals, *body.referrals),
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
    return replace(ended, state=state, owner=referral.sender)


def _waived(case: Case, body: f.ReferralWaived, stamp: f.Stamp) -> Case:
    return changed(case, body.referral, state=ReferralState.WAIVED, ended_at=stamp.at)


def _followed_up(case: Case, body: f.FollowUpRecorded, stamp: f.Stamp) -> Case:
    return replace(case, follow_ups=(*case.follow_ups, body.follow_up), follow_up_due=None)


def _closed(case: Case, body: f.CaseClosed, stamp: f.Stamp) -> Case:
    referrals = tuple(
        replace(one, state=ReferralState.CLOSED, ended_at=stamp.at) if one.state == ReferralState.RESOLVED else one
        for one in case.referrals
    )
    return replace(
        case,
        state=CaseState.CLOSED,
        referrals=referrals,
        waiver=body.waiver,
        result=body.result or case.result,
        public_reply=body.public_reply or case.public_reply,
        closed_at=stamp.at,
    )


def _reopened(case: Case, body: f.CaseReopened, stamp: f.Stamp) -> Case:
    return replace(
        case,
        state=CaseState.REFERRED,
        round=case.round + 1,
        referrals=(*case.referrals, *body.referrals),
        supervision=higher(body.supervision or Supervision.YELLOW, case.supervision),
        supervisor=body.supervisor or case.supervisor,
        flags=_merged(case.flags, body.flags),
        follow_up_due=None,
        owner=case.origin,
        closed_at=None,
        result="",
        public_reply="",
        waiver="",
    )


def _end_open(case: Case, state: ReferralState, stamp: f.Stamp) -> Case:
    def end(one: Referral) -> Referral:
        return replace(one, state=state, ended_at=stamp.at) if one.state in OPEN_REFERRAL else one

    return replace(case, referrals=tuple(end(one) for one in case.referrals))


_EVOLVERS: dict[type, Callable[[Case, Any, f.Stamp], Case]] = {
    f.ReportAmended: _amended,
    f.CaseClassified: _classified,
    f.CaseAnswered: _answered,
    f.CaseRejected: _rejected,
    f.CaseCancelled: _cancelled,
    f.CaseTransferred: _transferred,
    f.ReferralReceived: _received,
    f.ReferralAccepted: _accepted,
    f.ProgressReported: _progressed,
    f.ReturnRequested: _return_requested,
    f.ReturnGranted: _return_granted,
    f.ReturnDenied: _return_denied,
    f.ReferralResolved: _resolved,
    f.ReferralRecalled: _recalled,
    f.ReferralWaived: _waived,
    f.FollowUpRecorded: _followed_up,
    f.CaseClosed: _closed,
    f.CaseReopened: _reopened,
    **evolve_life.EVOLVERS,
    **evolve_clocks.EVOLVERS,
    **evolve_privacy.EVOLVERS,
    **_CALLS,
    **_MATTERS,
}
