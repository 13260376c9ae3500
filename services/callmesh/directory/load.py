"""A folder like deploy/city -> one `City`, or the list of everything that is wrong with it.

The way: files.py reads syntax into rows with lines, shapes.py makes typed values of them, tables.py knows
which file holds what; then references.py, rules.py and geography.py look at the whole. A row that fails
one step is left out of the next, so a fault is named once; after mending it, later checks may find more.
"""

from __future__ import annotations

from pathlib import Path

from callmesh.directory import geography, references, repeat_rules, rules
from callmesh.directory.codec import stamp
from callmesh.directory.problems import BadCity, Problem, Report
from callmesh.directory.tables import Draft, read
from callmesh.domain.city_calls import CallRules
from callmesh.domain.city_rules import Linking
from callmesh.domain.directory import City, FigureRules, SupervisionRules

__all__ = ["BadCity", "Problem", "load_city"]


def load_city(folder: Path) -> City:
    """The city that the folder states, with its version; BadCity lists every problem."""
    if not folder.is_dir():
        raise BadCity([Problem(str(folder), 0, "no such folder")])
    report = Report()
    draft = read(folder, report)
    for check in (references.check, rules.check, repeat_rules.check, geography.check):
        check(draft, report)
    city = _city(draft)
    if report.problems or city is None:
        raise BadCity(report.sorted())
    return stamp(city)


def _city(draft: Draft) -> City | None:
    """None when a part is missing, which the report then says."""
    if draft.head is None or draft.policy is None or draft.calendar is None:
        return None
    head, repeats, calls = draft.head.value, draft.repeats, draft.calls
    return City(
        id=head.id,
        name=head.name,
        name_en=head.name_en,
        policy=draft.policy.value,
        divisions=draft.divisions.values,
        agencies=draft.agencies.values,
        categories=draft.categories.values,
        profiles=draft.profiles.values,
        routes=draft.routes.values,
        guides=draft.guides.values,
        releases=draft.releases.values,
        plans=draft.plans.values,
        return_reasons=draft.return_reasons.values,
        grounds=draft.grounds.values,
        devices=draft.devices.values,
        calendar=draft.calendar.value,
        supervision=draft.supervision.value if draft.supervision else SupervisionRules(),
        linking=repeats.linking[0] if repeats.linking else Linking(),
        repeat_types=tuple(one for one, _ in repeats.types),
        fold_rules=tuple(one for one, _ in repeats.folding),
        patrol_rules=tuple(one for one, _ in repeats.patrol),
        calls=calls.rules[0] if calls.rules else CallRules(),
        lines=tuple(one for one, _ in calls.lines),
        interpreters=tuple(one for one, _ in calls.interpreters),
        figures=draft.figures.value if draft.figures else FigureRules(),
    )
