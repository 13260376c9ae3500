"""`callmesh switch simulate`: a telephone switch that rings nobody, for development and demo."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import click

from callmesh.cli.endpoints import SWITCH_PORT
from callmesh.cli.output import EXITS, BadInput, Failure, Manual, ManualGroup
from callmesh.kernel.tasks import closed

if TYPE_CHECKING:
    from callmesh.cli.switch_simulated import SimulatedSwitch

_SCRIPTS = """\
busy             busy at once
silent           rings and rings
answer[:S]       answered after S seconds (1), until somebody hangs up
drop[:S[:S]]     answered, and broken after so many seconds more
leave[:S[:S]]    answered, and hung up by the agency after so many seconds more
A number without a script does something drawn from the seed: most are answered within six seconds."""
_EXAMPLES = """\
callmesh switch simulate
callmesh switch simulate --number 8119-1=busy --number 8119-2=answer:2
CALLMESH_SWITCH=127.0.0.1:7424 callmesh serve transfer"""


@click.group("switch", cls=ManualGroup, sections={"Exit status": EXITS, "Examples": _EXAMPLES})
def command() -> None:
    """Play the telephone switch that a one-key transfer rings the agencies with."""


@command.command(
    "simulate",
    cls=Manual,
    short_help="A switch on this machine that rings nobody.",
    sections={"Scripts": _SCRIPTS, "Exit status": EXITS, "Examples": _EXAMPLES},
)
@click.option("--port", type=click.IntRange(0, 65535), default=SWITCH_PORT, help="Port on loopback to listen on.")
@click.option("--seed", type=int, default=0, help="The same seed, the same calls.")
@click.option("--number", "numbers", multiple=True, metavar="NUMBER=SCRIPT", help="What a number does; repeatable.")
def simulate(port: int, seed: int, numbers: tuple[str, ...]) -> None:
    """Listen on loopback for the transfer service (CALLMESH_SWITCH) and play every agency's telephone.

    Rings, answers, is busy, breaks off and joins three on one line, as scripted or drawn. Several services may be
    connected. Ends with Ctrl-C or SIGTERM; then every call is gone.
    """
    _tethered()
    from callmesh.cli.switch_simulated import BadScript, SimulatedSwitch, read_script

    pairs = (one.partition("=") for one in numbers)
    try:
        scripts = {number: read_script(text) for number, _, text in pairs}
    except BadScript as wrong:
        raise BadInput(f"'{wrong}' is no script; write NUMBER=SCRIPT, see callmesh switch simulate --help") from None
    try:
        asyncio.run(_serve(SimulatedSwitch(scripts, seed), port))
    except OSError:
        raise Failure(f"the switch cannot listen on port {port}; is it taken? choose another with --port") from None


def _tethered() -> None:
    from callmesh.cli.serve import PARENT

    if PARENT in os.environ:
        from callmesh.cli.tether import tether

        tether(int(os.environ[PARENT]))


async def _serve(played: SimulatedSwitch, port: int) -> None:
    server = await played.serve("127.0.0.1", port)
    asked = asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(one, asked.set)
    click.echo(f"switch on 127.0.0.1:{server.sockets[0].getsockname()[1]}; Ctrl-C ends it")
    await asked.wait()
    await closed(server)
    played.close()
