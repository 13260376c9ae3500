"""Finds which stretches of a line are words of a large set, all stretches at once.

    the last two characters of a stretch -> the lengths of the words that end so; most pairs end no word
    code points -> running sum of code * base**place -> a stretch is the difference of two sums, moved back to place 0
                -> most numbers begin like no word's; a binary search in those of all words says yes or no to the rest

The set is one sorted array of 64-bit numbers, so nothing has to be built at start: an automaton of the same words took
longer to make than all calls of a minute to judge (decisions/0041). Numbers are modulo 2**64 and the base is odd, so a
stretch has one number wherever it stands; `numbers_of` refuses a set of which two words share one. That a stranger's
stretch shares the number of a word has a chance of one in 10**13.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LONGEST = 48
"""Characters of the longest word a set may hold."""
_BLOCK = 4_096
_MARGIN, _NOTHING = "\1", "\0"
"""What stands before a line, and before the only character of a word; no word holds either."""
_WIDTH, _TOP = 6, 63
_BITS = 16
_SIEVE = 22
_BEGIN = np.uint64(64 - _SIEVE)
"""How the number of a word begins: 19 strangers of 20 begin like no word and need no search."""
_PAIR = np.uint64(0x9E3779B1)
_BASE, _FIRST = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93
_SPREAD = np.uint64(_BASE)

Numbers = NDArray[np.uint64]
Endings = NDArray[np.uint64]
Places = NDArray[np.int64]


def _powers(first: int, base: int, count: int) -> Numbers:
    steps = np.full(count, base, np.uint64)
    steps[0] = first
    return np.multiply.accumulate(steps)


_POWERS = _powers(_FIRST, _BASE, _BLOCK + 2 * LONGEST)
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


def endings_of(words: Sequence[str]) -> Endings:
    """For the hash of two characters, the lengths of the words that may end so, as bits (see `_bits`).

    Words of one character may end anywhere.
    """
    endings = np.zeros(1 << _BITS, np.uint64)
    last = _codes("".join(word[-1] for word in words)).astype(np.uint64)
    before = _codes("".join(word[-2:-1] or _NOTHING for word in words)).astype(np.uint64)
    sizes = np.array([len(word) for word in words], np.int64)
    np.bitwise_or.at(endings, _slots(before, last), _bits(sizes))
    if 1 in sizes:
        endings |= _bits(np.ones(1, np.int64))
    return endings


def _bits(sizes: Places) -> Endings:
    """The bit that stands for a length; the longest word's is the lowest, so that it is met first."""
    return np.uint64(1) << (_TOP - sizes).astype(np.uint64)


def _slots(before: Numbers, last: Numbers) -> NDArray[np.int64]:
    """Where the ends of words stand in the table; two ends in one place only mean that more is asked."""
    return (((before * _PAIR + last) * _SPREAD) >> np.uint64(64 - _BITS)).view(np.int64)


class Spotted(NamedTuple):
    """The words of a line, by last place, of one place the longest first: last place, length and row of each."""

    last: Places
    size: Places
    row: Places


class Spotter:
    """A set of words to look for; `numbers` are theirs, rising, and `endings` what `endings_of` says of them."""

    def __init__(self, numbers: Numbers, endings: Endings) -> None:
        self._numbers, self._ended = numbers, np.append(numbers, np.uint64(0))
        self._endings = endings
        self._begun = np.zeros(1 << _SIEVE, bool)
        self._begun[numbers >> _BEGIN] = True

    def find(self, line: str) -> Spotted:
        """Every word of a line, overlapping ones, too."""
        padded = _MARGIN * LONGEST + line
        if len(line) <= _BLOCK:
            return self._within(padded, -LONGEST)
        starts = range(0, len(line), _BLOCK)
        blocks = [self._within(padded[start : start + LONGEST + _BLOCK], start - LONGEST) for start in starts]
        return Spotted(*map(np.concatenate, zip(*blocks, strict=True)))

    def _within(self, block: str, offset: int) -> Spotted:
        """The words that end in a block behind what is as long as the longest word and was dealt with before."""
        codes = _codes(block).astype(np.uint64)
        lengths = self._endings[_slots(codes[LONGEST - 1 : -1], codes[LONGEST:])]
        possible = np.unpackbits(lengths.view(np.uint8), bitorder="little").view(bool).nonzero()[0]
        place, bit = possible >> _WIDTH, possible & _TOP
        sums = np.zeros(codes.size + 1, np.uint64)
        (codes * _POWERS[: codes.size]).cumsum(out=sums[1:])
        start = place + bit + (LONGEST + 1 - _TOP)
        wanted = (sums[LONGEST + 1 :][place] - sums[start]) * _BACK[start]
        likely = self._begun[wanted >> _BEGIN].nonzero()[0]
        rows = self._numbers.searchsorted(wanted := wanted[likely])
        known = self._ended[rows] == wanted
        met = likely[known]
        return Spotted(place[met] + (LONGEST + offset), _TOP - bit[met], rows[known])
