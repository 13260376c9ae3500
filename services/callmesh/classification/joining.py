"""Patterns: words of the lexicon that mean something together, found near each other.

A letter of ten pages has a word of nearly every class, but a pattern wants its words within a sentence. So the text is
cut into cells, each class is the cells in which its words end (the bits of a number), and a pattern is looked at only
where the cells of its parts meet.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import NamedTuple

from callmesh.classification.lexicon import Pattern, Term

__all__ = ["CELL", "MOST_PER_WORD", "OF_PROOF", "PLAIN", "Hit", "PatternIndex", "find_patterns"]

MOST_PER_WORD = 32
_UNSURE_WEIGHT = 2
PLAIN = "plain"
"""Class of words that make a report an everyday matter: asked for, complained of, broken, owed."""
CELL = 4
"""A cell is 2 to this power of characters."""
_EVERYWHERE = (1 << 2_000) - 1
_BESIDE = 8
_NEAR = 48
"""How far from a pattern's words the words that speak against it can end: beside it, and a long word's length."""
OF_PROOF = frozenset({PLAIN, "child", "elder", "vulnerable"})
"""Classes that speak by themselves, too (proof.py)."""


class Hit(NamedTuple):
    """A stretch of `Text.tight` that met a row. `heads` are where its words begin (a pattern has several)."""

    start: int
    end: int
    word: str
    row: Term | Pattern
    sure: bool
    heads: tuple[int, ...]

    @property
    def weight(self) -> int:
        """How much it counts; something merely alike never counts as much as the word itself."""
        return self.row.weight if self.sure else min(self.row.weight, _UNSURE_WEIGHT)


class _Wanted(NamedTuple):
    """A pattern by its place in the table, and the classes that the parts it is not indexed by want one of."""

    order: int
    pattern: Pattern
    first: frozenset[str]
    others: tuple[frozenset[str], ...]


class PatternIndex:
    """Patterns by the classes of their rarest part, so that few are looked at."""

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        self._by_class: dict[str, list[_Wanted]] = {}
        for order, pattern in enumerate(patterns):
            rarest = min(pattern.parts, key=len)
            others = [frozenset(part) for part in pattern.parts if part is not rarest] or [frozenset(rarest)]
            wanted = _Wanted(order, pattern, others[0], tuple(others[1:]))
            for name in rarest:
                self._by_class.setdefault(name, []).append(wanted)

    def possible(self, present: dict[str, int]) -> list[tuple[Pattern, int]]:
        """Those of which every part has a word in reach of the others, and the cells where, in the table's order.

        `present` holds for each class the cells in which its words end: who wants words within 20 characters of each
        other need not look at a letter's other pages.
        """
        found: dict[int, tuple[Pattern, int]] = {}
        reaches: dict[tuple[tuple[str, ...], int], int] = {}
        absent, by_class = present.keys().isdisjoint, self._by_class
        for name in present.keys() & by_class.keys():
            for order, pattern, first, others in by_class[name]:
                if not absent(first) and not any(map(absent, others)) and order not in found:
                    found[order] = (pattern, _meeting(pattern, present, reaches))
        return [found[order] for order in sorted(found) if found[order][1]]

    @staticmethod
    def needed(patterns: Iterable[tuple[Pattern, int]]) -> dict[str, int]:
        """The classes these patterns speak of and the cells where; those that the proof looks for are everywhere."""
        needed = dict.fromkeys(OF_PROOF, _EVERYWHERE)
        for pattern, cells in patterns:
            around = _widened(cells, pattern.window + _NEAR)
            for name in chain(pattern.without, *pattern.parts):
                needed[name] = needed.get(name, 0) | around
        return needed


def _meeting(pattern: Pattern, present: dict[str, int], reaches: dict[tuple[tuple[str, ...], int], int]) -> int:
    """The cells that hold a word of each part within the pattern's window; 0 when they never come so near."""
    met = _EVERYWHERE
    for part in pattern.parts:
        reach = reaches.get((part, pattern.window))
        if reach is None:
            cells = 0
            for name in part:
                cells |= present.get(name, 0)
            reach = reaches[part, pattern.window] = _widened(cells, pattern.window)
        met &= reach
    return met


def find_patterns(patterns: Iterable[tuple[Pattern, int]], hits: list[Hit], cell: int) -> list[Hit]:
    """The patterns whose classes stand near each other; each is looked for in its cells of 2**`cell` places."""
    classes: dict[str, list[Hit]] = {}
    for hit in hits:
        if hit.row.kind == "class":
            found = classes.setdefault(hit.row.target, [])
            if len(found) < MOST_PER_WORD:
                found.append(hit)
    absent = classes.keys().isdisjoint
    return [
        hit
        for pattern, cells in patterns
        if not any(map(absent, pattern.parts))
        for hit in _join(pattern, cells, cell, classes)
    ]


def _join(pattern: Pattern, cells: int, cell: int, classes: dict[str, list[Hit]]) -> list[Hit]:
    """The first place where the pattern holds, preferring one without unsure words."""
    pools = [[hit for name in part for hit in classes.get(name, ())] for part in pattern.parts]
    best: Hit | None = None
    for anchor in pools[0]:
        chosen = _nearest(pattern, anchor, pools[1:]) if cells >> ((anchor.end - 1) >> cell) & 1 else None
        if chosen is None or _excluded(pattern, chosen, classes):
            continue
        made = _hit(pattern, chosen)
        if made.sure:
            return [made]
        best = best or made
    return [best] if best else []


def _nearest(pattern: Pattern, anchor: Hit, pools: list[list[Hit]]) -> list[Hit] | None:
    chosen = [anchor]
    low, high = anchor.start - pattern.window, anchor.start + pattern.window
    for pool in pools:
        after = chosen[-1].end if pattern.ordered else low
        near = [hit for hit in pool if low <= hit.start <= high and hit.start >= after]
        free = [hit for hit in near if all(hit.end <= one.start or hit.start >= one.end for one in chosen)]
        if not free:
            return None
        chosen.append(min(free, key=lambda hit: (abs(hit.start - anchor.start), not hit.sure)))
    width = max(hit.end for hit in chosen) - min(hit.start for hit in chosen)
    return chosen if width <= pattern.window else None


def _excluded(pattern: Pattern, chosen: list[Hit], classes: dict[str, list[Hit]]) -> bool:
    """True when a class that speaks against the pattern stands within or next to it."""
    start, end = min(hit.start for hit in chosen) - _BESIDE, max(hit.end for hit in chosen) + _BESIDE
    return any(start <= hit.start < end and hit.sure for name in pattern.without for hit in classes.get(name, ()))


def _hit(pattern: Pattern, chosen: list[Hit]) -> Hit:
    ordered = sorted(chosen, key=lambda hit: hit.start)
    name = "…".join(hit.word for hit in ordered)
    heads = tuple(hit.start for hit in ordered)
    end = max(hit.end for hit in chosen)
    return Hit(ordered[0].start, end, name, pattern, all(hit.sure for hit in chosen), heads)


def _widened(cells: int, characters: int) -> int:
    """The cells, and those within so many characters of them."""
    for _ in range((characters >> CELL) + 1):
        cells |= cells << 1 | cells >> 1
    return cells
