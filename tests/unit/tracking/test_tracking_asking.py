"""What a request of GetFigures asks: window, zone and rules come from the city's data; nonsense is refused by field."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from callmesh.api.v1 import tracking_service_pb2 as api
from callmesh.domain.directory import Calendar, FigureRules
from callmesh.domain.errors import Invalid
from callmesh.tracking import asking, periods
from callmesh.tracking.filters import CaseFilter
from callmesh.tracking.words import micros_of
from support.city import demo_city

By = api.GetFiguresRequest
NOW = datetime(2026, 3, 1, 20, 0, tzinfo=UTC)
CITY = replace(
    demo_city(),
    calendar=Calendar(utc_offset_minutes=-210),
    figures=FigureRules(police_kinds=("police",)),
)


def test_the_window_begins_at_the_citys_midnight() -> None:
    asked = asking.question(api.GetFiguresRequest(), CaseFilter(), CITY, NOW)
    assert str(asked.zone) == "-03:30" and asked.end == asked.now == micros_of(NOW)
    assert asked.start == micros_of(datetime(2026, 3, 1, 3, 30, tzinfo=UTC))
    in_china = asking.question(api.GetFiguresRequest(), CaseFilter(), None, NOW)
    assert str(in_china.zone) == "+08:00" and in_china.start == micros_of(datetime(2026, 3, 1, 16, tzinfo=UTC))


def test_the_city_says_what_is_the_polices() -> None:
    asked = asking.question(api.GetFiguresRequest(), CaseFilter(), CITY, NOW)
    led_by_police = {one.id for one in CITY.categories if one.lead == "police"}
    assert asked.police == led_by_police != set()


REFUSED = [
    ({"group_by": [By.DAY, By.MONTH]}, "group_by"),
    ({"group_by": [By.AGENCY, By.AGENCY]}, "group_by"),
    ({"group_by": [By.AGENCY, By.CATEGORY, By.CHANNEL, By.LEVEL]}, "group_by"),
    ({"group_by": [By.GROUP_BY_UNSPECIFIED]}, "group_by"),
    ({"group_by": [99]}, "group_by"),
]


@pytest.mark.parametrize(("given", "field"), REFUSED)
def test_groups_of_no_sense_are_refused(given: dict[str, list[int]], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        asking.question(api.GetFiguresRequest(**given), CaseFilter(), CITY, NOW)  # type: ignore[arg-type]
    assert field in refused.value.violations and refused.value.zh


def test_a_window_that_ends_before_it_starts_is_refused() -> None:
    request = api.GetFiguresRequest()
    request.start_time.FromDatetime(NOW + timedelta(days=1))
    with pytest.raises(Invalid) as refused:
        asking.question(request, CaseFilter(), CITY, NOW)
    assert "start_time" in refused.value.violations


@pytest.mark.parametrize("count", [-1, 501])
def test_hotspots_are_bounded(count: int) -> None:
    with pytest.raises(Invalid):
        asking.hotspots(api.GetFiguresRequest(hotspots=count))


def test_too_many_figures_are_refused_not_sent() -> None:
    with pytest.raises(Invalid) as refused:
        asking.bounded(api.GetFiguresResponse(figures=[api.Figure()] * 20_001))
    assert "group_by" in refused.value.violations


def test_a_year_before_is_the_same_local_time() -> None:
    zone = periods.Zone(480)
    leap = datetime(2024, 2, 29, 12, 0, 0, 7, tzinfo=zone.tz)
    assert zone.year_before(micros_of(leap)) == micros_of(datetime(2023, 2, 28, 12, 0, 0, 7, tzinfo=zone.tz))
    new_year = datetime(2026, 1, 1, tzinfo=zone.tz)
    assert zone.year_before(micros_of(new_year)) == micros_of(datetime(2025, 1, 1, tzinfo=zone.tz))
    assert zone.year_before(0) == 0 and periods.year_later("2025-W10") == "2026-W10"


PERIODS = [
    (By.DAY, "2025-12-31", datetime(2025, 12, 31), datetime(2026, 1, 1)),
    (By.WEEK, "2026-W01", datetime(2025, 12, 29), datetime(2026, 1, 5)),
    (By.MONTH, "2025-12", datetime(2025, 12, 1), datetime(2026, 1, 1)),
]


@pytest.mark.parametrize(("by", "text", "start", "end"), PERIODS)
def test_periods_have_labels_and_ends(by: int, text: str, start: datetime, end: datetime) -> None:
    zone = periods.Zone(480)
    assert periods.label(by, (datetime(2025, 12, 31) - datetime(1970, 1, 1)).days) == text
    wanted = tuple(micros_of(one.replace(tzinfo=zone.tz)) for one in (start, end))
    assert zone.starts(by, text) == wanted
