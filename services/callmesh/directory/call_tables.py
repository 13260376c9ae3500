"""calls.toml -> typed rows: how long a phone rings, which numbers an agency and an interpreter have.

The file may be missing: then nobody is rung.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from callmesh.directory.files import children, toml_file
from callmesh.directory.located import Row
from callmesh.directory.problems import Report
from callmesh.directory.shapes import build
from callmesh.domain.city_calls import CallRules, Interpreter, Line

CALLS = "calls.toml"
_PARTS = ("rules", "lines", "interpreters")
_SPANS = ("ring", "talk", "call_back", "on_line")
_NUMBER = re.compile(r"[0-9*#+-]{1,32}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
T = TypeVar("T")
Rows = tuple[tuple[T, Row], ...]


@dataclass(frozen=True, slots=True)
class CallDraft:
    """What the file states, each value with its row."""

    rules: tuple[CallRules, Row] | None = None
    lines: Rows[Line] = ()
    interpreters: Rows[Interpreter] = ()


def read_calls(folder: Path, report: Report) -> CallDraft:
    """The file, if it is there."""
    path = folder / CALLS
    whole = toml_file(path, report) if path.exists() else None
    if whole is None:
        return CallDraft()
    for key in whole.values:
        if key not in _PARTS:
            report.about(whole, f'"{key}" does not belong here, only {", ".join(_PARTS)}', key)
    lines = ((build(Line, row, report), row) for row in children(whole, "lines", report))
    speakers = ((build(Interpreter, row, report), row) for row in children(whole, "interpreters", report))
    return CallDraft(
        rules=_rules(whole, report),
        lines=tuple((one, row) for one, row in lines if one is not None),
        interpreters=tuple((one, row) for one, row in speakers if one is not None),
    )


def _rules(whole: Row, report: Report) -> tuple[CallRules, Row] | None:
    stated = whole.values.get("rules", {})
    if not isinstance(stated, dict):
        report.about(whole, "rules: expected a table [rules]", "rules")
        return None
    row = whole.child(stated, "rules")
    built = build(CallRules, row, report)
    return (built, row) if built else None


def check_calls(draft: CallDraft, agencies: frozenset[object] | None, report: Report) -> None:
    """Names exist, numbers can be dialled, each agency and language is given once."""
    rung: tuple[tuple[Line | Interpreter, Row], ...] = (*draft.lines, *draft.interpreters)
    for one, row in rung:
        if agencies is not None and one.agency not in agencies:
            report.about(row, f'agency "{one.agency}" is no agency', "agency")
        _numbers(one.numbers, row, report)
    for speaker, row in draft.interpreters:
        if not _LANGUAGE.fullmatch(speaker.language):
            report.about(row, f'language: "{speaker.language}" is no code like "en"', "language")
    _once(((line.agency, row) for line, row in draft.lines), "agency", report)
    _once(((speaker.language, row) for speaker, row in draft.interpreters), "language", report)
    if draft.rules is not None:
        _sense(*draft.rules, {one.language for one, _ in draft.interpreters}, report)


def _numbers(numbers: tuple[str, ...], row: Row, report: Report) -> None:
    if not numbers:
        report.about(row, "numbers is empty", "numbers")
    for index, number in enumerate(numbers):
        if not _NUMBER.fullmatch(number):
            report.about(row, f'numbers: "{number}" cannot be dialled', "numbers", index)


def _once(names: Iterable[tuple[str, Row]], key: str, report: Report) -> None:
    first: dict[str, Row] = {}
    for name, row in names:
        earlier = first.setdefault(name, row)
        if earlier is not row:
            report.about(row, f'{key} "{name}" is given twice, first in line {earlier.line(key)}', key)


def _sense(rules: CallRules, row: Row, languages: set[str], report: Report) -> None:
    for key in _SPANS:
        if getattr(rules, key).unit == "wd":
            report.about(row, f"{key}: wall time only (s, m, h)", key)
    if rules.fallback_language and rules.fallback_language not in languages:
        report.about(row, f'fallback_language "{rules.fallback_language}" has no interpreter', "fallback_language")
