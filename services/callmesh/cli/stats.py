"""`callmesh stats`: the figures of a running mesh as a table, as CSV, or as JSON lines.

One GetFigures call answers it; this module asks, stats_window.py says for which time, stats_table.py draws and
stats_export.py writes files. Names in Chinese come from the city's data in force; without NATS the ids stand alone.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from callmesh.cli import endpoints, stats_window
from callmesh.cli.output import FINDING, BadInput, Failure, Manual, instead

if TYPE_CHECKING:
    from callmesh.api.v1 import tracking_service_pb2 as pb
    from callmesh.cli.stats_names import Names
    from callmesh.kernel.rpc.clients import Clients

GROUPS = ("agency", "category", "district", "channel", "level", "day", "week", "month")
DAILY = (
    *("cases_opened", "diverted", "diversion_rate", "accept_on_time", "accept_seconds_mean", "on_time"),
    *("closed_rate", "solved", "satisfied", "return_rate", "agency_ranking"),
)
LEVELS = ("p0", "p1", "p2", "p3")
SECONDS = 120.0
_EXITS = """\
0  shown or written
1  no mesh answers, or the file cannot be written; the message says why
2  wrong usage or wrong input"""
_READING = """\
Beside every rate stands what it is made of: numerator / denominator (分子/分母). "-" is unknown: a rate of
nothing. Cases count by the time they were opened (on_time 按时办结率: by the time the result was due), in the
city's zone, which the heading tells. 同比 compares with the same window a year before: counts in per cent,
rates in percentage points (百分点), times in seconds, each with its sign. The last column is the figure's id, which
--figure and the exports use. domain.md section 6 has the formulas, callmesh.tracking.measures how we read them."""
_WINDOWS = """\
today, yesterday, week, month, year   this one so far, from its first midnight
24h, 7d, 30d                          so many hours or days back from now
--from, --until                       2026-03-01 or 2026-03-01T08:30, the city's time; until is not included"""
_EXAMPLES = """\
callmesh stats                                        today so far
callmesh stats --window month --by agency             this month, agency by agency
callmesh stats --from 2026-01-01 --by category --by month --figure cases_opened
callmesh stats --agency gas --figure accept_on_time --figure accept_seconds_p95
callmesh stats --window week --hotspots 10            with the busiest places, and the alerts
callmesh stats --window year --by agency --csv out.csv --bom     opens in Excel
callmesh stats --json | jq 'select(.id == "satisfied")'"""


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked on the command line."""

    window: stats_window.Window
    groups: tuple[str, ...]
    ids: tuple[str, ...]
    filters: dict[str, Any]
    compare: bool
    hotspots: int
    operator: str


@click.command(
    "stats",
    cls=Manual,
    sections={
        "Windows": _WINDOWS,
        "Reading it": _READING,
        "Environment": FINDING,
        "Exit status": _EXITS,
        "Examples": _EXAMPLES,
    },
)
@click.option("--window", "named", default=None, help="today, yesterday, week, month, year, 24h, 7d. [default: today]")
@click.option("--from", "first", default=None, help="Opened at or after: a date, or a date and time.")
@click.option("--until", "last", default=None, help="Opened before; a date is its midnight. [default: now]")
@click.option("--by", "groups", multiple=True, type=click.Choice(GROUPS), help="Group; up to three, one period.")
@click.option("--figure", "ids", multiple=True, metavar="ID", help="Only this figure; may be repeated.")
@click.option("--agency", default="", help="Only cases and referrals of this agency.")
@click.option("--origin", default="", help="Only cases that this agency received first.")
@click.option("--owner", default="", help="Only cases whose owner of record is this agency.")
@click.option("--category", default="", help="Only this category.")
@click.option("--division", default="", help="Only this division and those below it.")
@click.option("--channel", default="", help="Only this channel.")
@click.option("--level", "levels", multiple=True, type=click.Choice(LEVELS), help="Only this level; may be repeated.")
@click.option("--overdue", is_flag=True, help="Only cases with a missed limit.")
@click.option("--compare/--no-compare", default=True, help="Beside the same window a year before.")
@click.option("--hotspots", type=click.IntRange(0, 500), default=0, help="Also so many of the busiest places.")
@click.option(
    "--csv", "csv_file", metavar="FILE", default=None, help="Write CSV in UTF-8 to FILE, - is standard output."
)
@click.option("--bom", is_flag=True, help="Begin the CSV with a byte order mark, as Excel wants it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line: each figure, hotspot and alert.")
@click.option("--operator", default="", help="Agency that asks; by default ops, who sees every case.")
def command(
    named: str | None,
    first: str | None,
    last: str | None,
    groups: tuple[str, ...],
    ids: tuple[str, ...],
    compare: bool,
    hotspots: int,
    csv_file: str | None,
    bom: bool,
    as_json: bool,
    operator: str,
    **filters: Any,
) -> None:
    """Show what the mesh did: counts and rates (接报, 分流, 签收, 办结, 满意, ...) with numerator and denominator.

    All figures of a window of time, for the whole city or by agency, category, district, channel, level and
    period, beside the same window of the year before.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    if csv_file is not None and as_json:
        raise BadInput("choose one of --csv and --json")
    if bom and csv_file is None:
        raise BadInput("--bom belongs to --csv")
    window = stats_window.parse(named, first, last)
    daily = DAILY if groups and not ids and csv_file is None and not as_json else ids
    wish = Wish(window, groups, daily, filters, compare, hotspots, operator)
    found, names = asyncio.run(_ask(wish))
    if csv_file is not None:
        from callmesh.cli import stats_export

        stats_export.csv_to(csv_file, found, names, bom)
    elif as_json:
        from callmesh.cli import stats_export

        stats_export.json_lines(found)
    else:
        from callmesh.cli import stats_table, wording

        stats_table.show(found, names, wish.ids, wording.console())


async def _ask(wish: Wish) -> tuple[pb.GetFiguresResponse, Names]:
    import grpc

    from callmesh.cli import clients, stats_names
    from callmesh.cli.refusals import Refused

    where = endpoints.find()
    try:
        async with clients.connect(where, "tracking") as connected:
            found = await _figures(connected, wish)
    except grpc.aio.AioRpcError as refused:
        raise Refused(refused) from None
    if wish.ids and not wish.groups and not found.figures:
        raise BadInput(f"there is no figure {', '.join(wish.ids)}; the last column of `callmesh stats` has the ids")
    names = await stats_names.of(where)
    _need_known(found, names, wish.filters)
    return found, names


def _need_known(found: pb.GetFiguresResponse, names: Names, filters: dict[str, Any]) -> None:
    """Who is not in the city and has no figures either is a slip of the finger; who left the city keeps its past."""
    if any(one.numerator or one.denominator for one in found.figures):
        return
    agencies = dict.fromkeys(("agency", "origin", "owner"), names.agencies)
    codes = {"category": names.categories, "division": names.divisions, "channel": names.channels}
    for option, known in (agencies | codes).items():
        value = filters[option]
        if value and known and value not in known and not (option == "division" and _touches(value, known)):
            what = option if option in codes else "agency"
            raise BadInput(f"no {what} {value!r} is in this city{instead(value, known)}")


def _touches(division: str, known: Iterable[str]) -> bool:
    """A code above or below one of them: a whole province, a village."""
    begins = division.rstrip("0")
    return any(one.startswith(begins) or begins.startswith(one.rstrip("0")) for one in known)


async def _figures(connected: Clients, wish: Wish) -> pb.GetFiguresResponse:
    """The zone is the city's, so an empty window is asked for first: local dates need it."""
    from callmesh.cli.clients import asking, zone_of

    metadata = asking(wish.operator)
    zone = await zone_of(connected, metadata, SECONDS)
    if not zone:
        raise Failure("the tracking service is too old for this command; upgrade it")
    start, end = stats_window.bounds(wish.window, zone)
    request = _request(wish)
    request.start_time.FromDatetime(start)
    request.end_time.FromDatetime(end)
    answer: pb.GetFiguresResponse = await connected.tracking.GetFigures(request, metadata=metadata, timeout=SECONDS)
    return answer


def _request(wish: Wish) -> pb.GetFiguresRequest:
    from callmesh.api.v1 import common_pb2
    from callmesh.api.v1 import tracking_service_pb2 as pb

    given = dict(wish.filters)
    levels = [common_pb2.Level.Value(f"LEVEL_{one.upper()}") for one in given.pop("levels")]
    return pb.GetFiguresRequest(
        group_by=[pb.GetFiguresRequest.GroupBy.Value(one.upper()) for one in wish.groups],
        filter=pb.CaseFilter(levels=levels, **given),
        ids=wish.ids,
        year_on_year=wish.compare,
        hotspots=wish.hotspots,
    )
