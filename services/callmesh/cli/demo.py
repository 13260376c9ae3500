"""`callmesh demo`: a whole mesh, a day of a city's calls, and a look at what became of them."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from callmesh.cli import web_desk
from callmesh.cli.output import BadInput, Manual
from callmesh.cli.play import Rate

if TYPE_CHECKING:
    from callmesh.cli.demo_pages import Pages
    from callmesh.cli.mesh import LocalMesh
    from callmesh.cli.played import Played
    from callmesh.kernel.rpc.clients import Clients

DATA = Path(".callmesh/demo")
KEPT = "played.jsonl"
_EXITS = """\
0    every call ended as its script implies
1    some did not, or the mesh could not start; what and why is printed
2    wrong usage, or a fault in the city folder
130  ended by Ctrl-C before all was played"""
_FILES = """\
DATA/played.jsonl     where each call went and why, a JSON line a call
DATA/endpoints.json   addresses while it runs; see callmesh up --help for the rest"""
_ENVIRONMENT = "ONCE=1   the same as --once"
_EXAMPLES = """\
callmesh demo
callmesh demo --once --limit 50
callmesh demo --city my/city --calls my/calls.jsonl --rate 5/s"""


@dataclass(frozen=True)
class Plan:
    """What was asked for."""

    city: Path
    calls: Path
    data: Path
    rate: float
    once: bool
    limit: int


@click.command(
    "demo",
    cls=Manual,
    sections={"Files": _FILES, "Environment": _ENVIRONMENT, "Exit status": _EXITS, "Examples": _EXAMPLES},
)
@click.option("--city", type=click.Path(path_type=Path), default="deploy/city", help="City folder to put into force.")
@click.option("--calls", type=click.Path(path_type=Path), help="Calls to play.  [default: CITY/demo/calls.jsonl]")
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), default=DATA, help="Folder, emptied first.")
@click.option("--rate", type=Rate(), default=None, help="Calls a second, also 90/m or 1000/h.  [default: no limit]")
@click.option("--limit", type=click.IntRange(0), default=0, help="Play only the first so many lines; 0 plays all.")
@click.option("--once", is_flag=True, envvar="ONCE", help="End by itself instead of staying up until Ctrl-C.")
def command(city: Path, calls: Path | None, data: Path, rate: float | None, limit: int, once: bool) -> None:
    """Play a day of a city's calls into a mesh of its own, with all partner agencies simulated.

    Starts NATS, the six services and the web desk on free ports in a fresh folder, puts the city into force,
    plays the calls, and prints where each went and why, three whole ways, and the day's figures. Then it stays
    up for you to look around, with a call every few seconds, until Ctrl-C; everything is drained before it ends.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    plan = Plan(city, calls or city / "demo" / "calls.jsonl", data, rate or 0.0, once, limit)
    for needed in (plan.city / "city.toml", plan.calls):
        if not needed.is_file():
            raise BadInput(f"{needed} is missing; run this where deploy/city is, or give --city and --calls")
    raise SystemExit(asyncio.run(Demo(plan).run()))


class Demo:
    """One demo between its start and its end."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._status = 130
        self._mesh: LocalMesh | None = None
        self._asked = False

    async def run(self) -> int:
        """The exit status."""
        loop, main = asyncio.get_running_loop(), asyncio.current_task()
        assert main is not None
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._end, main)
        try:
            await self._live()
        except asyncio.CancelledError:
            if not self._asked:
                raise
        click.echo("stopped")
        return self._status

    def _end(self, main: asyncio.Task[int]) -> None:
        """The first signal drains, the second kills."""
        if self._asked and self._mesh is not None:
            self._mesh.abandon()
            return
        self._asked = True
        click.echo("\nstopping; once more to kill")
        main.cancel()

    async def _live(self) -> None:
        from callmesh.cli.mesh import LocalMesh

        plan = self._plan
        click.echo(f"Starting a mesh in {plan.data}")
        console = web_desk.installed() and not plan.once
        self._mesh = LocalMesh(
            plan.data, ports="free", city=plan.city, fresh=True, console=console, switch=_switch(), tell=_tell
        )
        async with self._mesh as mesh:
            click.echo(f"all serving after {mesh.started_in:.1f} s\n")
            await self.day(mesh)
            if not plan.once:
                await self._stay(mesh)
            click.echo("\nstopping")

    async def _stay(self, mesh: LocalMesh) -> None:
        """Until Ctrl-C, with calls that keep coming."""
        from callmesh.cli import clients, demo_traffic

        if mesh.endpoints.console:
            click.echo("\n" + "\n".join(web_desk.welcome(mesh.endpoints.console)))
        click.echo("\nThe mesh stays up, with a call every few seconds. Ctrl-C ends it.")
        city = await clients.city_in_force(mesh.endpoints)
        async with clients.connect(mesh.endpoints) as connected:
            await demo_traffic.flow(connected, city, self._plan.calls)

    async def day(self, mesh: LocalMesh) -> int:
        """Plays the calls into a mesh and prints the pages; what comes of it is the exit status."""
        from callmesh.cli import clients, lines, wording
        from callmesh.cli.demo_pages import Pages
        from callmesh.cli.played import Played

        city = await clients.city_in_force(mesh.endpoints)
        total = lines.count(self._plan.calls)
        total = min(total or 0, self._plan.limit) if self._plan.limit else total
        played, pages = Played(city, total), Pages(wording.console(), city)
        click.echo(f"Playing {total} calls of a day in {city.name} ({city.name_en}) to {len(city.agencies)} agencies")
        async with clients.connect(mesh.endpoints) as connected:
            await self._play(connected, played)
            played.save(self._plan.data / KEPT)
            await self._pages(connected, played, pages)
        self._status = 1 if played.wrong else 0
        return self._status

    async def _play(self, connected: Clients, played: Played) -> None:
        from callmesh.cli import playing

        file = await asyncio.to_thread(os.open, self._plan.calls, os.O_RDONLY)
        try:
            with played.progress:
                wishes = playing.Wishes(rate=self._plan.rate)
                given = playing.first(file, self._plan.limit)
                await playing.play(connected, played.city, given, wishes, played)
        finally:
            os.close(file)

    async def _pages(self, connected: Clients, played: Played, pages: Pages) -> None:
        from callmesh.api.v1 import tracking_service_pb2 as pb
        from callmesh.cli.clients import SECONDS, ops
        from callmesh.cli.demo_pages import picks
        from callmesh.cli.timeline import draw
        from callmesh.cli.trace import timeline

        pages.where(played, str(self._plan.data / KEPT))
        chosen = picks(played.ways)
        for title, way in chosen:
            at = datetime.now(played.city.calendar.zone)
            pages.title(title)
            pages.show(draw(await timeline(connected, way.end.name), at))
        figures = await connected.tracking.GetFigures(pb.GetFiguresRequest(), metadata=ops(), timeout=SECONDS)
        pages.figures(figures)
        pages.agreement(played.ways)
        pages.wrong(played)
        if not self._plan.once:
            pages.next(self._plan.data, [way.end.name for _, way in chosen])


def _switch() -> dict[str, str] | None:
    """A simulated telephone switch, unless the settings name another one."""
    return None if "CALLMESH_SWITCH" in os.environ else {}


def _tell(name: str, text: str) -> None:
    click.echo(f"  {name:<15} {text}")
