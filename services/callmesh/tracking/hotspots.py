"""Hotspots: how many cases of a category were opened in a cell of the map within an hour, and the alerts.

A case with a point on the map is counted once it has a category, in the hour it was opened, and moves when
it is classified anew. The count that reaches the city's threshold raises an alert, once for a cell, hour and
category: the row is written in the transaction that counts, and its key allows no second one, so neither
a restart, nor a redelivery, nor a case that leaves and comes back raises it again. Counting goes fact by fact in the
log's order, whatever the batches; so counts, and the case that reached the threshold, are the same each time the
log is read (of several shards: the counts; the case is the one that came last here). A rebuild counts anew but keeps
the alerts: they were decided with the threshold of their time.

A cell is a hundredth of a degree each way (about a kilometre): coarse enough to tell nobody's address.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import floor
from typing import Any

from sqlalchemy import Connection, Insert, select, tuple_

from callmesh.api.v1 import case_pb2
from callmesh.api.v1 import tracking_service_pb2 as api
from callmesh.tracking import schema
from callmesh.tracking.items import Change
from callmesh.tracking.words import SECOND, clean, micros, timestamp

HOUR = 3600 * SECOND
_CHUNK = 300
KINDS = ("CaseOpened", "CaseClassified")
_hotspots, _alerts, _parties = schema.hotspots.c, schema.alerts.c, schema.parties.c
Spot = tuple[int, str, str]
"""Start of the hour, cell, category."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A fact after which a case with a place has this category ("" for none)."""

    case_id: str
    hour: int
    cell: str
    category: str
    sequence: int
    at: int


@dataclass(slots=True)
class Upserts:
    """The statements of this database."""

    count: Insert
    alert: Insert


def sightings(changes: Sequence[Change]) -> list[Sighting]:
    """Facts that may move a case from one category to another."""
    return [found for one in changes if one.event["kind"] in KINDS and (found := _sighting(one))]


def cell_of(case: case_pb2.Case) -> str:
    """South-west corner of the case's cell, "" without a point."""
    if not case.report.place.HasField("point"):
        return ""
    point = case.report.place.point
    if not (-90 <= point.latitude <= 90 and -180 <= point.longitude <= 180):
        return ""
    return f"{_corner(point.latitude)},{_corner(point.longitude)}"


def _corner(degrees: float) -> str:
    """Down to hundredths; the tiny addend mends what binary fractions take away (24.48 * 100 is 2447.9...)."""
    return f"{floor(degrees * 100 + 1e-7) / 100:.2f}"


def _sighting(change: Change) -> Sighting | None:
    case = change.record.case
    cell = cell_of(case)
    if not cell:
        return None
    hour = micros(case.opened_at) // HOUR * HOUR
    category = clean(case.classification.category)
    return Sighting(change.case_id, hour, cell, category, change.sequence, change.event["at"])


def count(connection: Connection, upserts: Upserts, seen: Sequence[Sighting], threshold: int, stream: str) -> set[int]:
    """Counts in the running transaction, before the cases' rows are written; sequences that raised an alert."""
    if not seen:
        return set()
    before = _categories(connection, {one.case_id for one in seen})
    steps = list(_steps(seen, before))
    counts = _counts(connection, {spot for spot, _, _ in steps})
    reached: list[dict[str, Any]] = []
    for spot, change, one in steps:
        counts[spot] = counts.get(spot, 0) + change
        if change > 0 and threshold and counts[spot] >= threshold:
            reached.append(_alert(spot, counts[spot], threshold, stream, one))
    if counts:
        rows = [dict(zip(("hour", "cell", "category", "count"), (*spot, n), strict=True)) for spot, n in counts.items()]
        connection.execute(upserts.count, rows)
    return _raise(connection, upserts, reached)


def _steps(seen: Iterable[Sighting], before: dict[str, str]) -> Iterable[tuple[Spot, int, Sighting]]:
    """Less there, more here, in the log's order."""
    for one in seen:
        was = before.get(one.case_id, "")
        if one.category != was:
            before[one.case_id] = one.category
            if was:
                yield (one.hour, one.cell, was), -1, one
            if one.category:
                yield (one.hour, one.cell, one.category), 1, one


def _alert(spot: Spot, counted: int, threshold: int, stream: str, one: Sighting) -> dict[str, Any]:
    key = dict(zip(("hour", "cell", "category"), spot, strict=True))
    by = {"stream": stream, "sequence": one.sequence, "case_id": one.case_id, "at": one.at}
    return key | by | {"count": counted, "threshold": threshold}


def _raise(connection: Connection, upserts: Upserts, reached: list[dict[str, Any]]) -> set[int]:
    """Writes the first one of each spot that has none yet."""
    raised = set()
    for row in reached:
        if connection.execute(upserts.alert.returning(_alerts.sequence), row).first() is not None:
            raised.add(int(row["sequence"]))
    return raised


def _categories(connection: Connection, cases: set[str]) -> dict[str, str]:
    table, wanted, found = schema.cases.c, sorted(cases), dict[str, str]()
    for start in range(0, len(wanted), _CHUNK):
        query = select(table.id, table.category).where(table.id.in_(wanted[start : start + _CHUNK]))
        found |= {row.id: row.category for row in connection.execute(query)}
    return found


def _counts(connection: Connection, spots: set[Spot]) -> dict[Spot, int]:
    key, wanted, found = tuple_(_hotspots.hour, _hotspots.cell, _hotspots.category), sorted(spots), dict[Spot, int]()
    for start in range(0, len(wanted), _CHUNK):
        query = select(schema.hotspots).where(key.in_(wanted[start : start + _CHUNK]))
        found |= {(row.hour, row.cell, row.category): row[3] for row in connection.execute(query)}
    return found


def busiest(connection: Connection, start: int, end: int, most: int) -> list[api.Hotspot]:
    """The spots of hours that begin in the window, the busiest first."""
    query = select(schema.hotspots).where(_hotspots.hour >= start // HOUR * HOUR, _hotspots.hour < end)
    order = (_hotspots["count"].desc(), _hotspots.hour.desc(), _hotspots.cell, _hotspots.category)
    found = connection.execute(query.where(_hotspots["count"] > 0).order_by(*order).limit(most))
    return [hotspot(row._mapping) for row in found]


def raised(connection: Connection, start: int, end: int, most: int, party: str = "") -> list[api.HotspotAlert]:
    """Alerts of hours that begin in the window, the newest first; those that an agency's own case raised, or all."""
    query = select(schema.alerts).where(_alerts.hour >= start // HOUR * HOUR, _alerts.hour < end)
    if party:
        query = query.where(_alerts.case_id.in_(select(_parties.case_id).where(_parties.agency == party)))
    query = query.order_by(_alerts.hour.desc(), _alerts.sequence.desc()).limit(most)
    return [alert(row._mapping) for row in connection.execute(query)]


def raised_by(connection: Connection, stream: str, sequences: Sequence[int]) -> dict[int, api.HotspotAlert]:
    """Alerts by the sequence of the fact that raised them."""
    found: dict[int, api.HotspotAlert] = {}
    for start in range(0, len(sequences), _CHUNK):
        chosen = _alerts.sequence.in_(sequences[start : start + _CHUNK])
        query = select(schema.alerts).where(_alerts.stream == stream, chosen)
        found |= {row.sequence: alert(row._mapping) for row in connection.execute(query)}
    return found


def hotspot(row: Any) -> api.Hotspot:
    """A row of either table as the API shows it."""
    return api.Hotspot(cell=row["cell"], category=row["category"], hour=timestamp(row["hour"]), count=row["count"])


def alert(row: Any) -> api.HotspotAlert:
    """A row of `alerts` as the API shows it."""
    about = {"hotspot": hotspot(row), "threshold": row["threshold"]}
    return api.HotspotAlert(**about, case=f"cases/{row['case_id']}", at=timestamp(row["at"]))
