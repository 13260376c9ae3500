"""`callmesh classify try`: a file, a pipe, bad lines, no mesh."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from callmesh.cli.main import main

CITY = Path(__file__).resolve().parents[3] / "deploy" / "city"


def run(*args: str, given: str | bytes = "") -> Result:
    return CliRunner().invoke(main, ["classify", "try", *args], input=given)


def told(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_every_line_gets_one_answer_in_its_place() -> None:
    lines = [
        "两伙人打架，有人头破血流，还把煤气罐阀门拧开了",
        '{"text": "停水两天了，影响做饭", "id": 7, "channel": "sms"}',
        "",
    ]
    result = run("--json", given="\n".join([*lines, ""]))
    mixed, water, empty = told(result)
    assert result.exit_code == 0
    assert (mixed["verdict"], mixed["level"]) == ("emergency", "p0")
    assert {"police", "ems", "fire", "gas"} <= {one["kind"] for one in mixed["agencies"]}
    assert {"violence", "trauma", "gas_leak"} <= set(mixed["incidents"])
    assert all(mixed["text"][one["start"] : one["end"]] == one["text"] for one in mixed["evidence"])
    assert (water["id"], water["verdict"], water["agencies"][0]["agency"]) == (7, "route", "water")
    assert water["agencies"][0]["score"] > 0.5
    assert water["micros"] > 0
    assert (empty["text"], empty["verdict"]) == ("", "ask")


def test_bad_lines_are_named_by_number_and_the_rest_goes_on() -> None:
    lines = ["{bad", '{"channel": "sms"}', '{"text": "路灯不亮", "origin": "998"}', '{"text": "路灯不亮"}']
    result = run("--json", given="\n".join(lines))
    assert result.exit_code == 1
    assert [one.get("error", "")[:8] for one in told(result)] == ["not JSON", '"text" i', "origin '", ""]
    assert [f"line {number}:" in result.stderr for number in (1, 2, 3, 4)] == [True, True, True, False]


def test_bytes_that_are_no_text_are_asked_about() -> None:
    result = run("--json", given=b"\xff\xfe\x00\x81\x82\n" + json.dumps({"text": "\ud800\ud800"}).encode() + b"\n")
    assert [one["verdict"] for one in told(result)] == ["ask", "ask"]


def test_direction_decides_where_it_goes(tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    file.write_text('{"text": "广场舞音乐太大声，影响孩子写作业"}\n', encoding="utf-8")
    (from_hotline,) = told(run("--json", "--origin", "12345", str(file)))
    (from_police,) = told(run("--json", "--origin", "110", str(file)))
    assert from_hotline["agencies"][0]["kind"] == "police"
    assert from_police["agencies"][0]["kind"] == "urban_mgmt"


def test_a_page_shows_verdict_agency_and_words() -> None:
    result = run("--city", str(CITY), given="厨房着火了快来\n")
    assert result.exit_code == 0
    assert "EMERGENCY" in result.stdout
    assert "119" in result.stdout
    assert "着火" in result.stdout


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--city", "/nowhere"], "name one with --city"),
        (["--channel", "pigeon"], "channel 'pigeon'"),
        (["--origin", "998"], "origin '998'"),
        (["--division", "1"], "division '1'"),
        (["--model", str(CITY / "city.toml")], "city.toml"),
        (["--lexicon", str(CITY / "demo" / "calls.jsonl")], "calls.jsonl:"),
    ],
)
def test_what_cannot_be_used_is_named(args: list[str], says: str) -> None:
    result = run(*args, given="停水")
    assert result.exit_code == 2
    assert says in result.stderr
    assert not result.stdout
