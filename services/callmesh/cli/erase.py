"""`callmesh erase`: erases the personal data of a case, for good (删除个人信息)."""

from __future__ import annotations

import asyncio
import os

import click

from callmesh.cli import endpoints, trace
from callmesh.cli.output import FINDING, BadInput, Manual

_WHAT = """\
goes    the report with caller, place and attachments, and the web desk's pictures; results, replies, notes and reasons
        in anybody's words; the hash that the case is found by under the caller's number. In the log, its mirrors
        and its backups they cannot be read any more: the key that sealed them is destroyed
stays   who had the case, when, how long, how it ended, category, level, the ground given here; figures count on"""
_EXITS = """\
0  erased, now or before
1  refused, or no mesh answers; the message says why
2  wrong usage"""
_EXAMPLES = """\
callmesh erase r1-0-5ZQ0V2R3A8E1C4D6F7G9HJKMNP --reason "当事人申请删除, 2026-118号" --agency 12345
callmesh erase r1-0-5ZQ0V2R3A8E1C4D6F7G9HJKMNP --reason "保存期满" --agency 110 --person 007 --yes"""


@click.command(
    "erase",
    cls=Manual,
    sections={"What goes, what stays": _WHAT, "Environment": FINDING, "Exit status": _EXITS, "Examples": _EXAMPLES},
)
@click.argument("which", metavar="CASE")
@click.option("--reason", required=True, help="On what ground; stays readable for ever, so no names, no numbers.")
@click.option("--agency", required=True, help="Agency that erases; the city gives it the role supervisor.")
@click.option("--person", default="", help="Staff number of who decided.")
@click.option("--yes", is_flag=True, help="Do not ask again.")
def command(which: str, reason: str, agency: str, person: str, yes: bool) -> None:
    """Erase the personal data of a case that has ended. This cannot be undone.

    CASE is a case's id or name. One that is still open is refused, since somebody works on it by what was said: end it
    first (callmesh case close, or callmesh case cancel), then erase it. The mesh writes down who erased it, when and on
    what ground, destroys the case's data key, and scrubs what can be searched. Backups of the stream KEYS made before
    still hold the key: see deploy/README.md for how long to keep them.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    name = _named(which.strip())
    if not yes:
        click.confirm(f"Erase the personal data of {which} for good?", abort=True, err=True)
    asyncio.run(_erase(name, reason, agency, person))
    click.echo(f"erased: {which}. Its way can still be told: callmesh trace {which}")


def _named(which: str) -> str:
    """The case's name. A number may be that of several cases, and nothing is erased by a guess."""
    name = trace.named(which)
    if not name or "/" in which.removeprefix("cases/"):
        raise BadInput(
            "CASE is a case's id or name, like r1-0-5ZQ0V2R3A8E1C4D6F7G9HJKMNP, and no other number; "
            "callmesh trace NUMBER tells which cases have one"
        )
    return name


async def _erase(name: str, reason: str, agency: str, person: str) -> None:
    import grpc

    from callmesh.api.v1 import supervision_service_pb2 as pb
    from callmesh.cli import clients
    from callmesh.cli.refusals import Refused
    from callmesh.domain.access import SUPERVISOR
    from callmesh.kernel.ids import new_id
    from callmesh.kernel.rpc.client import identity

    who = identity(agency, person, SUPERVISOR)
    request = pb.EraseCaseRequest(request_id=new_id(), name=name, reason=reason)
    try:
        async with clients.connect(endpoints.find(), "supervision") as connected:
            await connected.supervision.EraseCase(request, metadata=who, timeout=clients.SECONDS)
    except grpc.aio.AioRpcError as refused:
        raise Refused(refused) from None
