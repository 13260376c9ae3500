"""The command line: what a person may type, and what it is taken for."""

from __future__ import annotations

import msgspec
import pytest

from callmesh.api.v1 import report_pb2
from callmesh.console.commands import Command, NotUnderstood, agency_meant, case_meant, ground_meant, parse
from callmesh.console.sending import Draft, Form, opening, since
from support.city import demo_city

CASES = ["cases/r1-0-AAAAAAAA0123", "cases/r1-0-BBBBBBBB4123", "cases/r1-0-CCCCCCCC9999"]


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("转 燃气", Command("transfer", "燃气")),
        ("转燃气", Command("transfer", "燃气")),
        ("to gas", Command("transfer", "gas")),
        ("签 0123", Command("accept", "0123")),
        ("签0123", Command("accept", "0123")),
        ("退 0123  不归我们管 请改派", Command("return", "0123", "不归我们管 请改派")),
        ("BACK 0123 not ours", Command("return", "0123", "not ours")),
        ("访 0123 5 很满意", Command("follow_up", "0123", "5 很满意")),
    ],
)
def test_a_line_is_understood(line: str, meant: Command) -> None:
    assert parse(line) == meant


@pytest.mark.parametrize("line", ["", "   ", "跳 0123", "签", "转 ", "/", "okay 0123"])
def test_a_line_that_says_nothing_is_refused(line: str) -> None:
    with pytest.raises(NotUnderstood):
        parse(line)


@pytest.mark.parametrize(
    ("said", "id"), [("gas", "gas"), ("燃气", "gas"), ("119", "119"), ("消防", "119"), ("12345", "12345")]
)
def test_an_agency_is_found_by_what_people_call_it(said: str, id: str) -> None:
    assert agency_meant(demo_city(), said) == id


@pytest.mark.parametrize("said", ["不存在", "临江"])
def test_an_agency_that_is_none_or_many_is_asked_for_again(said: str) -> None:
    with pytest.raises(NotUnderstood):
        agency_meant(demo_city(), said)


@pytest.mark.parametrize("said", ["abuse", "骚扰", "harass"])
def test_a_ground_is_found_by_its_code_or_a_part_of_its_name(said: str) -> None:
    assert ground_meant(demo_city(), said) == "abuse"


@pytest.mark.parametrize("said", ["不存在", "程序"])
def test_a_ground_that_is_none_or_many_is_asked_for_again(said: str) -> None:
    with pytest.raises(NotUnderstood):
        ground_meant(demo_city(), said)


def test_a_case_is_found_by_the_end_of_its_number() -> None:
    assert case_meant(CASES, "9999") == CASES[2]
    assert case_meant(CASES, "c9999") == CASES[2]
    for wrong in ("99", "123", "7777"):
        with pytest.raises(NotUnderstood):
            case_meant(CASES, wrong)


def test_words_typed_after_the_first_press_are_added_and_nothing_else() -> None:
    first = Form(narrative="有烟", place="望江路1号", number="19900000000")
    same = Draft(id="x", narrative="有烟", place="望江路1号", number="19900000000")
    assert since(first, same) == ""
    more = Draft(id="x", narrative="有烟，现在看见火", place="望江路2号", number="19900000000")
    assert since(first, more) == "，现在看见火; 地点: 望江路2号"
    told = Draft(id="x", narrative="有烟，现在看见火", told="有烟，现在看见火", place="望江路1号", number="19900000000")
    assert since(first, told) == ""


def test_people_are_counted_and_never_below_none() -> None:
    sent = opening("x", Form(narrative="有烟", trapped=2, dead=1), lowered=False)
    assert sent.situation == report_pb2.Situation(trapped=2, dead=1) and not sent.emergency
    for wrong in (-1, 10_000, "2"):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(msgspec.json.encode({"id": "x", "injured": wrong}), type=Draft)
