"""`callmesh trace`: where a case went, told by the log alone.

The tracking service reads the log and answers; a number is looked up in its read model first. When it does not
answer, this command reads the log itself (trace_log.py) and says so: the same page, only slower for a number.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

import click

from callmesh.cli import endpoints
from callmesh.cli.output import FINDING, BadInput, Failure, Manual

if TYPE_CHECKING:
    from callmesh.api.v1 import case_pb2
    from callmesh.api.v1 import tracking_service_pb2 as pb
    from callmesh.kernel.rpc.clients import Clients

_EXITS = """\
0  shown
1  no such case, several of them, or no mesh answers
2  wrong usage"""
_COLUMNS = """\
time, after   when it happened, by the city's clock, and how long after the line above
stage         接报 receipt, 指派 assignment, 处置 handling, 督办 supervision, 反馈 feedback
trace         beginning of the W3C trace id, for the collector
transport     from the offer until the agency's machine had it
unopened      from then until a person took it (签收)
working       from then until the result (办结)
waiting       suspended, or waiting for a decision on a return"""
_EXAMPLES = """\
callmesh trace r1-0-5ZQ0V2R3A8E1C4D6F7G9HJKMNP
callmesh trace cases/r1-0-5ZQ0V2R3A8E1C4D6F7G9HJKMNP/referrals/2
callmesh trace 9HJKMN                           by what screens show of its number
callmesh trace YG20261121-0007                  by alarm or order number
callmesh trace 13900001111                      by the caller's number: lists the cases if there are several
callmesh trace 13900001111 --index 2            the second newest of them
callmesh trace r1-0-5ZQ0V2R3A8E1C4D6F7G9HJKMNP --json | jq .holds"""
_NAME = re.compile(
    r"^(?:cases/)?([a-z0-9]+-[0-9]+-)((?i:[0-9A-HJKMNP-TV-Z]){26})(?:/(?P<kind>referrals|events)/(?P<number>\d+))?$"
)
_ENDING = re.compile(r"[0-9A-Za-z]{6,26}")
"""What screens show of a case's number, or more of it."""
_MOST = 100


@click.command(
    "trace",
    cls=Manual,
    sections={"Columns": _COLUMNS, "Environment": FINDING, "Exit status": _EXITS, "Examples": _EXAMPLES},
)
@click.argument("which", metavar="CASE")
@click.option("--index", type=click.IntRange(1, 100), default=None, help="Which of several cases; 1 is the newest.")
@click.option("--json", "as_json", is_flag=True, help="The whole timeline as one JSON object.")
@click.option("--operator", default="", help="Agency that asks; by default ops, who sees every case.")
def command(which: str, index: int | None, as_json: bool, operator: str) -> None:
    """Show where a case went: who had it when, how long, whose turn it is, and which hop was slow.

    CASE is a case's id or name or the last six signs of it, as screens show them, the name of one of its referrals,
    a number it has in another system, or the number that called; all of them lead to the same page. The answer comes
    from the log, so it is complete and needs no collector. Without the tracking service the log itself is read, for a
    number from end to end; for the number that called this needs CALLMESH_NUMBER_KEY and the key-encryption key of the
    mesh. The caller's words and number are not shown.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    raise SystemExit(asyncio.run(_trace(which.strip(), index, as_json, operator)))


async def _trace(which: str, index: int | None, as_json: bool, operator: str) -> int:
    name = named(which)
    if name and index is not None:
        raise BadInput("--index chooses among the cases of a number; a case's name is one case")
    found, zone = await _told(name, which, index, operator)
    if found is None:
        return 1
    _need_part(which, found)
    _show(found, zone, as_json)
    return 0


async def _told(name: str, which: str, index: int | None, operator: str) -> tuple[pb.Timeline | None, tzinfo | None]:
    """By tracking, or without it by the log itself, and the city's zone; None after listing several cases."""
    import grpc

    from callmesh.cli import clients
    from callmesh.cli.refusals import Refused

    where = endpoints.find()
    try:
        async with clients.connect(where, "tracking") as connected:
            zone = await _zone(connected, operator)
            chosen = name or _chosen(await search(connected, which, clients.asking(operator)), which, index, zone)
            return await _way(connected, chosen, operator) if chosen else None, zone
    except grpc.aio.AioRpcError as refused:
        if refused.code() != grpc.StatusCode.UNAVAILABLE:
            raise Refused(refused) from None
    except endpoints.Away:
        pass
    return await _from_log(where, name, which, index)


async def _zone(connected: Clients, operator: str) -> tzinfo | None:
    """The city's; None, this machine's, while the figures that tell it are away: the way itself needs none."""
    import grpc

    from callmesh.cli import clients
    from callmesh.cli.stats_window import zone_from

    try:
        zone = await clients.zone_of(connected, clients.asking(operator))
    except grpc.aio.AioRpcError:
        return None
    return zone_from(zone) if zone else None


async def _from_log(
    where: endpoints.Endpoints, name: str, which: str, index: int | None
) -> tuple[pb.Timeline | None, tzinfo | None]:
    from callmesh.cli import trace_log

    click.echo("callmesh: tracking cannot tell it now; this is read from the log itself", err=True)
    zone = await trace_log.zone(where)
    chosen = name or _chosen(await trace_log.known_as(where, which), which, index, zone)
    return await trace_log.timeline(where, chosen) if chosen else None, zone


async def _way(connected: Clients, name: str, operator: str) -> pb.Timeline:
    """The case's way; how it stands alone, as tracking saw it last, where the log that tells the way is away."""
    import grpc

    from callmesh.api.v1 import tracking_service_pb2 as pb
    from callmesh.cli.clients import SECONDS, asking
    from callmesh.kernel.rpc import client

    try:
        return await timeline(connected, name, operator)
    except grpc.aio.AioRpcError as refused:
        if refused.code() != grpc.StatusCode.UNAVAILABLE or not client.status_details(refused).details:
            raise
    request = pb.GetCaseRequest(name=name)
    found = await connected.tracking.GetCase(request, metadata=asking(operator), timeout=SECONDS)
    click.echo("callmesh: the log does not answer; this is how the case stood last, without its way", err=True)
    found.ClearField("report")
    return pb.Timeline(case=found)


async def timeline(clients: Clients, name: str, operator: str = "") -> pb.Timeline:
    """A case's way, without the report."""
    from callmesh.api.v1 import tracking_service_pb2 as pb
    from callmesh.cli.clients import SECONDS, asking

    request = pb.GetTimelineRequest(name=name)
    found = await clients.tracking.GetTimeline(request, metadata=asking(operator), timeout=SECONDS)
    found.case.ClearField("report")
    return found


def _need_part(which: str, found: pb.Timeline) -> None:
    """What was named of the case is there; else Failure says what is."""
    given = _NAME.match(which)
    if not given or not given["kind"]:
        return
    names = [one.name for one in found.case.referrals]
    if given["kind"] == "events":
        names = [one.event.name for one in found.entries]
    numbers = [one.rpartition("/")[2] for one in names]
    if str(int(given["number"])) not in numbers:
        kind = given["kind"].removesuffix("s")
        raise Failure(f"{found.case.name} has no {kind} {given['number']}; it has {', '.join(numbers) or 'none'}")


def _show(found: pb.Timeline, zone: tzinfo | None, as_json: bool) -> None:
    from callmesh.cli import wording

    if as_json:
        from google.protobuf.json_format import MessageToJson

        click.echo(MessageToJson(found, preserving_proto_field_name=True, ensure_ascii=False))
    else:
        from callmesh.cli.timeline import show

        show(found, wording.console(), datetime.now().astimezone(zone))


def named(which: str) -> str:
    """The name of the case when that (or a referral of it) is what was given, in any case; "" for a number."""
    given = _NAME.match(which)
    if given:
        return f"cases/{given[1]}{given[2].upper()}"
    if not which or which.startswith("cases/"):
        raise BadInput(f"{which!r} is no case's name; names are like cases/r1-0-5ZQ0V2R3A8E1C4D6F7G9HJKMNP")
    return ""


def _chosen(found: Sequence[case_pb2.Case], which: str, index: int | None, zone: tzinfo | None) -> str:
    """The case of a number; "" after listing several to choose from."""
    if not found:
        raise Failure(
            f"没有编号、外部单号或来电号码为 {which} 的事件单, 请核对\n"
            f"no case has the id, external number or caller's number {which}"
        )
    if index is not None and index > len(found):
        raise BadInput(f"--index {index} is too large: {len(found)} cases have this number")
    if index is None and len(found) > 1:
        from callmesh.cli import trace_list, wording

        trace_list.show(found, wording.console(), zone)
        click.echo(f"callmesh: {len(found)} cases have this number; choose one with --index", err=True)
        return ""
    return found[(index or 1) - 1].name


def known_by(which: str) -> list[pb.CaseFilter]:
    """What a number may be, in the order that is tried: another system's, the end of a case's own, a caller's."""
    from callmesh.api.v1 import tracking_service_pb2 as pb

    ending = [pb.CaseFilter(id=which)] if _ENDING.fullmatch(which) else []
    return [pb.CaseFilter(external_id=which), *ending, pb.CaseFilter(number=which)]


async def search(clients: Clients, which: str, who: Sequence[tuple[str, str]]) -> list[case_pb2.Case]:
    """The cases with that number, as far as `who` sees them, the newest first."""
    from callmesh.api.v1 import tracking_service_pb2 as pb
    from callmesh.cli.clients import SECONDS

    for wanted in known_by(which):
        request = pb.ListCasesRequest(filter=wanted, page_size=_MOST)
        found = await clients.tracking.ListCases(request, metadata=who, timeout=SECONDS)
        if found.cases:
            return list(found.cases)
    return []
