"""repeats.toml and patrol.toml: what is read, and every malformed rule with file, line and reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from callmesh.directory.codec import decode, encode
from callmesh.directory.load import BadCity, load_city
from callmesh.domain.city_rules import FoldMode, LinkKind, PatrolCheck, Responsible
from callmesh.domain.directory import City
from callmesh.domain.spans import Span

REPEATS = """\
[linking]
kinds = ["number", "place"]
window = "720h"

[[types]]
id = "caller"
zh = "多次报警"
en = "Again"
categories = ["*"]
kinds = ["number"]
count = 5
window = "48h"
threats = ["theft"]

[[folding]]
categories = ["gas_leak"]
place = "cell"
count = 3
window = "4h"
mode = "confirmed"
"""
PATROL = """\
[[rules]]
id = "no_reply"
zh = "无答复"
en = "No reply"
check = "no_reply"
least = 4
due = "2wd"

[[rules]]
id = "fast"
zh = "过快"
en = "Too fast"
check = "resolved_too_fast"
within = "5m"
levels = ["p1"]
responsible = "origin"
due = "24h"
"""


@pytest.fixture
def stated(folder: Path) -> Path:
    """The small city with both files."""
    (folder / "repeats.toml").write_text(REPEATS, encoding="utf-8")
    (folder / "patrol.toml").write_text(PATROL, encoding="utf-8")
    return folder


def problems(folder: Path) -> list[str]:
    with pytest.raises(BadCity) as found:
        load_city(folder)
    return str(found.value).splitlines()


def test_a_city_without_them_links_folds_and_patrols_nothing(city: City) -> None:
    assert (city.linking.kinds, city.repeat_types, city.fold_rules, city.patrol_rules) == ((), (), (), ())


def test_both_are_read_and_published(stated: Path) -> None:
    city = load_city(stated)
    assert city.linking.kinds == (LinkKind.NUMBER, LinkKind.PLACE)
    assert (city.repeat_types[0].count, city.repeat_types[0].window) == (5, Span(48, "h"))
    assert city.fold_rules[0].mode == FoldMode.CONFIRMED
    assert [one.check for one in city.patrol_rules] == [PatrolCheck.NO_REPLY, PatrolCheck.RESOLVED_TOO_FAST]
    assert (city.patrol_rules[1].within, city.patrol_rules[1].responsible) == (Span(5, "m"), Responsible.ORIGIN)
    assert decode(encode(city)) == city


WRONG = [
    ("repeats.toml", 'kinds = ["number", "place"]', 'kinds = ["number", "face"]', 2, "kinds: "),
    ("repeats.toml", 'window = "720h"', 'window = "3000h"', 3, "window: at most 2160h (90 days)"),
    ("repeats.toml", 'window = "720h"', 'window = "30wd"', 3, "window: wall time only"),
    ("repeats.toml", 'window = "48h"', 'window = "721h"', 12, "window: longer than that of [linking]"),
    ("repeats.toml", "[linking]", "[links]", 1, '"links" does not belong here'),
    ("repeats.toml", 'categories = ["*"]', "categories = []", 9, "categories is empty"),
    ("repeats.toml", 'categories = ["*"]', 'categories = ["thef"]', 9, 'categories "thef" is no category'),
    ("repeats.toml", 'kinds = ["number"]', 'kinds = ["matter"]', 10, 'kinds: "matter" is not among'),
    ("repeats.toml", "count = 5", "count = 0", 11, "count: 1 to 64"),
    ("repeats.toml", "count = 5", "count = 65", 11, "count: 1 to 64"),
    ("repeats.toml", "count = 5", 'count = "five"', 11, "count: expected int"),
    ("repeats.toml", 'threats = ["theft"]', 'threats = ["threat"]', 13, 'threats "threat" is no category'),
    ("repeats.toml", 'categories = ["gas_leak"]', 'categories = ["theft"]', 16, '"theft" is an emergency'),
    ("repeats.toml", 'categories = ["gas_leak"]', 'categories = ["*"]', 16, '"*" does not fold'),
    ("repeats.toml", 'place = "cell"', 'place = "street"', 17, '"street" is not one of cell, division'),
    ("repeats.toml", "count = 3", "count = 1", 18, "count: at least 2"),
    ("repeats.toml", 'mode = "confirmed"', 'mode = "always"', 20, '"always" is not one of'),
    ("patrol.toml", 'check = "no_reply"', 'check = "no_answer"', 5, '"no_answer" is not one of no_reply'),
    ("patrol.toml", "least = 4\n", "", 5, 'least is missing: the check "no_reply" needs it'),
    ("patrol.toml", "least = 4", "least = 0", 6, "least: at least 1"),
    ("patrol.toml", "least = 4", "most = 4", 6, 'most: the check "no_reply" does not take it'),
    ("patrol.toml", 'due = "2wd"', 'due = "soon"', 7, 'due: "soon" is no length of time'),
    ("patrol.toml", 'within = "5m"', 'within = "5wd"', 14, "within: wall time only"),
    ("patrol.toml", 'within = "5m"', "within = 5", 14, 'within: "5" is no length of time'),
    ("patrol.toml", 'levels = ["p1"]', 'levels = ["p9"]', 15, "levels: "),
    ("patrol.toml", 'responsible = "origin"', 'responsible = "nobody"', 16, '"nobody" is not one of lead, origin'),
    ("patrol.toml", 'id = "fast"', 'id = "no_reply"', 10, 'id "no_reply" is given twice, first in line 2'),
    ("patrol.toml", 'en = "Too fast"', 'en = "Too fast"\nspeed = 3', 13, 'unknown key "speed"'),
]


@pytest.mark.parametrize(
    ("file", "old", "new", "line", "reason"), WRONG, ids=[f"{one[0]}:{one[3]} {one[2][:24]}" for one in WRONG]
)
def test_a_malformed_rule_is_refused_with_file_line_and_reason(
    stated: Path, change: Callable[[str, str, str], str], file: str, old: str, new: str, line: int, reason: str
) -> None:
    change(file, old, new)
    found = problems(stated)
    assert any(one.startswith(f"{file}:{line}: ") and reason in one for one in found), found
