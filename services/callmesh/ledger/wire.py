"""Domain values <-> protos, the only place.

Both forms carry the same field names, so the two directions of a dataclass are written by the
program itself: from its type hints a plain function is composed and compiled once, the way
`dataclasses` composes `__init__` (five times faster than walking the fields at every call, and
this runs for every command). Enums map by value name, times to Timestamp, `None` and empty to
absent. A proto field that the domain does not know is left alone; a dataclass field that the proto
lacks fails at first use, and a test.

The report stands once in a stored record, in the case: CaseOpened and ReportAmended are stored
without their words, and get them back from the case beside them when read (ledger.record).
"""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp

from callmesh.domain import facts as f
from callmesh.domain.errors import Invalid

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WORDS_STAND_IN_CASE: dict[type, str] = {f.CaseOpened: "report", f.ReportAmended: "supplement"}

M = TypeVar("M", bound=Message)
T = TypeVar("T")


def to_timestamp(at: datetime, into: Timestamp | None = None) -> Timestamp:
    """An aware datetime as Timestamp, exact to the microsecond."""
    stamp = Timestamp() if into is None else into
    delta = at - _EPOCH
    stamp.seconds = delta.days * 86400 + delta.seconds
    stamp.nanos = delta.microseconds * 1000
    return stamp


def from_timestamp(stamp: Timestamp, name: str = "timestamp") -> datetime:
    """A Timestamp as aware datetime in UTC; Invalid outside the years 1 to 9999, which tells the field's `name`."""
    try:
        return _EPOCH + timedelta(0, stamp.seconds, stamp.nanos // 1000)
    except OverflowError:
        raise Invalid("a time is out of range", "时间超出范围, 请核对", {name: "years 1 to 9999"}) from None


class Converter:
    """Both directions for one dataclass and one proto message type."""

    def __init__(self, cls: type, message: type[Message]) -> None:
        known: dict[str, Any] = {"_cls": cls, "_new": object.__new__, "_ts": to_timestamp, "_dt": from_timestamp}
        hints = get_type_hints(cls)
        known |= {f"_set_{one.name}": getattr(cls, one.name).__set__ for one in fields(cls)}
        words = WORDS_STAND_IN_CASE.get(cls)
        parts = [
            _Words(one, known) if one.name == words else _Field(one.name, hints[one.name], message, known)
            for one in fields(cls)
        ]
        body = "\n".join(part.write() for part in parts) or "    pass"
        filled = "\n".join(f"    _set_{part.name}(v, {part.read()})" for part in parts)
        changed = "\n".join(part.update() for part in parts) or "    pass"
        source = (
            f"def write(v, p):\n{body}\n\ndef update(o, v, p):\n{changed}\n\n"
            f"def read(p):\n    v = _new(_cls)\n{filled}\n    return v\n"
        )
        exec(compile(source, f"<wire {cls.__name__}>", "exec"), known)
        self.write: Callable[[Any, Any], None] = known["write"]
        self.update: Callable[[Any, Any, Any], None] = known["update"]
        """Makes what stands for the old value stand for the new one; what is the very same object stays untouched."""
        self.read: Callable[[Any], Any] = known["read"]


class _Words:
    """A field that stands in the case: it is not written here, and is as if nothing had been said when it is read."""

    def __init__(self, field: Any, known: dict[str, Any]) -> None:
        self.name = field.name
        known[f"_else_{self.name}"] = field.default_factory() if field.default is MISSING else field.default

    def write(self) -> str:
        """Nothing."""
        return "    pass"

    def update(self) -> str:
        """Nothing."""
        return "    pass"

    def read(self) -> str:
        """The field's default."""
        return f"_else_{self.name}"


class _Field:
    """The source of one field in both directions; what it refers to goes into `known`."""

    def __init__(self, name: str, hint: Any, message: type[Message], known: dict[str, Any]) -> None:
        self.name = name
        self.descriptor: Any = message.DESCRIPTOR.fields_by_name[name]
        self.inner, self.optional, self.repeated = _unwrap(hint)
        if issubclass(self.inner, StrEnum):
            numbers = enum_numbers(self.inner, self.descriptor.enum_type)
            known[f"_to_{name}"] = numbers
            known[f"_from_{name}"] = {number: word for word, number in numbers.items()}
            known[f"_else_{name}"] = None if self.optional else next(iter(self.inner))
        elif is_dataclass(self.inner):
            part = converter(self.inner, message_class(self.descriptor))
            known[f"_to_{name}"], known[f"_from_{name}"], known[f"_update_{name}"] = part.write, part.read, part.update

    def write(self) -> str:
        """Lines that fill the proto `p` from the value `v`; what is empty stays absent."""
        return f"    x = v.{self.name}\n    if x:\n        {self._write()}"

    def update(self) -> str:
        """Lines that write the field anew if it is not the same; of a list of values those that are not."""
        name = self.name
        lines = [f"p.ClearField('{name}')", f"if x: {self._write()}"]
        if self.repeated and is_dataclass(self.inner):
            lines = [
                f"for old, one, there in zip(o.{name}, x, p.{name}):",
                f"    if one is not old: _update_{name}(old, one, there)",
                f"del p.{name}[len(x):]",
                f"for one in x[len(o.{name}):]: _to_{name}(one, p.{name}.add())",
            ]
        return "\n        ".join([f"    x = v.{name}\n    if x is not o.{name}:", *lines])

    def _write(self) -> str:
        name, nested = self.name, is_dataclass(self.inner)
        if self.repeated and nested:
            return f"for one in x: _to_{name}(one, p.{name}.add())"
        if self.repeated:
            each = f"_to_{name}[one]" if issubclass(self.inner, StrEnum) else "one"
            return f"p.{name}.extend([{each} for one in x])"
        if nested:
            return f"p.{name}.SetInParent(); _to_{name}(x, p.{name})"
        if self.inner is datetime:
            return f"_ts(x, p.{name})"
        return f"p.{name} = _to_{name}[x]" if issubclass(self.inner, StrEnum) else f"p.{name} = x"

    def read(self) -> str:
        """The expression that reads the field from the proto `p`."""
        name, enum = self.name, issubclass(self.inner, StrEnum)
        if self.repeated:
            return f"{self._read_all()} if (x := p.{name}) else ()"  # most lists are empty, and cost a loop each
        if enum:
            return f"_from_{name}.get(p.{name}, _else_{name})"
        if is_dataclass(self.inner):
            nested = f"_from_{name}(p.{name})"
            return f"{nested} if p.HasField('{name}') else None" if self.optional else nested
        return f"_dt(p.{name}) if p.HasField('{name}') else None" if self.inner is datetime else f"p.{name}"

    def _read_all(self) -> str:
        name = self.name
        if issubclass(self.inner, StrEnum):
            return f"tuple([_from_{name}[one] for one in x if one in _from_{name}])"
        return f"tuple([_from_{name}(one) for one in x])" if is_dataclass(self.inner) else "tuple(x)"


def _unwrap(hint: Any) -> tuple[type[Any], bool, bool]:
    """The bare type, whether it may be None, whether it is a tuple of them."""
    if get_origin(hint) in (Union, types.UnionType):
        inner = next(one for one in get_args(hint) if one is not type(None))
        return inner, True, False
    if get_origin(hint) is tuple:
        return get_args(hint)[0], False, True
    return hint, False, False


_converters: dict[tuple[type, type], Converter] = {}


def converter(cls: type, message: type[Message]) -> Converter:
    """The converter of a pair, composed at first use."""
    key = (cls, message)
    if key not in _converters:
        _converters[key] = Converter(cls, message)
    return _converters[key]


def message_class(descriptor: Any) -> type[Message]:
    """The generated class of a message-typed field."""
    return GetMessageClass(descriptor.message_type)


def enum_numbers(words: type[StrEnum], descriptor: Any) -> dict[Any, int]:
    """Enum member -> proto number; names may carry the enum's name as prefix."""
    numbers = {value.name: value.number for value in descriptor.values}
    prefix = descriptor.values[0].name.removesuffix("UNSPECIFIED")
    return {word: numbers[word.name] if word.name in numbers else numbers[prefix + word.name] for word in words}


def to_proto(value: Any, message: type[M]) -> M:
    """Any domain value as its proto."""
    into = message()
    converter(type(value), message).write(value, into)
    return into


def from_proto(cls: type[T], proto: Message) -> T:
    """Any proto as its domain value."""
    found: T = converter(cls, type(proto)).read(proto)
    return found
