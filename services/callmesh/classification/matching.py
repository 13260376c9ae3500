"""Finds the lexicon in a report: words as written, as spelled in Latin letters, as heard, and patterns.

A homograph mask takes out what lies wholly inside it (着火 in 打不着火), never what reaches beyond it:
when in doubt the danger stays. A word that is only *like* a danger (a homophone, a lost character, a
clause mark in its middle) is kept as unsure: enough to ask, seldom enough to send.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from callmesh.classification.compiled import Compiled
from callmesh.classification.compiled_file import open_lexicon
from callmesh.classification.entries import Bundle, Entry, Words
from callmesh.classification.joining import CELL, MOST_PER_WORD, PLAIN, Hit, PatternIndex, find_patterns
from callmesh.classification.text import Text, words

__all__ = ["PLAIN", "Hit", "Matcher"]

_SAFE = frozenset({"mask", "category"})
_FEW, _ALL = 64, 32
"""A text with so few words is one cell, for cells only spare work in longer ones."""


class Matcher:
    """The lexicon compiled for searching."""

    def __init__(self, lexicon: Compiled) -> None:
        self.version = lexicon.version
        self._sounds = lexicon.sounds
        self._patterns = PatternIndex(lexicon.patterns)
        self._symbols = {symbol: lexicon.terms[at] for symbol, at in lexicon.symbols.items()}
        self._written = Words(lexicon.written, lexicon.terms)
        self._latin = Words(lexicon.latin, lexicon.terms)
        self._heard = Words(lexicon.heard, lexicon.terms)

    @staticmethod
    def load(path: str | Path | None = None, day: date | None = None) -> Matcher:
        """The lexicon of a folder of tables, or the packaged one, on a day, today's. Raises LexiconError."""
        return Matcher(open_lexicon(path, day=day))

    def find(self, text: Text) -> list[Hit]:
        """All hits that no mask covers, patterns included, in the order of the text."""
        raw = self._written.find(text.tight)
        scan = _Scan(text, list(accumulate(map(bool, text.gaps))), CELL if len(raw) > _FEW else _ALL)
        hits = [*self._as_latin(text), *self._as_symbols(text), *_written_hits(scan, raw)]
        masked = _reach(text, [hit for hit in hits if hit.row.kind == "mask" and hit.sure])
        heard = [hit for hit in self._as_heard(text, hits) if masked[hit.start] < hit.end]
        present = _cells_by_class(scan, raw, (*hits, *heard))
        patterns = self._patterns.possible(present)
        hits = [hit for hit in hits if masked[hit.start] < hit.end or _harmless(hit)]
        hits += _class_hits(scan, raw, self._patterns.needed(patterns), masked)
        hits += heard
        if patterns:
            hits += find_patterns([pattern for pattern, _ in patterns], hits)
        return sorted(_limited(hits), key=_order)

    def is_pinyin(self, text: Text) -> bool:
        """True for a report that is spelled out in pinyin."""
        return self._sounds.is_pinyin(text)

    def _as_latin(self, text: Text) -> Iterator[Hit]:
        line, places = words(text)
        if len(line) < 3:
            return
        for last, bundle in self._latin.find(line):
            entries = bundle.rules + bundle.classes
            start, end = places[last - len(entries[0].word)], places[last - 1] + 1
            for entry in entries:
                if "alone" not in entry.term.flags or text.alone(start, end):
                    yield Hit(start, end, entry.word, entry.term, True, (start,))

    def _as_symbols(self, text: Text) -> Iterator[Hit]:
        """Emoji leave no letter in the text; they are shown at the letter that follows or precedes them."""
        for offset, symbol in text.symbols:
            term = self._symbols.get(symbol)
            if term is not None and text.tight:
                at = min(bisect_left(text.source, offset), len(text.tight) - 1)
                yield Hit(at, at + 1, symbol, term, True, (at,))

    def _as_heard(self, text: Text, hits: list[Hit]) -> Iterator[Hit]:
        """Homophones; a character that belongs to a known word (油烟) is no slip of 有烟."""
        heard, places = self._sounds.hear(text)
        found = self._heard.find(heard)
        if not found:
            return
        known = {place for hit in hits if hit.row.kind in _SAFE for place in range(hit.start, hit.end)}
        for last, bundle in found:
            for entry in bundle.rules + bundle.classes:
                first = last + 1 - len(entry.word)
                surface = [text.tight[begin:finish] for begin, finish in places[first : last + 1]]
                sure = _alike(surface, entry)
                if sure is None:
                    continue
                start, end = places[first][0], places[last][1]
                if not (text.whole(start, end) or text.tight[start:end].isascii()):
                    continue
                slips = (at for at, char in enumerate(entry.word) if surface[at] != char)
                if not any(places[first + at][0] in known for at in slips):
                    yield Hit(start, end, entry.word, entry.term, sure, (start,))


class _Scan(NamedTuple):
    """A text being searched. `gaps[i]`: how many letters up to place i follow a gap; a cell is 2**`cell` places."""

    text: Text
    gaps: list[int]
    cell: int

    def sure(self, start: int, last: int) -> bool:
        """True when the stretch reads as one word."""
        return self.gaps[last] == self.gaps[start] or self.text.whole(start, last + 1)


def _written_hits(scan: _Scan, raw: list[tuple[int, Bundle]]) -> Iterator[Hit]:
    for last, bundle in raw:
        for entry in bundle.rules:
            start = last + 1 - len(entry.word)
            sure = scan.sure(start, last)
            if sure or entry.term.kind == "trigger":
                yield Hit(start, last + 1, entry.word, entry.term, sure, (start,))


def _cells_by_class(scan: _Scan, raw: list[tuple[int, Bundle]], hits: Iterable[Hit]) -> dict[str, int]:
    """For each class the cells of the text in which a word of it ends, as the bits of a number."""
    ends: dict[int, list[Iterable[str]]] = {}
    for last, bundle in raw:
        if bundle.names:
            ends.setdefault(last >> scan.cell, []).append(bundle.names)
    for hit in hits:
        if hit.row.kind == "class":
            ends.setdefault((hit.end - 1) >> scan.cell, []).append((hit.row.target,))
    cells: dict[str, int] = {}
    for place, names in ends.items():
        for name in set().union(*names):
            cells[name] = cells.get(name, 0) | 1 << place
    return cells


def _class_hits(scan: _Scan, raw: list[tuple[int, Bundle]], needed: dict[str, int], masked: list[int]) -> Iterator[Hit]:
    """Only of classes that some possible pattern, or the proof of ROUTE, asks for, where it asks, and no flood."""
    unwanted = needed.keys().isdisjoint
    left = dict.fromkeys(needed, MOST_PER_WORD)
    for last, bundle in raw:
        if unwanted(bundle.names):
            continue
        place = last >> scan.cell
        for word, term in bundle.classes:
            name = term.target
            start = last + 1 - len(word)
            if needed.get(name, 0) >> place & 1 and left[name] and (masked[start] <= last or name == PLAIN):
                left[name] -= 1
                yield Hit(start, last + 1, word, term, scan.sure(start, last), (start,))


def _order(hit: Hit) -> tuple[int, int]:
    return hit.start, -hit.end


def _harmless(hit: Hit) -> bool:
    """Masks take out dangers; what tells an everyday matter stays readable inside them."""
    return hit.row.kind in ("mask", "category") or hit.row.target == PLAIN


def _alike(surface: list[str], entry: Entry) -> bool | None:
    """Is this homophone the word? None: no; False: perhaps; True: as good as written.

    Half of the characters must be right, or all be pinyin, else 紫砂 would be 自杀.
    """
    right = sum(seen == char for seen, char in zip(surface, entry.word, strict=True))
    latin = sum(seen.isascii() for seen in surface)
    strong, size = "alike" in entry.term.flags, len(entry.word)
    if right == size:
        return None
    if latin and right + latin == size:
        return strong or size > 2
    if strong and 2 * (right + latin) >= size:
        return True
    return False if size > 3 and right + latin >= size - 1 else None


def _reach(text: Text, hits: list[Hit]) -> list[int]:
    """For each place, how far a hit that began at or before it reaches."""
    reach = [0] * (len(text.tight) + 1)
    for hit in hits:
        reach[hit.start] = max(reach[hit.start], hit.end)
    return list(accumulate(reach, max)) if hits else reach


def _limited(hits: list[Hit]) -> Iterator[Hit]:
    """At most a few dozen hits of one word, the rest of a flood says nothing new."""
    if len(hits) <= MOST_PER_WORD:
        yield from hits
        return
    count: dict[str, int] = {}
    for hit in hits:
        count[hit.word] = count.get(hit.word, 0) + 1
        if count[hit.word] <= MOST_PER_WORD:
            yield hit
