"""The window of `callmesh stats`: by name, by length, or from one local time to another."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from callmesh.cli.output import BadInput

_NAMES = ("today", "yesterday", "week", "month", "year")
_LENGTH = re.compile(r"([1-9][0-9]{0,4})([hd])")


@dataclass(frozen=True, slots=True)
class Window:
    """Either a name or length, or local times; a missing end is now."""

    name: str = ""
    first: datetime | None = None
    last: datetime | None = None


def parse(name: str | None, first: str | None, last: str | None) -> Window:
    """What was given; BadInput when it makes no sense."""
    if name is not None and (first is not None or last is not None):
        raise BadInput("give --window, or --from and --until, not both")
    if name is not None and name not in _NAMES and not _LENGTH.fullmatch(name):
        raise BadInput(f"{name!r} is no window; use {', '.join(_NAMES)}, or like 24h, 7d")
    if last is not None and first is None:
        raise BadInput("--until needs --from")
    if first is None:
        return Window(name or "today")
    found = Window("", _time(first, "--from"), _time(last, "--until") if last is not None else None)
    if found.first and found.last and found.first >= found.last:
        raise BadInput("--from must be before --until")
    return found


def bounds(window: Window, zone: str, now: datetime | None = None) -> tuple[datetime, datetime]:
    """Start and end, in the zone like "+08:00"; BadInput when the start lies in the future."""
    local = (now or datetime.now().astimezone()).astimezone(zone_from(zone))
    if window.first is not None:
        start = window.first.replace(tzinfo=local.tzinfo)
        end = window.last.replace(tzinfo=local.tzinfo) if window.last is not None else local
        if start > end:
            raise BadInput("--from lies in the future")
        return start, end
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if window.name == "yesterday":
        return midnight - timedelta(days=1), midnight
    return _start(window.name, local, midnight), local


def zone_from(text: str) -> timezone:
    """A timezone of "+08:00"."""
    sign, hours, minutes = text[:1], int(text[1:3]), int(text[4:6])
    return timezone((-1 if sign == "-" else 1) * timedelta(hours=hours, minutes=minutes))


def _start(name: str, local: datetime, midnight: datetime) -> datetime:
    length = _LENGTH.fullmatch(name)
    if length:
        return local - (timedelta(hours=int(length[1])) if length[2] == "h" else timedelta(days=int(length[1])))
    starts = {
        "today": midnight,
        "week": midnight - timedelta(days=midnight.weekday()),
        "month": midnight.replace(day=1),
        "year": midnight.replace(month=1, day=1),
    }
    return starts[name]


def _time(text: str, option: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{option} {text!r} is no date like 2026-03-01 or 2026-03-01T08:30") from None
    if found.tzinfo is not None:
        raise BadInput(f"{option} is the city's local time; leave the zone out")
    if not 1971 <= found.year <= 9998:
        raise BadInput(f"{option} {text!r} is out of range")
    return found
