"""The words of a lexicon as numbers and places, ready to be looked for in a line.

A line is met in one of three ways (as written, as Latin words, as heard); each has its own words. What stands behind a
word is put together when it is met for the first time: most of a quarter of a million never are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from callmesh.classification.lexicon import Term
from callmesh.classification.spotting import Endings, Numbers, Spotter, endings_of, numbers_of

Places = NDArray[np.int32]


class Entry(NamedTuple):
    """A word as the table spells it, and its row."""

    word: str
    term: Term


class Bundle(NamedTuple):
    """All entries behind one stretch; class words apart, for most of them are part of no pattern."""

    rules: tuple[Entry, ...]
    classes: tuple[Entry, ...]
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Packed:
    """The words of one way. Row r of `numbers` (rising) has the entries `first[r]` to `first[r + 1]`.

    `terms` are their rows among the terms. `spelled` are their words one after the other, each as long as what is met;
    it is empty when the word is what is met. `endings` say how long a word that ends so may be.
    """

    numbers: Numbers
    first: Places
    terms: Places
    at: Places
    spelled: str
    endings: Endings


def packed(found: dict[str, list[tuple[str, int]]]) -> Packed:
    """From what is met to the words (as spelled) and terms behind it."""
    order = np.argsort(numbers := numbers_of(list(found)))
    keys = list(found)
    rows = [(keys[at], entry) for at in order.tolist() for entry in found[keys[at]]]
    counts = [0, *(len(found[keys[at]]) for at in order.tolist())]
    heard = any(len(key) == len(word) and key != word for key, (word, _) in rows)
    sizes = [0, *(len(word) for _, (word, _) in rows)]
    return Packed(
        numbers=numbers[order],
        first=np.cumsum(counts, dtype=np.int32),
        terms=np.array([term for _, (_, term) in rows], np.int32),
        at=np.cumsum(sizes if heard else [0], dtype=np.int32),
        spelled="".join(word for _, (word, _) in rows) if heard else "",
        endings=endings_of(keys),
    )


class Words:
    """Looks for the words of one way."""

    def __init__(self, words: Packed, terms: Sequence[Term]) -> None:
        self._words, self._terms = words, terms
        self._spotter = Spotter(words.numbers, words.endings)
        self._known: dict[int, Bundle] = {}

    def find(self, line: str) -> list[tuple[int, Bundle]]:
        """The last place of everything met and what is behind it, by place, of one place the longest first."""
        known = self._known
        return [
            (last, known.get(row) or self._bundle(row, line[last + 1 - size : last + 1]))
            for last, size, row in self._spotter.find(line)
        ]

    def _bundle(self, row: int, met: str) -> Bundle:
        words = self._words
        entries = [
            Entry(self._spelled(at) or met.strip(), self._terms[words.terms[at]])
            for at in range(words.first[row], words.first[row + 1])
        ]
        classes = tuple(entry for entry in entries if entry.term.kind == "class")
        rules = tuple(entry for entry in entries if entry.term.kind != "class")
        made = Bundle(rules, classes, frozenset(entry.term.target for entry in classes))
        return self._known.setdefault(row, made)

    def _spelled(self, at: int) -> str:
        """The word of an entry where it differs from what is met."""
        words = self._words
        return words.spelled[words.at[at] : words.at[at + 1]] if words.spelled else ""
