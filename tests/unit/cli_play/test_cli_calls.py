"""Reading a line never raises: it is a call, an empty line, or a malformed one with its number."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callmesh.cli.calls import TEXT_LENGTH, Call, Malformed, Script, parse
from callmesh.cli.desk import opening

_KEYS = [
    "text",
    "channel",
    "phone",
    "place",
    "division",
    "longitude",
    "latitude",
    "origin",
    "device",
    "external_id",
    "language",
    "silent",
    "confidential",
    "situation",
    "operator",
    "plan",
    "partner",
    "expect",
    "unknown",
]
_INNER = st.dictionaries(
    st.sampled_from(["trapped", "injured", "dead", "hazards", "category", "do", "reason", "basis", "solved"]),
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.lists(st.text(max_size=5), max_size=3),
)
_VALUES: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50) | _INNER | st.lists(st.integers())
)


@given(st.binary(max_size=300), st.integers(1, 10**9))
def test_any_bytes_are_told_by_number(raw: bytes, number: int) -> None:
    found = parse(number, raw)
    assert found is None or found.line == number
    if isinstance(found, Malformed):
        assert found.error


@given(st.dictionaries(st.sampled_from(_KEYS), _VALUES), st.integers(1, 10**9))
def test_any_object_is_a_call_that_the_contract_takes_or_malformed(value: dict[str, Any], number: int) -> None:
    found = parse(number, json.dumps(value).encode())
    assert found is not None
    assert found.line == number
    if isinstance(found, Call):
        assert opening(found, "request", "run").report.narrative == value["text"]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("{", "not JSON"),
        ("[1]", "not a JSON object but a list"),
        ("3", "not a JSON object but a number"),
        ("[" * 100_000, "not JSON"),
        ('{"text": ' + "9" * 5000 + "}", "not JSON"),
        ("{}", "text is missing"),
        ('{"text": null}', "text is missing"),
        ('{"text": 3}', "text must be a string, not a number"),
        ('{"text": " \\n"}', "text is empty"),
        ('{"text": "' + "水" * (TEXT_LENGTH + 1) + '"}', "text is longer than 20000 characters"),
        ('{"text": "' + "😀" * 16_000 + '"}', "text is longer than 60000 bytes"),
        ('{"text": "\\ud800"}', "text holds half a surrogate pair"),
        ('{"text": "x", "phone": 110}', "phone must be a string, not a number"),
        ('{"text": "x", "place": "' + "x" * 501 + '"}', "place is longer than 500 characters"),
        ('{"text": "x", "silent": 1}', "silent must be true or false, not a number"),
        ('{"text": "x", "longitude": 120}', "longitude and latitude belong together"),
        ('{"text": "x", "longitude": NaN, "latitude": 3}', "longitude must be between -180 and 180"),
        ('{"text": "x", "longitude": true, "latitude": 3}', "longitude must be a number, not true or false"),
        ('{"text": "x", "situation": {"injured": -1}}', "situation.injured must be between 0"),
        ('{"text": "x", "situation": []}', "situation must be an object, not a list"),
        ('{"text": "x", "partner": {"do": "sleep"}}', "partner.do must be resolve, return or ignore"),
    ],
)
def test_what_is_wrong_is_said(line: str, error: str) -> None:
    found = parse(7, line.encode())
    assert isinstance(found, Malformed)
    assert found.line == 7
    assert found.error.startswith(error)


def test_what_is_no_utf8_or_too_long_is_told() -> None:
    assert parse(1, b'{"text": "\xff"}') == Malformed(1, "not UTF-8 (byte 11)")
    assert parse(2, None) == Malformed(2, "the line is longer than 1 MiB")


def test_empty_lines_are_passed_over() -> None:
    assert parse(1, b"") is None
    assert parse(2, b"  \r") is None


def test_only_text_is_required_and_unknown_keys_are_ignored() -> None:
    found = parse(1, '\ufeff{"text": "停水", "colour": [1], "phone": null}'.encode())
    assert found == Call(line=1, text="停水")
    assert isinstance(found, Call) and found.attended


def test_everything_a_line_may_say_reaches_the_contract() -> None:
    line = {
        "text": "漏气",
        "channel": "sms",
        "phone": "19900000001",
        "place": "银杏路",
        "longitude": 120,
        "latitude": 30.5,
        "device": "kiosk-001",
        "external_id": "A-1",
        "silent": True,
        "situation": {"injured": 2, "hazards": ["gas"]},
        "operator": {"category": "gas_leak"},
        "partner": {"do": "return", "reason": "wrong_division", "solved": False},
    }
    found = parse(1, json.dumps(line).encode())
    assert isinstance(found, Call)
    assert found.script == Script(do="return", reason="wrong_division", solved=False)
    assert found.operator == "gas_leak"
    request = opening(found, "r", "run")
    assert request.report.caller.silent
    assert request.report.place.point.longitude == 120
    assert [one.value for one in request.external_ids] == ["A-1@run", "A-1"]
    assert request.situation.injured == 2
    assert list(request.situation.hazards) == ["gas"]
