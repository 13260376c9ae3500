"""Domain values <-> protos, the only place.

Both forms carry the same field names, so a converter is compiled once for every dataclass from
its type hints: a list of (name, convert) for what it holds. Enums map by value name, times to
Timestamp, `None` and empty to absent. A proto field that the domain does not know is left alone;
a dataclass field that the proto lacks fails the start (and a test).

The report stands once in a stored record, in the case: CaseOpened and ReportAmended are stored
without their words, and get them back from the case beside them when read (ledger.record).
"""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp

from callmesh.domain import facts as f

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WORDS_STAND_IN_CASE: dict[type, str] = {f.CaseOpened: "report", f.ReportAmended: "supplement"}

Writer = Callable[[Any, Any], None]
Reader = Callable[[Any], Any]


def to_timestamp(at: datetime, into: Timestamp | None = None) -> Timestamp:
    """An aware datetime as Timestamp, exact to the microsecond."""
    stamp = Timestamp() if into is None else into
    delta = at - _EPOCH
    stamp.seconds = delta.days * 86400 + delta.seconds
    stamp.nanos = delta.microseconds * 1000
    return stamp


def from_timestamp(stamp: Timestamp) -> datetime:
    """A Timestamp as aware datetime in UTC."""
    return _EPOCH + timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1000)


class Converter:
    """Both directions for one dataclass and one proto message type."""

    def __init__(self, cls: type, message: type[Message]) -> None:
        self.cls, self.message = cls, message
        self.writers: list[tuple[str, Writer]] = []
        self.readers: list[tuple[str, Reader]] = []
        hints = get_type_hints(cls)
        for one in fields(cls):
            if one.name == WORDS_STAND_IN_CASE.get(cls):
                continue
            writer, reader = _field(one.name, hints[one.name], message)
            self.writers.append((one.name, writer))
            self.readers.append((one.name, reader))

    def write(self, value: Any, into: Any) -> None:
        """Fills a fresh proto; what is empty stays absent."""
        for name, writer in self.writers:
            held = getattr(value, name)
            if held is not None and held != () and held != "" and held is not False:
                writer(into, held)

    def read(self, proto: Any) -> Any:
        """The dataclass of a proto."""
        return self.cls(**{name: reader(proto) for name, reader in self.readers})


_converters: dict[tuple[type, type], Converter] = {}


def converter(cls: type, message: type[Message]) -> Converter:
    """The converter of a pair, compiled at first use."""
    key = (cls, message)
    if key not in _converters:
        _converters[key] = Converter(cls, message)
    return _converters[key]


def message_class(descriptor: Any) -> type[Message]:
    """The generated class of a message-typed field."""
    return GetMessageClass(descriptor.message_type)


def _field(name: str, hint: Any, message: type[Message]) -> tuple[Writer, Reader]:
    descriptor: Any = message.DESCRIPTOR.fields_by_name[name]
    inner, optional, repeated = _unwrap(hint)
    if repeated:
        return _repeated(name, inner, descriptor)
    if issubclass(inner, StrEnum):
        return _enum(name, inner, descriptor.enum_type, optional)
    if inner is datetime:
        return _time(name)
    if is_dataclass(inner):
        return _nested(name, inner, message_class(descriptor), optional)
    return _plain(name)


def _unwrap(hint: Any) -> tuple[type[Any], bool, bool]:
    """The bare type, whether it may be None, whether it is a tuple of them."""
    if get_origin(hint) in (Union, types.UnionType):
        inner = next(one for one in get_args(hint) if one is not type(None))
        return inner, True, False
    if get_origin(hint) is tuple:
        return get_args(hint)[0], False, True
    return hint, False, False


def _plain(name: str) -> tuple[Writer, Reader]:
    def write(proto: Any, value: Any) -> None:
        setattr(proto, name, value)

    return write, lambda proto: getattr(proto, name)


def _time(name: str) -> tuple[Writer, Reader]:
    def write(proto: Any, value: Any) -> None:
        to_timestamp(value, getattr(proto, name))

    def read(proto: Any) -> Any:
        return from_timestamp(getattr(proto, name)) if proto.HasField(name) else None

    return write, read


def enum_numbers(words: type[StrEnum], descriptor: EnumDescriptor) -> dict[Any, int]:
    """Enum member -> proto number; names may carry the enum's name as prefix."""
    numbers = {value.name: value.number for value in descriptor.values}
    prefix = descriptor.values[0].name.removesuffix("UNSPECIFIED")
    return {word: numbers[word.name] if word.name in numbers else numbers[prefix + word.name] for word in words}


def _enum(name: str, words: type[StrEnum], descriptor: EnumDescriptor, optional: bool) -> tuple[Writer, Reader]:
    numbers = enum_numbers(words, descriptor)
    members = {number: word for word, number in numbers.items()}
    default = None if optional else next(iter(words))

    def write(proto: Any, value: Any) -> None:
        setattr(proto, name, numbers[value])

    return write, lambda proto: members.get(getattr(proto, name), default)


def _nested(name: str, cls: type, message: type[Message], optional: bool) -> tuple[Writer, Reader]:
    inner = converter(cls, message)

    def write(proto: Any, value: Any) -> None:
        sub = getattr(proto, name)
        sub.SetInParent()
        inner.write(value, sub)

    def read(proto: Any) -> Any:
        return None if optional and not proto.HasField(name) else inner.read(getattr(proto, name))

    return write, read


def _repeated(name: str, inner: type[Any], descriptor: Any) -> tuple[Writer, Reader]:
    if issubclass(inner, StrEnum):
        numbers = enum_numbers(inner, descriptor.enum_type)
        members = {number: word for word, number in numbers.items()}
        return (
            lambda proto, value: getattr(proto, name).extend(numbers[one] for one in value),
            lambda proto: tuple(members[one] for one in getattr(proto, name) if one in members),
        )
    if is_dataclass(inner):
        part = converter(inner, message_class(descriptor))

        def write(proto: Any, value: Any) -> None:
            into = getattr(proto, name)
            for one in value:
                part.write(one, into.add())

        return write, lambda proto: tuple(part.read(one) for one in getattr(proto, name))
    return (
        lambda proto, value: getattr(proto, name).extend(value),
        lambda proto: tuple(getattr(proto, name)),
    )


M = TypeVar("M", bound=Message)
T = TypeVar("T")


def to_proto(value: Any, message: type[M]) -> M:
    """Any domain value as its proto."""
    into = message()
    converter(type(value), message).write(value, into)
    return into


def from_proto(cls: type[T], proto: Message) -> T:
    """Any proto as its domain value."""
    found: T = converter(cls, type(proto)).read(proto)
    return found
