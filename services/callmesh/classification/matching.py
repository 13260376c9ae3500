"""Finds the lexicon in a report: words as written, as spelled in Latin letters, as heard, and patterns.

A homograph mask takes out what lies wholly inside it (着火 in 打不着火), never what reaches beyond it:
when in doubt the danger stays. A word that is only *like* a danger (a homophone, a lost character, a
clause mark in its middle) is kept as unsure: enough to ask, seldom enough to send.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np

from callmesh.classification.class_words import ClassWords
from callmesh.classification.compiled import Compiled
from callmesh.classification.compiled_file import open_lexicon
from callmesh.classification.entries import Entry, Words
from callmesh.classification.joining import MOST_PER_WORD, OF_PROOF, PLAIN, Hit, PatternIndex, find_patterns
from callmesh.classification.sounds import Heard
from callmesh.classification.spotting import Spotted
from callmesh.classification.text import Text, words

__all__ = ["PLAIN", "Hit", "Matcher"]

_SAFE = frozenset({"mask", "category"})
_BETWEEN = "\1"
"""Stands between the lines that are searched as one; no word holds it. (Of weight 0, "\0" would be unheard.)"""


class Matcher:
    """The lexicon compiled for searching."""

    def __init__(self, lexicon: Compiled) -> None:
        self.version = lexicon.version
        self._sounds, self._terms = lexicon.sounds, lexicon.terms
        self._patterns = PatternIndex(lexicon.patterns)
        self._symbols = {symbol: lexicon.terms[at] for symbol, at in lexicon.symbols.items()}
        self._words = Words(lexicon.words, lexicon.terms)

    @staticmethod
    def load(path: str | Path | None = None, day: date | None = None) -> Matcher:
        """The lexicon of a folder of tables, or the packaged one, on a day, today's. Raises LexiconError."""
        return Matcher(open_lexicon(path, day=day))

    def find(self, text: Text) -> list[Hit]:
        """All hits that no mask covers, patterns included, in the order of the text; of classes those of the proof."""
        heard, latin = self._sounds.hear(text), words(text)
        lines = (text.tight, heard.codes, latin[0])
        written, sounding, spelled = _apart(self._words.find(_BETWEEN.join(lines)), lines)
        sure = _Sure(text)
        hits = [*self._as_latin(text, latin, spelled), *self._as_symbols(text), *self._as_written(sure, written)]
        masked = _reach(text, [hit for hit in hits if hit.row.kind == "mask" and hit.sure])
        alike = [hit for hit in self._as_heard(text, heard, sounding, hits) if masked[hit.start] < hit.end]
        classes = ClassWords(self._words, written, len(text.tight))
        patterns = self._patterns.possible(classes.cells((*hits, *alike)))
        hits = [hit for hit in hits if masked[hit.start] < hit.end or _harmless(hit)]
        hits += self._of_classes(sure, classes, self._patterns.needed(patterns), masked)
        hits += alike
        if patterns:
            hits += find_patterns(patterns, hits, classes.cell)
        return sorted(filter(_speaks, _limited(hits)), key=_order)

    def is_pinyin(self, text: Text) -> bool:
        """True for a report that is spelled out in pinyin."""
        return self._sounds.is_pinyin(text)

    def _as_latin(self, text: Text, latin: tuple[str, list[int]], found: Spotted) -> Iterator[Hit]:
        line, places = latin
        for last, entries in self._words.entries(line, found):
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

    def _as_written(self, sure: _Sure, found: Spotted) -> Iterator[Hit]:
        for last, entries in self._words.rules(sure.text.tight, found):
            for word, term in entries:
                if term.kind == "class":
                    break  # and so are all that follow
                start = last + 1 - len(word)
                whole = sure.of(start, last)
                if whole or term.kind == "trigger":
                    yield Hit(start, last + 1, word, term, whole, (start,))

    def _as_heard(self, text: Text, heard: Heard, found: Spotted, hits: list[Hit]) -> Iterator[Hit]:
        """Homophones; a character that belongs to a known word (油烟) is no slip of 有烟."""
        if not found.row.size:
            return
        codes, begins, ends = heard
        known = {place for hit in hits if hit.row.kind in _SAFE for place in range(hit.start, hit.end)}
        for last, entries in self._words.entries(codes, found):
            for entry in entries:
                first = last + 1 - len(entry.word)
                start, end = begins[first], ends[last]
                if text.tight[start:end] == entry.word:
                    continue
                surface = [text.tight[begins[at] : ends[at]] for at in range(first, last + 1)]
                sure = _alike(surface, entry)
                if sure is None or not (text.whole(start, end) or text.tight[start:end].isascii()):
                    continue
                slips = (at for at, char in enumerate(entry.word) if surface[at] != char)
                if not any(begins[first + at] in known for at in slips):
                    yield Hit(start, end, entry.word, entry.term, sure, (start,))

    def _of_classes(self, sure: _Sure, classes: ClassWords, needed: dict[str, int], masked: list[int]) -> Iterator[Hit]:
        """Only of classes that some possible pattern, or the proof of ROUTE, asks for, where it asks, and no flood."""
        left, tight, terms = dict.fromkeys(needed, MOST_PER_WORD), sure.text.tight, self._terms
        for start, last, term, name in classes.wanted(needed):
            if left[name] and (masked[start] <= last or name == PLAIN):
                left[name] -= 1
                yield Hit(start, last + 1, tight[start : last + 1], terms[term], sure.of(start, last), (start,))


class _Sure:
    """Whether a stretch of a text reads as one word. `_gaps[i]`: how many letters up to place i follow a gap."""

    def __init__(self, text: Text) -> None:
        self.text = text
        self._gaps = list(accumulate(map(bool, text.gaps)))

    def of(self, start: int, last: int) -> bool:
        """True when the stretch reads as one word."""
        return self._gaps[last] == self._gaps[start] or self.text.whole(start, last + 1)


def _apart(found: Spotted, lines: Sequence[str]) -> Iterator[Spotted]:
    """What was found in lines that were searched as one, each by its own places."""
    offset, behind = 0, list(accumulate(len(line) + len(_BETWEEN) for line in lines))
    for first, stop in pairwise([0, *found.last.searchsorted(behind).tolist()]):
        yield Spotted(found.last[first:stop] - offset, found.size[first:stop], found.row[first:stop])
        offset = behind.pop(0)


def _order(hit: Hit) -> tuple[int, int]:
    return hit.start, -hit.end


def _speaks(hit: Hit) -> bool:
    """Words of classes have spoken through their patterns; the proof of ROUTE asks for some of them."""
    return hit.row.kind != "class" or hit.row.target in OF_PROOF


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
    return np.maximum.accumulate(reach).tolist() if hits else reach


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
