"""What else a case's way tells: deliveries, missed limits, the slowest hop, cases that belong to it.

All of it from the case's own messages. How often a referral was handed over stands in its receipt, as the inbox
counted it then; a receipt that another process wrote down, or an older version, does not say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from callmesh.api.v1 import case_pb2, referral_pb2
from callmesh.api.v1 import tracking_service_pb2 as api
from callmesh.states import ENDED, OPEN
from callmesh.tracking.items import Change
from callmesh.tracking.summaries import who_was_late
from callmesh.tracking.words import duration

_R = referral_pb2.Referral
PARENT, CHILD = "parent", "child"


def deliveries(changes: Sequence[Change]) -> list[api.DeliveryRecord]:
    """One a referral, in the order of their offers."""
    found = {one.name: _offered(one) for one in changes[-1].record.case.referrals} if changes else {}
    for change in changes:
        fact, kind = change.record.fact, change.event["kind"]
        if kind == "ReferralReceived" and fact.referral_received.referral in found:
            found[fact.referral_received.referral].attempts = fact.referral_received.attempts
        elif kind == "DeliveryFailed" and fact.delivery_failed.referral in found:
            found[fact.delivery_failed.referral].gave_up_after = fact.delivery_failed.attempts
    return list(found.values())


def _offered(one: referral_pb2.Referral) -> api.DeliveryRecord:
    made = api.DeliveryRecord(referral=one.name, agency=one.agency)
    if one.HasField("received_at"):
        made.received_at.CopyFrom(one.received_at)
    return made


def missed(changes: Sequence[Change]) -> Iterator[api.MissedLimit]:
    """Limits that ran out, in the order of their escalation."""
    for change in changes:
        if change.event["kind"] == "DeadlineMissed":
            body = change.record.fact.deadline_missed
            yield api.MissedLimit(
                referral=body.referral,
                agency=who_was_late(body, change.record.case),
                limit=body.limit,
                due=body.due if body.HasField("due") else None,
                at=change.record.fact.at,
            )


def relations(changes: Sequence[Change]) -> Iterator[api.Relation]:
    """What it was folded into, what was folded into it, what it is linked to."""
    if not changes:
        return
    case = changes[-1].record.case
    if case.parent:
        yield api.Relation(case=case.parent, kind=PARENT)
    for child in case.children:
        yield api.Relation(case=child, kind=CHILD)
    for link in case.links:
        yield api.Relation(case=link.case, kind=link.kind)


def slowest(changes: Sequence[Change], now: int) -> api.SlowestHop | None:
    """The longest time between two facts, or until now while the case is open; the first of equals."""
    waits = [(other.event["at"] - one.event["at"], one, _name(other)) for one, other in pairwise(changes)]
    if changes and changes[-1].record.case.state not in ENDED:
        waits.append((now - changes[-1].event["at"], changes[-1], ""))
    if not waits:
        return None
    length, first, end = max(waits, key=lambda one: one[0])
    agency = _waited_for(first.record.case)
    return api.SlowestHop(start_event=_name(first), end_event=end, length=duration(length), agency=agency)


def _name(change: Change) -> str:
    return f"cases/{change.case_id}/events/{change.sequence}"


def _waited_for(case: case_pb2.Case) -> str:
    """Whoever holds the lead, else whoever answers for the case."""
    lead = [one.agency for one in case.referrals if one.role == _R.LEAD and one.state in OPEN]
    return lead[-1] if lead else case.owner
