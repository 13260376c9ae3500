"""Reads the tab-separated tables of the lexicon, and says file, line and reason when one is wrong.

Any table may have two more columns: from which day a row is in force, and who wrote it. A row whose day has not come is
as if it were not there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from itertools import product
from pathlib import Path

_MOST = 12_000
_RECORD = ("from", "author")


class LexiconError(ValueError):
    """A table of the lexicon cannot be used. The message names file, line and reason."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table, with where it stands for messages."""

    file: str
    line: int
    cells: tuple[str, ...]

    def wrong(self, reason: str) -> LexiconError:
        """The error to raise about this line."""
        return LexiconError(f"{self.file}:{self.line}: {reason}")


def read(path: Path, header: str, day: date | None = None) -> list[Row]:
    """The rows of a table that are in force on a day, all of them without one.

    Blank lines and # comments are passed over, the header must be as expected, `from` and `author` may follow.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LexiconError(f"{path}:0: cannot be read: {error}") from error
    rows = [
        Row(str(path), number, tuple(cell.strip() for cell in line.split("\t")))
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.startswith("#")
    ]
    columns = tuple(header.split())
    if rows and rows[0].cells == columns + _RECORD:
        return list(_recorded(rows[1:], len(columns), day))
    if not rows or rows[0].cells != columns:
        raise LexiconError(f"{path}:{rows[0].line if rows else 0}: the header must be: {header} [{' '.join(_RECORD)}]")
    return rows[1:]


def is_dated(path: Path) -> bool:
    """True when rows of a table say from which day they are in force."""
    try:
        with path.open(encoding="utf-8") as lines:
            header = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    except (OSError, UnicodeDecodeError):
        return False  # reading the table will say what is wrong
    return _RECORD[0] in header.split()


def _recorded(rows: list[Row], count: int, day: date | None) -> Iterator[Row]:
    """The rows in force, without the two columns."""
    for row in rows:
        given = cells(row, count + len(_RECORD))
        try:
            first = date.fromisoformat(given[count]) if given[count] not in ("", "-") else None
        except ValueError:
            raise row.wrong(f"from {given[count]!r} is no day; write it as 2026-03-01") from None
        if first is None or day is None or first <= day:
            yield replace(row, cells=given[:count])


def cells(row: Row, count: int) -> tuple[str, ...]:
    """The cells of a row; missing trailing cells are empty, more than `count` is an error."""
    if len(row.cells) > count:
        raise row.wrong(f"{len(row.cells)} columns, expected at most {count}")
    return row.cells + ("",) * (count - len(row.cells))


def expand(row: Row, template: str) -> tuple[str, ...]:
    """All words of a term cell: 着火|起火 is two words, (掉|摔)(进|到)(河|井) is eight, 停水(了|) is two."""
    found, end = _alternatives(row, template, 0)
    if end < len(template):
        raise row.wrong(f"a bracket of {template!r} closes nothing")
    made = tuple(dict.fromkeys(word.strip() for word in found))
    if not all(made):
        raise row.wrong(f"term {template!r} makes an empty word")
    return made


def _alternatives(row: Row, text: str, at: int) -> tuple[list[str], int]:
    """Read options up to the closing bracket or the end; brackets may nest."""
    done: list[str] = []
    current = [""]
    while at < len(text) and text[at] != ")":
        if text[at] == "|":
            done, current = done + current, [""]
        elif text[at] == "(":
            inner, at = _alternatives(row, text, at + 1)
            if at >= len(text):
                raise row.wrong(f"a bracket of {text!r} is not closed")
            current = _joined(row, current, inner)
        else:
            current = [word + text[at] for word in current]
        at += 1
    return done + current, at


def _joined(row: Row, heads: list[str], tails: list[str]) -> list[str]:
    if len(heads) * len(tails) > _MOST:
        raise row.wrong(f"a term makes more than {_MOST} words")
    return ["".join(pair) for pair in product(heads, tails)]
