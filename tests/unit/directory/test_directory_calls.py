"""calls.toml: what is read, and every malformed rule with file, line and reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from callmesh.directory.codec import decode, encode
from callmesh.directory.load import BadCity, load_city
from callmesh.domain.city_calls import CallRules, Interpreter
from callmesh.domain.directory import City
from callmesh.domain.spans import Span

CALLS = """\
[rules]
ring = "15s"
fallback_language = "en"

[[lines]]
agency = "gas"
numbers = ["8201-1", "*9#"]

[[lines]]
agency = "110"
numbers = ["+8110"]

[[interpreters]]
language = "en"
agency = "12345"
numbers = ["8301"]
"""


@pytest.fixture
def stated(folder: Path) -> Path:
    """The small city with telephones."""
    (folder / "calls.toml").write_text(CALLS, encoding="utf-8")
    return folder


def test_a_city_without_it_rings_nobody(city: City) -> None:
    assert (city.calls, city.lines, city.interpreters, city.numbers("gas")) == (CallRules(), (), (), ())


def test_it_is_read_and_published(stated: Path) -> None:
    city = load_city(stated)
    assert city.calls == CallRules(ring=Span(15, "s"), fallback_language="en")
    assert city.numbers("gas") == ("8201-1", "*9#") and city.numbers("12345") == ()
    assert city.interpreter("en") == Interpreter("en", "12345", ("8301",)) and city.interpreter("fr") is None
    assert decode(encode(city)) == city


WRONG = [
    ("[rules]", "[rule]", 1, '"rule" does not belong here, only rules, lines, interpreters'),
    ('ring = "15s"', 'ring = "1wd"', 2, "ring: wall time only"),
    ('ring = "15s"', "ring = 15", 2, 'ring: "15" is no length of time'),
    ('ring = "15s"', "loud = true", 2, 'unknown key "loud"'),
    ('fallback_language = "en"', 'fallback_language = "fr"', 3, 'fallback_language "fr" has no interpreter'),
    ('agency = "gas"', 'agency = "gass"', 6, 'agency "gass" is no agency'),
    ('numbers = ["8201-1", "*9#"]', "numbers = []", 7, "numbers is empty"),
    ('numbers = ["8201-1", "*9#"]', 'numbers = ["82 01"]', 7, '"82 01" cannot be dialled'),
    ('agency = "110"', 'agency = "gas"', 10, 'agency "gas" is given twice, first in line 6'),
    ('language = "en"\nagency', 'language = "English"\nagency', 14, '"English" is no code like "en"'),
    ('agency = "12345"', 'agency = "hotline"', 15, 'agency "hotline" is no agency'),
]


@pytest.mark.parametrize(("old", "new", "line", "reason"), WRONG, ids=[f"{one[2]} {one[3][:24]}" for one in WRONG])
def test_a_malformed_rule_is_refused_with_file_line_and_reason(
    stated: Path, change: Callable[[str, str, str], str], old: str, new: str, line: int, reason: str
) -> None:
    change("calls.toml", old, new)
    with pytest.raises(BadCity) as found:
        load_city(stated)
    told = str(found.value).splitlines()
    assert any(one.startswith(f"calls.toml:{line}: ") and reason in one for one in told), told
