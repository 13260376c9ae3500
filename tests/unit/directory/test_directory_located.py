"""Lines of TOML and JSON, against texts that are hard to walk."""

from __future__ import annotations

import json
import tomllib

from callmesh.directory.located import Row, json_lines, toml_lines

TOML = r'''
"quoted key" = 1 # comment = [
dotted . "in ner" = "a \" b # no comment"

[one.two]
text = """
[[not.a.table]]
key = "x" \""" still """"
raw = 'C:\'
many = [ # comment ]
    [1, 2], "s",
    { a = 1, b = [ "t", {c = 2} ] },
]
empty = []
none = {}
day = 2026-01-01 08:30:00
[[list]]
[[list.inner]]
[[list.inner]]
x = +1.5e3
[list.table]
y = true
[[list]]
[[list.inner]]
last = QQQ
]]]
QQQ
end = 0
'''.replace("QQQ", "'" * 3)


def test_toml() -> None:
    tomllib.loads(TOML)  # it is valid
    wanted = {
        ("quoted key",): '"quoted key"',
        ("dotted", "in ner"): "dotted",
        ("one", "two"): "[one.two]",
        ("one", "two", "text"): "text =",
        ("one", "two", "raw"): "raw =",
        ("one", "two", "many", 1): "[1, 2]",
        ("one", "two", "many", 2, "b"): "{ a = 1",
        ("one", "two", "many", 2, "b", 1, "c"): "{ a = 1",
        ("one", "two", "day"): "day =",
        ("list", 0, "inner", 1, "x"): "x =",
        ("list", 0, "table", "y"): "y =",
    }
    lines, found = TOML.split("\n"), toml_lines(TOML)
    for path, start in wanted.items():
        assert lines[found[path] - 1].strip().startswith(start), path
    assert found["list", 1] > found["list", 0, "table"]
    assert ("not", "a", "table", 0) not in found
    assert lines[found["list", 1, "inner", 0, "end"] - 1] == "end = 0"


def test_json() -> None:
    value = {"a": [1, {"b": 'x"]}'}, [[1.5, -2], []]], "c": {"d": None, "e": {}}, "f": True}
    text = json.dumps(value, indent=1)
    lines, found = text.split("\n"), json_lines(text)
    for path, start in {("a", 1, "b"): '"b"', ("c", "e"): '"e"', ("f",): '"f"', ("a", 1): "{"}.items():
        assert lines[found[path] - 1].strip().startswith(start)
    assert set(json_lines(json.dumps(value)).values()) == {1}


def test_what_has_no_line_has_that_of_its_holder() -> None:
    row = Row("x", {}, {("t", 0): 4, ("t", 0, "k"): 5}, ("t", 0))
    assert [row.line("k", 3), row.line("other"), row.line(), Row("x", {}, {}).line("k")] == [5, 4, 4, 1]
