"""The questions: filters, pages, figures, on every database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest
from read_model_kit import Model
from tracking_play import CALENDAR, KEY, LIMITS, START, Play

from callmesh.api.v1 import case_pb2, common_pb2
from callmesh.api.v1 import tracking_service_pb2 as api
from callmesh.domain import commands as c
from callmesh.domain.directory import Span
from callmesh.domain.errors import Invalid
from callmesh.domain.words import Role
from callmesh.tracking import figures, filters, queries
from callmesh.tracking.items import read
from callmesh.tracking.periods import Zone
from callmesh.tracking.tallies import Question
from callmesh.tracking.words import micros_of, timestamp

State = case_pb2.Case.State
_MINUTE_IN = timestamp(micros_of(START + timedelta(minutes=12)))
FILTERS = {
    "all": api.CaseFilter(),
    "state": api.CaseFilter(states=[State.CLOSED]),
    "states": api.CaseFilter(states=[State.REFERRED, State.RECEIVED]),
    "level": api.CaseFilter(levels=[common_pb2.LEVEL_P3]),
    "agency": api.CaseFilter(agency="water"),
    "agency that gave it back": api.CaseFilter(agency="water", states=[State.REFERRED]),
    "owner": api.CaseFilter(owner="12345"),
    "origin": api.CaseFilter(origin="12345"),
    "category": api.CaseFilter(category="noise"),
    "city": api.CaseFilter(division="990100"),
    "district": api.CaseFilter(division="990102"),
    "province": api.CaseFilter(division="990000"),
    "elsewhere": api.CaseFilter(division="880000"),
    "wildcards are letters": api.CaseFilter(division="99%"),
    "channel": api.CaseFilter(channel="web"),
    "from": api.CaseFilter(opened_from=_MINUTE_IN),
    "until": api.CaseFilter(opened_until=_MINUTE_IN),
    "overdue": api.CaseFilter(overdue=True),
    "due": api.CaseFilter(due_before=timestamp(micros_of(START + timedelta(minutes=40)))),
    "due long ago": api.CaseFilter(due_before=timestamp(micros_of(START - timedelta(days=1)))),
    "returned, disputed or repeated": api.CaseFilter(
        attention=[api.CaseFilter.RETURNED_TWICE, api.CaseFilter.DISPUTED, api.CaseFilter.REPEATED]
    ),
    "watched": api.CaseFilter(attention=[api.CaseFilter.WATCHED]),
    "findings": api.CaseFilter(attention=[api.CaseFilter.FINDING, api.CaseFilter.PENDING]),
    "order number": api.CaseFilter(external_id="W-7"),
    "number": api.CaseFilter(number="13600000000"),
    "number as people write it": api.CaseFilter(number="+86 136-0000 0000"),
    "both": api.CaseFilter(number="13600000000", agency="water", opened_from=_MINUTE_IN),
    "zero character": api.CaseFilter(owner="11\x000"),
}


@pytest.mark.parametrize("name", FILTERS)
async def test_sql_and_watch_agree_on_a_filter(model: Model, name: str) -> None:
    await model.feed()
    wanted = filters.parse(FILTERS[name], KEY)
    page, more = await model.store.read(lambda connection: queries.listed(connection, wanted, None, 100))
    last = {one.case_id: read(one, "s").record.case for one in model.items}
    assert {one.case_id for one in page} == {key for key, case in last.items() if wanted.matches(case)}
    assert not more and page == sorted(page, key=lambda one: (one.opened_at, one.case_id), reverse=True)


async def test_filters_find_what_they_should(model: Model) -> None:
    await model.feed()
    whole, returned, missed, second, bare = model.play.cases
    expected = {
        "agency": {whole, returned, second},
        "overdue": {missed},
        "order number": {returned},
        "number": {second},
        "number as people write it": {second},
        "district": {returned},
        "city": {whole, returned, second, bare},
    }
    for name, cases in expected.items():
        wanted = filters.parse(FILTERS[name], KEY)
        page, _ = await model.store.read(lambda connection, w=wanted: queries.listed(connection, w, None, 100))
        assert {one.case_id for one in page} == cases, name


async def test_a_case_is_found_by_what_screens_show_of_its_number(model: Model) -> None:
    """Open or closed, in small letters, a longer end, the whole of it; SQL and watch agree."""
    await model.feed()
    last = {one.case_id: read(one, "s").record.case for one in model.items}
    for case in model.play.cases:
        for asked in (case[-6:], case[-6:].lower(), case[-9:], case.lower(), f"cases/{case}", f" {case[-6:]} "):
            wanted = filters.parse(api.CaseFilter(id=asked), KEY)
            page, _ = await model.store.read(lambda connection, w=wanted: queries.listed(connection, w, None, 100))
            assert {one.case_id for one in page} == {case} == {key for key, one in last.items() if wanted.matches(one)}
    for asked in ("ZZZZZZ", "r9-0" + model.play.cases[0][4:]):
        wanted = filters.parse(api.CaseFilter(id=asked), KEY)
        page, _ = await model.store.read(lambda connection, w=wanted: queries.listed(connection, w, None, 100))
        assert not page, asked
    with pytest.raises(Invalid) as refused:
        filters.parse(api.CaseFilter(id=model.play.cases[0][-5:]), KEY)
    assert "6" in refused.value.zh and refused.value.violations.keys() == {"filter.id"}


async def test_an_agency_that_has_a_case_twice_sees_it_once(model: Model) -> None:
    """Closed by water, reopened, and offered to water again in a new round."""
    play = model.play
    case = await play.whole("13800000000")
    water = c.Target("water", Role.LEAD, LIMITS, "again")
    await play.do(case, c.Reopen("未解决", water, CALENDAR), after=60)
    await model.feed()
    for agency in ("water", "110"):
        wanted = filters.parse(api.CaseFilter(agency=agency), KEY)
        page, _ = await model.store.read(lambda connection, w=wanted: queries.listed(connection, w, None, 100))
        assert [one.case_id for one in page].count(case) == (agency == "water")


async def test_pages_join_without_gap_or_repeat_while_cases_come_in(model: Model) -> None:
    play = model.play
    same_instant = [await play.open(after=0) for _ in range(7)]
    await model.feed()
    expected = sorted(play.cases, key=lambda one: (one in same_instant, one))
    wanted, after, seen = filters.CaseFilter(), None, list[str]()
    more = True
    while more:
        page, more = await model.store.read(
            lambda connection, key=after: queries.listed(connection, wanted, key, 3)  # type: ignore[misc]
        )
        seen += [one.case_id for one in page]
        after = (page[-1].opened_at, page[-1].case_id)
        await play.open(after=5)
        await model.feed()
    assert sorted(seen) == sorted(expected) and len(set(seen)) == len(seen)


async def test_a_page_of_long_reports_ends_early(model: Model) -> None:
    for _ in range(40):
        await model.play.open(narrative="长" * 20_000)
    await model.feed()
    page, more = await model.store.read(lambda connection: queries.listed(connection, filters.CaseFilter(), None, 500))
    assert more and 30 < len(page) < 40
    rest, more = await model.store.read(
        lambda connection: queries.listed(connection, filters.CaseFilter(), (page[-1].opened_at, page[-1].case_id), 500)
    )
    assert not more and len(page) + len(rest) == len(model.play.cases)


async def test_events_are_paged(model: Model) -> None:
    await model.feed()
    case, seen, after = model.play.cases[0], list[int](), 0
    while rows := await model.store.read(
        lambda connection, last=after: queries.events_of(connection, case, last, 4)  # type: ignore[misc]
    ):
        seen += [row["sequence"] for row in rows]
        after = seen[-1]
    assert seen == [one.sequence for one in model.items if one.case_id == case]


async def test_a_found_case_carries_its_etag(model: Model) -> None:
    await model.feed()
    case = model.play.cases[0]
    stored = await model.store.read(lambda connection: queries.found(connection, case))
    head = await model.play.ledger.head(case)
    assert stored is not None and head is not None and stored.reply() == head.reply()
    assert await model.store.read(lambda connection: queries.found(connection, "r1-0-NONE")) is None


async def _figures(model: Model, start: int, end: int, now: int) -> Mapping[tuple[str, str], api.Figure]:
    asked = Question(start, end, now, (), filters.CaseFilter(), Zone(480))
    found = await model.store.read(lambda connection: figures.figures(connection, asked))
    return {(one.id, one.key): one for one in found}


async def test_figures_of_the_day(model: Model) -> None:
    await model.feed()
    start, end = micros_of(START), micros_of(START + timedelta(days=1))
    found = await _figures(model, start, end, micros_of(START + timedelta(hours=5)))
    counts = {key: (one.numerator, one.denominator) for key, one in found.items()}
    expected = {
        ("cases_opened", ""): (5, 0),
        ("cases_by_state", "closed"): (2, 0),
        ("cases_by_state", "referred"): (2, 0),
        ("cases_by_state", "received"): (1, 0),
        ("cases_by_channel", "phone"): (2, 0),
        ("cases_by_level", ""): (1, 0),
        ("cases_by_level", "p2"): (3, 0),
        ("cases_by_category", "noise"): (1, 0),
        ("cases_by_agency", "water"): (3, 0),
        ("cases_by_agency", "street"): (2, 0),
        ("diversion_rate", ""): (4, 4),
        ("closed_rate", ""): (2, 5),
        ("solved", ""): (1, 2),
        ("satisfied", ""): (1, 2),
        ("follow_up_reached", ""): (2, 2),
        ("return_rate", ""): (1, 6),
        ("right_first_time", ""): (5, 6),
        ("arrival_within", "5m"): (2, 2),
        ("arrival_within", "10m"): (2, 2),
        ("limits_missed", "accept"): (1, 6),
        ("limits_missed", "resolve"): (0, 6),
        # two accepted in time; street twice and gas let it pass; water returned it in time
        ("accept_on_time", ""): (2, 5),
    }
    assert {key: counts[key] for key in expected} == expected
    assert found["accept_seconds_mean", ""].seconds == pytest.approx(60)
    assert found["accept_seconds_p95", ""].seconds == pytest.approx(60)
    assert found["accept_seconds_p50", ""].numerator == 2


async def test_figures_of_nothing_say_so(model: Model) -> None:
    await model.feed()
    found = await _figures(model, 0, 1, 2)
    assert found["cases_opened", ""].numerator == 0
    assert all(one.denominator == 0 and one.seconds == 0 for one in found.values())


async def test_percentiles_are_nearest_rank(model: Model) -> None:
    play: Play = model.play
    for seconds in range(1, 21):
        case = await play.open("13900002222", channel="app")
        await play.classify(case)
        referral = await play.transfer(case, "power")
        await play.do(case, c.Receive(referral, CALENDAR, Span(2, "wd")), "power", 1)
        await play.do(case, c.Accept(referral, "h", CALENDAR), "power", seconds)
    await model.feed()
    start = micros_of(START)
    found = await _figures(model, start, start + 10**12, start + 10**12)
    assert found["accept_seconds_p50", ""].numerator == 22
    assert found["accept_seconds_p50", ""].seconds == 11
    assert found["accept_seconds_p95", ""].seconds == 60
