"""Figures for other programs: CSV for spreadsheets, JSON lines for the rest. Numbers are plain, times ISO 8601.

A spreadsheet runs text that begins like a formula, and a category or channel may be a code that a partner made
up; so such text gets an apostrophe in front, which spreadsheets take for "this is text".
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from callmesh.api.v1 import tracking_service_pb2 as pb
from callmesh.cli.output import Failure, json_line
from callmesh.cli.stats_names import GROUPS_EN, Names
from callmesh.cli.stats_window import zone_from

_UNITS = {1: "count", 2: "rate", 3: "seconds", 4: "score", 5: "rank"}
_NUMBERS = ("numerator", "denominator", "value", "seconds")
_BEFORE = ("previous_numerator", "previous_denominator", "previous_seconds", "change")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_to(file: str, found: pb.GetFiguresResponse, names: Names, bom: bool) -> None:
    """Writes the figures; `-` is standard output."""
    text = ("\ufeff" if bom else "") + csv_text(found, names)
    if file == "-":
        sys.stdout.buffer.write(text.encode())
        sys.stdout.flush()
        return
    try:
        Path(file).write_bytes(text.encode())
    except OSError as wrong:
        raise Failure(f"{file} cannot be written: {wrong.strerror}") from None


def csv_text(found: pb.GetFiguresResponse, names: Names) -> str:
    """A heading and a line a figure."""
    into = io.StringIO()
    writer = csv.writer(into, lineterminator="\r\n")
    groups = [GROUPS_EN[group.by] for group in found.figures[0].groups] if found.figures else []
    heads = [part for name in groups for part in (name, f"{name}_name")]
    writer.writerow(["figure", "key", "name", *heads, "unit", *_NUMBERS, *_BEFORE, "from", "until", "zone"])
    for one in found.figures:
        keys = [part for group in one.groups for part in (group.key, names.group(group.by, group.key))]
        texts = [_safe(part) for part in (one.id, one.key, _name(one, names), *keys)]
        numbers = [_number(one, name) for name in (*_NUMBERS, *_BEFORE)]
        times = [_iso(stamp, found.zone) for stamp in (one.start_time, one.end_time)]
        writer.writerow([*texts, _UNITS.get(one.unit, ""), *numbers, *times, found.zone])
    return into.getvalue()


def json_lines(found: pb.GetFiguresResponse) -> None:
    """Every figure, hotspot and alert by itself, each with what it is in `kind`."""
    for line in lines(found):
        json_line(line)


def lines(found: pb.GetFiguresResponse) -> Iterator[dict[str, Any]]:
    """The objects."""
    for one in found.figures:
        groups = {GROUPS_EN[group.by]: group.key for group in one.groups}
        numbers = {name: _number(one, name) for name in (*_NUMBERS, *_BEFORE)}
        known = {name: number for name, number in numbers.items() if number != ""}
        about: dict[str, Any] = {"kind": "figure", "id": one.id, "key": one.key, "zh": one.zh, "groups": groups}
        window = {"from": _iso(one.start_time, found.zone), "until": _iso(one.end_time, found.zone), "zone": found.zone}
        yield about | {"unit": _UNITS.get(one.unit, "")} | known | window
    for spot in found.hotspots:
        yield _spot("hotspot", spot, found.zone)
    for alert in found.alerts:
        raised = {"threshold": alert.threshold, "case": alert.case, "at": _iso(alert.at, found.zone)}
        yield _spot("alert", alert.hotspot, found.zone) | raised


def _spot(kind: str, spot: pb.Hotspot, zone: str) -> dict[str, Any]:
    where: dict[str, Any] = {"cell": spot.cell, "category": spot.category, "hour": _iso(spot.hour, zone)}
    return {"kind": kind, **where, "count": spot.count}


def _number(one: pb.Figure, name: str) -> Any:
    """A number that means something for this figure, else ""."""
    if name in ("value", *_BEFORE):
        return getattr(one, name) if one.HasField(name) else ""  # type: ignore[arg-type]
    if name == "seconds":
        return one.seconds if one.unit == pb.Figure.SECONDS else ""
    return getattr(one, name)


def _name(one: pb.Figure, names: Names) -> str:
    key = names.key(one.id, one.key)
    return f"{one.zh}: {key}" if key else one.zh


def _iso(stamp: Any, zone: str) -> str:
    at = datetime.fromtimestamp(stamp.seconds + stamp.nanos / 1e9, UTC)
    return at.astimezone(zone_from(zone)).isoformat(timespec="seconds")


def _safe(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
