"""The words of a lexicon as numbers and places, ready to be looked for in a line.

What stands behind a word is put together when it is met for the first time: most of a quarter of a million never are.
From then on a text only points at it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from callmesh.classification.lexicon import Term
from callmesh.classification.spotting import Endings, Numbers, Spotter, endings_of, numbers_of

Indices = NDArray[np.int32]
_BETWEEN = "\1"
"""Stands between the lines that are searched as one; no word holds it. (Of weight 0, "\0" would be unheard.)"""


class Entry(NamedTuple):
    """A word as the table spells it, and its row."""

    word: str
    term: Term


@dataclass(frozen=True, slots=True, eq=False)
class Word:
    """A word as a line has it, `size` characters long: the classes it belongs to, and what it says besides."""

    size: int
    rules: tuple[Entry, ...]
    classes: tuple[tuple[str, Entry], ...]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All that is behind it."""
        return (*self.rules, *(entry for _, entry in self.classes))


Met = tuple[int, Word]
"""A word, and the last of its places."""


@dataclass(frozen=True, slots=True)
class Packed:
    """All words. Row r of `numbers` (rising) has the entries `first[r]` to `first[r + 1]`, classes from `classes[r]`.

    `terms` are their rows among the terms. `spelled` are the words one after the other that differ from what is met,
    each as long; that of entry e begins at `at[e]`. `endings` say how long a word that ends so may be.
    """

    numbers: Numbers
    first: Indices
    classes: Indices
    terms: Indices
    at: Indices
    spelled: str
    endings: Endings


def packed(found: dict[str, list[tuple[str, int]]], terms: Sequence[Term]) -> Packed:
    """From what is met to the words (as spelled) and terms behind it."""
    keys = list(found)
    order = np.argsort(numbers := numbers_of(keys)).tolist()
    rows = [sorted(found[keys[at]], key=lambda entry: terms[entry[1]].kind == "class") for at in order]
    others = [sum(terms[term].kind != "class" for _, term in entries) for entries in rows]
    first = np.cumsum([0, *map(len, rows)], dtype=np.int32)
    spelled = [
        word if len(keys[at]) == len(word) and keys[at] != word else ""
        for at, entries in zip(order, rows, strict=True)
        for word, _ in entries
    ]
    return Packed(
        numbers=numbers[order],
        first=first,
        classes=first[:-1] + np.array(others, np.int32),
        terms=np.array([term for entries in rows for _, term in entries], np.int32),
        at=np.cumsum([0, *map(len, spelled)], dtype=np.int32),
        spelled="".join(spelled),
        endings=endings_of(keys),
    )


class Words:
    """Looks for words."""

    def __init__(self, words: Packed, terms: Sequence[Term]) -> None:
        self._words, self._terms = words, terms
        self._spotter = Spotter(words.numbers, words.endings)
        self._known: dict[int, Word] = {}

    def find(self, *lines: str) -> list[list[Met]]:
        """The words of each line, in the order of their ends, of one end the longest first."""
        joined, known = _BETWEEN.join(lines), self._known
        spotted = [column.tolist() for column in self._spotter.find(joined)]
        met = [
            (last, known.get(row) or self._word(row, joined[last + 1 - size : last + 1]))
            for last, size, row in zip(*spotted, strict=True)
        ]
        found, begun, offset = list[list[Met]](), 0, 0
        for line in lines:
            ended = bisect_left(spotted[0], offset + len(line), begun)
            found.append([(last - offset, word) for last, word in met[begun:ended]])
            begun, offset = ended, offset + len(line) + len(_BETWEEN)
        return found

    def _word(self, row: int, met: str) -> Word:
        """Put together what is behind a row that was met for the first time."""
        words = self._words
        first, classes, stop = words.first[row], words.classes[row], words.first[row + 1]
        made = tuple(
            Entry(words.spelled[words.at[at] : words.at[at + 1]] or met.strip(), self._terms[words.terms[at]])
            for at in range(first, stop)
        )
        named = tuple((entry.term.target, entry) for entry in made[classes - first :])
        return self._known.setdefault(row, Word(len(met), made[: classes - first], named))
