"""What partners are told of disputes, designations, reviews, advice and findings; the rest stands in `inbox`.

Who lost a referral by somebody else's fact is found by its end: it ended at the very time of the fact.
"""

from __future__ import annotations

from collections.abc import Iterator

from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.domain import facts as f
from callmesh.domain import facts_matters as m
from callmesh.domain.case import Case
from callmesh.domain.referral import Referral
from callmesh.domain.words import ReferralState, Role

_K = pb.Delivery.Kind
_S = ReferralState
Item = tuple[Referral, "pb.Delivery.Kind.ValueType"]
TOLD = frozenset(
    {
        "dispute_opened",
        "jurisdiction_designated",
        "resolution_sent_back",
        "resolution_approved",
        "case_annotated",
        "finding_recorded",
    }
)
_ENDS: dict[ReferralState, "pb.Delivery.Kind.ValueType"] = {
    _S.RETURNED: _K.RETURN_GRANTED,
    _S.RECALLED: _K.RECALLED,
    _S.WAIVED: _K.WAIVED,
}


def life_items(body: f.Body, case: Case) -> Iterator[Item]:
    """Who must be told what after a fact of the harder turns."""
    match body:
        case f.DisputeOpened(granted=True):
            yield from named(case, body.referral, _K.RETURN_GRANTED)
        case f.JurisdictionDesignated():
            yield from _designated(case, body)
        case f.CaseTransferred() | f.ReturnGranted():
            yield from _relieved(case)
        case f.ResolutionSentBack():
            yield from named(case, body.referral, _K.SENT_BACK)
        case f.ResolutionApproved():
            yield from named(case, body.referral, _K.APPROVED)
        case f.CaseAnnotated() if case.lead is not None and case.lead.agency != body.annotation.agency:
            yield case.lead, _K.ANNOTATED
        case m.FindingRecorded() if body.finding.is_open:
            yield from last_of(case, body.finding.agency, _K.FINDING)


def last_of(case: Case, agency: str, kind: "pb.Delivery.Kind.ValueType") -> Iterator[Item]:
    """By the agency's last referral; who has none, as the first receiver, sees it at its desk."""
    yield from [(one, kind) for one in case.referrals if one.agency == agency][-1:]


def _designated(case: Case, body: f.JurisdictionDesignated) -> Iterator[Item]:
    """A new lead is offered it, the one that has it already learns that it stays; whoever lost it stops."""
    for one in body.referrals:
        fresh = one.offered_at == case.updated_at
        yield from named(case, one.name, _K.OFFERED if fresh else _K.DESIGNATED)
    yield from ((one, _ENDS[one.state]) for one in case.this_round if _just_ended(one, case))


def _relieved(case: Case) -> Iterator[Item]:
    """Support that ended because its agency leads now."""
    helped = (one for one in case.this_round if one.role == Role.SUPPORT and one.state == _S.WAIVED)
    yield from ((one, _K.WAIVED) for one in helped if _just_ended(one, case))


def _just_ended(one: Referral, case: Case) -> bool:
    return one.state in _ENDS and one.ended_at == case.updated_at


def named(case: Case, name: str, kind: "pb.Delivery.Kind.ValueType") -> Iterator[Item]:
    """Of one referral, if it is there."""
    referral = case.referral(name)
    if referral is not None:
        yield referral, kind
