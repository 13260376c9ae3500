"""`callmesh doctor`: is this machine fit, is the mesh well, and what to do if not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict

import click

from callmesh.cli import checks
from callmesh.cli.checks import Check, Look
from callmesh.cli.endpoints import Away, Endpoints, default, find
from callmesh.cli.monitor import Silent
from callmesh.cli.output import FINDING, BadInput, Failure, Manual, json_line, table

_EXITS = """\
0  no check says FAIL (there may be warnings)
1  at least one check says FAIL
2  wrong usage"""
_EXAMPLES = """\
callmesh doctor
callmesh doctor --local                    before the first callmesh up
callmesh doctor --json | jq 'select(.state != "ok")'"""


@click.command("doctor", cls=Manual, sections={"Environment": FINDING, "Exit status": _EXITS, "Examples": _EXAMPLES})
@click.option("--local", is_flag=True, help="Check this machine only; needs no mesh.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each check.")
def command(local: bool, as_json: bool) -> None:
    """Check that everything is as it must be, and say what to do about what is not.

    This machine: Python, libraries, generated code, nats-server, disk. The mesh: its ports, NATS, that
    acknowledged means on disk, the store's limit, the clock, streams, the city in force, each service, the
    web desk, the telephone switch.
    """
    found = asyncio.run(_look(default() if local else find(), local))
    if as_json:
        for one in found:
            json_line(asdict(one))
    else:
        table(("check", "", "found", "what to do"), [(one.name, one.state, one.found, one.advice) for one in found])
    raise SystemExit(1 if any(one.state == "FAIL" for one in found) else 0)


async def _look(where: Endpoints, local: bool) -> list[Check]:
    wanted: list[tuple[str, Look]] = [(one.__name__, one) for one in checks.MACHINE]
    if not local:
        wanted += _of_mesh()
    return list(await asyncio.gather(*(_finding(name, look, where) for name, look in wanted)))


def _of_mesh() -> Sequence[tuple[str, Look]]:
    """The checks of the mesh; a finding when they cannot be loaded."""
    try:
        from callmesh.cli import checks_mesh
    except ImportError as wrong:
        missing = str(wrong)
    else:
        return checks_mesh.looks()

    async def unloaded(_: Endpoints) -> Check:
        return Check("mesh", "FAIL", f"not looked at: {missing}", "install what is missing; see the lines above")

    return [("mesh", unloaded)]


async def _finding(name: str, look: Look, where: Endpoints) -> Check:
    """A check that breaks has found something, too."""
    try:
        return await look(where)
    except BadInput as wrong:
        return Check(name, "FAIL", wrong.message, "correct the setting")
    except Away as wrong:
        return Check(name, "FAIL", wrong.message, "see NATS")
    except Failure as wrong:
        return Check(name, "FAIL", wrong.message)
    except Silent as wrong:
        return Check(name, "FAIL", f"not looked at: {wrong}", "see NATS")
    except OSError as wrong:
        if not where.nats_monitor:
            return Check(name, "warn", "not looked at", "set CALLMESH_NATS_MONITOR, e.g. http://127.0.0.1:7423")
        refused = isinstance(wrong, ConnectionError)
        told = f"nothing answers at {where.nats_monitor}" if refused else str(wrong)
        return Check(name, "FAIL", f"not looked at: {told}", "see NATS; if it is ok, switch `http` on in its settings")
    except Exception as wrong:
        return Check(name, "FAIL", f"{type(wrong).__name__}: {wrong}", "see callmesh streams show and the logs")
