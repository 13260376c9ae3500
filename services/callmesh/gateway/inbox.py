"""The projector: facts that partners must know become items of their inboxes.

An item is a `Delivery` with as much of the case as the agency's release policy allows, sealed with the case's data
key, on `in.<region>.<agency>.<case>.<referral>`. Of a very long case it has not what was fed back, which would not go
into a message. Its message id is made of the fact's sequence, so a redelivered fact stores it once. What the partner
did itself is not sent back to it. An item that waits while its case is erased is never delivered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nats.aio.msg import Msg

from callmesh.api.v1 import case_pb2, referral_pb2
from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.domain import facts as f
from callmesh.domain import facts_clocks as fc
from callmesh.domain import facts_matters as m
from callmesh.domain import facts_privacy as fp
from callmesh.domain.case import Case
from callmesh.domain.referral import OPEN_REFERRAL, Referral
from callmesh.domain.release import view
from callmesh.domain.watch import AGENCY_LIMITS
from callmesh.domain.words import Limit, ReferralState, Role
from callmesh.gateway.news import TOLD, Item, last_of, life_items, named
from callmesh.kernel import headers
from callmesh.kernel.messaging import publish_once
from callmesh.kernel.tasks import together
from callmesh.kernel.telemetry import traceparent
from callmesh.kernel.vault import DataKey
from callmesh.ledger.boot import Mesh
from callmesh.ledger.consume import each, kind_of
from callmesh.ledger.port import Head
from callmesh.ledger.record import body_of, decode
from callmesh.ledger.wire import to_proto

_K = pb.Delivery.Kind
ITEM_BYTES = 768 * 1024
"""With seal and headers well within the 1 MiB of a message."""
_TOLD = frozenset(
    {
        "case_transferred",
        "return_granted",
        "return_denied",
        "case_reopened",
        "referral_recalled",
        "referral_waived",
        "case_cancelled",
        "report_amended",
        "deadline_missed",
        "referral_resolved",
        "case_closed",
        *TOLD,
        "deadline_warned",
        "referral_reminded",
        "extension_decided",
        "referral_suspended",
        "suspension_denied",
        "referral_resumed",
        "case_merged",
        "case_unmerged",
        "disclosure_decided",
    }
)
_TOLD_TO_LEAD = frozenset({"referral_resolved"})
"""Concerns the lead of a case that others support, and most have none."""
_SUPPORT = referral_pb2.Referral.Role.SUPPORT
_NEWS: dict[type, "pb.Delivery.Kind.ValueType"] = {
    f.ReturnDenied: _K.RETURN_DENIED,
    f.ReferralRecalled: _K.RECALLED,
    f.ReferralWaived: _K.WAIVED,
    fc.DeadlineWarned: _K.WARNED,
    fc.ReferralReminded: _K.REMINDED,
    fc.ExtensionDecided: _K.EXTENSION_DECIDED,
    fc.ReferralSuspended: _K.SUSPENDED,
    fc.SuspensionDenied: _K.SUSPENSION_DENIED,
    fc.ReferralResumed: _K.RESUMED,
    fp.DisclosureDecided: _K.DISCLOSURE_DECIDED,
}


class Inbox:
    """Projects the log into the partners' inboxes."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh

    async def on_facts(self, messages: Sequence[Msg]) -> None:
        """Everything that some partner must know."""
        await each(self._mesh, messages, self._on_fact, _told)

    async def _on_fact(self, case_id: str, message: Msg) -> None:
        head = await self._mesh.ledger.seen(message)
        key = await self._mesh.runtime.vault.load(case_id)
        await together([self._put(head, item, key) for item in items_of(body_of(head.record), head.case)])

    async def _put(self, head: Head, item: Item, key: DataKey) -> None:
        referral, kind = item
        runtime = self._mesh.runtime
        delivery = pb.Delivery(kind=kind, sent_at=head.record.fact.at)
        shown = to_proto(view(head.case, referral.agency, self._mesh.city), case_pb2.Case)
        shown.etag = head.etag
        delivery.case.CopyFrom(shown)
        delivery.referral.CopyFrom(next(one for one in shown.referrals if one.name == referral.name))
        subject = runtime.names.inbox(referral.agency, referral.name)
        message_id = f"{head.sequence}.{referral.name}"
        await publish_once(
            runtime.client,
            runtime.publisher,
            subject,
            key.seal(packed(delivery)),
            message_id,
            **{headers.TRACEPARENT: traceparent()},
        )


def packed(delivery: pb.Delivery, most: int = ITEM_BYTES) -> bytes:
    """A delivery's bytes. Of one that is too large feedback is left out: of the case's referrals, and if need be of its
    own, which stand there twice. A case's record is bounded (ledger/handle.py), so the rest fits."""
    whole = delivery.SerializeToString()
    if len(whole) <= most:
        return whole
    for one in delivery.case.referrals:
        one.ClearField("feedback")
    if delivery.ByteSize() > most:
        delivery.referral.ClearField("feedback")
    return delivery.SerializeToString()


async def opened(mesh: Mesh, subject: str, data: bytes) -> pb.Delivery | None:
    """The delivery in an item; None when its case was erased since. Raises BadKey, Unreachable."""
    key = await mesh.runtime.vault.load(mesh.runtime.names.inbox_case(subject))
    found = key.open(data)
    return None if found is None else pb.Delivery.FromString(found)


def _told(case_id: str, message: Msg) -> bool:
    kind = kind_of(message)
    return kind in _TOLD and (kind not in _TOLD_TO_LEAD or _has_support(message))


def _has_support(message: Msg) -> bool:
    return any(one.role == _SUPPORT for one in decode(message.data).case.referrals)


def items_of(body: f.Body, case: Case) -> Iterator[Item]:
    """Who must be told what after a fact."""
    match body:
        case f.CaseTransferred() | f.CaseReopened() | m.CaseUnmerged():
            yield from _current(case, body.referrals, _K.OFFERED)
        case f.ReturnGranted():
            yield from _current(case, body.referrals, _K.OFFERED)
            yield from named(case, body.referral, _K.RETURN_GRANTED)
        case f.ReferralResolved() | f.ReferralWaived():
            yield from _support_done(case)
        case f.CaseCancelled():
            yield from ((one, _K.RECALLED) for one in case.this_round if one.state == ReferralState.RECALLED)
        case m.CaseMerged():
            yield from ((one, _K.RECALLED) for one in case.referrals if one.ended_at == case.updated_at)
        case f.ReportAmended():
            yield from ((one, _K.SUPPLEMENTED) for one in case.referrals if one.state in OPEN_REFERRAL)
        case f.DeadlineMissed():
            yield from _late(case, body)
        case f.CaseClosed():
            yield from ((one, _K.CLOSED) for one in case.this_round if one.state == ReferralState.CLOSED)
    yield from life_items(body, case)
    if type(body) in _NEWS:
        yield from named(case, str(getattr(body, "referral", "")), _NEWS[type(body)])


def _current(case: Case, referrals: tuple[Referral, ...], kind: "pb.Delivery.Kind.ValueType") -> Iterator[Item]:
    for one in referrals:
        yield from named(case, one.name, kind)


def _late(case: Case, body: f.DeadlineMissed) -> Iterator[Item]:
    """The agency whose limit it is; of what the patrol found the one that has to mend it, by its last referral."""
    if body.limit in AGENCY_LIMITS:
        yield from named(case, body.referral, _K.REMINDED)
    if body.limit == Limit.RECTIFY:
        for agency in {one.agency for one in case.findings if one.is_open and one.due == body.due}:
            yield from last_of(case, agency, _K.REMINDED)


def _support_done(case: Case) -> Iterator[Item]:
    """The lead may resolve once the last supporting agency is done."""
    supports = [one for one in case.this_round if one.role == Role.SUPPORT]
    lead = case.lead
    if lead is not None and lead.is_open and supports and not any(one.is_open for one in supports):
        yield lead, _K.SUPPORT_DONE
