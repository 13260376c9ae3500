"""The State Council's calendar: public holidays and make-up days (调休) of mainland China, by a kept library.

`chinesecalendar` (MIT) is generated anew each November when the next year is announced. A city that says
`base = "cn"` in calendar.toml starts from it; what its file lists wins over it, day by day, so a year that is not
published yet, a city's own holiday, or a day that was moved at short notice is written there.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from callmesh.domain.directory import Calendar

BASES = ("cn",)
FIRST_YEAR = 2025
"""Limits do not look back: older years would only make the city larger."""


def with_base(calendar: Calendar) -> Calendar:
    """The calendar on top of the State Council's."""
    from chinese_calendar.constants import workdays  # only who reads a folder pays for it

    off, worked = public_holidays(), {day for day in workdays if day.year >= FIRST_YEAR}
    return replace(
        calendar,
        holidays=(off - calendar.make_up_days) | calendar.holidays,
        make_up_days=frozenset(worked - calendar.holidays) | calendar.make_up_days,
    )


def public_holidays() -> frozenset[date]:
    """Every day off, weekends within a holiday included."""
    from chinese_calendar.constants import holidays

    return frozenset(day for day in holidays if day.year >= FIRST_YEAR)
