"""`callmesh play`: calls from a file or a pipe, played into a running mesh."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from callmesh.cli import endpoints
from callmesh.cli.output import FINDING, BadInput, Manual

if TYPE_CHECKING:
    from callmesh.cli.playing import Wishes
    from callmesh.cli.report import JsonReport, Report

_LINES = """\
One JSON object a line, UTF-8, any number of lines, at most 1 MiB each. Unknown keys are ignored.
  text           what was said or written; required, at most 20000 characters
  channel        phone (default), video, sms, app, web, kiosk, photo, partner, sensor
  phone, place   the caller's number; where it is, in words
  longitude, latitude, division, device      where it is, for maps
  origin         the agency that received it (default --operator)
  external_id, language, silent, confidential, situation {trapped, injured, dead, hazards}
  operator       {category}: what the person on the phone recognises when the machine is not sure
  plan           response plan to apply to a call somebody is on the line for
  partner        {do: resolve | return | ignore, reason, basis, solved}: what the simulated lead does"""
_JSON = """\
{"line", "case", "verdict": emergency | ask | route, "level": p0..p3, "category",
 "agency": the lead, or the owner of record while nobody leads, "state", "reason": why, in Chinese, ...}
{"line", "error"}            for a line that was skipped
{"line", "case", "error"}    for a call that failed; {"case", "error"} when a partner was refused something"""
_EXITS = """\
0    every call was played
1    some calls failed, or no mesh answers
2    wrong usage
3    every call was played, but malformed lines were skipped
130  ended by Ctrl-C"""
_EXAMPLES = """\
callmesh play deploy/city/demo/calls.jsonl
echo '{"text": "家里停水两天了", "channel": "sms"}' | callmesh play - --json
callmesh play calls.jsonl --rate 5/s --until closed --json >results.jsonl"""
_RATE = re.compile(r"(\d+(?:\.\d+)?)(?:/(s|m|h))?")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}


class Rate(click.ParamType[float]):
    """Calls a second, from 5, 5/s, 90/m or 1000/h."""

    name = "N/s"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Calls a second."""
        found = _RATE.fullmatch(str(value))
        if not found or not float(found[1]):
            self.fail(f"{value} is not like 5/s, 90/m or 1000/h", param, ctx)
        return float(found[1]) / _UNITS[found[2]]


@click.command(
    "play",
    cls=Manual,
    sections={
        "Lines": _LINES,
        "With --json": _JSON,
        "Environment": FINDING,
        "Exit status": _EXITS,
        "Examples": _EXAMPLES,
    },
)
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--json", "as_json", is_flag=True, help="One JSON line a call, as soon as its destination is settled.")
@click.option("--rate", type=Rate(), default=None, help="Calls a second, also 90/m or 1000/h.  [default: no limit]")
@click.option("--concurrency", type=click.IntRange(1, 512), default=16, help="Operators at work at once.")
@click.option(
    "--until",
    type=click.Choice(["routed", "closed"]),
    default=None,
    help="What to wait for.  [default: routed with --json or --no-partners, else closed]",
)
@click.option(
    "--partners/--no-partners",
    default=None,
    help="Whether to play the partner agencies too.  [default: when waiting until closed]",
)
@click.option("--operator", default="110", help="Agency that receives the calls that name no origin.")
@click.option("--seed", type=int, default=1, help="Of the partners' pauses.")
@click.option("--delay", type=click.IntRange(0, 60_000), default=50, help="A partner's longest pause, ms.")
@click.option("--patience", type=click.FloatRange(0.1), default=60.0, help="Seconds to wait for any one step.")
def command(
    file: str, as_json: bool, until: str | None, partners: bool | None, rate: float | None, **how: float
) -> None:
    """Play calls into a running mesh: FILE holds JSON Lines, `-` reads them from standard input.

    Every call becomes a new case. Where somebody is on the line (phone, video) an operator is played:
    opens the case, asks the machine, takes its word, presses the one key. What the machine is not sure
    about stays with its first receiver unless the line says what the operator recognised. What came in by
    other channels the mesh classifies and routes by itself. Partners are played too, if wanted: they take,
    return, ignore and resolve; then callers are asked, and cases closed or reopened.

    Lines are read as they are needed, so a pipe of any length is played in bounded memory. A line that
    makes no sense is told with its number and skipped. Without --json it is told for people where each
    call went and why, with a summary at the end.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from callmesh.cli.playing import Wishes

    closed = until == "closed" if until else not as_json and partners is not False
    wishes = Wishes(
        concurrency=int(how["concurrency"]),
        rate=rate or 0.0,
        partners=closed if partners is None else partners,
        closed=closed,
        operator=str(how["operator"]),
        seed=int(how["seed"]),
        delay=how["delay"] / 1000,
        patience=how["patience"],
    )
    with contextlib.closing(_Input(file)) as given:
        raise SystemExit(_run(given, as_json, wishes))


def _run(given: _Input, as_json: bool, wishes: Wishes) -> int:
    """The exit status."""
    try:
        try:
            return asyncio.run(_play(given, as_json, wishes))
        except* BrokenPipeError:  # who read our lines has gone
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        return 130
    return 1


class _Input:
    """What is played: a file or standard input."""

    def __init__(self, name: str) -> None:
        from pathlib import Path

        from callmesh.cli import lines

        self._own = name != "-"
        try:
            self.descriptor = os.open(name, os.O_RDONLY) if self._own else sys.stdin.fileno()
            self.total = lines.count(Path(name)) if self._own else None
        except OSError as wrong:
            raise BadInput(f"{name} cannot be read: {wrong.strerror}") from None

    def close(self) -> None:
        """Closes what it opened."""
        if self._own:
            os.close(self.descriptor)


async def _play(given: _Input, as_json: bool, wishes: Wishes) -> int:
    from callmesh.cli import clients, lines, playing
    from callmesh.cli.report import JsonReport, Report

    where = endpoints.find()
    city = await clients.city_in_force(where)
    report = JsonReport() if as_json else Report(city, given.total)
    async with clients.connect(where) as connected:
        try:
            with _shown(report):
                await playing.play(connected, city, lines.read(given.descriptor), wishes, report)
        finally:  # after Ctrl-C it is told what was played until then
            if isinstance(report, Report):
                report.summary(wishes.closed)
    return report.totals.status


@contextlib.contextmanager
def _shown(report: Report | JsonReport) -> Iterator[None]:
    """With its bar, if it has one."""
    bar = getattr(report, "progress", None)
    with bar if bar is not None else contextlib.nullcontext():
        yield
