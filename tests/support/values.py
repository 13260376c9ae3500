"""Hypothesis strategies for any domain value, made from its type hints."""

from __future__ import annotations

import types
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

_TIMES = st.datetimes(datetime(1900, 1, 1), datetime(2999, 12, 31)).map(lambda at: at.replace(tzinfo=UTC))
_PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=6),
    bool: st.booleans(),
    int: st.integers(-(2**31), 2**31 - 1),
    float: st.floats(allow_nan=False),
    datetime: _TIMES,
}
_WIDE = {"fingerprint": st.integers(0, 2**64 - 1)}


@lru_cache
def values(cls: type) -> st.SearchStrategy[Any]:
    """Any value of a dataclass, nested ones included."""
    hints = get_type_hints(cls)
    return st.builds(cls, **{one.name: _WIDE.get(one.name) or _of(hints[one.name]) for one in fields(cls)})


def _of(hint: Any) -> st.SearchStrategy[Any]:
    if get_origin(hint) in (Union, types.UnionType):
        inner = next(one for one in get_args(hint) if one is not type(None))
        return st.none() | _of(inner)
    if get_origin(hint) is tuple:
        return st.lists(_of(get_args(hint)[0]), max_size=2).map(tuple)
    if is_dataclass(hint):
        assert isinstance(hint, type)
        return st.deferred(lambda: values(hint))
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return st.sampled_from(hint)
    return _PLAIN[hint]
