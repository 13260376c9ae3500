"""Limits in time: wall clock and working calendar (domain.md section 3).

A limit is a span (minutes of wall time, or working days) from delivery. P0 and P1 run on wall time whatever the
span's unit: a working day is then a day. Working time is the time between opening and closing on working
days, make-up days (调休) included, in the city's fixed zone; a pause moves a limit by as much working time as
it lasted, or by its plain length on wall time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone

from callmesh.domain.directory import Calendar, Span
from callmesh.domain.words import Level

_WALL = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1)}
_WORKING = "wd"


def on_wall_time(level: Level | None) -> bool:
    """P0 and P1: no office hours, no holidays, no pause."""
    return level in (Level.P0, Level.P1)


def due(start: datetime, span: Span, calendar: Calendar, wall: bool = False) -> datetime:
    """When a limit that starts at `start` (aware) runs out.

    Seconds, minutes and hours are wall time, and so is everything when `wall`. Working days end at the same
    time of day N working days later; a start outside working hours counts from the next opening.
    """
    if span.unit in _WALL:
        return start + span.amount * _WALL[span.unit]
    if wall:
        return start + timedelta(days=span.amount)
    return add_working_days(start, span.amount, calendar)


def warning(
    start: datetime, span: Span, end: datetime, before: Span | None, percent: int, days: Calendar | None
) -> datetime | None:
    """When to warn of a limit from `start` to `end`: `before` its end if that fits, else after `percent` of it.

    `days` is the calendar of a limit in working days, None on wall time.
    """
    if before is not None and (before.unit == _WORKING) == (days is not None) and _longer(span, before):
        if days is not None:
            return back_working_days(end, before.amount, days)
        return end - (before.amount * _WALL[before.unit])
    if not percent:
        return None
    if days is not None:
        return add_working_time(start, working_time(start, end, days) * percent / 100, days)
    return start + (end - start) * percent / 100


def moved(end: datetime | None, paused: datetime, resumed: datetime, days: Calendar | None) -> datetime | None:
    """A due time after a pause: what was left of it is left again. What had run out stays where it was."""
    if end is None or end <= paused:
        return end
    if days is None:
        return end + (resumed - paused)
    return add_working_time(resumed, working_time(paused, end, days), days)


def add_working_days(start: datetime, days: int, calendar: Calendar) -> datetime:
    """The same time of day, `days` working days on, in UTC."""
    moment = next_opening(_local(start, calendar), calendar)
    while days > 0:
        moment += timedelta(days=1)
        days -= calendar.is_working_day(moment.date())
    return moment.astimezone(UTC)


def back_working_days(end: datetime, days: int, calendar: Calendar) -> datetime:
    """The same time of day, `days` working days earlier, in UTC."""
    moment = _local(end, calendar)
    while days > 0:
        moment -= timedelta(days=1)
        days -= calendar.is_working_day(moment.date())
    return moment.astimezone(UTC)


def working_time(start: datetime, end: datetime, calendar: Calendar) -> timedelta:
    """How much of the time from `start` to `end` the offices are open; nothing when it runs backwards."""
    first, last = _local(start, calendar), _local(end, calendar)
    total = timedelta()
    for opens, closes in _days_from(first, calendar):
        if opens >= last:
            return total
        total += max(min(closes, last) - max(opens, first), timedelta())
    return total


def add_working_time(start: datetime, length: timedelta, calendar: Calendar) -> datetime:
    """When so much working time has passed since `start`, in UTC; a whole day ends at its closing."""
    first = _local(start, calendar)
    for opens, closes in _days_from(first, calendar):
        begins = max(opens, first)
        if begins < closes and length <= closes - begins:
            return (begins + length).astimezone(UTC)
        length -= max(closes - begins, timedelta())
    raise AssertionError("the days of a calendar do not end")


def next_opening(local: datetime, calendar: Calendar) -> datetime:
    """`local` itself within working time, else the next moment the offices open."""
    if calendar.is_working_day(local.date()) and local.time() < calendar.closes:
        return max(local, datetime.combine(local.date(), calendar.opens, local.tzinfo))
    opens, _ = next(_days_from(local + timedelta(days=1), calendar))
    return opens


def _days_from(local: datetime, calendar: Calendar) -> Iterator[tuple[datetime, datetime]]:
    """Opening and closing of every working day from that of `local` on."""
    day: date = local.date()
    while True:
        if calendar.is_working_day(day):
            yield tuple(datetime.combine(day, at, local.tzinfo) for at in (calendar.opens, calendar.closes))  # type: ignore[misc]
        day += timedelta(days=1)


def _longer(span: Span, before: Span) -> bool:
    if span.unit == _WORKING or before.unit == _WORKING:
        return span.amount > before.amount
    return span.amount * _WALL[span.unit] > before.amount * _WALL[before.unit]


def _local(at: datetime, calendar: Calendar) -> datetime:
    return at.astimezone(timezone(timedelta(minutes=calendar.utc_offset_minutes)))
