"""Words of classes in a text: where each class is met, and which of its words some pattern wants to see.

A letter of ten pages has twenty-five thousand of them, of fifteen hundred words: what a word belongs to is looked at
once, where it stands are bits of a number, and only what some pattern asks for becomes a hit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from callmesh.classification.entries import Entry, Met, Word
from callmesh.classification.joining import CELL, Hit

_FEW, _ALL = 64, 32
"""A text with so few words is one cell, for cells only spare work in longer ones."""


class ClassWords:
    """Those among the words that were met in a text; a cell is 2**`cell` places."""

    def __init__(self, met: Sequence[Met]) -> None:
        self._met = met
        self.cell = CELL if len(met) > _FEW else _ALL
        self._cells: dict[Word, int] = {}
        for last, word in met:
            self._cells[word] = self._cells.get(word, 0) | 1 << (last >> self.cell)

    def cells(self, hits: Iterable[Hit]) -> dict[str, int]:
        """For each class the cells in which a word of it ends, as the bits of a number; `hits` count, too."""
        cells: dict[str, int] = {}
        for word, ends in self._cells.items():
            for name, _ in word.classes:
                cells[name] = cells.get(name, 0) | ends
        for hit in hits:
            if hit.row.kind == "class":
                cells[hit.row.target] = cells.get(hit.row.target, 0) | 1 << ((hit.end - 1) >> self.cell)
        return cells

    def wanted(self, needed: Mapping[str, int]) -> Iterator[tuple[int, Entry]]:
        """Last place and entry of those that end in a cell where their class is needed."""
        chosen = {
            word: [(cells, entry) for name, entry in word.classes if (cells := ends & needed.get(name, 0))]
            for word, ends in self._cells.items()
        }
        for last, word in self._met:
            for cells, entry in chosen[word]:
                if cells >> (last >> self.cell) & 1:
                    yield last, entry
