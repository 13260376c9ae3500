"""Puts lexicon, learned model and thresholds together into a classifier, or says why it cannot be used.

Nothing is half loaded: a bad row, a model whose hash or suite report is wrong, a threshold out of range is `Refused`
with file, line and reason, and who asked keeps the rules in force. `RulesInForce` is that somebody for a service: it
looks at the files again when asked to, takes over what is whole, and stays with what it has when it is not.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from callmesh.classification.lexicon import LexiconError
from callmesh.classification.matching import Matcher
from callmesh.classification.model import DEFAULT, Model, ModelRefused
from callmesh.classification.thresholds import ThresholdError, Thresholds
from callmesh.classification.verdict import Classifier
from callmesh.domain.directory import Category
from callmesh.kernel.ids import now
from callmesh.kernel.telemetry import log

OWN_MODEL, _THRESHOLDS = "default.model", "thresholds.toml"
Stamp = tuple[tuple[str, int, int], ...]


class Refused(ValueError):
    """Lexicon, model or thresholds cannot be used. The message names file, line and reason."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything that judges but the city's catalogue."""

    matcher: Matcher
    model: Model
    thresholds: Thresholds

    def classifier(self, categories: Iterable[Category]) -> Classifier:
        """The classifier of a city."""
        return Classifier(self.matcher, categories, self.model, self.thresholds)


def load_rules(
    lexicon: Path | None = None, model: Path | None = None, thresholds: Path | None = None, day: date | None = None
) -> Rules:
    """Read and check; the packaged files by default, with the rows in force on a day, today's. Raises Refused."""
    try:
        with _uncollected():
            return Rules(Matcher.load(lexicon, day), Model.load(model), Thresholds.load(thresholds))
    except (LexiconError, ThresholdError, ModelRefused) as wrong:
        raise Refused(str(wrong)) from wrong


@contextmanager
def _uncollected() -> Iterator[None]:
    """Half a million small objects are made here that all stay: looking for garbage among them doubles the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def open_engine(
    categories: Iterable[Category], lexicon: Path | None = None, model: Path | None = None, day: date | None = None
) -> Classifier:
    """A classifier of these files, the packaged ones by default. Raises Refused."""
    return load_rules(lexicon, model, day=day).classifier(categories)


class RulesInForce:
    """The rules of a folder of an agency's own (tables, thresholds.toml, default.model); what it lacks is packaged."""

    def __init__(self, folder: str = "") -> None:
        self._folder = Path(folder) if folder else None
        self._seen: Stamp | None = None
        self._rules: Rules | None = None

    def refresh(self) -> Rules:
        """The rules in force, read again when a file changed. Raises Refused only when there never were any."""
        stamp = self._stamp()
        if self._rules is None or stamp != self._seen:
            self._seen = stamp
            self._take()
        if self._rules is None:
            self._seen = None  # try again next time
            raise Refused(f"{self._folder or 'packaged rules'}:0: no usable rules yet")
        return self._rules

    def _take(self) -> None:
        try:
            self._rules = load_rules(self._folder, self._own(OWN_MODEL), self._own(_THRESHOLDS))
            log.info("rules in force", version=self._rules.matcher.version)
        except Refused as refused:
            log.error("rules refused, the version in force stays", error=str(refused))

    def _own(self, name: str) -> Path | None:
        path = self._folder / name if self._folder else None
        return path if path and path.exists() else None

    def _stamp(self) -> Stamp:
        """Name, time and size of every file that counts, and the day: a row may be in force from one on."""
        files = sorted(self._folder.glob("*")) if self._folder and self._folder.is_dir() else [DEFAULT]
        seen = ((one.name, one.stat().st_mtime_ns, one.stat().st_size) for one in files if one.exists())
        return (("", now().astimezone().toordinal(), 0), *seen)
