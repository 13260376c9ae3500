"""Limits in time and office hours: wall clock, working days, holidays and make-up days (调休)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callmesh.domain.clocks import add_working_days, add_working_time, due, next_opening, warning, working_time
from callmesh.domain.directory import Calendar, City, Span
from callmesh.domain.hours import is_open, parse

BEIJING = timezone(timedelta(hours=8))
PLAIN = Calendar()


def local(text: str) -> datetime:
    """A moment in Beijing."""
    return datetime.fromisoformat(text).replace(tzinfo=BEIJING)


@pytest.fixture(scope="module")
def calendar(demo_city: City) -> Calendar:
    """The demo city's: National Day 2026 is off from 1 to 7 October, Saturday the 10th works."""
    return demo_city.calendar


@pytest.mark.parametrize(
    ("span", "before", "wanted"),
    [
        (Span(5, "wd"), Span(8, "h"), timedelta(days=5, hours=-8)),
        (Span(1, "wd"), Span(2, "h"), timedelta(hours=22)),
        (Span(2, "h"), Span(30, "m"), timedelta(minutes=90)),
        (Span(2, "h"), Span(2, "h"), None),
        (Span(5, "wd"), Span(1, "wd"), None),
    ],
)
def test_a_warning_by_the_clock_comes_in_time_whatever_the_limit_is_counted_in(
    span: Span, before: Span, wanted: timedelta | None
) -> None:
    start = local("2026-11-27 20:00")
    end = due(start, span, PLAIN, wall=True)
    assert warning(start, span, end, before, 0, None) == (start + wanted if wanted else None)


@pytest.mark.parametrize(
    ("amount", "unit", "wanted"),
    [(30, "s", "2026-10-03 23:59:30"), (2, "m", "2026-10-04 00:01:00"), (24, "h", "2026-10-04 23:59:00")],
)
def test_wall_time_knows_no_holiday(calendar: Calendar, amount: int, unit: str, wanted: str) -> None:
    assert due(local("2026-10-03 23:59:00"), Span(amount, unit), calendar) == local(wanted)


@pytest.mark.parametrize(
    ("start", "days", "wanted"),
    [
        ("2026-09-01 10:00", 1, "2026-09-02 10:00"),  # Tuesday
        ("2026-09-04 10:00", 1, "2026-09-07 10:00"),  # Friday to Monday
        ("2026-09-01 10:00", 5, "2026-09-08 10:00"),
        ("2026-09-01 06:00", 1, "2026-09-02 08:30"),  # before opening
        ("2026-09-01 17:29", 1, "2026-09-02 17:29"),
        ("2026-09-01 17:30", 1, "2026-09-03 08:30"),  # closed at this very moment
        ("2026-09-05 12:00", 1, "2026-09-08 08:30"),  # Saturday
        ("2026-09-30 16:00", 1, "2026-10-08 16:00"),  # over National Day
        ("2026-10-03 12:00", 1, "2026-10-09 08:30"),  # within it
        ("2026-10-09 10:00", 1, "2026-10-10 10:00"),  # Friday to the make-up Saturday
        ("2026-10-10 10:00", 1, "2026-10-12 10:00"),  # from the make-up Saturday to Monday
        ("2026-09-19 12:00", 1, "2026-09-21 08:30"),  # the next opening is the make-up Sunday
    ],
)
def test_working_days(calendar: Calendar, start: str, days: int, wanted: str) -> None:
    found = due(local(start), Span(days, "wd"), calendar)
    assert found == local(wanted)
    assert found.utcoffset() == timedelta(0)


def test_the_start_may_be_in_any_zone(calendar: Calendar) -> None:
    start = local("2026-09-04 10:00")
    assert due(start.astimezone(UTC), Span(1, "wd"), calendar) == due(start, Span(1, "wd"), calendar)


def test_a_citys_own_zone_counts() -> None:
    urumqi = Calendar(utc_offset_minutes=360)
    start = local("2026-09-01 18:00")  # 16:00 there: still open
    assert due(start, Span(1, "wd"), urumqi) == start + timedelta(days=1)


MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1)).map(lambda at: at.replace(tzinfo=BEIJING))
CALENDARS = st.builds(
    Calendar,
    holidays=st.frozensets(st.dates(date(2026, 1, 1), date(2026, 12, 31)), max_size=20),
    make_up_days=st.frozensets(st.dates(date(2026, 1, 1), date(2026, 12, 31)), max_size=20),
)


@given(MOMENTS, st.integers(1, 15), CALENDARS)
def test_a_working_limit_ends_in_working_time_after_exactly_so_many_days(
    start: datetime, days: int, calendar: Calendar
) -> None:
    end = add_working_days(start, days, calendar).astimezone(BEIJING)
    opening = next_opening(start, calendar)
    assert calendar.is_working_day(end.date())
    assert calendar.opens <= end.time() < calendar.closes
    between = [opening.date() + timedelta(days=n) for n in range(1, (end.date() - opening.date()).days + 1)]
    assert sum(calendar.is_working_day(day) for day in between) == days
    assert end.time() == opening.time()


@given(MOMENTS, MOMENTS, st.integers(1, 5), CALENDARS)
def test_who_starts_later_is_never_due_earlier(one: datetime, other: datetime, days: int, calendar: Calendar) -> None:
    first, second = sorted((one, other))
    assert add_working_days(first, days, calendar) <= add_working_days(second, days, calendar)


@given(MOMENTS, MOMENTS, CALENDARS)
def test_working_time_is_what_the_offices_are_open_each_day(one: datetime, other: datetime, calendar: Calendar) -> None:
    first, last = sorted((one, other))
    open_for = timedelta()
    for number in range((last.date() - first.date()).days + 1):
        day = first.date() + timedelta(days=number)
        opens, closes = (datetime.combine(day, at, BEIJING) for at in (calendar.opens, calendar.closes))
        if calendar.is_working_day(day):
            open_for += max(min(closes, last) - max(opens, first), timedelta())
    assert working_time(first, last, calendar) == open_for
    assert not working_time(last, first, calendar)


@given(MOMENTS, st.timedeltas(timedelta(microseconds=1), timedelta(days=9)), CALENDARS)
def test_so_much_working_time_later_so_much_has_passed(start: datetime, length: timedelta, calendar: Calendar) -> None:
    end = add_working_time(start, length, calendar)
    assert working_time(start, end, calendar) == length
    assert working_time(start, end - timedelta(microseconds=1), calendar) < length, "no later than need be"


@given(MOMENTS, CALENDARS)
def test_the_next_opening_is_now_or_the_first_working_moment(start: datetime, calendar: Calendar) -> None:
    opening = next_opening(start, calendar)
    assert opening >= start
    works = calendar.is_working_day(start.date()) and calendar.opens <= start.time() < calendar.closes
    assert (opening == start) if works else (opening.time() == calendar.opens)


class TestHours:
    @pytest.mark.parametrize(
        ("hours", "at", "there"),
        [
            ("24h", "2026-10-01 03:00", True),
            ("mon-fri 08:30-17:30", "2026-09-01 08:30", True),
            ("mon-fri 08:30-17:30", "2026-09-01 08:29", False),
            ("mon-fri 08:30-17:30", "2026-09-01 17:30", False),
            ("mon-fri 08:30-17:30", "2026-09-05 10:00", False),
            ("mon-fri 08:30-17:30, sat 09:00-12:00", "2026-09-05 10:00", True),
            ("mon-fri 08:30-17:30, sat 09:00-12:00", "2026-09-05 12:00", False),
            ("mon-sun 06:00-22:00", "2026-09-06 21:59", True),
            ("mon-fri 08:30-17:30", "2026-10-05 10:00", False),  # a Monday, but holiday
            ("mon-fri 08:30-17:30", "2026-10-10 17:00", True),  # a Saturday, but make-up day
            ("sat 09:00-12:00", "2026-10-10 10:00", False),  # which is worked like a Monday
        ],
    )
    def test_who_is_there(self, calendar: Calendar, hours: str, at: str, there: bool) -> None:
        assert is_open(hours, local(at), calendar) is there

    def test_utc_is_translated(self) -> None:
        assert is_open("mon-fri 08:30-17:30", datetime(2026, 9, 1, 1, tzinfo=UTC), PLAIN)

    def test_the_form(self) -> None:
        weekdays = (frozenset(range(5)), time(8, 30), time(17, 30))
        assert parse("mon-fri 08:30-17:30, sun 09:00-10:00") == (
            weekdays,
            (frozenset({6}), time(9), time(10)),
        )

    @pytest.mark.parametrize("wrong", ["always", "mon-fri", "mon-xyz 08:00-09:00", "tue 8-9", "mon 25:00-26:00"])
    def test_what_is_wrong_is_said(self, wrong: str) -> None:
        with pytest.raises(ValueError, match="is not like"):
            parse(wrong)
