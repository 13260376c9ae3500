"""A `City` -> the files it could have been read from: `load_city` of them gives the same city again.

What a folder's author wrote beside the data (comments, a calendar's `base`) is not in the city and so not in the
files. Values equal to their default are left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date, time
from enum import Enum
from typing import Any

from callmesh.directory.tables import CATALOGUE, DEVICES, ROUTES
from callmesh.domain.directory import City, Division
from callmesh.domain.spans import Span


def files_of(city: City) -> dict[str, str]:
    """Every file of the folder by name."""
    return {name: made(city) for name, made in _FILES.items()}


def toml_text(name: str, rows: Iterable[Mapping[str, Any]]) -> str:
    """Tables [[name]] of plain values, as `tomllib` reads them."""
    return "".join(f"\n[[{name}]]\n" + "".join(f"{key} = {_value(row[key])}\n" for key in row) for row in rows)


def tsv_text(columns: tuple[str, ...], rows: Iterable[Mapping[str, str]]) -> str:
    """Lines below a header; what would break a line becomes a space."""
    lines = ("\t".join(" ".join(row.get(name, "").split()) for name in columns) for row in rows)
    return "\n".join(["\t".join(columns), *lines]) + "\n"


def _city(city: City) -> str:
    head = "".join(f"{name} = {_value(getattr(city, name))}\n" for name in ("id", "name", "name_en"))
    parts = ("policy", "supervision", "figures")
    return head + "".join(f"\n[{name}]\n{_pairs(getattr(city, name))}" for name in parts)


def _repeats(city: City) -> str:
    linking = f"[linking]\n{_pairs(city.linking)}"
    return linking + _tables("types", city.repeat_types) + _tables("folding", city.fold_rules)


def _calls(city: City) -> str:
    rules = f"[rules]\n{_pairs(city.calls)}"
    return rules + _tables("lines", city.lines) + _tables("interpreters", city.interpreters)


def _tables(name: str, members: Iterable[Any]) -> str:
    return "".join(f"\n[[{name}]]\n{_pairs(one)}" for one in members)


def _pairs(value: Any) -> str:
    return "".join(f"{name} = {_value(found)}\n" for name, found in _stated(value))


def _stated(value: Any) -> Iterable[tuple[str, Any]]:
    """The fields that a file has to name."""
    for one in fields(value):
        found = getattr(value, one.name)
        if found is not None and found != _default(one):
            yield one.name, found


def _default(one: Field[Any]) -> Any:
    if one.default_factory is not MISSING:
        return one.default_factory()
    return one.default


def _value(value: Any) -> str:
    """As TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | Enum | Span | time):
        return _quoted(_text(value))
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, frozenset):
        return _value(tuple(sorted(value)))
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if is_dataclass(value) or isinstance(value, Mapping):
        pairs = value.items() if isinstance(value, Mapping) else _stated(value)
        return "{ " + ", ".join(f"{name} = {_value(found)}" for name, found in pairs) + " }"
    return repr(value)


def _text(value: Any) -> str:
    if isinstance(value, Span):
        return f"{value.amount}{value.unit}"
    if isinstance(value, time):
        return value.isoformat("minutes" if not value.second else "seconds")
    return str(value.value) if isinstance(value, Enum) else str(value)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _lines(columns: tuple[str, ...], members: Iterable[Any]) -> str:
    rows = ("\t".join(_cell(getattr(one, name)) for name in columns) for one in members)
    return "\n".join(["\t".join(columns), *rows]) + "\n"


def _cell(value: Any) -> str:
    return ",".join(value) if isinstance(value, tuple) else _text(value)


def _divisions(city: City) -> str:
    found = [json.dumps(_feature(one), ensure_ascii=False) for one in city.divisions]
    return '{"type": "FeatureCollection", "features": [\n' + ",\n".join(found) + "\n]}\n"


def _feature(one: Division) -> dict[str, Any]:
    named = {name: getattr(one, name) for name in ("code", "name", "name_en", "parent")}
    shape = {"type": "MultiPolygon", "coordinates": [[ring] for ring in one.rings]} if one.rings else None
    return {"type": "Feature", "properties": named, "geometry": shape}


_FILES: Mapping[str, Callable[[City], str]] = {
    "city.toml": _city,
    "agencies.toml": lambda city: _tables("agencies", city.agencies),
    "catalogue.tsv": lambda city: _lines(CATALOGUE, city.categories),
    "routes.tsv": lambda city: _lines(ROUTES, city.routes),
    "plans.toml": lambda city: _tables("plans", city.plans),
    "guides.toml": lambda city: _tables("guides", city.guides),
    "limits.toml": lambda city: _tables("profiles", city.profiles),
    "calendar.toml": lambda city: _pairs(city.calendar),
    "reasons.toml": lambda city: _tables("return_reasons", city.return_reasons),
    "grounds.toml": lambda city: _tables("grounds", city.grounds),
    "release.toml": lambda city: _tables("releases", city.releases),
    "devices.tsv": lambda city: _lines(DEVICES, city.devices),
    "repeats.toml": _repeats,
    "calls.toml": _calls,
    "patrol.toml": lambda city: _tables("rules", city.patrol_rules),
    "divisions.geojson": _divisions,
}
