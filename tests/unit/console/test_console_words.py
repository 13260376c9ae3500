"""Words of the console: nothing untranslated, countdowns that say the same on both sides."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_file

from callmesh.api.v1 import case_pb2, common_pb2, referral_pb2, tracking_service_pb2
from callmesh.console import i18n, terms, words
from callmesh.console.pages import admin, board, case, help, referral, supervise
from callmesh.console.web import NAV
from callmesh.console.words import Words, lamp, masked

CONSOLE = Path(i18n.__file__).parent
SAYING = {"say", "NotUnderstood"}


def said_in_templates() -> Iterator[str]:
    for file in sorted((CONSOLE / "templates").glob("*.html")):
        for _, text, _, _ in extract_from_file("jinja2.ext:babel_extract", str(file), keywords={"_": None}):
            yield str(text)


def said_in_code() -> Iterator[str]:
    for file in sorted(CONSOLE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if called in SAYING:
                    yield str(node.args[0].value)


def said_in_tables() -> set[str]:
    told = {what for *_, what in (*help.KEYS, *help.COMMANDS, *board.TILES, *board.TRENDS)}
    told |= {label for _, label in NAV.values()}
    tables = (case.ACTS, referral.DONE, supervise.VIEWS, admin.DONE, admin.LABELS)
    return told | {text for table in tables for text in table.values()}


def test_every_text_has_its_chinese() -> None:
    wanted = {*said_in_templates(), *said_in_code(), *said_in_tables()}
    assert len(wanted) > 50
    assert sorted(wanted - i18n.chinese().keys()) == []


def test_a_text_is_translated_once() -> None:
    """Else the file that is read last wins, on pages that mean the other."""
    texts = [
        line for file in sorted((CONSOLE / "locale" / "zh_CN").glob("*.po")) for line in file.read_text().split("\n")
    ]
    counted = Counter(line for line in texts if line.startswith("msgid ") and line != 'msgid ""')
    assert [line for line, times in counted.items() if times > 1] == []


def test_no_chinese_stands_there_that_nobody_says() -> None:
    assert sorted(i18n.chinese().keys() - {*said_in_templates(), *said_in_code(), *said_in_tables()}) == []


@pytest.mark.parametrize(
    ("table", "enum"),
    [
        (words.LEVEL, common_pb2.Level),
        (words.CASE_STATE, case_pb2.Case.State),
        (words.REFERRAL_STATE, referral_pb2.Referral.State),
        (words.LEG, case_pb2.CallLeg.State),
        (words.LEG_REASON, case_pb2.CallLeg.Reason),
        (words.LIMIT, common_pb2.Limit),
        (words.STAGE, tracking_service_pb2.TimelineEntry.Stage),
        (words.SUPERVISION, common_pb2.Supervision),
        (terms.PENDING, referral_pb2.Pending.Kind),
        (terms.FINDING, case_pb2.Finding.State),
        (terms.REPEAT_STAGE, case_pb2.Repeat.Stage),
    ],
)
def test_every_code_of_the_contract_has_words(table: dict[int, words.Pair], enum: object) -> None:
    assert set(table) == set(enum.values())  # type: ignore[attr-defined]
    assert all(zh and en and zh != en for zh, en in table.values())


@pytest.mark.parametrize(
    ("seconds", "zh", "en"),
    [
        (0, "00:00", "00:00"),
        (754, "12:34", "12:34"),
        (-754, "超 12:34", "+12:34"),
        (11_109, "3:05:09", "3:05:09"),
        (-90_000, "超 25:00:00", "+25:00:00"),
        (2 * 86_400 + 4 * 3_600, "2天 4时", "2d 4h"),
    ],
)
def test_time_left(seconds: float, zh: str, en: str) -> None:
    assert (Words("zh").left(seconds), Words("en").left(seconds)) == (zh, en)


def test_a_lamp_says_over_near_and_ok() -> None:
    assert [lamp(one) for one in (-1, 0, 299, 300)] == ["over", "near", "near", "ok"]


def test_numbers_of_people_are_masked_and_service_numbers_are_not() -> None:
    assert [masked(one) for one in ("19900008524", "110", "12345", "")] == ["199****8524", "110", "12345", ""]
