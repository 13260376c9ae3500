"""Checks of names: each is given once, each that is used exists, and the trees are trees.

A table whose file cannot be read makes every name it could hold acceptable: one report is enough.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from callmesh.directory.call_tables import check_calls
from callmesh.directory.located import Row
from callmesh.directory.problems import Report
from callmesh.directory.tables import Draft, Item, Table
from callmesh.domain.release import FIELDS
from callmesh.domain.words import Level

_ANY = ("*",)
_NOBODY = ("-",)
_DESKS = ("emergency_desk", "hotline", "fallback")
_TOKEN = re.compile(r"[A-Za-z0-9_-]+")
_CODE = re.compile(r"[0-9]{6}([0-9]{3}){0,2}")

Names = frozenset[object] | None
Reference = tuple[Row, str, str, str, tuple[int, ...]]
N = TypeVar("N")


def check(draft: Draft, report: Report) -> None:
    """All checks of names."""
    _ids(draft, report)
    for names, reference in _references(draft):
        row, key, used, what, index = reference
        if names is not None and used not in names:
            report.about(row, f'{key} "{used}" is no {what}', key, *index)
    _trees(draft, report)
    check_calls(draft.calls, draft.agencies.known("id"), report)


def _ids(draft: Draft, report: Report) -> None:
    _unique(draft.divisions, ("code",), report)
    _unique(draft.agencies, ("id",), report)
    _unique(draft.categories, ("id",), report)
    _unique(draft.profiles, ("id",), report)
    _unique(draft.routes, ("category", "origin", "division"), report)
    _unique(draft.guides, ("category", "level"), report)
    _unique(draft.plans, ("id",), report)
    _unique(draft.return_reasons, ("code",), report)
    _unique(draft.grounds, ("code",), report)
    _unique(draft.devices, ("id",), report)
    _spelling(draft, report)


def _unique(table: Table[object], keys: tuple[str, ...], report: Report) -> None:
    """Compares rows, so that a faulty row and its double are both seen."""
    first: dict[tuple[object, ...], Row] = {}
    for row in table.rows or []:
        name = tuple(row.values.get(key, "" if key == "level" else None) for key in keys)
        if not all(isinstance(part, str) for part in name):
            continue
        earlier = first.setdefault(name, row)
        if earlier is not row:
            text = " ".join(map(str, filter(None, name)))
            before = earlier.line(keys[0])
            report.about(row, f'{keys[0]} "{text}" is given twice, first in line {before}', keys[0])


def _spelling(draft: Draft, report: Report) -> None:
    """An agency's id is a token of NATS subjects and the name of a consumer, and people type a ground as one word;
    codes of divisions follow GB/T 2260."""
    for agency in draft.agencies.items:
        if not _TOKEN.fullmatch(agency.value.id):
            reason = f'id "{agency.value.id}" has other signs than letters, digits, - and _'
            report.about(agency.row, reason, "id")
    for ground in draft.grounds.items:
        if not _TOKEN.fullmatch(ground.value.code):
            reason = f'code "{ground.value.code}" has other signs than letters, digits, - and _'
            report.about(ground.row, reason, "code")
    for division in draft.divisions.items:
        if not _CODE.fullmatch(division.value.code):
            report.about(division.row, f'code "{division.value.code}" has not 6, 9 or 12 digits', "code")


def _references(draft: Draft) -> Iterator[tuple[Names, Reference]]:
    """Every use of a name, with the names it may be."""
    agencies, kinds = draft.agencies.known("id"), draft.agencies.known("kind")
    divisions, categories = draft.divisions.known("code"), draft.categories.known("id")
    profiles = draft.profiles.known("id")
    for table, key, names, what in (
        (draft.divisions, "parent", _or(divisions, ("",)), "division"),
        (draft.agencies, "parent", _or(agencies, ("",)), "agency"),
        (draft.agencies, "backup", _or(agencies, ("",)), "agency"),
        (draft.agencies, "divisions", divisions, "division"),
        (draft.agencies, "profile", _or(profiles, ("",)), "profile of limits.toml"),
        (draft.categories, "lead", _or(kinds, _NOBODY), "kind of any agency"),
        (draft.categories, "support", kinds, "kind of any agency"),
        (draft.categories, "profile", _or(profiles, _NOBODY), "profile of limits.toml"),
        (draft.routes, "category", categories, "category"),
        (draft.routes, "origin", _or(kinds, _ANY), "kind of any agency"),
        (draft.routes, "division", _or(divisions, _ANY), "division"),
        (draft.routes, "lead", _or(kinds, _NOBODY), "kind of any agency"),
        (draft.routes, "support", kinds, "kind of any agency"),
        (draft.guides, "category", categories, "category"),
        (draft.guides, "level", frozenset(("", *Level)), "level (p0 to p3)"),
        (draft.releases, "kinds", _or(kinds, _ANY), "kind of any agency"),
        (draft.releases, "categories", _or(categories, _ANY), "category"),
        (draft.releases, "fields", frozenset(FIELDS), "field that can be released"),
        (draft.plans, "category", categories, "category"),
        (draft.devices, "division", divisions, "division"),
    ):
        yield from ((names, one) for item in table.items for one in _uses(item, key, what))
    for plan in draft.plans.items:
        for index, task in enumerate(plan.value.tasks):
            yield kinds, (plan.row.child({}, "tasks", index), "kind", task.kind, "kind of any agency", ())
    if draft.policy is not None:
        yield from ((agencies, one) for key in _DESKS for one in _uses(draft.policy, key, "agency"))
        yield from ((kinds, one) for one in _uses(draft.policy, "emergency_kinds", "kind of any agency"))


def _or(names: Names, more: Iterable[str]) -> Names:
    return None if names is None else names.union(more)


def _uses(item: Item[object], key: str, what: str) -> Iterator[Reference]:
    used = getattr(item.value, key)
    if isinstance(used, str):
        yield item.row, key, used, what, ()
    else:
        yield from ((item.row, key, one, what, (index,)) for index, one in enumerate(used))


def _trees(draft: Draft, report: Report) -> None:
    agencies = {one.value.id: one for one in draft.agencies.items}
    divisions = {one.value.code: one for one in draft.divisions.items}
    _circles(agencies, lambda one: one.parent, report)
    _circles(divisions, lambda one: one.parent, report)
    for agency in draft.agencies.items:
        if agency.value.backup == agency.value.id:
            report.about(agency.row, "backup is the agency itself", "backup")


def _circles(nodes: dict[str, Item[N]], parent: Callable[[N], str], report: Report) -> None:
    """Each circle is reported once, where it first appears in the file."""
    seen: set[str] = set()
    for start in nodes:
        way: list[str] = []
        at = start
        while at in nodes and at not in seen:
            seen.add(at)
            way.append(at)
            at = parent(nodes[at].value)
        if at in way:
            circle = way[way.index(at) :]
            reason = f"parents form a circle: {' -> '.join([*circle, at])}"
            report.about(nodes[circle[0]].row, reason, "parent")
