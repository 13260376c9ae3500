"""Changes -> rows. A batch collapses: a case that changed several times is written once, as last seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from google.protobuf.message import Message

from callmesh.api.v1 import case_pb2, common_pb2, referral_pb2
from callmesh.domain.names import short
from callmesh.tracking import attention, marks, schema
from callmesh.tracking.hotspots import Sighting, sightings
from callmesh.tracking.items import UNKNOWN, Change, Row
from callmesh.tracking.words import (
    CASE_STATE,
    LEVEL,
    REFERRAL_STATE,
    ROLE,
    SUPERVISION,
    VERDICT,
    clean,
    micros,
)

_TIMES = (
    *("offered_at", "received_at", "accepted_at", "feedback_at", "arrived_at", "resolved_at"),
    *("ended_at", "accept_due", "feedback_due", "resolve_due"),
)


_SAY_WHO = ("CaseOpened", UNKNOWN)
"""Facts that can tell what a case is found by; the others change nothing of it."""
_OF_CASE = ("category", "division", "channel", "level", "case_marks")
_of_case = itemgetter("category", "division", "channel", "level", "marks")


@dataclass(slots=True)
class Rows:
    """What a batch writes, by table."""

    cases: list[Row] = field(default_factory=list)
    referrals: list[Row] = field(default_factory=list)
    identifiers: list[Row] = field(default_factory=list)
    parties: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    sightings: list[Sighting] = field(default_factory=list)
    erased: list[str] = field(default_factory=list)
    """Cases that nobody may find by a caller's number any more."""


def rows_of(changes: Sequence[Change]) -> Rows:
    """The rows of a batch, in the log's order."""
    rows = Rows(events=[one.event for one in changes], sightings=sightings(changes))
    for change in {one.case_id: one for one in changes}.values():
        case, opened_at = change.stored.case, micros(change.stored.case.opened_at)
        referrals = _referrals(change.case_id, case, opened_at)
        row = _case(change, case, opened_at, referrals)
        shared = dict(zip(_OF_CASE, _of_case(row), strict=True))
        for one in referrals:
            one.update(shared)
        rows.cases.append(row)
        rows.referrals += referrals
        if case.HasField("erased_at"):
            rows.erased.append(change.case_id)
    for change in changes:
        if change.event["kind"] in _SAY_WHO:
            rows.identifiers += _identifiers(change.case_id, change.record.case)
    rows.parties += _parties(changes)
    return rows


def _case(change: Change, case: case_pb2.Case, opened_at: int, referrals: list[Row]) -> Row:
    classified, origin = case.classification, clean(case.origin)
    diverted = any(one["agency"] != origin for one in referrals)
    return {
        "id": change.case_id,
        "state": CASE_STATE.word(case.state),
        "level": LEVEL.word(classified.level),
        "category": clean(classified.category),
        "verdict": VERDICT.word(classified.verdict),
        "division": clean(case.division),
        "channel": clean(case.channel),
        "origin": origin,
        "owner": clean(case.owner),
        "emergency": case.emergency,
        "opened_at": opened_at,
        "updated_at": micros(case.updated_at),
        "closed_at": _time(case, "closed_at"),
        "sequence": change.sequence,
        "round": case.round,
        "supervision": SUPERVISION.word(case.supervision),
        "overdue": attention.is_late(case),
        "diverted": diverted,
        **_follow_up(case),
        "city_version": clean(case.city_version),
        "marks": marks.of_case(case, diverted),
        "attention": attention.attention(case),
        "next_due": attention.next_due(case),
        "snapshot": change.data,
    }


def _follow_up(case: case_pb2.Case) -> Row:
    reached = [one for one in case.follow_ups if one.reached]
    return {
        "asked": bool(case.follow_ups),
        "reached": bool(reached),
        "solved": bool(reached) and reached[-1].solved,
        "satisfied": reached[-1].satisfied if reached else 0,
    }


def _referrals(case_id: str, case: case_pb2.Case, opened_at: int) -> list[Row]:
    seen: set[str] = set()
    rows = []
    for one in case.referrals:
        agency = clean(one.agency)
        rows.append(_referral(case_id, opened_at, one, agency, agency in seen))
        seen.add(agency)
    return rows


def _referral(case_id: str, opened_at: int, one: referral_pb2.Referral, agency: str, again: bool) -> Row:
    missed = one.missed
    row: Row = {
        "case_id": case_id,
        "number": int(one.name.rpartition("/")[2]),
        "agency": agency,
        "role": ROLE.word(one.role),
        "state": REFERRAL_STATE.word(one.state),
        "sender": clean(one.sender),
        "round": one.round,
        "hop": one.hop,
        "opened_at": opened_at,
        "again": again,
        "missed_accept": common_pb2.LIMIT_ACCEPT in missed,
        "missed_feedback": common_pb2.LIMIT_FEEDBACK in missed,
        "missed_resolve": common_pb2.LIMIT_RESOLVE in missed,
        "returns": one.return_count,
        "marks": marks.of_referral(one, again),
        "waits_until": marks.waits_until(one),
    }
    for name in _TIMES:
        row[name] = micros(getattr(one, name)) if one.HasField(name) else None  # type: ignore[arg-type]
    row["took"] = _took(row["received_at"], row["accepted_at"])
    return row


def _took(received: int | None, accepted: int | None) -> int | None:
    return None if received is None or accepted is None else max(accepted - received, 0)


def _parties(changes: Sequence[Change]) -> list[Row]:
    """Of every change and not the last one only, so that who answered for a case is the same in whatever batches."""
    found: dict[tuple[str, str], case_pb2.Case] = {}
    for one in changes:
        case = one.stored.case
        for agency in parties_of(case):
            found[one.case_id, agency] = case
    return [
        {"agency": clean(agency), "case_id": case_id, "opened_at": micros(found[case_id, agency].opened_at)}
        for case_id, agency in sorted(found)
    ]


def parties_of(case: case_pb2.Case) -> set[str]:
    """Agencies that have or had a part in the case; who was one stays one."""
    found = {case.origin, case.owner}
    for one in case.referrals:
        found |= {one.agency, one.sender}
    return found - {""}


def is_shielded(case: case_pb2.Case) -> bool:
    """Whether nobody but the first receiver may learn who called, not even by asking for a number."""
    return case.report.caller.confidential or case.report.caller.silent


def _identifiers(case_id: str, case: case_pb2.Case) -> list[Row]:
    rows: list[Row] = [
        {"kind": schema.EXTERNAL, "value": clean(one.value), "case_id": case_id}
        for one in case.external_ids
        if one.value
    ]
    rows.append({"kind": schema.SHORT, "value": short(case_id), "case_id": case_id})
    if case.caller_key:
        kind = schema.SHIELDED if is_shielded(case) else schema.CALLER
        rows.append({"kind": kind, "value": clean(case.caller_key), "case_id": case_id})
    return rows


def _time(message: Message, name: str) -> Any:
    return micros(getattr(message, name)) if message.HasField(name) else None
