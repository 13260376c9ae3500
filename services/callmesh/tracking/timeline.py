"""GetTimeline: a case's way, from its messages on the log alone; right even when the model lags."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from google.protobuf.duration_pb2 import Duration

from callmesh.api.v1 import tracking_service_pb2 as api
from callmesh.domain.case import Case
from callmesh.domain.waits import Hold, Pause, holds, slowest
from callmesh.domain.watch import next_limit
from callmesh.kernel.subjects import Names
from callmesh.ledger.port import Head
from callmesh.ledger.record import case_of
from callmesh.ledger.wire import from_timestamp
from callmesh.tracking import hops, rounds
from callmesh.tracking.items import Change, event_proto, items_of
from callmesh.tracking.projector import read_digestible
from callmesh.tracking.stages import stage_of
from callmesh.tracking.words import LIMIT, PENDING, duration, micros_of, timestamp


def timeline(case_id: str, heads: Sequence[Head], now: datetime) -> api.Timeline:
    """The timeline of a case with at least one message."""
    changes = read_digestible(items_of(case_id, heads), Names.case_stream(case_id))
    held = holds([(from_timestamp(one.record.fact.at), case_of(one.record)) for one in changes], now)
    longest = slowest(held)
    made = api.Timeline(
        case=heads[-1].reply(),
        entries=_entries(changes),
        holds=[_hold(one, one is longest) for one in held],
        deliveries=hops.deliveries(changes),
        rounds=rounds.rounds(changes),
        relations=hops.relations(changes),
        missed=hops.missed(changes),
        slowest_hop=hops.slowest(changes, micros_of(now)),
    )
    _put_deadline(made, heads[-1].case)
    return made


def _entries(changes: Sequence[Change]) -> list[api.TimelineEntry]:
    made = []
    before = changes[0].event["at"] if changes else 0
    for one in changes:
        at = one.event["at"]
        entry = api.TimelineEntry(
            stage=stage_of(one.event["kind"]),
            event=event_proto(one.event),
            elapsed=duration(at - before),
            said=one.said,
        )
        made.append(entry)
        before = max(before, at)  # a fact decided before its predecessor counts as simultaneous, as in holds
    return made


def _hold(one: Hold, longest: bool) -> api.Hold:
    waits = {wait.value: _length(length) for wait, length in one.waits.items()}
    pauses = [_pause(pause) for pause in one.pauses]
    return api.Hold(referral=one.referral, agency=one.agency, slowest=longest, pauses=pauses, **waits)


def _pause(one: Pause) -> api.Pause:
    start, kind = timestamp(micros_of(one.start)), PENDING.number(one.kind.value)
    return api.Pause(agency=one.agency, kind=kind, start=start, length=_length(one.length))


def _length(length: timedelta) -> Duration:
    return duration(length // timedelta(microseconds=1))


def _put_deadline(made: api.Timeline, case: Case) -> None:
    following = next_limit(case)
    if following is None or following.limit is None:
        return
    made.next_due.CopyFrom(timestamp(micros_of(following.at)))
    made.next_limit = LIMIT.number(following.limit.value)
    made.next_agency = following.agency
