"""Metamorphic rules: other ways in which people, keyboards and recognisers write the same report.

A rule takes a text and gives the texts that must get no calmer verdict. Rules of spelling change the surface
(scripts, spaces, homophones, a lost character); rules of framing put words around the report (a complaint, a
work order, a greeting). Nothing is drawn at random: places and choices come from a checksum of the text, so two
runs try the same texts. A rule that cannot be applied gives nothing.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import opencc

from callmesh.classification.metamorphic_data import COMPLAINTS, HEARD, HOMOPHONES, NUMERALS, ORDER, PLAYFUL
from callmesh.classification.tables import cells, read

__all__ = ["RULES", "Rule"]

_FRAMED = 4
"""Characters of a text that can stand in a frame; a cry of one word does not ask who is in charge."""

Make = Callable[[str], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One way to rewrite.

    `frames` puts other words around the report, which may then be about them, too; `harms` loses or adds some of
    what was said. Neither suits a text that hardly says anything.
    """

    name: str
    make: Make
    frames: bool = False
    harms: bool = False


def _one(change: Callable[[str], str]) -> Make:
    """A rule that gives one text, or none when nothing changed."""

    def make(text: str) -> Iterator[str]:
        made = change(text)
        if made != text:
            yield made

    return make


def _around(before: str, after: str = "") -> Make:
    return _one(lambda text: f"{before}{text}{after}" if len(text) >= _FRAMED else text)


def _between(mark: str) -> Make:
    """A mark between the characters of an ideographic text; Latin words would lose their meaning."""
    return _one(lambda text: text if text.isascii() else mark.join(text))


def _number(text: str) -> int:
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))


@cache
def _opencc(name: str) -> opencc.OpenCC:
    return opencc.OpenCC(name)


def _converted(name: str) -> Make:
    return _one(lambda text: str(_opencc(name).convert(text)))


def _full_width(text: str) -> str:
    wide = "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)
    return wide.replace(" ", "\u3000")


def _bare(text: str) -> str:
    return "".join(char for char in text if char.isalnum() or char == " ")


def _inside(mark: str, every: int) -> Make:
    """A mark after every few characters, so that words break in their middle."""

    def change(text: str) -> str:
        start = _number(text) % every
        return "".join(char + mark if at % every == start else char for at, char in enumerate(text))

    return _one(lambda text: text if text.isascii() else change(text))


def _replaced(pairs: tuple[tuple[str, str], ...]) -> Make:
    def change(text: str) -> str:
        for old, new in pairs:
            text = text.replace(old, new)
        return text

    return _one(change)


def _one_homophone(text: str) -> str:
    """One slip of the keyboard: the first, second or third character that has a homophone."""
    places = [at for at, char in enumerate(text) if char in HOMOPHONES]
    if not places:
        return text
    at = places[_number(text) % min(3, len(places))]
    return text[:at] + HOMOPHONES[text[at]] + text[at + 1 :]


def _lost(text: str) -> Iterator[str]:
    """Each text with one character lost, at three places spread over it."""
    places = [at for at, char in enumerate(text) if char.isalnum()]
    if len(places) >= 6 and not text.isascii():
        for third in range(3):
            at = places[(_number(text) + third * len(places) // 3) % len(places)]
            yield text[:at] + text[at + 1 :]


def _swapped(text: str) -> str:
    """Two neighbours exchanged, as by quick fingers."""
    if len(text) < 6 or text.isascii():
        return text
    at = _number(text) % (len(text) - 1)
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def _stuttered(text: str) -> str:
    at = _number(text) % len(text)
    return text[:at] + text[at] * 2 + text[at:]


def _hesitating(text: str) -> str:
    """What a recogniser writes of a breathless caller: fillers for pauses, no punctuation."""
    fillers = ("嗯", "那个", "就是", "呃", "啊")
    parts = "".join(char if char.isalnum() or char == " " else "\n" for char in text).split("\n")
    said = [part for part in parts if part]
    return "".join(part + fillers[(_number(text) + at) % len(fillers)] for at, part in enumerate(said))


@cache
def _syllables() -> dict[str, str]:
    """The usual reading of each character, from the lexicon's table of sounds."""
    table = read(Path(__file__).parent / "data" / "sounds.tsv", "syllable first also")
    return {char: syllable for syllable, first, _ in (cells(row, 3) for row in table) for char in first}


def _pinyin(every: int) -> Make:
    """Every n-th character as its syllable: an input method that was not finished."""

    def change(text: str) -> str:
        start = _number(text) % every
        said = [_syllables().get(char, "") if at % every == start else "" for at, char in enumerate(text)]
        parts = [f" {syllable} " if syllable else char for syllable, char in zip(said, text, strict=True)]
        return "".join(parts).replace("  ", " ").strip()

    return _one(change)


def _buried(where: str) -> Make:
    """Inside a long complaint about something else."""

    def change(text: str) -> str:
        first = COMPLAINTS[_number(text) % len(COMPLAINTS)]
        last = COMPLAINTS[(_number(text) + 1) % len(COMPLAINTS)]
        if len(text) < _FRAMED:
            return text
        return {"first": f"{text}。{first}", "last": f"{first}{text}", "middle": f"{first}{text}。{last}"}[where]

    return _one(change)


_SPELLING = (
    Rule("as written", lambda text: iter((text,))),
    Rule("traditional, Taiwan", _converted("s2twp")),
    Rule("traditional, Hong Kong", _converted("s2hk")),
    Rule("full width", _one(_full_width)),
    Rule("upper case", _one(str.upper)),
    Rule("Chinese numerals", _one(lambda text: text.translate(NUMERALS))),
    Rule("spaces between", _between(" ")),
    Rule("ideographic spaces between", _between("\u3000")),
    Rule("dots between", _between(".")),
    Rule("stars between", _between("*")),
    Rule("dashes between", _between("-")),
    Rule("zero width between", _between("\u200b")),
    Rule("commas inside words", _inside("，", 4)),
    Rule("dots inside words", _inside("…", 5)),
    Rule("emoji inside", _inside("😭", 3)),
    Rule("right to left marks", _one(lambda text: "\u202e" + "\u200f".join(text))),
    Rule("no punctuation", _one(_bare)),
    Rule("exclamation", _one(lambda text: "！！！".join(_bare(part) for part in text.split("，")) + "！！！")),
    Rule("emoji around", _around("😭😭", "🙏🙏")),
    Rule("one homophone", _one(_one_homophone), harms=True),
    Rule("dialect of the keyboard", _replaced(PLAYFUL), harms=True),
    Rule("as a recogniser hears it", _replaced(HEARD), harms=True),
    Rule("hesitating", _one(_hesitating), harms=True),
    Rule("a character lost", _lost, harms=True),
    Rule("two characters exchanged", _one(_swapped), harms=True),
    Rule("a character stuttered", _one(_stuttered), harms=True),
    Rule("a third in pinyin", _pinyin(3), harms=True),
    Rule("all in pinyin", _pinyin(1)),
    Rule("said twice", _one(lambda text: f"{text} {text}"), harms=True),
)
_FRAMES = tuple(
    Rule(name, make, frames=True)
    for name, make in (
        ("as an enquiry", _around("咨询：")),
        ("as a polite question", _around("你好，请问一下，", "，这个归谁管？")),
        ("as a complaint", _around("我要投诉，")),
        ("as an urgent complaint", _around("投诉！你们到底管不管，", "，打了几次电话都没人理")),
        ("as a suggestion", _around("建议你们来看看，")),
        ("thanked for", _around("", "，希望尽快处理，谢谢")),
        ("as a caption", _around("[图片] ")),
        ("as a chat message", _around("[10:32] 群友：", "（转）")),
        ("as a partner's work order", _around(*ORDER)),
        ("buried first", _buried("first")),
        ("buried last", _buried("last")),
        ("buried in the middle", _buried("middle")),
    )
)
RULES = _SPELLING + _FRAMES
"""Every rule, the plain text first."""
