"""Words of classes in a text: where each class is met, and which of its words some pattern wants to see.

A letter of ten pages has twenty-five thousand of them. They stay numbers on a grid of classes and cells until the
patterns have said which they ask for; only those become hits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from callmesh.classification.entries import OfClass, Words
from callmesh.classification.joining import CELL, Hit
from callmesh.classification.spotting import Spotted

_FEW, _ALL = 64, 32
"""A text with so few words is one cell, for cells only spare work in longer ones."""


class ClassWords:
    """Those among the words that were met in a text of `size` characters; a cell is 2**`cell` places."""

    def __init__(self, words: Words, found: Spotted, size: int) -> None:
        self._words, self._found = words, words.classes(found)
        self.cell = CELL if found.row.size > _FEW else _ALL
        self._place = self._found.last >> self.cell
        self._width = (size >> self.cell) + 1

    def cells(self, hits: Iterable[Hit]) -> dict[str, int]:
        """For each class the cells in which a word of it ends, as the bits of a number; `hits` count, too."""
        names = self._words.names
        if self._width == 1:
            cells = {names[at]: 1 for at in set(self._found.named.tolist())}
        else:
            grid = np.zeros((len(names), self._width), bool)
            grid[self._found.named, self._place] = True
            bits = np.packbits(grid, axis=1, bitorder="little")
            cells = {names[at]: int.from_bytes(bits[at].tobytes(), "little") for at in set(self._found.named.tolist())}
        for hit in hits:
            if hit.row.kind == "class":
                cells[hit.row.target] = cells.get(hit.row.target, 0) | 1 << ((hit.end - 1) >> self.cell)
        return cells

    def wanted(self, needed: Mapping[str, int]) -> Iterator[tuple[int, int, int, str]]:
        """First and last place, term and class of those that end in a cell where their class is needed."""
        found = self._found if self._width == 1 else self._within(needed)
        names = self._words.names
        start, last, term, named = (column.tolist() for column in found)
        return (one for one in zip(start, last, term, [names[at] for at in named], strict=True) if one[3] in needed)

    def _within(self, needed: Mapping[str, int]) -> OfClass:
        """Those that end in a needed cell, looked up on the same grid."""
        width, number = (self._width + 7) >> 3, self._words.number
        known, every = [name for name in needed if name in number], (1 << 8 * width) - 1
        packed = b"".join([(needed[name] & every).to_bytes(width, "little") for name in known])
        grid = np.zeros((len(number), width), np.uint8)
        grid[[number[name] for name in known]] = np.frombuffer(packed, np.uint8).reshape(-1, width)
        chosen = (grid[self._found.named, self._place >> 3] >> (self._place & 7) & 1).nonzero()[0]
        return OfClass(*(column[chosen] for column in self._found))
