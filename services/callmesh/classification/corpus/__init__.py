"""The project's own reports (语料): what the router learns from and what every rule is tried on.

Each table beside this file holds texts somebody of the project wrote; README.md says how to add some.
`load` reads them all in the order of file names, so that two readings, and two trainings, are the same.
A row that is not five known cells stops the reading and is named by file, line and reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["SPLITS", "VERDICTS", "CorpusError", "Sample", "load", "read"]

VERDICTS = ("emergency", "ask", "route")
SPLITS = ("train", "held")
_COLUMNS = ["text", "verdict", "category", "split", "note"]
_HERE = Path(__file__).parent


class CorpusError(ValueError):
    """A table of reports has a bad row; the message names file, line and reason."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A report and the answer it must get.

    `verdict`: emergency = EMERGENCY (ASK tolerated), ask = never ROUTE, route = never EMERGENCY.
    `categories`: leaves of the catalogue, the primary first; empty when none fits.
    """

    text: str
    verdict: str
    categories: tuple[str, ...]
    split: str
    note: str
    file: str
    line: int

    @property
    def category(self) -> str:
        """The primary leaf, or the empty string."""
        return self.categories[0] if self.categories else ""

    @property
    def where(self) -> str:
        """File and line, for people."""
        return f"{self.file}:{self.line}"


@cache
def load() -> tuple[Sample, ...]:
    """All samples, in the order of file names and lines."""
    return tuple(sample for path in sorted(_HERE.glob("*.tsv")) for sample in read(path))


def read(path: Path) -> Iterator[Sample]:
    """The samples of one table. Raises CorpusError at the first bad row."""
    lines = path.read_text(encoding="utf-8").split("\n")
    if lines[0].split("\t") != _COLUMNS:
        raise CorpusError(f"{path.name}:1: the first line must be the columns {' '.join(_COLUMNS)}, tab separated")
    for number, line in enumerate(lines[1:], 2):
        if line and not line.startswith("#"):
            yield _sample(path.name, number, line)


def _sample(file: str, number: int, line: str) -> Sample:
    row = line.split("\t")
    if len(row) != len(_COLUMNS):
        raise CorpusError(f"{file}:{number}: {len(row)} cells instead of {len(_COLUMNS)}")
    text, verdict, category, split, note = row
    if not text.strip() or verdict not in VERDICTS or split not in SPLITS:
        raise CorpusError(f"{file}:{number}: text is empty, or {verdict!r} is no verdict, or {split!r} is no split")
    return Sample(text, verdict, tuple(category.split("|")) if category else (), split, note, file, number)
