"""Hypothesis strategies for any domain value, made from its type hints.

A value is drawn by its seed: a whole case has hundreds of fields, too many for hypothesis to choose one by one.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Any, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

_TEXTS = ("", "a", " b ", "临江市", "龘", "😀", "x\x00y", "line\nbreak", "é", "'\"\\")
_INTS = (0, 1, -1, 7, 2**31 - 1, -(2**31))
_FLOATS = (0.0, 1.5, -180.0, 1e-300, 1e300, float("inf"), 120.29160000000002)
_START = datetime(1900, 1, 1, tzinfo=UTC)
_PLAIN: dict[Any, Callable[[Random], Any]] = {
    str: lambda luck: luck.choice(_TEXTS),
    bool: lambda luck: luck.random() < 0.5,
    int: lambda luck: luck.choice(_INTS),
    float: lambda luck: luck.choice(_FLOATS),
    datetime: lambda luck: _START + timedelta(microseconds=luck.randrange(300 * 365 * 86_400_000_000)),
}
_WIDE: dict[str, Callable[[Random], Any]] = {"fingerprint": lambda luck: luck.getrandbits(64)}
_hints: dict[type, dict[str, Any]] = {}


def values(cls: type) -> st.SearchStrategy[Any]:
    """Any value of a dataclass, nested ones included."""
    return st.integers(0, 2**32).map(lambda seed: drawn(cls, Random(seed)))


def drawn(cls: type, luck: Random) -> Any:
    """One value of a dataclass."""
    if cls not in _hints:
        _hints[cls] = get_type_hints(cls)
    given = {}
    for one in fields(cls):
        make = _WIDE.get(one.name)
        given[one.name] = make(luck) if make else _of(_hints[cls][one.name], luck)
    return cls(**given)


def _of(hint: Any, luck: Random) -> Any:
    if get_origin(hint) in (Union, types.UnionType):
        inner = next(one for one in get_args(hint) if one is not type(None))
        return None if luck.random() < 0.3 else _of(inner, luck)
    if get_origin(hint) is tuple:
        return tuple(_of(get_args(hint)[0], luck) for _ in range(luck.choice((0, 1, 1, 3))))
    if isinstance(hint, type) and is_dataclass(hint):
        return drawn(hint, luck)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return luck.choice(list(hint))
    return _PLAIN[hint](luck)
