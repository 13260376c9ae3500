"""A length of time as a city's rules state it, and the working time that it may run on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from functools import cached_property


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time as the rules state it: minutes of wall time, or working days."""

    amount: int
    unit: str  # "s", "m", "h" or "wd"


@dataclass(frozen=True)
class Calendar:
    """Working time: week days, opening hours, public holidays and make-up days (调休)."""

    opens: time = time(8, 30)
    closes: time = time(17, 30)
    holidays: frozenset[date] = frozenset()
    make_up_days: frozenset[date] = frozenset()
    utc_offset_minutes: int = 480

    @cached_property
    def hours(self) -> timedelta:
        """The working time of a day."""
        day = date.min
        return datetime.combine(day, self.closes) - datetime.combine(day, self.opens)

    @cached_property
    def zone(self) -> timezone:
        """The city's own time."""
        return timezone(timedelta(minutes=self.utc_offset_minutes))

    def is_working_day(self, day: date) -> bool:
        """A make-up day works, a holiday does not, else Monday to Friday."""
        return day in self.make_up_days or (day.weekday() < 5 and day not in self.holidays)
