"""What a life's harder turns make of the case: dispute and designation, review, advice, supervisor."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from callmesh.domain import facts as f
from callmesh.domain.case import Case
from callmesh.domain.changes import changed
from callmesh.domain.referral import Referral
from callmesh.domain.values import replace
from callmesh.domain.watch import higher
from callmesh.domain.words import CaseState, ReferralState, Role, Supervision

_S = ReferralState


def relieved(case: Case, offers: Iterable[Referral], stamp: f.Stamp) -> tuple[Referral, ...]:
    """The case's referrals. Who leads does not also support: an agency's open support of this round ends when it is
    offered the lead."""
    leading = {one.agency for one in offers if one.role == Role.LEAD}

    def relieve(one: Referral) -> Referral:
        double = one.role == Role.SUPPORT and one.is_open and one.round == case.round and one.agency in leading
        return replace(one, state=_S.WAIVED, ended_at=stamp.at) if double else one

    return tuple(relieve(one) for one in case.referrals)


def _disputed(case: Case, body: f.DisputeOpened, stamp: f.Stamp) -> Case:
    watched = higher(Supervision.YELLOW, case.supervision)
    disputed = replace(case, state=CaseState.DISPUTED, supervision=watched, decision_due=body.decision_due)
    referral = case.referral(body.referral)
    if referral is None or not body.granted:
        return disputed
    ended = changed(disputed, body.referral, state=_S.RETURNED, ended_at=stamp.at)
    return replace(ended, owner=referral.sender)


def _designated(case: Case, body: f.JurisdictionDesignated, stamp: f.Stamp) -> Case:
    """The one designated leads; whoever led before is out of it, and the first receiver owns until a person accepts."""
    after = {one.name: one for one in body.referrals}

    def settle(one: Referral) -> Referral:
        if one.name in after:
            return after.pop(one.name)
        if one.role != Role.LEAD or not one.is_open or one.round != case.round:
            return one
        return replace(one, state=_S.RETURNED if one.return_count else _S.RECALLED, ended_at=stamp.at)

    settled = tuple(settle(one) for one in relieved(case, body.referrals, stamp))
    lead = next(one for one in body.referrals if one.role == Role.LEAD)
    return replace(
        case,
        state=CaseState.REFERRED,
        decision_due=None,
        referrals=(*settled, *after.values()),
        owner=lead.agency if lead.accepted_at else case.origin,
    )


def _sent_back(case: Case, body: f.ResolutionSentBack, stamp: f.Stamp) -> Case:
    """The old words stay in the log; the case shows a result only while there is one."""
    referral = case.referral(body.referral)
    back = changed(
        case,
        body.referral,
        state=_S.IN_PROGRESS,
        resolved_at=None,
        approved_at=None,
        result="",
        public_reply="",
        sent_back_count=referral.sent_back_count + 1 if referral else 1,
    )
    if referral is None or referral.role != Role.LEAD:
        return back
    return replace(back, state=CaseState.REFERRED, result="", public_reply="", follow_up_due=None)


def _approved(case: Case, body: f.ResolutionApproved, stamp: f.Stamp) -> Case:
    return changed(case, body.referral, approved_at=stamp.at)


def _annotated(case: Case, body: f.CaseAnnotated, stamp: f.Stamp) -> Case:
    return replace(case, annotations=(*case.annotations, body.annotation))


def _supervised(case: Case, body: f.SupervisorChanged, stamp: f.Stamp) -> Case:
    return replace(case, supervisor=body.supervisor)


EVOLVERS: dict[type, Callable[[Case, Any, f.Stamp], Case]] = {
    f.DisputeOpened: _disputed,
    f.JurisdictionDesignated: _designated,
    f.ResolutionSentBack: _sent_back,
    f.ResolutionApproved: _approved,
    f.CaseAnnotated: _annotated,
    f.SupervisorChanged: _supervised,
}
