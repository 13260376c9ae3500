"""Limits in time: wall clock and working calendar (domain.md section 3)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from callmesh.domain.directory import Calendar, Span

_WALL = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1)}


def due(start: datetime, span: Span, calendar: Calendar) -> datetime:
    """When a limit that starts at `start` (aware) runs out.

    Seconds, minutes and hours are wall time. Working days end at the same time of day N working
    days later; a start outside working hours counts from the next opening.
    """
    if span.unit in _WALL:
        return start + span.amount * _WALL[span.unit]
    return add_working_days(start, span.amount, calendar)


def add_working_days(start: datetime, days: int, calendar: Calendar) -> datetime:
    """The same time of day, `days` working days on, in UTC."""
    zone = timezone(timedelta(minutes=calendar.utc_offset_minutes))
    moment = next_opening(start.astimezone(zone), calendar)
    while days > 0:
        moment += timedelta(days=1)
        days -= calendar.is_working_day(moment.date())
    return moment.astimezone(UTC)


def next_opening(local: datetime, calendar: Calendar) -> datetime:
    """`local` itself within working time, else the next moment the offices open."""
    if calendar.is_working_day(local.date()) and local.time() < calendar.closes:
        return max(local, datetime.combine(local.date(), calendar.opens, local.tzinfo))
    day = local.date() + timedelta(days=1)
    while not calendar.is_working_day(day):
        day += timedelta(days=1)
    return datetime.combine(day, calendar.opens, local.tzinfo)
