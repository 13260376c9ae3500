"""What the lexicon says about the matter: points by category, and the matters of an emergency.

In an emergency severity decides before probability, so that a fight with a leaking gas bottle is not filed under the
shop that complains about it.
"""

from __future__ import annotations

from collections.abc import Mapping

from callmesh.classification.matching import Hit
from callmesh.domain.directory import Category
from callmesh.domain.words import EmergencyRule, Level

_LEVELS = tuple(Level)
_LIKELY, _SURE = 0.2, 3
_MOST_INCIDENTS = 5


def points_by_category(hits: list[Hit], live: list[Hit], city: Mapping[str, Category]) -> dict[str, float]:
    """Points by category; a term inside a longer one of the same kind, or met again, adds nothing."""
    scores: dict[str, float] = {}
    seen: set[tuple[str, str]] = set()
    alive = set(live)
    reached = {"trigger": -1, "category": -1}
    for hit in hits:
        kind, target = hit.row.kind, hit.row.target
        if kind not in reached or target not in city or (kind == "trigger" and hit not in alive):
            continue
        inside = hit.end <= reached[kind] and len(hit.heads) == 1
        if not inside and (hit.word, target) not in seen:
            seen.add((hit.word, target))
            scores[target] = scores.get(target, 0.0) + _points(hit)
        if len(hit.heads) == 1 and hit.sure:
            reached[kind] = max(reached[kind], hit.end)
    return scores


def incidents_of(live: list[Hit], chances: Mapping[str, float], city: Mapping[str, Category]) -> tuple[str, ...]:
    """The matters of an emergency, gravest first: what a sure word of danger names, and what is likely besides."""
    named = {hit.row.target for hit in live if hit.weight >= _SURE and hit.sure and "generic" not in hit.row.flags}
    likely = {name for name, chance in chances.items() if chance >= _LIKELY and _urgent(city[name])}
    known = [name for name in named | likely if name in city] or [
        name for name in {hit.row.target for hit in live} if name in city
    ]
    order = {name: at for at, name in enumerate(city)}
    known.sort(key=lambda name: (_LEVELS.index(city[name].level), -chances.get(name, 0.0), order[name]))
    return tuple(known[:_MOST_INCIDENTS])


def _urgent(category: Category) -> bool:
    return category.emergency is EmergencyRule.ALWAYS


def _points(hit: Hit) -> float:
    """A longer word says more; a cry for help says little about the matter."""
    if "generic" in hit.row.flags:
        return 0.2
    longer = 0.1 * (hit.word.count(" ") if hit.word.isascii() else min(len(hit.word), 8))
    return hit.weight + longer + (1.0 if hit.row.kind == "trigger" else 0.0)
