"""repeats.toml and patrol.toml -> typed rows. Both may be missing: then nothing is linked, folded or patrolled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from callmesh.directory.files import children, toml_file, toml_tables
from callmesh.directory.located import Row
from callmesh.directory.problems import Report
from callmesh.directory.shapes import build, span
from callmesh.domain.city_rules import FoldRule, Linking, PatrolRule, RepeatType

T = TypeVar("T")
Rows = tuple[tuple[T, Row], ...]
REPEATS, PATROL = "repeats.toml", "patrol.toml"
_PARTS = ("linking", "types", "folding")


@dataclass(frozen=True, slots=True)
class RepeatDraft:
    """What the two files state, each value with its row."""

    linking: tuple[Linking, Row] | None = None
    types: Rows[RepeatType] = ()
    folding: Rows[FoldRule] = ()
    patrol: Rows[PatrolRule] = ()


def read_repeats(folder: Path, report: Report) -> RepeatDraft:
    """Both files, as far as they are there."""
    patrol = _patrol(folder / PATROL, report)
    path = folder / REPEATS
    whole = toml_file(path, report) if path.exists() else None
    if whole is None:
        return RepeatDraft(patrol=patrol)
    for key in whole.values:
        if key not in _PARTS:
            report.about(whole, f'"{key}" does not belong here, only {", ".join(_PARTS)}', key)
    return RepeatDraft(
        linking=_linking(whole, report),
        types=_built(children(whole, "types", report), lambda row: build(RepeatType, row, report)),
        folding=_built(children(whole, "folding", report), lambda row: build(FoldRule, row, report)),
        patrol=patrol,
    )


def _linking(whole: Row, report: Report) -> tuple[Linking, Row] | None:
    stated = whole.values.get("linking")
    if not isinstance(stated, dict):
        report.about(whole, "[linking] is missing", "linking")
        return None
    row = whole.child(stated, "linking")
    built = build(Linking, row, report)
    return (built, row) if built else None


def _patrol(path: Path, report: Report) -> Rows[PatrolRule]:
    rows = toml_tables(path, "rules", report) if path.exists() else None
    return _built(rows or [], lambda row: build(PatrolRule, row, report, {"within": span}))


def _built(rows: list[Row], make: Callable[[Row], T | None]) -> Rows[T]:
    made = ((make(row), row) for row in rows)
    return tuple((value, row) for value, row in made if value is not None)
