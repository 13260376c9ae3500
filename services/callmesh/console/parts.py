"""The parts of a city's data as tables with a form a row: files <-> rows <-> forms, whatever the part.

A part is a file of the city folder whose rows are one dataclass of the domain; from its fields come the form's. Nothing
is checked here: what a form says is written as it is, and the mesh names every fault with file and line.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from datetime import date
from enum import EnumMeta
from typing import Any, get_args, get_origin, get_type_hints

from callmesh.directory.tables import CATALOGUE, DEVICES, ROUTES
from callmesh.directory.write import toml_text, tsv_text
from callmesh.domain import directory as d

Row = dict[str, Any]
_BETWEEN = " | "
_ENGLISH = {"name": "name_en", "zh": "en", "prompt": "prompt_en"}
NAMES = frozenset((*_ENGLISH, *_ENGLISH.values()))
"""Fields that hold what people read; the others of a list hold codes."""
_TASK = tuple(one.name for one in fields(d.PlanTask))


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form. `widget` is text, lines, tasks (kind | role | task | in English), check, or choice."""

    name: str
    widget: str
    required: bool
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """A file of rows. `table` is the TOML table's name, "" for a TSV file with `columns`; `shown` stand in the list."""

    file: str
    kind: type[Any]
    shown: tuple[str, ...]
    table: str = ""
    columns: tuple[str, ...] = ()

    def rows(self, text: str) -> list[Row]:
        """What the file says; [] when it cannot be read, which the check will say."""
        if not self.table:
            lines = [line.split("\t") for line in text.splitlines() if line.strip() and not line.startswith("#")]
            return [dict(zip(self.columns, cells, strict=False)) for cells in lines[1:]]
        try:
            return list(tomllib.loads(text).get(self.table, []))
        except (tomllib.TOMLDecodeError, TypeError):
            return []

    def text(self, rows: Sequence[Row]) -> str:
        """The file of these rows."""
        return toml_text(self.table, rows) if self.table else tsv_text(self.columns, rows)

    @property
    def fields(self) -> list[Field]:
        """Of the form."""
        hints = get_type_hints(self.kind)
        members: tuple[Any, ...] = fields(self.kind)
        return [self._field(one.name, hints[one.name], _required(one)) for one in members]

    def listed(self, language: str) -> list[str]:
        """Fields of the list, names in that language."""
        known = {one.name for one in fields(self.kind)}
        english = {one: other for one, other in _ENGLISH.items() if other in known} if language == "en" else {}
        return [english.get(one, one) for one in self.shown]

    def cell(self, row: Row, name: str) -> str:
        """What the list shows of a row: what it states, else what holds then."""
        known = {one.name: one.default for one in fields(self.kind) if one.default is not MISSING}
        return shown(row.get(name, known.get(name, "")))

    def _field(self, name: str, hint: Any, required: bool) -> Field:
        if isinstance(hint, EnumMeta):
            choices: Any = hint
            return Field(name, "choice", required, tuple(str(one) for one in choices))
        if hint is bool:
            return Field(name, "check", False)
        if get_origin(hint) is tuple and self.table:
            return Field(name, "tasks" if get_args(hint)[0] is d.PlanTask else "lines", required)
        return Field(name, "text", required)

    def typed(self, form: Mapping[str, str]) -> Row:
        """The row that a form says; empty fields are left out where they may be."""
        row: Row = {}
        for one in self.fields:
            value = _said(one, form.get(one.name, "").strip(), bool(self.table))
            if value or one.required or not self.table:
                row[one.name] = value
        return row


def _required(member: Any) -> bool:
    return member.default is MISSING and member.default_factory is MISSING


def _said(field: Field, text: str, toml: bool) -> Any:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if field.widget == "lines":
        return lines
    if field.widget == "tasks":
        return [dict(zip(_TASK, map(str.strip, line.split("|", 3)), strict=False)) for line in lines]
    if field.widget == "check":
        return text == "1"
    return int(text) if toml and field.name.endswith(("percent", "count")) and text.isdecimal() else text


def shown(value: Any) -> str:
    """A value as its field in the form holds it."""
    if isinstance(value, list):
        return "\n".join(_BETWEEN.join(map(str, one.values())) if isinstance(one, dict) else str(one) for one in value)
    if isinstance(value, bool):
        return "1" if value else ""
    return value.isoformat() if isinstance(value, date) else str(value)


PARTS = {
    "agencies": Part("agencies.toml", d.Agency, ("id", "name", "kind", "hours"), "agencies"),
    "catalogue": Part("catalogue.tsv", d.Category, ("id", "zh", "lead", "level", "profile"), columns=CATALOGUE),
    "routes": Part("routes.tsv", d.Route, ("category", "origin", "division", "lead"), columns=ROUTES),
    "plans": Part("plans.toml", d.Plan, ("id", "name", "category"), "plans"),
    "guides": Part("guides.toml", d.Guide, ("category", "level", "prompt"), "guides"),
    "limits": Part("limits.toml", d.LimitProfile, ("id", "accept", "feedback", "resolve"), "profiles"),
    "reasons": Part("reasons.toml", d.ReturnReason, ("code", "zh", "en"), "return_reasons"),
    "grounds": Part("grounds.toml", d.RejectionGround, ("code", "zh", "en"), "grounds"),
    "devices": Part("devices.tsv", d.Device, DEVICES, columns=DEVICES),
}
WHOLE_FILES = {
    "calendar": "calendar.toml",
    "policy": "city.toml",
    "release": "release.toml",
    "calls": "calls.toml",
    "repeats": "repeats.toml",
    "patrol": "patrol.toml",
}
"""Parts that are edited as the file they are. Of a city's files only the map, divisions.geojson, is not edited here."""
