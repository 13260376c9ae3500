"""Messages that are nearly right: made by descriptor from valid ones, with a seeded hand.

A mutation is structural (a field cleared, doubled, set to an extreme, an unknown enum value, an unknown field) or of
bytes (flipped, cut off, repeated, replaced by noise, nested three hundred deep).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

_TEXTS = (
    "",
    " ",
    "\x00",
    "a\nb",
    "'; DROP TABLE cases; --",
    "../../etc",
    "💥" * 50,
    "x" * 5_000,
    "％ｓ%s%n",
    "\u202e反",
)
_NUMBERS = (0, 1, -1, 2**31 - 1, -(2**31), 7)
_WIDE = (*_NUMBERS, 2**63 - 1, -(2**63))
_UNSIGNED = (0, 1, 2**32 - 1)
_FLOATS = (0.0, -0.0, float("nan"), float("inf"), float("-inf"), 1e308, 91.0, -181.0)
_F = FieldDescriptor


def almost(name: str) -> str:
    """Another name of the same form, which names nothing: its last character is another, whatever it was."""
    return name[:-1] + ("1" if name.endswith("0") else "0")


class Mutator:
    """Everything it does follows from the seed. `names` are texts worth meeting: names of cases, agencies, tokens."""

    def __init__(self, seed: int, names: tuple[str, ...]) -> None:
        self._dice = random.Random(seed)
        self._names = names

    def mutated(self, message: Message) -> bytes:
        """A few changes to the message, then perhaps to its bytes."""
        copy = type(message)()
        copy.CopyFrom(message)
        for _ in range(self._dice.choice((0, 1, 1, 2, 4))):
            self._change(copy, depth=0)
        data = copy.SerializeToString()
        return self._bytes(data) if self._dice.random() < 0.35 else data

    def _change(self, message: Message, depth: int) -> None:
        fields = message.DESCRIPTOR.fields
        if not fields:
            return
        field = self._dice.choice(fields)
        if self._dice.random() < 0.2:
            message.ClearField(field.name)
        elif field.message_type is not None and not _is_map(field):
            self._nested(message, field, depth)
        elif field.is_repeated:
            getattr(message, field.name).extend(self._value(field) for _ in range(self._dice.choice((1, 3, 60))))
        else:
            setattr(message, field.name, self._value(field))

    def _nested(self, message: Message, field: Any, depth: int) -> None:
        if field.is_repeated:
            for _ in range(self._dice.choice((1, 2, 60))):
                inner = getattr(message, field.name).add()
        else:
            inner = getattr(message, field.name)
            inner.SetInParent()
        if depth < 4:
            self._change(inner, depth + 1)

    def _value(self, field: Any) -> Any:
        pick = self._dice.choice
        if field.type == _F.TYPE_STRING:
            return pick((*_TEXTS, *self._names, *self._names))
        if field.type == _F.TYPE_BYTES:
            return pick((b"", b"\xff" * 100, b"\x00"))
        if field.type == _F.TYPE_BOOL:
            return pick((True, False))
        if field.type == _F.TYPE_ENUM:
            return pick((0, 1, 2, 99, -1))
        if field.type in (_F.TYPE_DOUBLE, _F.TYPE_FLOAT):
            return pick(_FLOATS)
        if field.type in (_F.TYPE_UINT32, _F.TYPE_UINT64, _F.TYPE_FIXED32, _F.TYPE_FIXED64):
            return pick(_UNSIGNED)
        return pick(_WIDE if field.type in (_F.TYPE_INT64, _F.TYPE_SINT64) else _NUMBERS)

    def _bytes(self, data: bytes) -> bytes:
        ways: tuple[Callable[[bytes], bytes], ...] = (
            self._flipped,
            lambda given: given[: self._dice.randrange(len(given) + 1)],
            lambda given: given * 3,
            lambda given: given + b"\xf8\xff\xff\xff\x0f\x01",  # an unknown field with a bad wire type
            lambda given: given + b"\xa2\xbb\x06\x03abc",  # an unknown field, well formed
            lambda given: self._dice.randbytes(self._dice.choice((1, 10, 1_000))),
            lambda given: given + b"\x12\xff\xff\xff\xff\x0f",  # a length of 4 GiB
            lambda given: _deep(300),
            lambda given: given.replace(b"cases", b"\xff\xfe\xfd\xfc\xfb"),  # no UTF-8
        )
        return self._dice.choice(ways)(data)

    def _flipped(self, data: bytes) -> bytes:
        changed = bytearray(data)
        for _ in range(self._dice.choice((1, 2, 8))):
            if changed:
                changed[self._dice.randrange(len(changed))] ^= 1 << self._dice.randrange(8)
        return bytes(changed)


def _deep(levels: int) -> bytes:
    data = b""
    for _ in range(levels):
        data = b"\x12" + _varint(len(data)) + data
    return data


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _is_map(field: Any) -> bool:
    return bool(field.message_type.GetOptions().map_entry)
