"""One line of `callmesh classify try`: read, judged, shown as a page or as JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from callmesh.classification.destinations import Destination, destinations, origin_of
from callmesh.classification.engine import Refused, open_engine
from callmesh.classification.verdict import Classifier
from callmesh.cli.directory import read_city
from callmesh.cli.output import BadInput, plain
from callmesh.domain.assessment import Assessment, Evidence
from callmesh.domain.directory import City
from callmesh.domain.words import Channel
from callmesh.kernel.ids import now

if TYPE_CHECKING:
    from rich.progress import Progress

_COLOURS = {"emergency": "bold red", "ask": "bold yellow", "route": "bold green"}
_MARKS = {"trigger": "bold red", "category": "green", "mask": "dim", "modifier": "yellow", "gram": "cyan"}
_EVERY = 50
"""Lines between two movements of the bar."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a line means that does not say."""

    channel: str
    division: str
    origin: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A line that can be judged."""

    text: str
    channel: str
    division: str
    origin: str
    id: Any = None


class Wrong(Exception):
    """Why a line cannot be judged."""


class Trial:
    """The classifier and the city that lines are judged by."""

    def __init__(self, city: City, engine: Classifier, defaults: Defaults) -> None:
        self._city, self._engine, self._defaults = city, engine, defaults
        self._origins: dict[str, str] = {"": ""}
        self._origin(defaults.origin)

    @staticmethod
    def of(city: Path, lexicon: Path | None, model: Path | None, defaults: Defaults) -> Trial:
        """Reads everything; BadInput says what cannot be used."""
        found = read_city(city)
        try:
            engine = open_engine(found.categories, lexicon, model)
        except Refused as refused:
            raise BadInput(str(refused)) from None
        if defaults.channel not in list(Channel):
            raise BadInput(f"channel {defaults.channel!r} is none of {', '.join(Channel)}")
        if defaults.division and defaults.division not in found.division:
            raise BadInput(f"division {defaults.division!r} is not in {city}")
        return Trial(found, engine, defaults)

    def answer(self, lines: Iterable[bytes], as_json: bool, size: int | None) -> int:
        """Judge every line; how many could not be read. `size` in bytes draws a bar, None draws none."""
        show = _as_json if as_json else _as_page
        wrong = 0
        with _bar(size) as moved:
            for number, raw in enumerate(lines, 1):
                try:
                    show(self._judged(number, raw))
                except Wrong as reason:
                    wrong += 1
                    click.echo(f"callmesh: line {number}: {reason}", err=True)
                    if as_json:
                        _as_json({"line": number, "error": str(reason)})
                moved(number, len(raw))
        return wrong

    def _judged(self, number: int, raw: bytes) -> dict[str, Any]:
        asked = self._asked(raw)
        channel = Channel(asked.channel) if asked.channel in list(Channel) else Channel.WEB
        begun = time.thread_time_ns()
        found = self._engine.assess(asked.text, channel)
        sent = destinations(self._city, found, asked.division, self._origin(asked.origin), now())
        micros = (time.thread_time_ns() - begun) / 1000
        named = {} if asked.id is None else {"id": asked.id}
        return {"line": number} | named | self._told(asked, found, sent) | {"micros": round(micros, 1)}

    def _asked(self, raw: bytes) -> Asked:
        text = raw.decode("utf-8", "replace").removeprefix("\ufeff").rstrip("\r\n")
        default = self._defaults
        if not text.lstrip().startswith("{"):
            return Asked(text, default.channel, default.division, default.origin)
        given = _object(text)
        line = Asked(given["text"], default.channel, default.division, default.origin, given.get("id"))
        named = {key: given[key] for key in ("channel", "division", "origin") if given.get(key)}
        for key, value in named.items():
            if not isinstance(value, str):
                raise Wrong(f"{key} must be a string")
        return replace(line, **named)

    def _origin(self, name: str) -> str:
        if name not in self._origins:
            found = origin_of(self._city, name)
            if not found:
                raise (
                    BadInput(f"origin {name!r} is no agency of the city, nor 110 or 12345")
                    if (name == self._defaults.origin)
                    else Wrong(f"origin {name!r} is no agency of the city")
                )
            self._origins[name] = found
        return self._origins[name]

    def _told(self, asked: Asked, found: Assessment, sent: tuple[Destination, ...]) -> dict[str, Any]:
        row = self._city.category.get(found.category)
        return {
            "text": asked.text,
            "channel": asked.channel,
            "verdict": found.verdict.value,
            "level": found.level.value,
            "category": found.category,
            "category_zh": row.zh if row else "",
            "incidents": list(found.incidents),
            "agencies": [_agency(one) for one in sent],
            "candidates": [{"category": one.category, "score": one.score} for one in found.candidates],
            "evidence": [_evidence(asked.text, one) for one in found.evidence],
            "danger": round(found.danger, 4),
            "reason": found.reason,
            "version": found.version,
        }


def _object(text: str) -> dict[str, Any]:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as broken:
        raise Wrong(f"not JSON: {broken}") from None
    if not isinstance(given, dict) or not isinstance(given.get("text"), str):
        raise Wrong('"text" is missing or no string')
    return given


def _agency(one: Destination) -> dict[str, Any]:
    return {
        "agency": one.agency,
        "name": one.name,
        "kind": one.kind,
        "role": one.role.value,
        "category": one.category,
        "score": one.score,
        "basis": one.basis,
    }


def _evidence(text: str, one: Evidence) -> dict[str, Any]:
    return {"start": one.start, "end": one.end, "text": text[one.start : one.end], "kind": one.kind, "rule": one.rule}


def _as_json(told: dict[str, Any]) -> None:
    line = json.dumps(told, ensure_ascii=False)
    try:
        line.encode()
    except UnicodeEncodeError:  # a lone surrogate has no bytes
        line = json.dumps(told)
    sys.stdout.write(line + "\n")


def _as_page(told: dict[str, Any]) -> None:
    """A few lines for people, evidence marked in the text."""
    from rich.text import Text

    from callmesh.cli.wording import console

    shown = Text(plain(told["text"]).replace("\n", " "))
    for one in told["evidence"]:
        shown.stylize(_MARKS.get(one["kind"], ""), one["start"], one["end"])
    head = Text.assemble(
        (f"{told['verdict'].upper():<10}", _COLOURS[told["verdict"]]),
        f"{told['level'].upper()}  {told['category_zh'] or '—'} {told['category']}  ",
        (f"danger {told['danger']:.3f}  {told['micros'] / 1000:.2f} ms", "dim"),
    )
    page = console()
    page.print(shown)
    page.print(head)
    page.print(f"  {told['reason']}", highlight=False, markup=False)
    for one in told["agencies"][:6]:
        role = "主办" if one["role"] == "lead" else "协办"
        page.print(f"  {role} {one['name']} ({one['agency']}) {one['category']} {one['score']:.2f}", markup=False)
    if told["evidence"]:
        words = ", ".join(f"{one['kind']}「{one['text']}」" for one in told["evidence"][:8])
        page.print(f"  依据 {words}", style="dim", markup=False)


@contextmanager
def _bar(size: int | None) -> Iterator[Any]:
    """A progress bar on standard error, at a terminal only."""
    if size is None or not sys.stderr.isatty():
        yield lambda number, more: None
        return
    with _progress() as bar:
        task = bar.add_task("classify", total=size or None)
        waiting = 0

        def moved(number: int, more: int) -> None:
            nonlocal waiting
            waiting += more
            if number % _EVERY == 0 or (size and bar.tasks[0].completed + waiting >= size):
                bar.update(task, advance=waiting, description=f"{number} texts")
                waiting = 0

        yield moved


def _progress() -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from callmesh.cli.terminal import console

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console(stderr=True), transient=True)
