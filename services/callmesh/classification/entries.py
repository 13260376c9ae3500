"""The words of a lexicon as numbers and places, ready to be looked for in a line.

What stands behind a word is put together when it is met for the first time: most of a quarter of a million never are.
Only the classes of a word stay numbers: a letter has words of classes by the ten thousand, and few of them are asked
for by a pattern.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from callmesh.classification.lexicon import Term
from callmesh.classification.spotting import Endings, Numbers, Places, Spotted, Spotter, endings_of, numbers_of

Indices = NDArray[np.int32]


class Entry(NamedTuple):
    """A word as the table spells it, and its row."""

    word: str
    term: Term


class OfClass(NamedTuple):
    """Words that belong to a class, in the order of the text: first and last place, term, and number of the class."""

    start: Places
    last: Places
    term: Places
    named: Places


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
    """Looks for words. `names` are those of the classes, `number` tells where each stands among them."""

    def __init__(self, words: Packed, terms: Sequence[Term]) -> None:
        self._words, self._terms = words, terms
        self._spotter = Spotter(words.numbers, words.endings)
        self._rules = words.classes > words.first[:-1]
        self._known: dict[int, tuple[Entry, ...]] = {}
        self.names = tuple(dict.fromkeys(term.target for term in terms if term.kind == "class"))
        self.number = {name: at for at, name in enumerate(self.names)}
        self._named = np.array([self.number.get(term.target, -1) for term in terms], np.int64)

    def find(self, line: str) -> Spotted:
        """Where words stand in a line."""
        return self._spotter.find(line)

    def entries(self, line: str, found: Spotted) -> list[tuple[int, tuple[Entry, ...]]]:
        """The last place of each word and all that is behind it."""
        known = self._known
        return [
            (last, known.get(row) or self._entries(row, line[last + 1 - size : last + 1]))
            for last, size, row in zip(*(column.tolist() for column in found), strict=True)
        ]

    def rules(self, line: str, found: Spotted) -> list[tuple[int, tuple[Entry, ...]]]:
        """The same of the words that say more than that they belong to a class; what says so comes last."""
        chosen = self._rules[found.row]
        return self.entries(line, Spotted(*(column[chosen] for column in found)))

    def classes(self, found: Spotted) -> OfClass:
        """The classes of the words."""
        begin = self._words.classes[found.row]
        counts = self._words.first[found.row + 1] - begin
        which = np.repeat(np.arange(counts.size), counts)
        entry = np.arange(which.size) + (begin - counts.cumsum() + counts)[which]
        last, term = found.last[which], self._words.terms[entry]
        return OfClass(last + 1 - found.size[which], last, term, self._named[term])

    def _entries(self, row: int, met: str) -> tuple[Entry, ...]:
        words = self._words
        made = tuple(
            Entry(words.spelled[words.at[at] : words.at[at + 1]] or met.strip(), self._terms[words.terms[at]])
            for at in range(words.first[row], words.first[row + 1])
        )
        return self._known.setdefault(row, made)
