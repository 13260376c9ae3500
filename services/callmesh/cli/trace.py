"""`callmesh trace`: where a case went, told by the log alone."""

from __future__ import annotations

import asyncio
import os
import re
from typing import TYPE_CHECKING

import click

from callmesh.cli import endpoints
from callmesh.cli.output import FINDING, BadInput, Failure, Manual

if TYPE_CHECKING:
    from callmesh.api.v1 import tracking_service_pb2 as pb
    from callmesh.cli.clients import Clients

_EXITS = """\
0  shown
1  no such case, several of them, or no mesh answers
2  wrong usage"""
_COLUMNS = """\
time, after   when it happened, and how long after the line above
stage         接报 receipt, 指派 assignment, 处置 handling, 督办 supervision, 反馈 feedback
trace         beginning of the W3C trace id, for the collector
transport     from the offer until the agency's machine had it
unopened      from then until a person took it (签收)
working       from then until the result (办结)
waiting       suspended, or waiting for a decision on a return"""
_EXAMPLES = """\
callmesh trace r1-0-5ZQ0V2R3A8E1C4D6F7G9HJKMNP
callmesh trace cases/r1-0-5ZQ0V2R3A8E1C4D6F7G9HJKMNP/referrals/2
callmesh trace YG20261121-0007                  by alarm or order number
callmesh trace r1-0-5ZQ0V2R3A8E1C4D6F7G9HJKMNP --json | jq .holds"""
_NAME = re.compile(r"^(?:cases/)?([a-z0-9]+-[0-9]+-[0-9A-HJKMNP-TV-Z]{26})(?:/(?:referrals|events)/\d+)?$")
_MOST = 20


@click.command(
    "trace",
    cls=Manual,
    sections={"Columns": _COLUMNS, "Environment": FINDING, "Exit status": _EXITS, "Examples": _EXAMPLES},
)
@click.argument("which", metavar="CASE")
@click.option("--json", "as_json", is_flag=True, help="The whole timeline as one JSON object.")
@click.option("--operator", default="", help="Agency that asks; by default ops, who sees every case.")
def command(which: str, as_json: bool, operator: str) -> None:
    """Show where a case went: who had it when, how long, whose turn it is, and which hop was slow.

    CASE is a case's id or name, the name of one of its referrals, a number it has in another system, or the
    number that called. The answer comes from the log, so it is complete and needs no collector. The
    caller's words and number are not shown.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    raise SystemExit(asyncio.run(_trace(which, as_json, operator)))


async def _trace(which: str, as_json: bool, operator: str) -> int:
    import grpc

    from callmesh.cli import clients

    try:
        async with clients.connect(endpoints.find(), "tracking") as connected:
            found = await timeline(connected, await _name(connected, which, operator), operator)
    except grpc.aio.AioRpcError as refused:
        raise Failure(clients.why(refused)) from None
    _show(found, as_json)
    return 0


async def timeline(clients: Clients, name: str, operator: str = "") -> pb.Timeline:
    """A case's way, without the report."""
    from callmesh.api.v1 import tracking_service_pb2 as pb
    from callmesh.cli.clients import SECONDS, asking

    request = pb.GetTimelineRequest(name=name)
    found = await clients.tracking.GetTimeline(request, metadata=asking(operator), timeout=SECONDS)
    found.case.ClearField("report")
    return found


def _show(found: pb.Timeline, as_json: bool) -> None:
    from callmesh.cli import wording

    if as_json:
        from google.protobuf.json_format import MessageToJson

        click.echo(MessageToJson(found, preserving_proto_field_name=True, ensure_ascii=False))
    else:
        from callmesh.cli.timeline import show

        show(found, wording.console())


async def _name(clients: Clients, which: str, operator: str) -> str:
    """The name of the case that is meant."""
    given = _NAME.match(which.strip())
    if given:
        return f"cases/{given[1]}"
    if not which.strip() or which.startswith("cases/"):
        raise BadInput(f"{which!r} is no case's name; names are like cases/r1-0-5ZQ0V2R3A8E1C4D6F7G9HJKMNP")
    found = await _search(clients, which.strip(), operator)
    if not found:
        raise Failure(f"no case has the id, external number or caller's number {which}")
    if len(found) > 1:
        raise Failure(f"several cases fit {which}; choose one:\n  " + "\n  ".join(found))
    return found[0]


async def _search(clients: Clients, which: str, operator: str) -> list[str]:
    """Names of the cases with that number, the newest first."""
    from callmesh.api.v1 import tracking_service_pb2 as pb
    from callmesh.cli.clients import SECONDS, asking

    for wanted in (pb.CaseFilter(external_id=which), pb.CaseFilter(number=which)):
        request = pb.ListCasesRequest(filter=wanted, page_size=_MOST)
        found = await clients.tracking.ListCases(request, metadata=asking(operator), timeout=SECONDS)
        if found.cases:
            return [one.name for one in found.cases]
    return []
