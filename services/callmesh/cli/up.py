"""`callmesh up`: a whole mesh on this machine, from one command, until Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Literal

import click

from callmesh.cli import web_desk
from callmesh.cli.mesh import LocalMesh
from callmesh.cli.output import Manual, size
from callmesh.kernel.config import SERVICES, settings_help

_EXITS = """\
0  ended as asked (Ctrl-C, SIGTERM); every process finished its work
1  could not start, or a process had to be killed at the end
2  wrong usage, wrong settings, or a fault in the city folder"""
_EXAMPLES = """\
callmesh up --city deploy/city                      with the demo city in force
callmesh up --fresh --logs                          begin empty, show what every process says
callmesh up --without intake                        and then, elsewhere: callmesh serve intake
callmesh up --data /tmp/other --ports free          a second mesh beside the first
CALLMESH_ENDPOINTS=/tmp/other/endpoints.json callmesh doctor"""
_FILES = """\
DATA/endpoints.json   addresses and process ids while all serve, for the other commands
DATA/logs/NAME.log    what each process says, lines of JSON
DATA/nats.conf        settings of NATS, written anew at every start
DATA/tls/             with --tls: the authority, certificates of services and of the city's agencies (callmesh ca)
DATA/nats/            the log itself, kept from run to run"""


def _environment() -> str:
    set_here = "Given on to every service; addresses, ports and the folder are set by this command.\n"
    return set_here + dedent(settings_help())


@click.command(
    "up",
    cls=Manual,
    sections={"Files": _FILES, "Environment": _environment, "Exit status": _EXITS, "Examples": _EXAMPLES},
)
@click.option(
    "--data", type=click.Path(file_okay=False, path_type=Path), default=".callmesh", help="Folder of the mesh."
)
@click.option(
    "--ports",
    type=click.Choice(["fixed", "free"]),
    default="fixed",
    help="The usual ones (web desk 7400, services 7401-7406, NATS 7422-7423, switch 7424), or any that are free.",
)
@click.option("--fresh", is_flag=True, help="Delete what the folder holds from earlier runs.")
@click.option("--city", type=click.Path(path_type=Path), help="City folder to put into force, e.g. deploy/city.")
@click.option("--without", multiple=True, type=click.Choice(SERVICES), help="Leave a service out, to run it yourself.")
@click.option(
    "--tls", is_flag=True, help="mTLS on every service, with certificates made here; other commands use them."
)
@click.option("--no-switch", is_flag=True, help="Leave the simulated telephone switch out: no voice.")
@click.option("--no-console", is_flag=True, help="Leave the web desk out.")
@click.option("--logs", is_flag=True, help="Show here what every process says, not only what is kept in files.")
def command(
    data: Path,
    ports: Literal["fixed", "free"],
    fresh: bool,
    city: Path | None,
    without: tuple[str, ...],
    tls: bool,
    no_switch: bool,
    no_console: bool,
    logs: bool,
) -> None:
    """Start a whole mesh on this machine: NATS, six services, the web desk and a simulated switch, until Ctrl-C.

    Starts the NATS server, makes the streams, puts the city into force if one is given, starts the
    services and waits until each says SERVING. A process that dies is started again. CALLMESH_SWITCH names
    another telephone switch than the simulated one. Ctrl-C lets every service finish what it does, then
    stops NATS; a second Ctrl-C kills. Data stays in the folder.
    """
    services = [name for name in SERVICES if name not in without]
    console = web_desk.installed() and not no_console
    switch: dict[str, str] | None = None if no_switch or "CALLMESH_SWITCH" in os.environ else {}
    mesh = LocalMesh(
        data,
        ports=ports,
        city=city,
        services=services,
        fresh=fresh,
        tls=tls,
        console=console,
        switch=switch,
        tell=_tell,
    )
    raise SystemExit(asyncio.run(_Run(mesh, logs).run()))


def _tell(name: str, text: str) -> None:
    click.echo(f"{name:<15} {text}")


class _Run:
    """One mesh between its start and the signal that ends it."""

    def __init__(self, mesh: LocalMesh, logs: bool) -> None:
        self._mesh, self._logs, self._asked = mesh, logs, False

    async def run(self) -> int:
        """The exit status."""
        loop, main = asyncio.get_running_loop(), asyncio.current_task()
        assert main is not None
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._end, main.cancel)
        try:
            async with self._mesh:
                self._summary()
                await self._wait()
        except asyncio.CancelledError:
            if not self._asked:
                raise
        click.echo("stopped" if self._mesh.clean else "stopped, but not every process ended as asked")
        return 0 if self._mesh.clean else 1

    def _end(self, cancel: Callable[[], object]) -> None:
        """The first signal ends the mesh, the second kills it."""
        if self._asked:
            self._mesh.abandon()
        else:
            self._asked = True
            click.echo("\nstopping; once more to kill")
            cancel()

    def _summary(self) -> None:
        mesh = self._mesh
        memory = mesh.memory()
        most = ", ".join(f"{name} {size(held)}" for name, held in sorted(memory.items(), key=lambda one: -one[1]))
        click.echo(f"\nall serving after {mesh.started_in:.2f} s")
        click.echo(f"memory: {size(sum(memory.values()))} resident ({most})")
        if mesh.endpoints.console:
            click.echo("\n".join(web_desk.welcome(mesh.endpoints.console)))
        click.echo(f"addresses: {mesh.data_dir}/endpoints.json   logs: {mesh.data_dir}/logs   end: Ctrl-C\n")

    async def _wait(self) -> None:
        if not self._logs:
            await asyncio.Event().wait()
        tails = {name: Tail(self._mesh.log(name)) for name in self._mesh.processes}
        while True:
            for name, tail in tails.items():
                for line in tail.lines():
                    _tell(name, line)
            await asyncio.sleep(0.2)


class Tail:
    """What is new in a log since the last look."""

    def __init__(self, path: Path) -> None:
        self._path, self._read = path, path.stat().st_size if path.exists() else 0

    def lines(self) -> list[str]:
        """Whole new lines; a file that became shorter is read from its beginning."""
        if not self._path.exists():
            return []
        if self._path.stat().st_size < self._read:
            self._read = 0
        with self._path.open("rb") as file:
            file.seek(self._read)
            whole = file.read().rpartition(b"\n")
        self._read += len(whole[0]) + len(whole[1])
        return whole[0].decode(errors="replace").splitlines()
