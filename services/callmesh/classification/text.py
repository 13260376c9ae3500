"""Normalisation: many ways of writing one word become one, and every character knows where it came from.

Callers write traditional or simplified, full-width, spaced, dotted, with emoji or zero-width marks,
and some do so to slip past filters. All of it is folded here, once, so that the lexicon stays plain.
Nothing here can fail or take long: what cannot be read is dropped, what is too long is cut.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import opencc

EXAMINED = 20_000
"""Characters looked at; of a longer text the head and the tail (people put the point at either end)."""

_TAIL = 6_000
_NO_GAP, _SOFT, _HARD, _END = 0, 1, 2, 3
_MOST_SYMBOLS = 64
_LATIN = re.compile("[a-z0-9]")
_ASCII = re.compile("[\\x00-\\x7f]+")
_RUNS = re.compile("([\u4e00-\u9fff]+)|([0-9A-Za-z]+)|.", re.DOTALL)
_STUTTER = re.compile(r"(\D)\1\1", re.DOTALL)
_LONG_NUMBER = re.compile(r"\d{5,}")
_HARD_MARKS = frozenset("，：、,:")
_END_MARKS = frozenset("。！？；!?;\n\r…")
_TO_SIMPLIFIED = opencc.OpenCC("tw2sp")
_BRACKETED = re.compile(r"[(（\[【［][ ]{0,2}([a-zA-ZÀ-ɏ0-9 ]{1,24})[)）\]】］]")
# Cantonese and pronouns, one character for one, so that 唔見咗 meets the same row as 不见了.
_DIALECT = str.maketrans(
    "咗唔冇佢喺嘅嚟畀俾攞搵嗌瞓啲睇咁啱嘈她妳您俺啦喽饮搬", "了不没他在的来被被拿找喊睡些看这刚吵他你你我了了喝搬"
)
_DIALECT_CHARS = frozenset(map(chr, _DIALECT))
# Of two characters where one of them alone means something else (匿名).
_HIDDEN = ("匿喺", "藏在")
# What every work order says around the report: who called, and that somebody shall see to it.
_FORM = re.compile(
    "[来來][电電](?:人|者|市民|群众|居民)|(?:市民|群众|居民)[来來][电電]|[来來][电電](?=反映|反应|称|表示|咨询|投诉|求助|要求)"
    "|(?:请|望|烦请|恳请)(?:有关|相关|承办|责任|主管|属地|职能)?(?:单位|部门)(?:尽快|及时|依法)?(?:核实|核查|调查)?(?:处理|办理|处置|解决)"
    "(?:[并后])?(?:及时|尽快)?(?:(?:回复|答复|反馈|回访)(?:市民|群众|居民|诉求人|反映人|投诉人)?)?"
)


@dataclass(frozen=True, slots=True)
class Text:
    """A report after normalisation.

    `tight` holds only letters, digits and ideographs; `source[i]` is the original offset of `tight[i]`;
    `gaps[i]` says what stood before it (0 nothing, 1 a space or a dot, 2 the end of a clause, 3 that of a
    sentence). Of a text that is not `complete` the middle was not read.
    """

    tight: str
    source: list[int]
    gaps: list[int]
    symbols: tuple[tuple[int, str], ...]
    complete: bool = True

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The stretch of the original text behind `tight[start:end]`."""
        return self.source[start], self.source[end - 1] + 1

    def whole(self, start: int, end: int) -> bool:
        """True when the stretch reads as one word: unbroken, or broken at every character (有.人.跳.楼)."""
        inner = self.gaps[start + 1 : end]
        if not any(inner):
            return True
        return all(inner) and (len(inner) > 1 or self._lone(start) or self._lone(end - 1))

    def clauses(self) -> list[int]:
        """Where each clause begins, and where the last one ends; spaced-out text is one clause."""
        begins = [at for at, gap in enumerate(self.gaps) if gap >= _HARD and at and not self._lone(at)]
        return [0, *begins, len(self.tight)]

    def sentences(self) -> list[str]:
        """What each sentence says, as the learned scorer reads it (`model_text`)."""
        begins = [at for at, gap in enumerate(self.gaps) if gap == _END and at]
        return [_numbered(self.tight[start:end]) for start, end in pairwise([0, *begins, len(self.tight)])]

    def alone(self, start: int, end: int) -> bool:
        """True when the stretch is all that its clause says, or all of one script: 反映：help。"""
        before, after = self.tight[start - 1 : start], self.tight[end : end + 1]
        left = start == 0 or self.gaps[start] >= _HARD or not before.isascii()
        return left and (not after or self.gaps[end] >= _HARD or not after.isascii())

    def _lone(self, position: int) -> bool:
        """True for a single character between gaps."""
        last = position + 1 >= len(self.tight)
        return (position == 0 or self.gaps[position] > 0) and (last or self.gaps[position + 1] > 0)


def normalise(text: str) -> Text:
    """Fold a report; never raises. Runs of ideographs and of plain Latin letters are taken whole."""
    found = _Folded([], [], [], [])
    for offset, segment in _examined(text):
        found.gap = max(found.gap, _HARD) if offset else _HARD
        _fold_segment(segment, offset, found)
    joined = "".join(found.letters)
    source, gaps = found.source, found.gaps
    if _STUTTER.search(joined):
        joined, source, gaps = _without_stutter(joined, source, gaps)
    return _simplified(joined, source, gaps, tuple(found.symbols), len(text) <= EXAMINED)


def model_text(text: Text) -> str:
    """What the learned scorer reads: `tight` with long digit runs (telephones, identity numbers) as one 0."""
    return _numbered(text.tight)


def _numbered(tight: str) -> str:
    return _LONG_NUMBER.sub("0", tight)


def model_places(text: Text) -> Sequence[int]:
    """Where each character of `model_text` begins in `tight`, and at last where that ends."""
    numbers = list(_LONG_NUMBER.finditer(text.tight))
    if not numbers:
        return range(len(text.tight) + 1)
    places, done = list[int](), 0
    for found in numbers:
        places += range(done, found.start() + 1)
        done = found.end()
    return [*places, *range(done, len(text.tight) + 1)]


@dataclass(slots=True)
class _Folded:
    """What folding has made so far; `gap` stands before the next letter."""

    letters: list[str]
    source: list[int]
    gaps: list[int]
    symbols: list[tuple[int, str]]
    gap: int = _HARD


def _fold_segment(segment: str, offset: int, made: _Folded) -> None:
    for run in _RUNS.finditer(segment):
        start, word = run.start() + offset, run[0]
        if run.lastindex is None:
            _fold_one(word, start, made)
            continue
        made.letters.append(word if run.lastindex == 1 else word.lower())
        made.source.extend(range(start, start + len(word)))
        made.gaps.append(made.gap)
        made.gaps.extend([_NO_GAP] * (len(word) - 1))
        made.gap = _NO_GAP


def _fold_one(char: str, offset: int, made: _Folded) -> None:
    """A character that is neither a plain ideograph nor a plain Latin letter or digit."""
    kept, after = _fold(char)
    if after:
        made.gap = max(made.gap, after)
        if kept and len(made.symbols) < _MOST_SYMBOLS:
            made.symbols.append((offset, kept))
        return
    for one in kept:
        made.letters.append(one)
        made.source.append(offset)
        made.gaps.append(made.gap)
        made.gap = _NO_GAP


def _without_stutter(joined: str, source: list[int], gaps: list[int]) -> tuple[str, list[int], list[int]]:
    """救命命命命 says no more than 救命命: a third and further equal letter goes, digits stay."""
    letters: list[str] = []
    kept: list[int] = []
    new_gaps: list[int] = []
    gap = _NO_GAP
    for at, one in enumerate(joined):
        gap = max(gap, gaps[at])
        if len(letters) > 1 and one == letters[-1] == letters[-2] and not one.isdigit():
            continue
        letters.append(one)
        kept.append(source[at])
        new_gaps.append(gap)
        gap = _NO_GAP
    return "".join(letters), kept, new_gaps


def fold_cell(cell: str) -> str:
    """Bring a cell of the lexicon into the form of the reports, in one go; brackets and spaces stay."""
    folded = unicodedata.normalize("NFKC", cell).lower()
    return (folded if folded.isascii() else _TO_SIMPLIFIED.convert(folded)).translate(_DIALECT)


def fold_words(term: str) -> str:
    """Bring an English term into the form of `words`: letters and digits only, single spaces."""
    spaced = "".join(char if char.isalnum() else "" if char == "'" else " " for char in term)
    return " ".join(spaced.split())


def words(text: Text) -> tuple[str, list[int]]:
    """The Latin words of a report as " my house is on fire ", and for each character its place in `tight`."""
    built: list[str] = [" "]
    places: list[int] = [0]
    spelled = False
    tight, gaps, size = text.tight, text.gaps, len(text.tight)
    if not _LATIN.search(tight):
        return "", []
    for run in _ASCII.finditer(tight):
        for place in range(*run.span()):
            alone = gaps[place] > 0 and (place + 1 == size or gaps[place + 1] > 0)
            if gaps[place] > 0 and not (spelled and alone):
                _space(built, places, place)
            spelled = alone
            built.append(tight[place])
            places.append(place)
        _space(built, places, run.end())
    return "".join(built), places


def _space(built: list[str], places: list[int], place: int) -> None:
    if built[-1] != " ":
        built.append(" ")
        places.append(place)


def _examined(text: str) -> tuple[tuple[int, str], ...]:
    """Offset and text of what is looked at, without pinyin in brackets after an ideograph, without a form's words."""
    if len(text) <= EXAMINED:
        return ((0, _without_form(_without_readings(text))),)
    tail = len(text) - _TAIL
    parts = (0, text[: EXAMINED - _TAIL]), (tail, text[tail:])
    return tuple((at, _without_form(_without_readings(part))) for at, part in parts)


def _without_form(text: str) -> str:
    """Blank out 来电人 and 请承办单位核实处理并回复, keeping every offset: 来电 would be heard as electricity."""
    if any(word in text for word in ("来电", "來電", "单位", "部门")):
        return _FORM.sub(lambda found: "\u200b" * len(found[0]), text)
    return text


def _without_readings(text: str) -> str:
    """Blank out 着(zháo)火's reading, keeping every offset."""
    if not any(mark in text for mark in "(（[【［"):
        return text
    return _BRACKETED.sub(lambda found: _blank(text, found), text)


def _blank(text: str, found: re.Match[str]) -> str:
    after_ideograph = found.start() > 0 and "一" <= text[found.start() - 1] <= "鿿"
    return "\u200b" * len(found[0]) if after_ideograph and not _spoken(found[1]) else found[0]


def _spoken(inside: str) -> bool:
    """A lone number or an English cry in brackets is content, not a reading."""
    return inside.strip().isdigit() or inside.strip().lower() in {"help", "sos", "fire", "gas"}


@lru_cache(maxsize=65_536)
def _fold(char: str) -> tuple[str, int]:
    """What a character becomes, and the gap it leaves. A symbol (emoji) comes back with a gap."""
    category = unicodedata.category(char)
    if category in ("Cf", "Mn", "Me", "Cs", "Co", "Cn", "Mc") or (category == "Cc" and char not in "\t\n\r"):
        return "", _NO_GAP
    folded = unicodedata.normalize("NFKC", char).lower()
    if not folded.isascii() and unicodedata.category(folded[0]).startswith("L") and ord(folded[0]) < 0x250:
        folded = "".join(one for one in unicodedata.normalize("NFD", folded) if one.isascii())
    kept = "".join(one for one in folded if one.isalnum())
    if kept:
        return kept, _NO_GAP
    if char in "'’":
        return "", _NO_GAP
    if char in _END_MARKS or folded[:1] in _END_MARKS:
        return "", _END
    if char in _HARD_MARKS or folded[:1] in _HARD_MARKS:
        return "", _HARD
    return (char if category == "So" else ""), _SOFT


def _simplified(
    joined: str, source: list[int], gaps: list[int], symbols: tuple[tuple[int, str], ...], complete: bool
) -> Text:
    """Convert to simplified mainland wording; where the length changes, place the characters run by run."""
    converted = joined if joined.isascii() else _TO_SIMPLIFIED.convert(joined)
    if len(converted) != len(joined):
        converted, source, gaps = _by_runs(joined, source, gaps)
    if not _DIALECT_CHARS.isdisjoint(converted):
        converted = converted.replace(*_HIDDEN).translate(_DIALECT)
    return Text(converted, source, gaps, symbols, complete)


def _by_runs(joined: str, source: list[int], gaps: list[int]) -> tuple[str, list[int], list[int]]:
    """Convert each unbroken run on its own and spread its characters over the run's offsets."""
    text, new_source, new_gaps = "", list[int](), list[int]()
    starts = [at for at in range(len(joined)) if at == 0 or gaps[at]] + [len(joined)]
    for start, end in pairwise(starts):
        run = _TO_SIMPLIFIED.convert(joined[start:end])
        text += run
        new_source += [source[start + at * (end - start) // len(run)] for at in range(len(run))]
        new_gaps += [gaps[start]] + [_NO_GAP] * (len(run) - 1)
    return text, new_source, new_gaps
