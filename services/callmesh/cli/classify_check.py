"""`callmesh classify check`: the suite that every change of the lexicon or the model must pass.

It shows what was tried, every text that got a verdict it must not get, and the everyday texts that were stopped as
a share. The texts shown are the project's own, never a caller's.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from callmesh.cli.classify_try import city_folder
from callmesh.cli.output import BadInput, Manual, json_line, table

if TYPE_CHECKING:
    from callmesh.classification.corpus import Sample
    from callmesh.classification.suite import Failure, Suite, Tally
    from callmesh.classification.verdict import Classifier

_EXITS = "0  the gate holds\n1  it does not; every text at fault is shown\n2  a lexicon, model or city cannot be read"
_GATE = """\
no emergency is routed, however it is written, and no seed gets a verdict that it must not get
of emergencies with lost or wrong characters, and of half-said texts, at most 1 % are routed
of the held-out part, which nobody tunes on, at most 2 % is routed, and nothing of it as it was written
of the everyday texts at most 16 % are stopped and at most 5 % are emergencies; the aim for stopped is 5 %"""
_OUTPUT = """\
one object: version, holds, reasons, full, emergencies, grown, failures [{text, got, expected, rule, where, channel,
category}], harmed, slipped, slipped_share, held, missed, missed_share, everyday {train, held: {total, emergency, ask,
route, stopped, right, top3}}, alarmed, asked (texts), rules {name: counts}, classes {leaf: counts}, seeds, seconds"""
_EXAMPLES = """\
callmesh classify check                               what is in force
callmesh classify check --full                        every rule on every text, about a minute
callmesh classify check --lexicon draft/ --model m.model
callmesh classify check --lexicon draft/ --day 2026-12-01    with the rows that come into force by then"""


@click.command(
    "check", cls=Manual, sections={"Gate": _GATE, "With --json": _OUTPUT, "Exit status": _EXITS, "Examples": _EXAMPLES}
)
@click.option("--lexicon", type=click.Path(exists=True, path_type=Path), help="Folder of a draft lexicon.")
@click.option("--model", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="File of a draft model.")
@click.option(
    "--day",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DAY",
    help="Judge by the rows in force on this day (2026-12-01).",
)
@click.option("--full", is_flag=True, help="Every metamorphic rule on every text, not a few of them.")
@click.option("--stopped", is_flag=True, help="List the everyday texts that were stopped, too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a page.")
@click.option(
    "--city",
    type=click.Path(file_okay=False, path_type=Path),
    help="City folder. [default: deploy/city of the source tree]",
    show_default=False,
)
def command(
    lexicon: Path | None,
    model: Path | None,
    day: datetime | None,
    full: bool,
    stopped: bool,
    as_json: bool,
    city: Path | None,
) -> None:
    """Try lexicon and model on emergencies and everyday matters; fail when one must not take effect.

    Without --lexicon and --model the packaged ones are tried.
    """
    from callmesh.classification import suite as suites

    engine = _engine(city, lexicon, model, day.date() if day else None)
    started = time.perf_counter()
    with _watched(suites.load()) as samples:
        suite = suites.run(engine, full, samples)
    seconds = time.perf_counter() - started
    if as_json:
        json_line(_plain(suite, engine.version, full, seconds))
    else:
        _show(suite, engine.version, seconds, stopped)
    raise SystemExit(0 if suite.holds else 1)


def _watched(samples: Sequence[Sample]) -> AbstractContextManager[Iterable[Sample]]:
    """The same with a bar on standard error, at a terminal only."""
    if not sys.stderr.isatty():
        return contextlib.nullcontext(samples)
    return click.progressbar(samples, label="texts", file=sys.stderr)


def _engine(city: Path | None, lexicon: Path | None, model: Path | None, day: date | None) -> Classifier:
    from callmesh.classification.engine import Refused, open_engine
    from callmesh.cli.directory import read_city

    try:
        return open_engine(read_city(city_folder(city)).categories, lexicon, model, day)
    except Refused as refused:
        raise BadInput(str(refused)) from None


def _show(suite: Suite, version: str, seconds: float, stopped: bool) -> None:
    click.echo(f"{version}: {suite.emergencies} emergencies, {suite.grown} texts tried in {seconds:.0f} s")
    click.echo()
    click.echo("Rules")
    table(("rule", ">texts", ">emergency", ">ask", ">routed"), _rule_rows(suite))
    click.echo("Classes, as written")
    table(("leaf", ">texts", ">right", ">top 3", ">emergency", ">ask", ">route"), _class_rows(suite))
    _show_failures("Texts with a verdict that they must not get", suite.failures)
    _show_failures("Harmed or half-said texts that were routed", suite.slipped)
    _show_failures("Held-out texts that were routed", suite.missed)
    if stopped:
        _show_failures("Everyday texts that were stopped", [*suite.alarmed, *suite.asked])
    for line in _summary(suite):
        click.echo(line)


def _rule_rows(suite: Suite) -> Iterator[tuple[str, ...]]:
    for name, tally in suite.rules.items():
        yield name, str(tally.total), str(tally.emergency), str(tally.ask), str(tally.route)


def _class_rows(suite: Suite) -> Iterator[tuple[str, ...]]:
    """The worst first."""
    for leaf, one in sorted(suite.classes.items(), key=lambda item: item[1].right / (item[1].named or 1)):
        shares = (f"{count / (one.named or 1):.0%}" for count in (one.right, one.top3))
        yield leaf, str(one.total), *shares, str(one.emergency), str(one.ask), str(one.route)


def _show_failures(title: str, found: Sequence[Failure]) -> None:
    if found:
        click.echo(f"{title}: {len(found)}")
        rows = ((one.got, one.expected, one.rule, one.channel, one.where, one.category, one.text) for one in found)
        table(("got", "expected", "rule", "channel", "where", "leaf", "text"), rows)


def _summary(suite: Suite) -> Iterator[str]:
    from callmesh.classification.suite import AIM_STOPPED

    for split, one in suite.everyday.items():
        yield (
            f"everyday, {split}: {one.total} texts, {one.stopped:.1%} stopped (aim {AIM_STOPPED:.0%}), "
            f"{one.emergency} of them as emergencies; right leaf {one.right / (one.named or 1):.1%}, "
            f"among three {one.top3 / (one.named or 1):.1%}"
        )
    share = f"{suite.missed_share:.2%}"
    yield f"held out: {len(suite.missed)} of {suite.held} texts that need a person were routed ({share})"
    share = f"{suite.slipped_share:.2%}"
    yield f"harmed or half-said: {len(suite.slipped)} of {suite.harmed} were routed ({share})"
    yield f"all others: {len(suite.failures)} of {suite.grown - suite.held - suite.harmed} failed"
    yield "the gate holds" if suite.holds else "THE GATE FAILS: " + "; ".join(suite.reasons)


def _plain(suite: Suite, version: str, full: bool, seconds: float) -> dict[str, Any]:
    return {
        "version": version,
        "holds": suite.holds,
        "reasons": suite.reasons,
        "full": full,
        "emergencies": suite.emergencies,
        "grown": suite.grown,
        "failures": [dataclasses.asdict(one) for one in suite.failures],
        "harmed": suite.harmed,
        "slipped": [dataclasses.asdict(one) for one in suite.slipped],
        "slipped_share": round(suite.slipped_share, 5),
        "held": suite.held,
        "missed": [dataclasses.asdict(one) for one in suite.missed],
        "missed_share": round(suite.missed_share, 5),
        "everyday": {split: _counts(one) for split, one in suite.everyday.items()},
        "alarmed": [one.text for one in suite.alarmed],
        "asked": [one.text for one in suite.asked],
        "rules": {name: _counts(one) for name, one in suite.rules.items()},
        "classes": {leaf: _counts(one) for leaf, one in suite.classes.items()},
        "seeds": _counts(suite.seeds),
        "seconds": round(seconds, 1),
    }


def _counts(one: Tally) -> dict[str, float]:
    return {"total": one.total, **dataclasses.asdict(one), "stopped": round(one.stopped, 4)}
