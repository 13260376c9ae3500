"""Limits in time: wall clock and working calendar (domain.md section 3).

A limit is a span (minutes of wall time, or working days) from delivery. P0 and P1 run on wall time whatever the
span's unit: a working day is then a day. Working time is the time between opening and closing on working
days, make-up days (调休) included, in the city's fixed zone; a pause moves a limit by as much working time as
it lasted, or by its plain length on wall time.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from callmesh.domain.directory import Calendar, Span
from callmesh.domain.words import Level

_WALL = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1)}
_WORKING = "wd"
_DAY = timedelta(days=1)


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
    if before is not None and days is not None and before.unit == _WORKING and span.amount > before.amount:
        return back_working_days(end, before.amount, days)
    if before is not None and days is None and before.unit != _WORKING:
        at = end - before.amount * _WALL[before.unit]
        if at > start:
            return at
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
    day = _working_day(moment.date(), days, calendar)
    return (moment + (day - moment.date())).astimezone(UTC)


def back_working_days(end: datetime, days: int, calendar: Calendar) -> datetime:
    """The same time of day, `days` working days earlier, in UTC."""
    moment = _local(end, calendar)
    day = _working_day(moment.date(), days, calendar, -_DAY)
    return (moment + (day - moment.date())).astimezone(UTC)


def working_time(start: datetime, end: datetime, calendar: Calendar) -> timedelta:
    """How much of the time from `start` to `end` the offices are open; nothing when it runs backwards."""
    first, last = _local(start, calendar), _local(end, calendar)
    if last <= first:
        return timedelta()
    day, whole = first.date(), 0
    while day < last.date():
        whole += calendar.is_working_day(day)
        day += _DAY
    return whole * calendar.hours + _passed(last, calendar) - _passed(first, calendar)


def add_working_time(start: datetime, length: timedelta, calendar: Calendar) -> datetime:
    """When so much working time has passed since `start`, in UTC; a whole day ends at its closing."""
    begins = next_opening(_local(start, calendar), calendar)
    days, rest = divmod(_passed(begins, calendar) + length, calendar.hours)
    if days and not rest:
        days, rest = days - 1, calendar.hours
    day = _working_day(begins.date(), days, calendar)
    return (datetime.combine(day, calendar.opens, begins.tzinfo) + rest).astimezone(UTC)


def next_opening(local: datetime, calendar: Calendar) -> datetime:
    """`local` itself within working time, else the next moment the offices open."""
    day = local.date()
    if not calendar.is_working_day(day) or local.time() >= calendar.closes:
        day = _working_day(day, 1, calendar)
    return max(local, datetime.combine(day, calendar.opens, local.tzinfo))


def _working_day(day: date, number: int, calendar: Calendar, step: timedelta = _DAY) -> date:
    """The `number`-th working day after `day`, or before it when `step` is back; `day` itself for 0."""
    while number > 0:
        day += step
        number -= calendar.is_working_day(day)
    return day


def _passed(local: datetime, calendar: Calendar) -> timedelta:
    """How much of its day's working time is over."""
    day = local.date()
    if not calendar.is_working_day(day):
        return timedelta()
    return min(max(local - datetime.combine(day, calendar.opens, local.tzinfo), timedelta()), calendar.hours)


def _local(at: datetime, calendar: Calendar) -> datetime:
    return at.astimezone(calendar.zone)
