"""Office hours: "24h", or ranges like "mon-fri 08:30-17:30, sat 09:00-12:00"."""

from __future__ import annotations

from datetime import datetime, time
from functools import lru_cache

from callmesh.domain.directory import Calendar

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def is_open(hours: str, at: datetime, calendar: Calendar) -> bool:
    """Whether somebody is there at `at`. A holiday closes an office, a make-up day (调休) opens it."""
    if hours == "24h":
        return True
    local = at.astimezone(calendar.zone)
    day = local.date()
    weekday = 0 if day in calendar.make_up_days else local.weekday()
    if day in calendar.holidays:
        return False
    return any(weekday in days and start <= local.time() < end for days, start, end in parse(hours))


@lru_cache(maxsize=256)
def parse(hours: str) -> tuple[tuple[frozenset[int], time, time], ...]:
    """The ranges of an hours text; raises ValueError that says what is wrong."""
    return tuple(_range(part.strip()) for part in hours.split(","))


def _range(text: str) -> tuple[frozenset[int], time, time]:
    days, _, clock = text.partition(" ")
    start, _, end = clock.strip().partition("-")
    try:
        return _days(days), time.fromisoformat(start), time.fromisoformat(end)
    except ValueError as wrong:
        raise ValueError(f'"{text}" is not like "mon-fri 08:30-17:30" ({wrong})') from None


def _days(text: str) -> frozenset[int]:
    first, _, last = text.partition("-")
    if first not in _DAYS or (last and last not in _DAYS):
        raise ValueError(f'unknown day in "{text}"')
    return frozenset(range(_DAYS.index(first), _DAYS.index(last or first) + 1))
