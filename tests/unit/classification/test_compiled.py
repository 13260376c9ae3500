"""The compiled lexicon: finds what a plain search finds, is kept once, and is never trusted when it cannot be read."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from callmesh.classification import compiled_file
from callmesh.classification.compiled import compiled
from callmesh.classification.compiled_file import open_lexicon
from callmesh.classification.corpus import load
from callmesh.classification.lexicon import Lexicon
from callmesh.classification.matching import Hit, Matcher
from callmesh.classification.spotting import LONGEST, Spotter, endings_of, numbers_of
from callmesh.classification.text import normalise

TERMS = "term\tkind\ttarget\tweight\tflags\tnote\n"
PATTERNS = "parts\tkind\ttarget\twindow\tweight\tflags\tnote\n"
ROW = "着火|my house is on fire|🔥\ttrigger\tfire\t3\talike\n孩子\tclass\tchild\n水\tclass\twater\n"
JOINED = "child + water\ttrigger\tdrowning_fall_suicide\t9\t2\n"


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small lexicon that is worth keeping."""
    monkeypatch.setattr(compiled_file, "_WORTH_KEEPING", 0)
    (tmp_path / "lexicon.tsv").write_text(TERMS + ROW, encoding="utf-8")
    (tmp_path / "patterns.tsv").write_text(PATTERNS + JOINED, encoding="utf-8")
    return tmp_path


def _found(matcher: Matcher, text: str) -> list[tuple[int, int, str, str, bool]]:
    hits: list[Hit] = matcher.find(normalise(text))
    return [(hit.start, hit.end, hit.word, hit.row.target, hit.sure) for hit in hits]


def test_every_word_of_a_line_is_spotted_and_nothing_else() -> None:
    dice = random.Random(7)
    words = sorted({"".join(dice.choices("水火人的大", k=dice.randint(1, 6))) for _ in range(400)})
    numbers = numbers_of(words)
    order = np.argsort(numbers)
    spotter = Spotter(numbers[order], endings_of(words))
    for size in (0, 1, 5, 1_023, 1_024, 1_025, 3_000):
        line = "".join(dice.choices("水火人的大小", k=size))
        spotted = zip(*spotter.find(line), strict=True)
        met = [(last, length, words[order[row]]) for last, length, row in spotted]
        plain = [
            (end - 1, length, line[end - length : end])
            for end in range(1, size + 1)
            for length in range(min(6, end), 0, -1)
            if line[end - length : end] in words
        ]
        assert met == plain


@pytest.mark.parametrize("words", [["水", "水"], [""], ["水" * (LONGEST + 1)]])
def test_words_that_cannot_be_told_apart_are_refused(words: list[str]) -> None:
    with pytest.raises(ValueError, match="word"):
        numbers_of(words)


def test_what_is_read_back_finds_the_same(tables: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    first, again = (Matcher(open_lexicon(tables, kept)) for _ in range(2))
    assert len(list(kept.glob("*.npz"))) == 1
    for text in ("家里着火了", "zhaohuo le 🔥", "My house is on FIRE!", "孩子掉水里", "好的"):
        assert _found(again, text) == _found(first, text)
    assert _found(again, "孩子掉水里")[0][3] == "drowning_fall_suicide"


def test_the_packaged_lexicon_read_back_finds_the_same() -> None:
    open_lexicon()
    fresh, kept = Matcher(compiled(Lexicon.load())), Matcher(open_lexicon())
    for sample in load()[::25]:
        assert _found(kept, sample.text) == _found(fresh, sample.text)


def test_a_changed_table_is_another_file_and_few_are_kept(tables: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    for extra in "甲乙丙丁戊己":
        (tables / "lexicon.tsv").write_text(f"{TERMS}{ROW}{extra}{extra}\ttrigger\tfire\n", encoding="utf-8")
        assert _found(Matcher(open_lexicon(tables, kept)), extra * 2)
    assert len(list(kept.glob("*"))) == 4


@pytest.mark.parametrize("damage", [b"", b"PK nonsense", None])
def test_a_damaged_file_is_made_anew(tables: Path, tmp_path: Path, damage: bytes | None) -> None:
    kept = tmp_path / "kept"
    open_lexicon(tables, kept)
    (file,) = kept.glob("*.npz")
    whole = file.read_bytes()
    middle = len(whole) // 2
    file.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :] if damage is None else damage)
    assert _found(Matcher(open_lexicon(tables, kept)), "着火了")
    assert file.read_bytes() == whole


def test_a_folder_that_cannot_be_written_only_costs_time(tables: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file, no folder", encoding="utf-8")
    assert _found(Matcher(open_lexicon(tables, tmp_path / "kept")), "着火了")


def test_a_kept_file_can_be_read_by_any_user(tables: Path, tmp_path: Path) -> None:
    open_lexicon(tables, tmp_path / "kept")
    (file,) = (tmp_path / "kept").iterdir()
    assert file.stat().st_mode & 0o044 == 0o044
