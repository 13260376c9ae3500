"""Files -> rows: the syntax of UTF-8, TOML, TSV and GeoJSON, nothing about cities.

Each reader returns the file's rows with their lines, or None after it has reported why the file as a
whole cannot be read; checks then leave alone what refers to it, so one slip does not hide behind fifty.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import tomllib
from collections import Counter
from pathlib import Path

from callmesh.directory.located import Keys, Row, json_lines, toml_lines
from callmesh.directory.problems import Report

LARGEST_FILE = 64 << 20


def toml_file(path: Path, report: Report) -> Row | None:
    """The whole of a TOML file as one row."""
    text = _text(path, report)
    if text is None:
        return None
    try:
        return Row(path.name, tomllib.loads(text), toml_lines(text))
    except tomllib.TOMLDecodeError as wrong:
        found = re.search(r" \(at line (\d+), column \d+\)", str(wrong))
        line = int(found.group(1)) if found else text.count("\n") + 1
        reason = str(wrong).replace(found.group(), "") if found else str(wrong)
        report.add(path.name, line, f"no valid TOML: {reason}")
        return None


def toml_tables(path: Path, name: str, report: Report) -> list[Row] | None:
    """The [[name]] tables of a file that holds nothing else."""
    whole = toml_file(path, report)
    if whole is None:
        return None
    for key in whole.values:
        if key != name:
            report.about(whole, f'"{key}" does not belong here, only [[{name}]]', key)
    return children(whole, name, report)


def children(row: Row, name: str, report: Report) -> list[Row]:
    """The tables listed under a key of a row; a missing key is an empty list."""
    listed = row.values.get(name, [])
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        report.about(row, f"{name}: expected tables [[{name}]]", name)
        return []
    return [row.child(one, name, index) for index, one in enumerate(listed)]


def tsv_rows(path: Path, columns: tuple[str, ...], report: Report) -> list[Row] | None:
    """The lines of a table below its header, cells stripped; blank and # lines are passed over."""
    text = _text(path, report)
    if text is None:
        return None
    lines = [
        (number, [cell.strip() for cell in line.split("\t")])
        for number, line in enumerate(text.split("\n"), 1)
        if line.strip() and not line.startswith("#")
    ]
    if not lines or lines[0][1] != list(columns):
        report.add(path.name, lines[0][0] if lines else 1, f"the header must be: {' '.join(columns)}")
        return None
    return [_tsv_row(path.name, number, columns, cells, report) for number, cells in lines[1:]]


def features(path: Path, report: Report) -> list[Row] | None:
    """The features of a GeoJSON file: a row is the properties, plus the raw geometry as `rings`."""
    whole = _json_file(path, report)
    if whole is None:
        return None
    if whole.values.get("type") != "FeatureCollection":
        report.about(whole, "type: expected a GeoJSON FeatureCollection", "type")
        return None
    listed = children(whole, "features", report)
    begun = Counter(one.line() for one in listed)
    return [_feature(one, index, begun[one.line()] > 1, report) for index, one in enumerate(listed)]


def _tsv_row(file: str, number: int, columns: tuple[str, ...], cells: list[str], report: Report) -> Row:
    """A line of the wrong length loses its last column, so that nobody takes it for a whole one."""
    if len(cells) != len(columns):
        report.add(file, number, f"{len(cells)} columns, expected {len(columns)}")
        columns = columns[:-1]
    return Row(file, dict(zip(columns, cells, strict=False)), {(): number})


def _feature(feature: Row, index: int, crowded: bool, report: Report) -> Row:
    """GIS tools write null for a property without value, so null counts as absent. On a `crowded` line it is named."""
    found = feature.values.get("properties")
    if not isinstance(found, dict):
        report.about(feature, f"feature {index}: properties are missing", "properties")
        found = {}
    values = {key: value for key, value in found.items() if value is not None}
    geometry = feature.values.get("geometry")
    here = feature.child(values, "properties")
    lines: dict[Keys, int] = {(): here.line("code")}
    lines |= {(key,): here.line(key) for key in values}
    name = f'features[{index}] "{values.get("code", "")}"' if crowded else ""
    return Row(feature.file, values if geometry is None else {**values, "rings": geometry}, lines, name=name)


def _json_file(path: Path, report: Report) -> Row | None:
    text = _text(path, report)
    if text is None:
        return None
    try:
        value = json.loads(text)
    except json.JSONDecodeError as wrong:
        report.add(path.name, wrong.lineno, f"no valid JSON: {wrong.msg}")
        return None
    if not isinstance(value, dict):
        report.add(path.name, 1, "expected a JSON object")
        return None
    return Row(path.name, value, json_lines(text))


def _text(path: Path, report: Report) -> str | None:
    """The text of a file. Editors on Windows add a byte order mark and CRLF; both are forgiven."""
    try:
        data = _data(path)
    except OSError as wrong:
        report.add(path.name, 0, f"cannot be read: {wrong.strerror}")
        return None
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as wrong:
        report.add(path.name, data.count(b"\n", 0, wrong.start) + 1, "no valid UTF-8")
        return None


def _data(path: Path) -> bytes:
    """A pipe or a device may have no end, and a file of that size is none of a city's."""
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    if found.st_size > LARGEST_FILE:
        raise OSError(errno.EFBIG, f"more than {LARGEST_FILE >> 20} MiB")
    return path.read_bytes()
