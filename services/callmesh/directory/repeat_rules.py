"""Checks of repeats.toml and patrol.toml: names exist, windows and counts can be kept, checks have their parameters."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from callmesh.directory.located import Row
from callmesh.directory.problems import Report
from callmesh.directory.tables import Draft
from callmesh.domain.city_rules import FoldRule, LinkKind, PatrolRule, RepeatType
from callmesh.domain.patrol import PARAMETERS
from callmesh.domain.repeats import length
from callmesh.domain.spans import Span
from callmesh.domain.words import EmergencyRule
from callmesh.kernel.recent import DAYS, KEPT

_ANY = "*"
_ALL_PARAMETERS = sorted({name for names in PARAMETERS.values() for name in names})


def check(draft: Draft, report: Report) -> None:
    """All checks of both files."""
    stated = draft.repeats
    linked = stated.linking[0].kinds if stated.linking else tuple(LinkKind)
    if stated.linking is not None:
        _window(stated.linking[0].window, stated.linking[1], report)
    for one, row in stated.types:
        _type(one, row, linked, report)
        if stated.linking is not None and length(one.window) > length(stated.linking[0].window):
            report.about(row, "window: longer than that of [linking]", "window")
        _known(one.categories, "categories", row, draft, report)
        _known(one.threats, "threats", row, draft, report)
    for fold, row in stated.folding:
        _fold(fold, row, draft, report)
    for rule, row in stated.patrol:
        _patrol(rule, row, report)
        _known(rule.categories, "categories", row, draft, report)
    _once(stated.types, report)
    _once(stated.patrol, report)


def _window(window: Span, row: Row, report: Report) -> None:
    if window.unit == "wd":
        report.about(row, "window: wall time only (s, m, h)", "window")
    elif length(window) > timedelta(days=DAYS):
        report.about(row, f"window: at most {DAYS * 24}h ({DAYS} days), longer is not remembered", "window")


def _count(count: int, row: Row, report: Report) -> None:
    if not 1 <= count <= KEPT:
        report.about(row, f"count: 1 to {KEPT}, more are not remembered", "count")


def _type(one: RepeatType, row: Row, linked: tuple[LinkKind, ...], report: Report) -> None:
    _window(one.window, row, report)
    _count(one.count, row, report)
    _filled(one.categories, "categories", row, report)
    _filled(one.kinds, "kinds", row, report)
    for index, kind in enumerate(one.kinds):
        if kind not in linked:
            report.about(row, f'kinds: "{kind}" is not among the kinds of [linking]', "kinds", index)


def _fold(rule: FoldRule, row: Row, draft: Draft, report: Report) -> None:
    _window(rule.window, row, report)
    _count(rule.count, row, report)
    if rule.count == 1:
        report.about(row, "count: at least 2, one report is no surge", "count")
    _filled(rule.categories, "categories", row, report)
    _known(rule.categories, "categories", row, draft, report)
    always = {one.id for one in draft.categories.values if one.emergency == EmergencyRule.ALWAYS}
    for index, category in enumerate(rule.categories):
        if category in always:
            report.about(row, f'categories: "{category}" is an emergency, which no rule folds', "categories", index)
        if category == _ANY:
            report.about(row, 'categories: name them, "*" does not fold', "categories", index)


def _patrol(rule: PatrolRule, row: Row, report: Report) -> None:
    wanted = PARAMETERS[rule.check]
    for name in wanted:
        if name not in row.values:
            report.about(row, f'{name} is missing: the check "{rule.check}" needs it', "check")
    for name in _ALL_PARAMETERS:
        if name in row.values and name not in wanted:
            report.about(row, f'{name}: the check "{rule.check}" does not take it', name)
    for name in ("least", "most"):
        if name in wanted and name in row.values and getattr(rule, name) < 1:
            report.about(row, f"{name}: at least 1", name)
    if "limits" in wanted and not rule.limits and "limits" in row.values:
        report.about(row, "limits is empty", "limits")
    if rule.within is not None and rule.within.unit == "wd":
        report.about(row, "within: wall time only (s, m, h)", "within")


def _filled(listed: tuple[object, ...], key: str, row: Row, report: Report) -> None:
    if not listed:
        report.about(row, f"{key} is empty", key)


def _known(used: Iterable[str], key: str, row: Row, draft: Draft, report: Report) -> None:
    names = draft.categories.known("id")
    for index, one in enumerate(used):
        if names is not None and one not in names and one != _ANY:
            report.about(row, f'{key} "{one}" is no category', key, index)


def _once(rows: Iterable[tuple[RepeatType | PatrolRule, Row]], report: Report) -> None:
    first: dict[str, Row] = {}
    for one, row in rows:
        earlier = first.setdefault(one.id, row)
        if earlier is not row:
            report.about(row, f'id "{one.id}" is given twice, first in line {earlier.line("id")}', "id")
