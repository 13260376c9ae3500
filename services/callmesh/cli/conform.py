"""`callmesh conform`: does a partner's system keep the rules of the partner's guide?

The work is in the package conform; here are its options and what is printed.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from callmesh.cli.output import BadInput, Failure, Manual, json_line, table

if TYPE_CHECKING:
    from callmesh.conform.kit import Kit
    from callmesh.conform.run import Result, Run
    from callmesh.conform.scenario import Scenario
    from callmesh.conform.stage import Pace

_SECONDS, _COUNT = click.FloatRange(min=0, min_open=True), click.IntRange(min=1)
_HOW = """\
A partner dials the mesh, so the kit is what it dials. Give your system --target as the mesh's address, and let it
accept and resolve by itself what it gets: the cases are invented. Start it before the kit or after, or let --run do it.
Then every scenario is played: the kit sends deliveries, answers late, not at all or with a refusal, cuts connections,
and judges by what it hears. Nothing reaches a real mesh."""
_EXITS = """\
0  nothing failed (something may be "not shown": the report says why)
1  a scenario failed, or the partner never connected
2  wrong usage or wrong input"""
_EXAMPLES = """\
callmesh conform --list                                            what is checked, and the rule it rests on
callmesh conform --target 127.0.0.1:7404 --run 'python partner.py 127.0.0.1:7404 water'
callmesh conform --target mesh-test.water.example:7404 --listen 0.0.0.0:7404 --identity callmesh-ca --agency water
callmesh conform --target 127.0.0.1:7404 --only lost-answer --seed 7     one scenario again, as it was"""
_NOT_AGAIN = ("--only", "--skip", "--seed", "--junit", "--html")
_ENVIRONMENT = """\
The command of --run gets:
CALLMESH_TARGET   the address to dial, as --target says
CALLMESH_AGENCY   the agency, as --agency says"""


@click.command(
    "conform",
    cls=Manual,
    sections={"How it works": _HOW, "Environment": _ENVIRONMENT, "Exit status": _EXITS, "Examples": _EXAMPLES},
)
@click.option("--target", metavar="HOST:PORT", help="Where the partner looks for the mesh; the kit is there.")
@click.option("--listen", metavar="HOST:PORT", help="Where the kit binds, if elsewhere. [default: target]")
@click.option(
    "--identity",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of callmesh ca: mTLS with its certificates. Without it plain, as for development.",
)
@click.option("--agency", default="", show_default=False, metavar="ID", help="Who it must be. [default: anybody]")
@click.option("--run", "command_line", metavar="COMMAND", default="", show_default=False, help="Starts the partner.")
@click.option("--only", multiple=True, metavar="NAME", help="This scenario; may be repeated.")
@click.option("--skip", multiple=True, metavar="NAME", help="Not this one; may be repeated.")
@click.option("--seed", default=1, help="Seed of ids, words and order.")
@click.option("--answer", type=_SECONDS, default=20.0, help="Seconds that the partner may take for what it must do.")
@click.option("--quiet", type=_SECONDS, default=1.0, help="Seconds that it is watched for what it must not do.")
@click.option("--outage", type=_SECONDS, default=5.0, help="Seconds that the mesh is away.")
@click.option("--burst", type=_COUNT, default=200, help="Deliveries at once.")
@click.option("--streams", type=_COUNT, default=1, help="Streams that the partner means to hold open.")
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="Write JUnit XML there.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a page there.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each scenario.")
@click.option("--list", "listing", is_flag=True, help="List the scenarios and end.")
def command(
    target: str | None,
    listen: str | None,
    identity: Path | None,
    agency: str,
    command_line: str,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    seed: int,
    answer: float,
    quiet: float,
    outage: float,
    burst: int,
    streams: int,
    junit: Path | None,
    html: Path | None,
    as_json: bool,
    listing: bool,
) -> None:
    """Test a partner's side of the contract: play the mesh to it, and say which rules it keeps.

    Text on standard output, a line for each scenario as it ends; with what failed come the rule, what went over the
    wire, and the command that plays it again.
    """
    from callmesh.conform.run import Run
    from callmesh.conform.stage import Pace

    chosen = _chosen(only, skip)
    if listing:
        _list(chosen, as_json)
        return
    if not target:
        raise BadInput("say where the partner looks for the mesh: --target HOST:PORT")
    where = _address(listen or target)
    pace = Pace(answer, quiet, outage, burst=burst, streams=streams)
    run = Run(target, agency, seed, identity is not None, _again())
    asyncio.run(_played(run, chosen, pace, where, identity, command_line, as_json))
    _write(run, junit, html)
    raise SystemExit(0 if run.passed else 1)


async def _played(
    run: Run,
    chosen: Sequence[Scenario],
    pace: Pace,
    where: tuple[str, int],
    identity: Path | None,
    command_line: str,
    as_json: bool,
) -> None:
    from callmesh.cli import conform_certificates as certificates
    from callmesh.conform import report
    from callmesh.conform.kit import Kit
    from callmesh.kernel.config import Settings

    host = _address(run.target)[0]
    with tempfile.TemporaryDirectory(prefix="callmesh-conform-") as scratch:
        own = Path(scratch)
        settings = certificates.settings(identity, own, host) if identity else Settings(log_level="error")
        kit = Kit(settings, certificates.wrong(identity, own, host) if identity else ())
        try:
            await kit.listen(*where)
        except OSError as taken:
            raise Failure(f"cannot listen on {where[0]}:{where[1]}: {taken.strerror or taken}") from None
        if not as_json:
            click.echo(report.heading(run))
        try:
            await _with_partner(kit, run, chosen, pace, command_line, as_json)
        finally:
            await kit.close()
    if not as_json:
        click.echo(report.summary(run))


async def _with_partner(
    kit: Kit, run: Run, chosen: Sequence[Scenario], pace: Pace, command_line: str, as_json: bool
) -> None:
    from callmesh.conform.process import Process
    from callmesh.conform.run import play
    from callmesh.conform.stage import Stage

    stage = Stage(kit, run.seed, run.agency, pace)
    partner = Process(command_line, run.target, run.agency, _once()) if command_line else None

    def told(result: Result) -> None:
        _tell(run, result, as_json)

    try:
        if partner is not None:
            await partner.start()
        await play(stage, chosen, run, told, partner.again if partner else None, _begins)
    except OSError as missing:
        raise BadInput(f"cannot run {command_line!r}: {missing.strerror or missing}") from None
    finally:
        if partner is not None:
            await partner.stop()
    if not kit.gateway.streams and not stage.connected:
        click.echo(f"callmesh: nobody connected to {run.target}; give your system that address as the mesh's", err=True)
    if partner is not None and not run.passed and partner.last_words():
        click.echo(f"what the partner printed last ({partner.output}):\n{partner.last_words()}", err=True)


def _once() -> Callable[[int], None]:
    """Tells that the command ended by itself, each status once: it is started again for every scenario."""
    known: set[int] = set()

    def ended(status: int) -> None:
        if status not in known:
            known.add(status)
            how = f"exit status {status}" if status >= 0 else f"signal {-status}"
            click.echo(f"callmesh: the command of --run ended by itself, with {how}", err=True)

    return ended


def _begins(scenario: Scenario) -> None:
    """Which one is played now, where somebody watches."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K... {scenario.name} {scenario.zh}\r", nl=False, err=True)


def _tell(run: Run, result: Result, as_json: bool) -> None:
    from callmesh.conform import report

    if as_json:
        json_line(report.record(run, result))
        return
    for line in report.lines(run, result):
        click.echo(line)


def _write(run: Run, junit: Path | None, html: Path | None) -> None:
    from callmesh.conform import page, report

    try:
        if junit is not None:
            junit.write_bytes(report.junit(run))
        if html is not None:
            html.write_text(page.page(run), encoding="utf-8")
    except OSError as wrong:
        raise Failure(f"cannot write {wrong.filename}: {wrong.strerror}") from None


def _chosen(only: tuple[str, ...], skip: tuple[str, ...]) -> list[Scenario]:
    from callmesh.conform.scenarios import ALL, BY_NAME

    unknown = [one for one in (*only, *skip) if one not in BY_NAME]
    if unknown:
        raise BadInput(f"no scenario {', '.join(unknown)}; callmesh conform --list shows them")
    return [one for one in ALL if (not only or one.name in only) and one.name not in skip]


def _list(chosen: Sequence[Scenario], as_json: bool) -> None:
    from callmesh.conform.report import described

    if as_json:
        for one in chosen:
            json_line(described(one))
        return
    table(("scenario", "场景", "checks", "rule"), [tuple(described(one).values()) for one in chosen])


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise BadInput(f"{text!r} is no address; use HOST:PORT")
    return host.strip("[]"), int(port)


def _again() -> str:
    """The command as it was given, without what is chosen and written."""
    import shlex

    kept, skipping = [], False
    for one in sys.argv[1:]:
        if skipping:
            skipping = False
        elif one in _NOT_AGAIN:
            skipping = True
        elif not one.startswith(tuple(f"{name}=" for name in _NOT_AGAIN)):
            kept.append(one)
    return shlex.join(["callmesh", *kept])
