"""`/board` (态势板): the day in figures on one screen of 1920 by 1080, for a wall; it follows the mesh by itself.

Everything on it is counted by tracking (GetFigures) and drawn by the server (chart.py); nobody's words are on it. A
screen asks again whenever something changed; an answer serves all screens of the same sight until then, and for
KEPT_SECONDS at least. A kiosk signs in with an account that may open nothing else.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callmesh.api.v1 import case_pb2, tracking_service_pb2
from callmesh.console import chart
from callmesh.console.clients import Acting
from callmesh.console.web import View, acting, city_of, page
from callmesh.domain.directory import City

_By = tracking_service_pb2.GetFiguresRequest
_Figure = tracking_service_pb2.Figure
KEPT_SECONDS, OLD_SECONDS = 1.0, 30.0
DAYS, RANKED, CATEGORIES, REPEATS, HOTSPOTS = 14, 10, 9, 7, 20
TILES = (
    ("cases_opened", "", "Calls today"),
    ("diversion_rate", "", "Diversion"),
    ("accept_on_time", "", "Accepted in time"),
    ("accept_seconds_p50", "", "Median to accept"),
    ("arrival_within", "5m", "Arrived in 5 min"),
    ("arrival_within", "10m", "Arrived in 10 min"),
    ("on_time", "", "Resolved in time"),
    ("satisfied", "", "Satisfied"),
)
TRENDS = (
    ("cases_opened", "Calls a day"),
    ("accept_seconds_p50", "Median to accept"),
    ("accept_on_time", "Accepted in time"),
)
_TREND_IDS = tuple(id for id, _ in TRENDS)
LEVELS = {"p0": 1, "p1": 2, "p2": 3, "p3": 4}


@dataclass(frozen=True, slots=True)
class Tile:
    """One number, what it was counted of, and how it changed in a year (`up` is None when that is not known)."""

    label: str
    value: str
    of: str
    change: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A count with its share of the largest, in percent."""

    key: str
    count: int
    share: int


@dataclass(frozen=True, slots=True)
class Rank:
    """An agency among the others."""

    place: int
    agency: str
    score: str
    on_time: str
    offered: int


@dataclass(frozen=True, slots=True)
class Trend:
    """A line over the last days: its points in a box of 300 by 60, the largest and the last value."""

    label: str
    points: str
    most: str
    last: str


@dataclass(frozen=True, slots=True)
class Figures:
    """What tracking answered."""

    today: tracking_service_pb2.GetFiguresResponse
    categories: tracking_service_pb2.GetFiguresResponse
    districts: tracking_service_pb2.GetFiguresResponse
    agencies: tracking_service_pb2.GetFiguresResponse
    days: tracking_service_pb2.GetFiguresResponse
    repeats: Sequence[case_pb2.Case]


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer, when it is or was asked for (monotonic seconds), and the last change heard before."""

    at: float
    head: int
    answer: asyncio.Future[Figures]


async def ask(by: Acting, city: City) -> Figures:
    """All questions at once."""
    mesh, start = by.mesh.tracking, _days_ago(city, DAYS - 1)
    opened = ("cases_opened",)
    repeated = tracking_service_pb2.ListCasesRequest(
        filter=tracking_service_pb2.CaseFilter(attention=[tracking_service_pb2.CaseFilter.REPEATED]), page_size=REPEATS
    )
    found = await asyncio.gather(
        by.do(mesh.GetFigures, _By(year_on_year=True, hotspots=HOTSPOTS)),
        by.do(mesh.GetFigures, _By(group_by=[_By.CATEGORY], ids=opened)),
        by.do(mesh.GetFigures, _By(group_by=[_By.DISTRICT], ids=opened)),
        by.do(
            mesh.GetFigures,
            _By(group_by=[_By.AGENCY], start_time=start, ids=("ranking", "accept_on_time", "referrals_offered")),
        ),
        by.do(mesh.GetFigures, _By(group_by=[_By.DAY], start_time=start, ids=_TREND_IDS)),
        by.do(mesh.ListCases, repeated),
    )
    return Figures(*found[:5], list(found[5].cases))


def tiles(view: View, answer: tracking_service_pb2.GetFiguresResponse) -> list[Tile]:
    """The row of numbers."""
    known = {(one.id, one.key): one for one in answer.figures}
    return [_tile(view, label, known.get((id, key), _Figure())) for id, key, label in TILES]


def _tile(view: View, label: str, one: tracking_service_pb2.Figure) -> Tile:
    of = f"{one.numerator}/{one.denominator}" if one.unit == _Figure.RATE else ""
    return Tile(view.say(label), shown(one), of, _change(one))


def shown(one: tracking_service_pb2.Figure) -> str:
    """A figure as people read it; "—" for a rate or a time of nothing."""
    if one.unit == _Figure.SECONDS:
        return span(one.seconds) if one.numerator else "—"
    if one.unit in (_Figure.RATE, _Figure.SCORE, _Figure.RANK):
        return f"{100 * one.value:.1f}%" if one.HasField("value") else "—"
    return f"{one.numerator:,}"


def span(seconds: float) -> str:
    """Minutes and seconds, or hours and minutes: 1:05, 12:30, 3h05."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02}" if whole < 3600 else f"{whole // 3600}h{whole % 3600 // 60:02}"


def _change(one: tracking_service_pb2.Figure) -> str:
    if not one.HasField("change"):
        return ""
    if one.unit == _Figure.SECONDS:
        return f"{one.change:+.0f}s"
    return f"{100 * one.change:+.1f}%"


def bars(answer: tracking_service_pb2.GetFiguresResponse, most: int) -> list[Bar]:
    """Counts of a grouping, the largest first."""
    counts = sorted(counted(answer).items(), key=lambda one: (-one[1], one[0]))[:most]
    largest = counts[0][1] if counts else 1
    return [Bar(key, count, round(100 * count / max(largest, 1))) for key, count in counts if count]


def counted(answer: tracking_service_pb2.GetFiguresResponse) -> dict[str, int]:
    """Group -> number of cases; those without the group are left out."""
    opened = (one for one in answer.figures if one.id == "cases_opened" and one.groups)
    return {one.groups[0].key: one.numerator for one in opened if one.groups[0].key}


def levels(answer: tracking_service_pb2.GetFiguresResponse) -> list[Bar]:
    """Cases of the day by level, the gravest first."""
    counts = {one.key: one.numerator for one in answer.figures if one.id == "cases_by_level"}
    largest = max(counts.values(), default=0)
    return [Bar(key, counts.get(key, 0), round(100 * counts.get(key, 0) / largest) if largest else 0) for key in LEVELS]


def ranking(answer: tracking_service_pb2.GetFiguresResponse) -> list[Rank]:
    """Agencies by score; those without one by referrals, after them."""
    by_agency: dict[str, dict[str, tracking_service_pb2.Figure]] = {}
    for one in answer.figures:
        agency = one.groups[0].key if one.groups else one.key
        by_agency.setdefault(agency, {})[one.id] = one
    none = _Figure()
    found = [
        Rank(
            place=parts.get("ranking", none).numerator,
            agency=agency,
            score=shown(parts["ranking"]) if "ranking" in parts else "—",
            on_time=shown(parts.get("accept_on_time", none)) if "accept_on_time" in parts else "—",
            offered=parts.get("referrals_offered", none).numerator,
        )
        for agency, parts in by_agency.items()
        if agency and parts.get("referrals_offered", none).numerator
    ]
    return sorted(found, key=lambda one: (not one.place, one.place, -one.offered, one.agency))[:RANKED]


def trends(view: View, answer: tracking_service_pb2.GetFiguresResponse, days: Sequence[str]) -> list[Trend]:
    """A line a figure over these days."""
    made = []
    for id, label in TRENDS:
        by_day = {one.groups[0].key: one for one in answer.figures if one.id == id and one.groups}
        values = [_number(by_day.get(day), id == TRENDS[0][0]) for day in days]
        best = max((one for one in by_day.values()), key=lambda one: _number(one) or 0, default=_Figure())
        last = by_day.get(days[-1], _Figure())
        made.append(Trend(view.say(label), chart.line(values, 300, 60), shown(best), shown(last)))
    return made


def _number(one: tracking_service_pb2.Figure | None, count: bool = False) -> float | None:
    if one is None:  # nothing was counted in that group
        return 0.0 if count else None
    if one.unit == _Figure.SECONDS:
        return one.seconds if one.numerator else None
    if one.unit == _Figure.RATE:
        return one.value if one.HasField("value") else None
    return float(one.numerator)


def days_of(city: City, now: datetime) -> list[str]:
    """The last days in the city's zone, today last."""
    today = (now + timedelta(minutes=city.calendar.utc_offset_minutes)).date()
    return [(today - timedelta(days=back)).isoformat() for back in reversed(range(DAYS))]


def _days_ago(city: City, days: int) -> Timestamp:
    """The start of that day in the city's zone."""
    offset = timedelta(minutes=city.calendar.utc_offset_minutes)
    today = (datetime.now(UTC) + offset).replace(hour=0, minute=0, second=0, microsecond=0)
    made = Timestamp()
    made.FromDatetime(today - timedelta(days=days) - offset)
    return made


async def show(request: Request) -> Response:
    """The screen."""
    city, view = city_of(request), View(request)
    found = await _kept(request, acting(request), city)
    spots = [(one.cell, one.category, one.count) for one in found.today.hotspots]
    return page(
        request,
        "board.html",
        city_code=city.divisions[0].code,
        tiles=tiles(view, found.today),
        levels=levels(found.today),
        level_numbers=LEVELS,
        categories=bars(found.categories, CATEGORIES),
        map=chart.city_map(city.divisions, counted(found.districts), spots),
        ranks=ranking(found.agencies),
        repeats=found.repeats,
        trends=trends(view, found.days, days_of(city, datetime.now(UTC))),
        alerts=found.today.alerts[:REPEATS],
    )


async def _kept(request: Request, by: Acting, city: City) -> Figures:
    """The answer for this sight, once for all screens: asked again after a change, at most every KEPT_SECONDS."""
    boards: dict[tuple[str, str], Kept] = request.app.state.board
    key, now, head = (by.account.agency, by.account.role), time.monotonic(), request.app.state.push.head
    kept = boards.get(key)
    if kept is None or (kept.at <= now and (kept.head != head or now - kept.at > OLD_SECONDS)):
        wait = max(0.0, kept.at + KEPT_SECONDS - now) if kept else 0.0
        kept = boards[key] = Kept(now + wait, head, asyncio.ensure_future(_later(wait, by, city)))
    try:
        return await asyncio.shield(kept.answer)
    except Exception:
        boards.pop(key, None)
        raise


async def _later(seconds: float, by: Acting, city: City) -> Figures:
    await asyncio.sleep(seconds)
    return await ask(by, city)


ROUTES = [Route("/board", show)]
