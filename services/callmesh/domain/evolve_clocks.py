"""The case after the facts of time and watch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from callmesh.domain import facts as f
from callmesh.domain import facts_clocks as fc
from callmesh.domain.calls import CallLeg
from callmesh.domain.case import Case
from callmesh.domain.changes import flagged, on_referral
from callmesh.domain.matters import Finding
from callmesh.domain.referral import Disclosure, Pending, Referral
from callmesh.domain.values import replace
from callmesh.domain.watch import FLAG_OF
from callmesh.domain.words import Limit, PendingKind, ReferralState, Supervision

DUE_OF = {Limit.DIVERSION: "diversion_due", Limit.DECISION: "decision_due", Limit.FOLLOW_UP: "follow_up_due"}
"""Limits of the case itself."""
Asked = TypeVar("Asked", Pending, Disclosure)


def set_anew(before: Case, after: Case) -> Case:
    """The case after a fact: a limit of its own that was set anew, or is gone, counts anew."""
    held = {limit for limit, due in DUE_OF.items() if getattr(before, due) == getattr(after, due)}
    return replace(after, missed=tuple(limit for limit in after.missed if limit in held))


def asking(one: Referral, asked: Pending) -> tuple[Pending, ...]:
    """What waits for a decision, this one among it."""
    return (*without(one, asked.kind), asked)


def without(one: Referral, kind: PendingKind) -> tuple[Pending, ...]:
    """What waits for a decision except this kind."""
    return tuple(asked for asked in one.pending if asked.kind != kind)


def _deadline_missed(case: Case, body: f.DeadlineMissed, stamp: f.Stamp) -> Case:
    """The limit leaves a mark, so that it is escalated once."""
    flags = [FLAG_OF[body.limit]] if body.limit in FLAG_OF else []
    after = replace(case, supervision=body.supervision, flags=flagged(case, *flags))
    if body.limit in DUE_OF and not body.referral:
        return replace(after, missed=(*case.missed, body.limit))
    if body.limit == Limit.RECTIFY:
        return replace(after, findings=tuple(_unmended(one, body) for one in after.findings))
    if body.limit == Limit.CALL_BACK:
        return replace(after, call_legs=tuple(_uncalled(one, body) for one in after.call_legs))
    return on_referral(after, body.referral, lambda one: _missed(one, body))


def _uncalled(one: CallLeg, body: f.DeadlineMissed) -> CallLeg:
    owed = one.call_back if one.is_owed else None
    return replace(one, call_back=replace(owed, overdue=True)) if owed and owed.due == body.due else one


def _unmended(one: Finding, body: f.DeadlineMissed) -> Finding:
    return replace(one, overdue=True) if one.is_open and one.due == body.due else one


def _missed(one: Referral, body: f.DeadlineMissed) -> Referral:
    if body.limit == Limit.ANSWER:
        return replace(one, answer_overdue=True)
    if body.limit != Limit.DECISION:
        return replace(one, missed=(*one.missed, body.limit))
    return replace(
        one,
        pending=tuple(_undecided(asked, body) for asked in one.pending),
        disclosures=tuple(_undecided(asked, body) for asked in one.disclosures),
    )


def _undecided(asked: Asked, body: f.DeadlineMissed) -> Asked:
    over = asked.decision_due is not None and asked.decision_due <= body.due
    return replace(asked, overdue=True) if over else asked


def _extension_requested(case: Case, body: fc.ExtensionRequested, stamp: f.Stamp) -> Case:
    asked = Pending(PendingKind.EXTENSION, stamp.at, body.until, body.special, body.decision_due, body.reason)
    return on_referral(case, body.referral, lambda one: replace(one, pending=asking(one, asked)))


def _extension_decided(case: Case, body: fc.ExtensionDecided, stamp: f.Stamp) -> Case:
    return on_referral(case, body.referral, lambda one: _extended(one, body))


def _extended(one: Referral, body: fc.ExtensionDecided) -> Referral:
    """More time wipes out what was missed or warned of meanwhile: the new limit is watched anew."""
    decided = replace(one, pending=without(one, PendingKind.EXTENSION), decision_reason=body.reason)
    if not body.granted:
        return decided
    return replace(
        decided,
        resolve_due=body.resolve_due,
        resolve_warn_at=body.resolve_warn_at,
        missed=tuple(limit for limit in one.missed if limit != Limit.RESOLVE),
        warned=tuple(limit for limit in one.warned if limit != Limit.RESOLVE),
        extension_count=one.extension_count + 1,
        special_extension_count=one.special_extension_count + body.special,
    )


def _suspension_requested(case: Case, body: fc.SuspensionRequested, stamp: f.Stamp) -> Case:
    asked = Pending(PendingKind.SUSPENSION, stamp.at, body.until, decision_due=body.decision_due, reason=body.reason)
    return on_referral(case, body.referral, lambda one: replace(one, pending=asking(one, asked)))


def _suspension_denied(case: Case, body: fc.SuspensionDenied, stamp: f.Stamp) -> Case:
    return on_referral(
        case,
        body.referral,
        lambda one: replace(one, pending=without(one, PendingKind.SUSPENSION), decision_reason=body.reason),
    )


def _suspended(case: Case, body: fc.ReferralSuspended, stamp: f.Stamp) -> Case:
    return on_referral(
        case,
        body.referral,
        lambda one: replace(
            one,
            state=ReferralState.SUSPENDED,
            suspended_at=stamp.at,
            suspended_until=body.until,
            suspended_by=body.asked_by,
            decision_reason=body.reason,
            pending=without(one, PendingKind.SUSPENSION),
        ),
    )


def _resumed(case: Case, body: fc.ReferralResumed, stamp: f.Stamp) -> Case:
    return on_referral(
        case,
        body.referral,
        lambda one: replace(
            one,
            state=ReferralState.IN_PROGRESS if one.started_at else ReferralState.ACCEPTED,
            suspended_at=None,
            suspended_until=None,
            suspended_seconds=one.suspended_seconds + _seconds(one, stamp),
            feedback_due=body.feedback_due,
            resolve_due=body.resolve_due,
            return_due=body.return_due,
            answer_due=body.answer_due,
            feedback_warn_at=body.feedback_warn_at,
            resolve_warn_at=body.resolve_warn_at,
        ),
    )


def _seconds(one: Referral, stamp: f.Stamp) -> int:
    return int((stamp.at - one.suspended_at).total_seconds()) if one.suspended_at else 0


def _warned(case: Case, body: fc.DeadlineWarned, stamp: f.Stamp) -> Case:
    told = on_referral(case, body.referral, lambda one: replace(one, warned=(*one.warned, body.limit)))
    return replace(told, supervision=body.supervision)


def _reminded(case: Case, body: fc.ReferralReminded, stamp: f.Stamp) -> Case:
    return on_referral(
        case,
        body.referral,
        lambda one: replace(
            one,
            remind_count=one.remind_count + 1,
            remind_reason=body.reason,
            answer_due=body.answer_due,
            answer_overdue=False,
        ),
    )


def _raised(case: Case, body: fc.SupervisionRaised, stamp: f.Stamp) -> Case:
    return replace(case, supervision=body.supervision, supervisor=body.supervisor or case.supervisor)


def _lifted(case: Case, body: fc.SupervisionLifted, stamp: f.Stamp) -> Case:
    return replace(case, supervision=Supervision.NONE)


EVOLVERS: dict[type, Callable[[Case, Any, f.Stamp], Case]] = {
    fc.ExtensionRequested: _extension_requested,
    fc.ExtensionDecided: _extension_decided,
    fc.SuspensionRequested: _suspension_requested,
    fc.SuspensionDenied: _suspension_denied,
    fc.ReferralSuspended: _suspended,
    fc.ReferralResumed: _resumed,
    f.DeadlineMissed: _deadline_missed,
    fc.DeadlineWarned: _warned,
    fc.ReferralReminded: _reminded,
    fc.SupervisionRaised: _raised,
    fc.SupervisionLifted: _lifted,
}
