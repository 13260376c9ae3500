"""`evolve(case, fact)`: the case after a fact. Total: a fact that was decided always applies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from callmesh.domain import evolve_clocks, evolve_life, evolve_privacy, evolve_referral
from callmesh.domain import facts as f
from callmesh.domain.case import Case
from callmesh.domain.changes import flagged, recalled
from callmesh.domain.evolve_calls import EVOLVERS as _CALLS
from callmesh.domain.evolve_matters import EVOLVERS as _MATTERS
from callmesh.domain.values import replace
from callmesh.domain.watch import LATE_DIVERSION, higher
from callmesh.domain.words import CaseState, ReferralState, Role, Supervision


def evolve(case: Case | None, fact: f.Fact) -> Case:
    """The case after the fact; `case` is None only before CaseOpened."""
    body = fact.body
    if isinstance(body, f.CaseOpened):
        return _opened(body, fact.stamp)
    if case is None:
        raise ValueError(f"{fact.kind} on a case that was never opened")
    after = replace(_EVOLVERS[type(body)](case, body, fact.stamp), updated_at=fact.stamp.at)
    return evolve_clocks.set_anew(case, after) if after.missed else after


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
        diversion_due=body.diversion_due,
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
        flags=flagged(case, *body.flags),
        diversion_due=body.diversion_due,
        decision_due=body.decision_due or case.decision_due,
    )


def _answered(case: Case, body: f.CaseAnswered, stamp: f.Stamp) -> Case:
    return replace(
        case,
        state=CaseState.ANSWERED,
        result=body.result,
        public_reply=body.public_reply,
        closed_at=stamp.at,
    )


def _rejected(case: Case, body: f.CaseRejected, stamp: f.Stamp) -> Case:
    return replace(case, state=CaseState.REJECTED, ground=body.ground, result=body.reason, closed_at=stamp.at)


def _cancelled(case: Case, body: f.CaseCancelled, stamp: f.Stamp) -> Case:
    ended = recalled(case, stamp)
    return replace(ended, state=CaseState.CANCELLED, result=body.reason, closed_at=stamp.at)


def _transferred(case: Case, body: f.CaseTransferred, stamp: f.Stamp) -> Case:
    led = case.state != CaseState.DISPUTED or any(one.role == Role.LEAD for one in body.referrals)
    late = LATE_DIVERSION in body.flags
    return replace(
        case,
        diversion_due=None,
        decision_due=None if led else case.decision_due,
        supervision=higher(Supervision.YELLOW, case.supervision) if late else case.supervision,
        state=CaseState.REFERRED if led else CaseState.DISPUTED,
        referrals=(*evolve_life.relieved(case, body.referrals, stamp), *body.referrals),
        plan=body.plan or case.plan,
        city_version=body.city_version or case.city_version,
        flags=flagged(case, *body.flags),
    )


def _followed_up(case: Case, body: f.FollowUpRecorded, stamp: f.Stamp) -> Case:
    """Nothing ends by a call alone, answered or not: somebody has to call again, close or reopen the case."""
    return replace(case, follow_ups=(*case.follow_ups, body.follow_up), follow_up_due=body.follow_up_due)


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
        flags=flagged(case, *body.flags),
        follow_up_due=None,
        owner=case.origin,
        closed_at=None,
        result="",
        public_reply="",
        waiver="",
    )


_EVOLVERS: dict[type, Callable[[Case, Any, f.Stamp], Case]] = {
    f.ReportAmended: _amended,
    f.CaseClassified: _classified,
    f.CaseAnswered: _answered,
    f.CaseRejected: _rejected,
    f.CaseCancelled: _cancelled,
    f.CaseTransferred: _transferred,
    f.FollowUpRecorded: _followed_up,
    f.CaseClosed: _closed,
    f.CaseReopened: _reopened,
    **evolve_referral.EVOLVERS,
    **evolve_life.EVOLVERS,
    **evolve_clocks.EVOLVERS,
    **evolve_privacy.EVOLVERS,
    **_CALLS,
    **_MATTERS,
}
