"""Where the n-grams of a text stand in a model's vocabulary.

A short text asks a dictionary. A letter of thousands of characters would ask it tens of thousands of times, so its
n-grams are looked up all at once: a character becomes its place in the alphabet, an n-gram the number written with
these digits, and a table with open addressing, made when the first letter comes, gives the row of the number.
"""

from __future__ import annotations

from functools import cached_property
from itertools import repeat
from operator import add

import numpy as np
from numpy.typing import NDArray

_LONG = 400
_NO_CHARACTER = "\0"
_SPREAD = np.uint64(0x9E3779B97F4A7C15)

Rows = NDArray[np.int32]
_Keys = NDArray[np.uint64]


class Vocabulary:
    """The n-grams of a model, in the order of its rows; n-grams longer than 4 characters cannot be in it."""

    def __init__(self, grams: tuple[str, ...], longest: int) -> None:
        self.grams, self.longest = grams, longest
        self._row = {gram: row for row, gram in enumerate(grams)}

    def find(self, text: str) -> Rows:
        """Line l, column p: the row of the n-gram of l + 1 characters that begins at p; -1 where there is none."""
        return self._at_once(text) if len(text) > _LONG else self._one_by_one(text)

    def _one_by_one(self, text: str) -> Rows:
        grams: list[str] = list(text)
        every, beyond = list(grams), text + _NO_CHARACTER * self.longest
        for length in range(1, self.longest):
            grams = list(map(add, grams, beyond[length:]))
            every += grams
        rows = np.fromiter(map(self._row.get, every, repeat(-1)), np.int32, len(every))
        return rows.reshape(self.longest, len(text))

    def _at_once(self, text: str) -> Rows:
        places, table = self._alphabet, self._table
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        single = np.zeros(codes.size + self.longest, np.uint64)
        single[: codes.size] = places[np.minimum(codes, len(places) - 1)]
        keys, known = np.zeros(codes.size, np.uint64), np.ones(codes.size, bool)
        found = np.empty((self.longest, codes.size), np.int32)
        for length in range(self.longest):
            following = single[length : length + codes.size]
            keys = keys * self._base + following
            known &= following > 0
            found[length] = table.rows(keys, known)
        return found

    @cached_property
    def _alphabet(self) -> _Keys:
        """Code point -> 1, 2, …; 0 for characters of no n-gram; the last entry stands for all that are higher."""
        characters = sorted({ord(char) for gram in self.grams for char in gram})
        places = np.zeros(max(characters, default=0) + 2, np.uint64)
        places[characters] = np.arange(1, len(characters) + 1)
        return places

    @cached_property
    def _base(self) -> np.uint64:
        return np.uint64(self._alphabet.max() + np.uint64(1))

    @cached_property
    def _table(self) -> _Table:
        keys = np.zeros(len(self.grams), np.uint64)
        for row, gram in enumerate(self.grams):
            key = 0
            for char in gram:
                key = key * int(self._base) + int(self._alphabet[ord(char)])
            keys[row] = key
        return _Table(keys)


class _Table:
    """Key -> row for whole arrays; linear probing, at most half full. Key 0 is an empty place."""

    def __init__(self, keys: _Keys) -> None:
        bits = max(4, int(2 * len(keys) + 1).bit_length())
        self._shift, self._mask = np.uint64(64 - bits), np.uint64((1 << bits) - 1)
        self._keys = np.zeros(1 << bits, np.uint64)
        self._rows = np.full(1 << bits, -1, np.int32)
        for row, (key, start) in enumerate(zip(keys.tolist(), self._start(keys).tolist(), strict=True)):
            at = start
            while self._keys[at]:
                at = (at + 1) & int(self._mask)
            self._keys[at], self._rows[at] = key, row

    def rows(self, keys: _Keys, known: NDArray[np.bool_]) -> Rows:
        """The row of every known key; -1 for the rest."""
        found = np.full(keys.size, -1, np.int32)
        open_ = np.flatnonzero(known)
        wanted = keys[open_]
        at = self._start(wanted)
        while open_.size:
            there = self._keys[at]
            hit = there == wanted
            found[open_[hit]] = self._rows[at[hit]]
            going = ~hit & (there != 0)
            open_, wanted, at = open_[going], wanted[going], (at[going] + np.uint64(1)) & self._mask
        return found

    def _start(self, keys: _Keys) -> _Keys:
        return (keys * _SPREAD) >> self._shift
