"""Reading an agency's table: CSV, TSV or XLSX, whatever encoding its software writes.

A table that cannot be read at all, or lacks a column, raises BadTable, which names what there is instead. A row that
cannot be used becomes a Flaw with its line; nothing of its content is repeated.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

_ENCODINGS = ("utf-8-sig", "gb18030")
_LONGEST_CELL = 2_000_000
_MARKS = ",\t;|"
_HEADED = 8
"""Among so many lines the columns are named; what stands above is a title."""


class BadTable(Exception):
    """The file as a whole cannot be used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Row:
    """One usable row: `line` is the line (CSV) or row (XLSX) it starts at, counted from 1."""

    line: int
    text: str
    label: str
    agency: str = ""


@dataclass(frozen=True, slots=True)
class Flaw:
    """A row that was left out, and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Table:
    """What was read, with the encoding that was found."""

    rows: tuple[Row, ...]
    flaws: tuple[Flaw, ...]
    encoding: str
    columns: tuple[str, ...]


def read_table(path: Path, text: str, label: str, agency: str = "", sheet: str = "") -> Table:
    """The rows of a file. Columns are given by name, or by number from 1; an empty `label` takes `agency` as label."""
    lines, encoding = _xlsx(path, sheet) if path.suffix.lower() in (".xlsx", ".xlsm") else _separated(path)
    wanted = (text, label or agency, agency)
    names = _header(path, lines, [name for name in wanted if name])
    where = [_column(path, names, name) if name else -1 for name in wanted]
    if min(where[:2]) < 0:
        raise BadTable("name the column of the texts with --text and that of the labels with --label or --agency")
    rows, flaws = [], []
    for line, cells in lines:
        made = _row(line, cells, where)
        rows.append(made) if isinstance(made, Row) else flaws.append(made) if made else None
    if not rows:
        raise BadTable(f"{path}: no row has both a text and a label")
    return Table(tuple(rows), tuple(flaws), encoding, names)


def _header(path: Path, lines: Iterator[tuple[int, list[str]]], wanted: Sequence[str]) -> tuple[str, ...]:
    """The row that names the columns: the first, or one of a few under a title (…明细表) that has all that is wanted.

    Where none has, it is the fullest of them, and the columns that it names are told.
    """
    fullest: tuple[str, ...] = ()
    for _, cells in islice(lines, _HEADED):
        names = tuple(name.strip() for name in cells)
        if len(set(filter(None, names))) > 1 and all(_place(names, name) >= 0 for name in wanted):
            return names
        fullest = max(fullest, names, key=lambda one: sum(map(bool, one)))
    if not any(fullest):
        raise BadTable(f"{path}: one of the first {_HEADED} lines must name the columns; they are empty")
    return fullest


def _row(line: int, cells: Sequence[str], where: Sequence[int]) -> Row | Flaw | None:
    text, label, agency = (cells[at].strip() if 0 <= at < len(cells) else "" for at in where)
    if not any(cell.strip() for cell in cells):
        return None if len(cells) <= 1 else Flaw(line, "the row is empty")
    if not text:
        return Flaw(line, "no text")
    return Row(line, text, label, agency) if label else Flaw(line, "no label")


def _column(path: Path, names: Sequence[str], wanted: str) -> int:
    found = _place(names, wanted)
    if found < 0:
        raise BadTable(f"{path}: no column {wanted!r}; there are: {', '.join(name or '(unnamed)' for name in names)}")
    return found


def _place(names: Sequence[str], wanted: str) -> int:
    """Where a column stands by its name or its number from 1; -1 when there is none."""
    folded = [name.casefold().replace(" ", "") for name in names]
    name = wanted.casefold().replace(" ", "")
    if name in folded:
        return folded.index(name)
    return int(wanted) - 1 if wanted.isdigit() and 1 <= int(wanted) <= len(names) else -1


def _separated(path: Path) -> tuple[Iterator[tuple[int, list[str]]], str]:
    content, encoding = _decoded(path)
    head = content.split("\n", _HEADED)[:_HEADED]
    first = next((line for line in head if any(mark in line for mark in _MARKS)), "")
    mark = "\t" if path.suffix.lower() in (".tsv", ".tab") else max(_MARKS, key=first.count)
    csv.field_size_limit(_LONGEST_CELL)
    return _lines(path, content.replace("\0", ""), mark), encoding


def _lines(path: Path, content: str, mark: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=mark)
    start = 1
    try:
        for cells in reader:
            yield start, cells
            start = reader.line_num + 1
    except csv.Error as wrong:
        raise BadTable(f"{path}:{start}: {wrong}; check the quotation marks of this row") from None


def _decoded(path: Path) -> tuple[str, str]:
    try:
        raw = path.read_bytes()
    except OSError as wrong:
        raise BadTable(f"{path}: cannot be read ({wrong.strerror})") from None
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", "replace"), "utf-16"
    for encoding in _ENCODINGS:
        try:
            found = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        plain = encoding == "utf-8-sig" and not raw.startswith(b"\xef\xbb\xbf")
        return found, "utf-8" if plain else encoding
    raise BadTable(f"{path}: neither UTF-8 nor GB 18030; save it as UTF-8 and try again")


def _xlsx(path: Path, sheet: str) -> tuple[Iterator[tuple[int, list[str]]], str]:
    import openpyxl  # an extra; whoever has CSV files does not need it

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except Exception as wrong:  # whatever a broken archive raises
        raise BadTable(f"{path}: is no workbook that can be read ({type(wrong).__name__})") from None
    if sheet and sheet not in book.sheetnames:
        raise BadTable(f"{path}: no sheet {sheet!r}; there are: {', '.join(book.sheetnames)}")
    page = book[sheet] if sheet else book.worksheets[0]
    return ((at, [_cell(one) for one in cells]) for at, cells in enumerate(page.iter_rows(values_only=True), 1)), "xlsx"


def _cell(value: Any) -> str:
    return "" if value is None else str(value)
