"""Every row of domain.md section 5 is shown by a journey through a real mesh that cites its number."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
JOURNEYS = sorted(one for room in ("e2e", "integration") for one in (ROOT / "tests" / room).glob("test_*.py"))
_CITED = re.compile(r"\brows? (\d+(?:(?:, | and )\d+)*)", re.IGNORECASE)


def rows() -> list[int]:
    """Numbers of the table."""
    _, _, section = (ROOT / "services" / "domain.md").read_text().partition("\n## 5.")
    return [int(one) for one in re.findall(r"(?m)^\| (\d+) \|", section.partition("\n## 6.")[0])]


def citing() -> Iterator[tuple[int, str]]:
    """Rows that a test's docstring cites, with the test."""
    for path in JOURNEYS:
        for found in ast.walk(ast.parse(path.read_text())):
            if isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef) and found.name.startswith("test_"):
                for numbers in _CITED.findall(ast.get_docstring(found) or ""):
                    yield from ((int(one), f"{path.name}::{found.name}") for one in re.findall(r"\d+", numbers))


CITING: dict[int, list[str]] = {}
for _row, _test in citing():
    CITING.setdefault(_row, []).append(_test)


def test_the_table_is_read_whole() -> None:
    assert rows() == list(range(1, 28))


@pytest.mark.parametrize("row", rows())
def test_a_row_has_its_journey(row: int) -> None:
    assert CITING.get(row), f"no test under tests/e2e or tests/integration cites row {row} of domain.md section 5"
