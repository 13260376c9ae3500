"""Reports for the classifier's tests, and the categories they are judged by."""

from __future__ import annotations

import csv
import json
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from callmesh.classification.corpus import load
from callmesh.classification.engine import open_engine
from callmesh.classification.verdict import Classifier
from callmesh.domain.directory import Category
from callmesh.domain.words import EmergencyRule, Level

_HERE = Path(__file__).parent
_CATALOGUE = _HERE.parents[2] / "deploy" / "city" / "catalogue.tsv"


class Sample(NamedTuple):
    """A report with the answer expected of it."""

    text: str
    verdict: str
    category: str

    @property
    def held_out(self) -> bool:
        """A quarter that nobody looks at while tuning."""
        return zlib.crc32(self.text.encode()) % 4 == 0


def samples(name: str) -> list[Sample]:
    """The rows of a table beside this file."""
    with (_HERE / name).open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[1:]
    return [Sample(*row[: len(Sample._fields)]) for row in rows]  # split and note are for who reads the table


def first(name: str) -> list[Sample]:
    """The reports that the corpus began with: `everyday` or `emergency`."""
    return [Sample(one.text, one.verdict, one.category) for one in load() if one.file == f"{name}_first.tsv"]


def calls() -> Iterator[tuple[str, str, str, str]]:
    """Text, channel, verdict and category of the demonstration city's calls."""
    for line in (_CATALOGUE.parent / "demo" / "calls.jsonl").read_text(encoding="utf-8").splitlines():
        call = json.loads(line)
        yield call["text"], call["channel"], call["expect"]["verdict"], call["expect"].get("category", "")


def categories() -> Iterator[Category]:
    """The city's catalogue."""
    lines = [line for line in _CATALOGUE.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
        yield Category(
            row["group"],
            row["group_zh"],
            row["id"],
            row["zh"],
            row["en"],
            row["lead"],
            tuple(row["support"].split(",")),
            EmergencyRule(row["emergency"]),
            Level(row["level"]),
            row["profile"],
        )


@cache
def classifier() -> Classifier:
    """One classifier for all tests; it holds no state."""
    return open_engine(categories())
