"""Finds which stretches of a line are words of a large set, all stretches at once.

    code points -> running sum of code * base**place -> a stretch is the difference of two sums, moved back to place 0
                -> a table of bits says no to nearly all of them -> a binary search says yes or no to the rest

The set is one sorted array of 64-bit numbers, so nothing has to be built at start: an automaton of the same words took
longer to make than all calls of a minute to judge (decisions/0041). Numbers are modulo 2**64 and the base is odd, so a
stretch has one number wherever it stands; `numbers_of` refuses a set of which two words share one. That a stranger's
stretch shares the number of a word has a chance of one in 10**13.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LONGEST = 48
"""Characters of the longest word a set may hold."""
_BLOCK = 1_024
_BASE, _SPREAD = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93
_BITS = 22
_SHIFT = np.uint64(64 - _BITS)

Numbers = NDArray[np.uint64]


def _powers(first: int, base: int, count: int) -> Numbers:
    steps = np.full(count, base, np.uint64)
    steps[0] = first
    return np.multiply.accumulate(steps)


_POWERS = _powers(_SPREAD, _BASE, _BLOCK + 2 * LONGEST)
_BACK = _powers(1, pow(_BASE, -1, 1 << 64), _BLOCK + 2 * LONGEST)


def _codes(line: str) -> NDArray[np.uint32]:
    return np.frombuffer(line.encode("utf-32-le", "surrogatepass"), np.uint32)


def numbers_of(words: Sequence[str]) -> Numbers:
    """The number of each word. Raises ValueError when two words share one, or a word is too long or empty."""
    sizes = np.array([len(word) for word in words], np.int64)
    if sizes.size and not 0 < sizes.min() <= sizes.max() <= LONGEST:
        raise ValueError(f"a word has no character or more than {LONGEST}")
    ends = np.cumsum(sizes)
    places = np.arange(int(sizes.sum())) - np.repeat(ends - sizes, sizes)
    parts = _codes("".join(words)) * _POWERS[places]
    numbers = np.add.reduceat(parts, ends - sizes) if words else np.zeros(0, np.uint64)
    if len(np.unique(numbers)) != len(words) or 0 in numbers:
        raise ValueError("two words have one number")
    return numbers


class Spotter:
    """A set of words to look for; `numbers` are theirs, rising, and `longest` is the length of the longest."""

    def __init__(self, numbers: Numbers, longest: int) -> None:
        self._numbers, self._longest = numbers, max(1, longest)
        self._ended = np.append(numbers, np.uint64(0))
        self._maybe = np.zeros(1 << _BITS, bool)
        self._maybe[(numbers >> _SHIFT).view(np.int64)] = True
        back = np.concatenate((np.zeros(self._longest, np.uint64), _BACK))
        self._back = _stacked(back, _BLOCK + self._longest + 1, self._longest)

    def find(self, line: str) -> list[tuple[int, int, int]]:
        """(last place, length, row of `numbers`) of every word, by last place, of one place the longest first."""
        codes = _codes(line)
        if len(codes) <= _BLOCK:
            return self._within(codes, 0, 0)
        found: list[tuple[int, int, int]] = []
        for start in range(0, len(codes), _BLOCK):
            ahead = min(start, self._longest)
            found += self._within(codes[start - ahead : start + _BLOCK], start - ahead, ahead)
        return found

    def _within(self, codes: NDArray[np.uint32], offset: int, ahead: int) -> list[tuple[int, int, int]]:
        """The words that end in a block, whose first `ahead` characters the block before has dealt with."""
        size, longest = len(codes), self._longest
        sums = np.zeros(longest + size + 1, np.uint64)
        (codes * _POWERS[:size]).cumsum(out=sums[longest + 1 :])
        numbers = sums[longest + 1 :, None] - np.ndarray((size, longest), np.uint64, sums, 8, (8, 8))
        numbers *= self._back[1 : size + 1]
        flat = (numbers[ahead:] if ahead else numbers).ravel()
        at = self._maybe[(flat >> _SHIFT).view(np.int64)].nonzero()[0]
        wanted = flat[at]
        rows = self._numbers.searchsorted(wanted)
        known = (self._ended[rows] == wanted).nonzero()[0]
        at = at[known]
        last = at // longest
        length = longest - (at - last * longest)
        return list(zip((last + (offset + ahead)).tolist(), length.tolist(), rows[known].tolist(), strict=True))


def _stacked(line: Numbers, rows: int, width: int) -> Numbers:
    """`line[i : i + width]` as row i, without a copy."""
    return np.ndarray((rows, width), np.uint64, np.ascontiguousarray(line), 0, (8, 8))
