"""Loading the tables: what staff may write, and what they are told when it is wrong."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from samples import categories

from callmesh.classification.lexicon import Lexicon, LexiconError
from callmesh.classification.matching import Matcher
from callmesh.classification.tables import Row, expand
from callmesh.classification.text import normalise
from callmesh.classification.verdict import Classifier
from callmesh.domain.words import Channel, Verdict

HEADER = "term\tkind\ttarget\tweight\tflags\tnote\n"


def folder(tmp_path: Path, rows: str, patterns: str = "") -> Path:
    (tmp_path / "lexicon.tsv").write_text(HEADER + rows, encoding="utf-8")
    text = "parts\tkind\ttarget\twindow\tweight\tflags\tnote\n" + patterns
    (tmp_path / "patterns.tsv").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ("着火\tdanger\tfire\n", "kind 'danger'"),
        ("着火\ttrigger\tfire\n起火\ttrigger\tfire\n着火\ttrigger\tfire\n", "duplicate of line 2"),
        ("着火\ttrigger\tfire\t9\n", "weight '9'"),
        ("着火\ttrigger\tfire\t3\tloud\n", "flags loud"),
        ("着火\ttrigger\n", "needs a target"),
        ("(着|起火\ttrigger\tfire\n", "not closed"),
        ("着)火\ttrigger\tfire\n", "closes nothing"),
        ("着火||起火\ttrigger\tfire\n", "empty word"),
        ("没\tmodifier\tmaybe\n", "modifier 'maybe'"),
        ("a\tb\tc\td\te\tf\tg\n", "7 columns"),
        ("着火\ttrigger\tfire\n(没|)着火\tmask\n", "lexicon.tsv:3: the mask hides the danger '着火'"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, rows: str, reason: str) -> None:
    with pytest.raises(LexiconError) as error:
        Lexicon.load(folder(tmp_path, rows))
    assert reason in str(error.value)
    assert "lexicon.tsv:" in str(error.value)


def test_a_pattern_of_an_unknown_class_is_named(tmp_path: Path) -> None:
    with pytest.raises(LexiconError, match=r"patterns\.tsv:2: class 'ghost'"):
        Lexicon.load(folder(tmp_path, "孩子\tclass\tchild\n", "child + ghost\ttrigger\tfire\t9\n"))


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(LexiconError, match="no such folder"):
        Lexicon.load(tmp_path / "nowhere")


def test_the_version_follows_the_content(tmp_path: Path) -> None:
    one = Lexicon.load(folder(tmp_path, "着火\ttrigger\tfire\n")).version
    two = Lexicon.load(folder(tmp_path, "起火\ttrigger\tfire\n")).version
    assert one.startswith("lex-")
    assert one != two


DATED = HEADER.rstrip("\n") + "\tfrom\tauthor\n"


def test_a_row_is_in_force_from_its_day(tmp_path: Path) -> None:
    rows = "着火\ttrigger\tfire\t3\n走水\ttrigger\tfire\t3\t-\t-\t2026-03-01\tduty desk\n"
    (folder(tmp_path, "") / "lexicon.tsv").write_text(DATED + rows, encoding="utf-8")
    before, after = (Lexicon.load(tmp_path, date(2026, month, 1)) for month in (2, 3))
    assert [term.words for term in before.terms] == [("着火",)]
    assert [term.words for term in after.terms] == [("着火",), ("走水",)]
    assert before.version != after.version
    met = [bool(Matcher.load(tmp_path, date(2026, month, 1)).find(normalise("走水了"))) for month in (2, 3)]
    assert met == [False, True]


def test_what_is_wrong_with_a_row_is_said_before_its_day(tmp_path: Path) -> None:
    row = "走水\ttrigger\tfire\t9\t\t\t2026-03-01\n"
    (folder(tmp_path, "") / "lexicon.tsv").write_text(DATED + row, encoding="utf-8")
    with pytest.raises(LexiconError, match=r"lexicon\.tsv:2: weight '9'"):
        Lexicon.load(tmp_path, date(2026, 2, 1))


def test_a_day_that_is_none_is_named(tmp_path: Path) -> None:
    (folder(tmp_path, "") / "lexicon.tsv").write_text(f"{DATED}着火\ttrigger\tfire\t3\t\t\t1 March\n", encoding="utf-8")
    with pytest.raises(LexiconError, match=r"lexicon\.tsv:2: from '1 March' is no day"):
        Lexicon.load(tmp_path)


def test_templates_multiply_and_nest() -> None:
    row = Row("x", 1, ())
    assert expand(row, "(a|b)c|d(e|)") == ("ac", "bc", "de", "d")
    assert expand(row, "a(b(c|d)|e)") == ("abc", "abd", "ae")


def test_a_category_the_city_lacks_is_not_named_but_stays_a_danger(tmp_path: Path) -> None:
    matcher = Matcher.load(folder(tmp_path, "着火\ttrigger\tmoon_fire\n停水\tcategory\tmoon_water\n"))
    classifier = Classifier(matcher, categories())
    assert classifier.assess("厨房着火了快来", Channel.SMS).verdict is Verdict.EMERGENCY
    assert classifier.assess("厨房着火了快来", Channel.SMS).category == ""
    assert classifier.assess("整栋楼停水一上午了", Channel.SMS).verdict is Verdict.ASK


def test_an_english_cry_counts_when_it_is_all_that_is_said(tmp_path: Path) -> None:
    matcher = Matcher.load(folder(tmp_path, "help\ttrigger\tstranded\t3\talone\n"))
    assert [hit.word for hit in matcher.find(normalise("来电人反映：help。请核实"))] == ["help"]
    assert [hit.word for hit in matcher.find(normalise("我在里面help快"))] == ["help"]
    assert not matcher.find(normalise("Can you help me with my permit"))
