"""Rows -> dataclasses of the domain, key by key, so that every wrong key is named, not only the first.

A key that the dataclass does not have is an error: it is a typing mistake, and obeying silently would
drop what its author wanted. Text that must be there may not be empty.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields
from datetime import time
from enum import EnumMeta
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, get_origin, get_type_hints

import msgspec

from callmesh.directory.located import Row
from callmesh.directory.problems import Report
from callmesh.domain.directory import Span

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    T = TypeVar("T", bound=DataclassInstance)

Reader = Callable[[Any], object]
Convert = Callable[[Any, Any], object]

_SPAN = re.compile(r"(\d+)(s|m|h|wd)", re.ASCII)
_PLACE = re.compile(r" - at `\$(?:\[(\d+)\])?.*`")


class Reported(ValueError):
    """The value is wrong and its reader has reported it."""


def build(
    kind: type[T], row: Row, report: Report, readers: Mapping[str, Reader] | None = None, cells: bool = False
) -> T | None:
    """The dataclass that a row states, or None after reporting. `cells` are texts of a TSV line."""
    known = {one.name: one for one in fields(kind)}
    hints = _hints(kind)
    convert = _from_cell if cells else _from_value
    good = _complete(known, row, report)
    values: dict[str, object] = {}
    for name in known.keys() & row.values.keys():
        reader = (readers or {}).get(name) or _typed(convert, hints[name])
        try:
            values[name] = _filled(known[name], reader(row.values[name]))
        except ValueError as wrong:
            good = False
            _complain(row, name, wrong, report)
    return kind(**values) if good else None


_hints = cache(get_type_hints)  # evaluates every annotation: a third of reading a city, were it asked for each row


def span(value: object) -> Span:
    """ "30s", "1m", "2h" or "1wd"."""
    found = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if found is None or int(found.group(1)) == 0:
        raise ValueError(f'"{value}" is no length of time like "30s", "1m", "2h" or "1wd"')
    return Span(int(found.group(1)), found.group(2))


def clock(value: object) -> time:
    """ "08:30", a local time."""
    try:
        found = value if isinstance(value, time) else time.fromisoformat(str(value))
    except ValueError:
        found = None
    if found is None or found.tzinfo is not None:
        raise ValueError(f'"{value}" is no time of day like "08:30"')
    return found


_WRITTEN: dict[Any, Reader] = {Span: span, Span | None: span, time: clock}  # types that files write as a text


def _complete(known: Mapping[str, Field[Any]], row: Row, report: Report) -> bool:
    """Nothing unknown, nothing missing."""
    unknown = [name for name in row.values if name not in known]
    for name in unknown:
        report.about(row, f'unknown key "{name}" (known: {", ".join(known)})', name)
    missing = [name for name, one in known.items() if name not in row.values and _required(one)]
    for name in missing:
        report.about(row, f"{name} is missing")
    return not unknown and not missing


def _required(member: Field[Any]) -> bool:
    return member.default is MISSING and member.default_factory is MISSING


def _filled(member: Field[Any], value: object) -> object:
    if value == "" and _required(member):
        raise ValueError("is empty")
    return value


def _typed(convert: Convert, hint: Any) -> Reader:
    return lambda value: convert(value, hint)


def _from_value(value: Any, hint: Any) -> object:
    if hint in _WRITTEN:
        return _WRITTEN[hint](value)
    if isinstance(hint, EnumMeta) and value not in list(hint):
        raise ValueError(f'"{value}" is not one of {", ".join(map(str, hint))}')
    return msgspec.convert(value, hint)


def _from_cell(value: str, hint: Any) -> object:
    """Cells are text: lists are comma separated, numbers are written out."""
    if get_origin(hint) is tuple:
        return tuple(part.strip() for part in value.split(",")) if value else ()
    if hint is float:
        return _number(value)
    return _from_value(value, hint)


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise ValueError(f'"{value}" is no number') from None


def _complain(row: Row, name: str, wrong: ValueError, report: Report) -> None:
    if isinstance(wrong, Reported):
        return
    text = str(wrong)
    place = _PLACE.search(text)
    index = [int(place.group(1))] if place and place.group(1) else []
    reason = _PLACE.sub("", text).replace("`", "").replace("Expected", "expected")
    report.about(row, f"{name} {reason}" if reason == "is empty" else f"{name}: {reason}", name, *index)
