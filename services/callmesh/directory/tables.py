"""Which file holds what: the folder's files -> a `Draft` of the city, typed but not yet checked.

A row that does not fit its type is reported and left out of `items`, but stays in `rows`, so that what
refers to it is not reported as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from callmesh.directory.call_tables import CallDraft, read_calls
from callmesh.directory.china import BASES, with_base
from callmesh.directory.files import children, features, toml_file, toml_tables, tsv_rows
from callmesh.directory.located import Row
from callmesh.directory.problems import Report
from callmesh.directory.repeat_tables import RepeatDraft, read_repeats
from callmesh.directory.shapes import Reported, build
from callmesh.domain.directory import (
    Agency,
    Calendar,
    Category,
    Device,
    Division,
    FigureRules,
    Guide,
    LimitProfile,
    Plan,
    PlanTask,
    Policy,
    RejectionGround,
    ReleasePolicy,
    ReturnReason,
    Route,
    SupervisionRules,
)

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    D = TypeVar("D", bound=DataclassInstance)

T = TypeVar("T", covariant=True)
V = TypeVar("V")

CATALOGUE = (
    *("group", "group_zh", "id", "zh", "en"),
    *("lead", "support", "emergency", "level", "profile", "note"),
)
ROUTES = ("category", "origin", "division", "lead", "support", "note")
DEVICES = ("id", "division", "place", "longitude", "latitude")


@dataclass(frozen=True, slots=True)
class Item(Generic[T]):
    """A value with the row that states it."""

    value: T
    row: Row


@dataclass(frozen=True, slots=True)
class Table(Generic[T]):
    """What one file lists. `rows` is None when the file could not be read."""

    rows: list[Row] | None
    items: tuple[Item[T], ...]

    @property
    def values(self) -> tuple[T, ...]:
        """The values in the order of the file."""
        return tuple(one.value for one in self.items)

    def known(self, key: str) -> frozenset[object] | None:
        """What the rows state under a key, faulty rows too; None when nobody can know."""
        if self.rows is None:
            return None
        found = [row.values.get(key) for row in self.rows]
        return frozenset(one for one in found if isinstance(one, str))


@dataclass(frozen=True)
class Head:
    """The top level of city.toml."""

    id: str
    name: str
    name_en: str


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything that could be read of a folder."""

    head: Item[Head] | None
    policy: Item[Policy] | None
    calendar: Item[Calendar] | None
    figures: Item[FigureRules] | None
    divisions: Table[Division]
    agencies: Table[Agency]
    categories: Table[Category]
    profiles: Table[LimitProfile]
    routes: Table[Route]
    guides: Table[Guide]
    releases: Table[ReleasePolicy]
    plans: Table[Plan]
    return_reasons: Table[ReturnReason]
    grounds: Table[RejectionGround]
    devices: Table[Device]
    supervision: Item[SupervisionRules] | None = None
    repeats: RepeatDraft = field(default_factory=RepeatDraft)
    calls: CallDraft = field(default_factory=CallDraft)


def read(folder: Path, report: Report) -> Draft:
    """Reads every file of the folder; all but repeats.toml, patrol.toml, calls.toml and grounds.toml must be there."""
    head, policy, supervision, figures = _city(folder, report)
    reading = _Reading(folder, report)
    return Draft(
        head=head,
        policy=policy,
        calendar=_calendar(folder, report),
        figures=figures,
        divisions=reading.divisions(),
        agencies=reading.toml(Agency, "agencies.toml", "agencies"),
        categories=reading.tsv(Category, "catalogue.tsv", CATALOGUE),
        profiles=reading.toml(LimitProfile, "limits.toml", "profiles"),
        routes=reading.tsv(Route, "routes.tsv", ROUTES),
        guides=reading.toml(Guide, "guides.toml", "guides"),
        releases=reading.toml(ReleasePolicy, "release.toml", "releases"),
        plans=reading.plans(),
        return_reasons=reading.toml(ReturnReason, "reasons.toml", "return_reasons"),
        grounds=reading.optional(RejectionGround, "grounds.toml", "grounds"),
        devices=reading.tsv(Device, "devices.tsv", DEVICES),
        supervision=supervision,
        repeats=read_repeats(folder, report),
        calls=read_calls(folder, report),
    )


@dataclass(frozen=True, slots=True)
class _Reading:
    folder: Path
    report: Report

    def toml(self, kind: type[D], file: str, name: str) -> Table[D]:
        rows = toml_tables(self.folder / file, name, self.report)
        return _table(rows, lambda row: build(kind, row, self.report))

    def optional(self, kind: type[D], file: str, name: str) -> Table[D]:
        return self.toml(kind, file, name) if (self.folder / file).exists() else Table([], ())

    def tsv(self, kind: type[D], file: str, columns: tuple[str, ...]) -> Table[D]:
        """A line of the wrong length is reported already, and its cells may stand in the wrong columns."""
        rows = tsv_rows(self.folder / file, columns, self.report)

        def make(row: Row) -> D | None:
            whole = len(row.values) == len(columns)
            return build(kind, row, self.report, cells=True) if whole else None

        return _table(rows, make)

    def divisions(self) -> Table[Division]:
        rows = features(self.folder / "divisions.geojson", self.report)
        return _table(rows, lambda row: build(Division, row, self.report, {"rings": _rings}))

    def plans(self) -> Table[Plan]:
        """Plans hold tables of their own."""
        rows = toml_tables(self.folder / "plans.toml", "plans", self.report)
        return _table(rows, lambda row: build(Plan, row, self.report, {"tasks": lambda _: self._tasks(row)}))

    def _tasks(self, plan: Row) -> tuple[PlanTask, ...]:
        before = len(self.report.problems)
        built = [build(PlanTask, row, self.report) for row in children(plan, "tasks", self.report)]
        if len(self.report.problems) > before:
            raise Reported
        return tuple(one for one in built if one is not None)


def _table(rows: list[Row] | None, make: Callable[[Row], V | None]) -> Table[V]:
    built = [(make(row), row) for row in rows or []]
    return Table(rows, tuple(Item(value, row) for value, row in built if value is not None))


def _city(
    folder: Path, report: Report
) -> tuple[Item[Head] | None, Item[Policy] | None, Item[SupervisionRules] | None, Item[FigureRules] | None]:
    """[policy] must be there; a city without [supervision] or [figures] goes by the defaults."""
    whole = toml_file(folder / "city.toml", report)
    if whole is None:
        return None, None, None, None
    inner = {"policy", "supervision", "figures"}
    top = {key: value for key, value in whole.values.items() if key not in inner}
    if not isinstance(whole.values.get("policy"), dict):
        report.about(whole, "[policy] is missing", "policy")
    for name in ("supervision", "figures"):
        if not isinstance(whole.values.get(name, {}), dict):
            report.about(whole, f"{name}: expected a table [{name}]", name)
    return (
        _single(Head, replace(whole, values=top), report),
        _single(Policy, _inner(whole, "policy"), report),
        _single(SupervisionRules, _inner(whole, "supervision"), report),
        _single(FigureRules, _inner(whole, "figures"), report),
    )


def _inner(whole: Row, name: str) -> Row | None:
    found = whole.values.get(name)
    return whole.child(found, name) if isinstance(found, dict) else None


def _calendar(folder: Path, report: Report) -> Item[Calendar] | None:
    """What the file states, on top of the base that it names."""
    whole = toml_file(folder / "calendar.toml", report)
    base = whole.values.get("base") if whole is not None else None
    if whole is None or base is None:
        return _single(Calendar, whole, report)
    if base not in BASES:
        report.about(whole, f'base "{base}" is none of: {", ".join(BASES)}', "base")
        return None
    own = replace(whole, values={key: value for key, value in whole.values.items() if key != "base"})
    stated = _single(Calendar, own, report)
    return Item(with_base(stated.value), whole) if stated is not None else None


def _single(kind: type[D], row: Row | None, report: Report) -> Item[D] | None:
    value = build(kind, row, report) if row is not None else None
    return Item(value, row) if value is not None and row is not None else None


def _rings(geometry: Any) -> tuple[tuple[tuple[float, float], ...], ...]:
    """The outer rings of a Polygon or MultiPolygon. Heights are dropped."""
    sort = geometry.get("type") if isinstance(geometry, dict) else None
    if sort not in ("Polygon", "MultiPolygon"):
        raise ValueError("expected a Polygon, a MultiPolygon or null")
    found = geometry.get("coordinates")
    try:
        polygons = msgspec.convert([found] if sort == "Polygon" else found, list[list[list[list[float]]]])
    except msgspec.ValidationError:
        raise ValueError("coordinates are not nested as a " + sort + " wants") from None
    return tuple(_outer(polygon) for polygon in polygons)


def _outer(polygon: list[list[list[float]]]) -> tuple[tuple[float, float], ...]:
    """The domain has no holes: an enclave is a division of its own, cut out of its neighbour's polygon."""
    if len(polygon) != 1:
        raise ValueError("a polygon must have one ring and no holes; cut it in two")
    points = polygon[0]
    if len(points) < 4 or points[0] != points[-1] or any(len(point) < 2 for point in points):
        raise ValueError("a ring needs at least four points, the last one like the first")
    return tuple((point[0], point[1]) for point in points)
