"""How characters sound, without tones: 救名, 九命 and jiuming are all heard as 救命.

Neighbouring sounds that dictation and dialects confuse (zh/z, ch/c, sh/s, -ng/-n) count as one.
Each syllable becomes one private character, so a phrase can be searched like any other word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import islice, product
from typing import NamedTuple

from callmesh.classification.tables import Row, cells
from callmesh.classification.text import Text

_LONGEST = 6
_PINYIN = 0.7
"""Share of the letters that are syllables; of English texts never more than half are."""
_PRIVATE = 0xE000
UNHEARD = chr(0xF8FF)
_RUNS = re.compile("([^\\x00-\\x7f]+)|[\\x00-\\x7f]+")


def blurred(syllable: str) -> str:
    """One spelling for sounds that are easily confused."""
    for exact, blurry in (("zh", "z"), ("ch", "c"), ("sh", "s")):
        if syllable.startswith(exact):
            syllable = blurry + syllable[2:]
    return syllable[:-1] if syllable.endswith(("ang", "eng", "ing")) else syllable


class Heard(NamedTuple):
    """The syllables of a report, and where the stretch of `tight` behind each begins and ends."""

    codes: str
    begins: list[int]
    ends: list[int]


class _Readings(dict[str, str]):
    """The usual reading of each character; one without a reading is UNHEARD."""

    def __missing__(self, key: str) -> str:
        return UNHEARD


class Sounds:
    """The reading table: text to a string of syllable codes and back to places in the text."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._code: dict[str, str] = {}
        self._readings: dict[str, list[str]] = {}
        self._ordered: dict[str, tuple[str, ...]] = {}
        self._heard = _Readings()
        self._spelled = lru_cache(4_096)(self._split)
        for row in rows:
            syllable, first, also = cells(row, 3)
            code = self._code_of(syllable)
            self._heard.update(dict.fromkeys(first.strip("-"), code))
            for char in first.strip("-") + also.strip("-"):
                self._readings.setdefault(char, []).append(code)

    def spell(self, term: str, most: int = 8) -> tuple[str, ...]:
        """The ways a term can sound; () when a character has no known reading."""
        return tuple(map("".join, islice(product(*map(self._sorted, term)), most)))

    def _sorted(self, char: str) -> tuple[str, ...]:
        """The readings of a character, in order."""
        found = self._ordered.get(char)
        if found is None:
            found = self._ordered[char] = tuple(sorted(set(self._readings.get(char, ()))))
        return found

    def hear(self, text: Text) -> Heard:
        """The syllables of a report; pinyin words are spelled out."""
        codes, begins, ends = list[str](), list[int](), list[int]()
        for run in _RUNS.finditer(text.tight):
            start, end = run.span()
            if run.lastindex == 1:
                codes += map(self._heard.__getitem__, run[0])
                begins += range(start, end)
                ends += range(start + 1, end + 1)
                continue
            while start < end:
                stop = self._latin_end(text, start)
                for code, at, length in self._read_latin(text, start, stop):
                    codes.append(code)
                    begins.append(start + at)
                    ends.append(start + at + length)
                start = stop
        return Heard("".join(codes), begins, ends)

    def is_pinyin(self, text: Text) -> bool:
        """True for a report whose letters are mostly Latin and read as syllables, not as English words."""
        latin = sum(map(str.isascii, text.tight))
        if 2 * latin <= len(text.tight):
            return False
        spelled = [end - start for code, start, end in zip(*self.hear(text), strict=True) if code != UNHEARD]
        return sum(spelled) > _PINYIN * len(text.tight)

    def _read_latin(self, text: Text, start: int, end: int) -> Sequence[tuple[str, int, int]]:
        """Spell one Latin word; a tone digit is passed over, any other word breaks the phrase."""
        word = text.tight[start:end]
        if word.isdigit() and len(word) == 1:
            return ()
        spelled = None if word.isdigit() else self._spelled(word.rstrip("12345"))
        return spelled or ((UNHEARD, 0, len(word)),)

    def _code_of(self, syllable: str) -> str:
        key = blurred(syllable)
        code = self._code.get(key) or chr(_PRIVATE + len(set(self._code.values())))
        self._code[key] = self._code[syllable] = code
        return code

    @staticmethod
    def _latin_end(text: Text, start: int) -> int:
        """The end of the Latin word at `start`."""
        end = start + 1
        while end < len(text.tight) and text.tight[end].isascii() and not text.gaps[end]:
            end += 1
        return end

    def _split(self, word: str) -> list[tuple[str, int, int]]:
        """A word as syllables (longest first, with one way back), [] when it is not pinyin."""
        if len(word) > 40:
            return []
        best: list[list[tuple[str, int, int]] | None] = [[]] + [None] * len(word)
        for end in range(1, len(word) + 1):
            for start in range(max(0, end - _LONGEST), end):
                before = best[start]
                code = self._code.get(word[start:end])
                if before is None or code is None:
                    continue
                current = best[end]
                if current is None or len(before) + 1 < len(current):
                    best[end] = [*before, (code, start, end - start)]
        return best[-1] or []
