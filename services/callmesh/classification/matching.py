"""Finds the lexicon in a report: words as written, as spelled in Latin letters, as heard, and patterns.

A homograph mask takes out what lies wholly inside it (着火 in 打不着火), never what reaches beyond it:
when in doubt the danger stays. A word that is only *like* a danger (a homophone, a lost character, a
clause mark in its middle) is kept as unsure: enough to ask, seldom enough to send.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import accumulate, groupby
from pathlib import Path

from callmesh.classification.compiled import Compiled
from callmesh.classification.compiled_file import open_lexicon
from callmesh.classification.entries import Bundle, Entry, Words
from callmesh.classification.joining import CELL, MOST_PER_WORD, PLAIN, Hit, PatternIndex, find_patterns
from callmesh.classification.text import Text, words

__all__ = ["PLAIN", "Hit", "Matcher"]

_SAFE = frozenset({"mask", "category"})


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
    def load(path: str | Path | None = None) -> Matcher:
        """The lexicon of a folder of tables, or the packaged one. Raises LexiconError."""
        return Matcher(open_lexicon(path))

    def find(self, text: Text) -> list[Hit]:
        """All hits that no mask covers, patterns included, in the order of the text."""
        raw = self._written.find(text.tight)
        unbroken = _unbroken(text)
        others = [*self._as_latin(text), *self._as_symbols(text)]
        hits = [*others, *_written_hits(text, raw, unbroken)]
        masked = _reach(text, (hit for hit in hits if hit.row.kind == "mask" and hit.sure))
        known = {place for hit in hits if hit.row.kind in _SAFE for place in range(hit.start, hit.end)}
        heard = [hit for hit in self._as_heard(text, known) if masked[hit.start] < hit.end]
        present = _cells_by_class(raw, (*others, *heard))
        patterns = self._patterns.possible(present)
        hits += _class_hits(text, raw, unbroken, self._patterns.needed(patterns))
        hits = [hit for hit in hits if _harmless(hit) or masked[hit.start] < hit.end] + heard
        hits += find_patterns((pattern for pattern, _ in patterns), hits)
        return sorted(_limited(hits), key=lambda hit: (hit.start, -hit.end))

    def _as_latin(self, text: Text) -> Iterator[Hit]:
        line, places = words(text)
        if len(line) < 3:
            return
        for last, bundle in self._latin.find(line):
            entries = bundle.rules + bundle.classes
            start, end = places[last - len(entries[0].word)], places[last - 1] + 1
            for entry in entries:
                yield Hit(start, end, entry.word, entry.term, True, (start,))

    def _as_symbols(self, text: Text) -> Iterator[Hit]:
        """Emoji leave no letter in the text; they are shown at the letter that follows or precedes them."""
        for offset, symbol in text.symbols:
            term = self._symbols.get(symbol)
            if term is not None and text.tight:
                at = min(bisect_left(text.source, offset), len(text.tight) - 1)
                yield Hit(at, at + 1, symbol, term, True, (at,))

    def _as_heard(self, text: Text, known: set[int]) -> Iterator[Hit]:
        """Homophones; a character that belongs to a known word (油烟) is no slip of 有烟."""
        heard, places = self._sounds.hear(text)
        for last, bundle in self._heard.find(heard):
            for entry in bundle.rules + bundle.classes:
                first = last + 1 - len(entry.word)
                start, end = places[first][0], places[last][1]
                surface = [text.tight[begin:finish] for begin, finish in places[first : last + 1]]
                sure = _alike(surface, entry)
                if sure is None or not (text.whole(start, end) or text.tight[start:end].isascii()):
                    continue
                slips = (at for at, char in enumerate(entry.word) if surface[at] != char)
                if not any(places[first + at][0] in known for at in slips):
                    yield Hit(start, end, entry.word, entry.term, sure, (start,))


def _unbroken(text: Text) -> list[int]:
    """How many letters up to each place follow a gap: a stretch without one reads as one word."""
    return list(accumulate(map(bool, text.gaps)))


def _written_hits(text: Text, raw: list[tuple[int, Bundle]], gaps: list[int]) -> Iterator[Hit]:
    for last, bundle in raw:
        for entry in bundle.rules:
            start, end = last + 1 - len(entry.word), last + 1
            sure = gaps[last] == gaps[start] or text.whole(start, end)
            if sure or entry.term.kind == "trigger":
                yield Hit(start, end, entry.word, entry.term, sure, (start,))


def _cells_by_class(raw: list[tuple[int, Bundle]], hits: Iterable[Hit]) -> dict[str, int]:
    """For each class the cells of the text in which a word of it ends, as the bits of a number."""
    cells: dict[str, int] = {}
    for place, group in groupby(raw, lambda one: one[0] >> CELL):
        for name in set().union(*(bundle.names for _, bundle in group)):
            cells[name] = cells.get(name, 0) | 1 << place
    for hit in hits:
        if hit.row.kind == "class":
            name = hit.row.target
            cells[name] = cells.get(name, 0) | 1 << ((hit.end - 1) >> CELL)
    return cells


def _class_hits(text: Text, raw: list[tuple[int, Bundle]], gaps: list[int], needed: dict[str, int]) -> Iterator[Hit]:
    """Only of classes that some possible pattern, or the proof of ROUTE, asks for, and only where it asks."""
    wanted = needed.keys()
    for last, bundle in raw:
        if wanted.isdisjoint(bundle.names):
            continue
        for entry in bundle.classes:
            if needed.get(entry.term.target, 0) >> (last >> CELL) & 1:
                start, end = last + 1 - len(entry.word), last + 1
                sure = gaps[last] == gaps[start] or text.whole(start, end)
                yield Hit(start, end, entry.word, entry.term, sure, (start,))


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


def _reach(text: Text, hits: Iterable[Hit]) -> list[int]:
    """For each place, how far a hit that began at or before it reaches."""
    reach = [0] * (len(text.tight) + 1)
    for hit in hits:
        reach[hit.start] = max(reach[hit.start], hit.end)
    for place in range(1, len(reach)):
        reach[place] = max(reach[place], reach[place - 1])
    return reach


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
