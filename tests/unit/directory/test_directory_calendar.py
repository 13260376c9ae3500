"""The working calendar: the State Council's days beneath, the city's own above, and every fault with its line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from callmesh.directory.load import BadCity, load_city
from callmesh.domain.directory import City, Span

Change = Callable[[str, str, str], str]
KINDS, LAST = 'emergency_kinds = ["police"]', 'resolve = "5wd"'
ON_BASE = 'base = "cn"\nopens = "08:30"'


def problems(folder: Path) -> list[str]:
    with pytest.raises(BadCity) as bad:
        load_city(folder)
    return [str(one) for one in bad.value.problems]


def test_without_a_base_the_file_is_all(city: City) -> None:
    assert len(city.calendar.holidays) == 2 and city.calendar.make_up_days == {date(2026, 1, 4)}


def test_the_state_councils_days_of_2026(demo_city: City) -> None:
    """国务院办公厅关于2026年部分节假日安排的通知, day by day: what a year of working days comes to."""
    calendar = demo_city.calendar
    off = [
        *((1, day) for day in (1, 2, 3)), *((2, day) for day in range(15, 24)), *((4, day) for day in (4, 5, 6)),
        *((5, day) for day in range(1, 6)), *((6, day) for day in (19, 20, 21)), *((9, day) for day in (25, 26, 27)),
        *((10, day) for day in range(1, 8)),
    ]  # fmt: skip
    assert {one for one in calendar.holidays if one.year == 2026} == {date(2026, month, day) for month, day in off}
    worked = [(1, 4), (2, 14), (2, 28), (5, 9), (9, 20), (10, 10)]
    assert {one for one in calendar.make_up_days if one.year == 2026} == {date(2026, *one) for one in worked}
    year = [date(2026, 1, 1) + timedelta(days=day) for day in range(365)]
    assert sum(map(calendar.is_working_day, year)) == 248


def test_the_demo_citys_next_year_is_its_own(demo_city: City) -> None:
    assert not demo_city.calendar.is_working_day(date(2027, 2, 8)), "a Monday, but Spring Festival by the file"
    assert demo_city.calendar.is_working_day(date(2027, 2, 14)), "a Sunday, but make-up day by the file"


def test_the_file_wins_over_the_base(folder: Path, change: Change) -> None:
    change("calendar.toml", 'opens = "08:30"', ON_BASE)
    change("calendar.toml", "2026-10-01]", "2026-10-01, 2026-10-10, 2026-11-06]")
    change("calendar.toml", "    2026-01-04,", "    2026-01-04, 2026-10-07,")
    calendar = load_city(folder).calendar
    assert not calendar.is_working_day(date(2026, 10, 10)), "the State Council's make-up day is off here"
    assert not calendar.is_working_day(date(2026, 11, 6)), "the city's own holiday"
    assert calendar.is_working_day(date(2026, 10, 7)), "a public holiday that is worked here"
    assert not calendar.is_working_day(date(2026, 10, 6)) and calendar.is_working_day(date(2026, 2, 14))
    assert not calendar.holidays & calendar.make_up_days


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ('opens = "08:30"', 'base = "de"\nopens = "08:30"', 'calendar.toml:1: base "de" is none of: cn'),
        ("2026-10-01]", "2026-10-01, 2026-01-01]", "calendar.toml:4: 2026-01-01 is given twice"),
        (
            "    2026-01-04,", "    2026-01-04,\n    2026-01-05,",
            "calendar.toml:5: 2026-01-05 works anyhow: it is no weekend day and no holiday",
        ),
        ("2026-10-01]", "2026-02-30]", "calendar.toml:4: no valid TOML: "),
        ("2026-10-01]", '"National Day"]', "calendar.toml:4: holidays: Invalid RFC3339 encoded date"),
        ("2026-10-01]", "20261001]", "calendar.toml:4: holidays: expected date, got int"),
    ],
    ids=["base", "twice", "works anyhow", "no such day", "text", "number"],
)  # fmt: skip
def test_a_malformed_calendar_is_refused_with_file_line_and_reason(
    folder: Path, change: Change, old: str, new: str, wanted: str
) -> None:
    change("calendar.toml", old, new)
    assert problems(folder)[0].startswith(wanted)
    assert len(problems(folder)) == 1


def test_opening_hours_have_a_default(folder: Path, change: Change) -> None:
    change("calendar.toml", 'closes = "17:30"', "")
    assert load_city(folder).calendar.closes.hour == 17


def test_rules_of_supervision(folder: Path, change: Change) -> None:
    change("city.toml", 'emergency_kinds = ["police"]', 'emergency_kinds = ["police"]\n[supervision]\nanswer_p1 = "1h"')
    change("limits.toml", 'resolve = "5wd"', 'resolve = "5wd"\nwarn_before = "2wd"\nwarn_percent = 75')
    city = load_city(folder)
    assert (city.supervision.answer_p1, city.supervision.commander_round) == (Span(1, "h"), 3)
    assert (city.profile["L4"].warn_before, city.profile["L4"].warn_percent) == (Span(2, "wd"), 75)


@pytest.mark.parametrize(
    ("file", "old", "new", "wanted"),
    [
        (
            "city.toml", KINDS, KINDS + '\n[supervision]\nanswer_p1 = "2x"',
            'city.toml:13: answer_p1: "2x" is no length of time like "30s", "1m", "2h" or "1wd"',
        ),
        (
            "city.toml", KINDS, KINDS + "\n[supervision]\ncommander_round = 1",
            "city.toml:13: commander_round is less than 2",
        ),
        (
            "city.toml", "[policy]", "supervision = 3\n\n[policy]",
            "city.toml:6: supervision: expected a table [supervision]",
        ),
        ("limits.toml", LAST, LAST + "\nwarn_percent = 100", "limits.toml:12: warn_percent is not 0 to 99"),
        (
            "limits.toml", LAST, LAST + '\nwarn_before = "1 day"',
            'limits.toml:12: warn_before: "1 day" is no length of time like "30s", "1m", "2h" or "1wd"',
        ),
    ],
)  # fmt: skip
def test_bad_rules_are_refused(folder: Path, change: Change, file: str, old: str, new: str, wanted: str) -> None:
    change(file, old, new)
    assert problems(folder) == [wanted]
