"""Sealing a record: what persons said leaves it before it is stored, and comes back when it is read.

Which fields these are stands in the contract: they are marked `debug_redact` in protos/ (the report as a
whole, results, replies, notes, reasons in somebody's words). Before an append they are moved, each with the
path to its place, into one `Sealed`, which is encrypted with the case's data key (kernel/vault.py)
and stored in the record's own field. Everything else stays readable: ids, codes, times, counts, agencies.
Paths are field numbers, so what was sealed is found again after fields were added, marked or unmarked.

When the key was destroyed the marked fields stay empty and all else of the case is as it was: who had it,
how long, and how it ended can be told for ever. A record without any such words is stored as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from callmesh.facts.v1 import facts_pb2
from callmesh.kernel.vault import DataKey

_NONE = DataKey("", None)
_PLACES = 4096
_FACT = facts_pb2.Record.DESCRIPTOR.fields_by_name["fact"].number
Path = tuple[int, ...]
Into = Callable[[Path, bytes], object]


class Plan:
    """The marked fields of one message type, and the fields that lead to more of them; each with its number."""

    def __init__(self) -> None:
        self.texts: list[tuple[str, int]] = []
        self.messages: list[tuple[str, int]] = []
        self.single: list[tuple[str, int, Plan]] = []
        self.one_of: dict[str, dict[str, tuple[int, Plan]]] = {}
        """By the name of the oneof: only the member that is set is looked at."""
        self.repeated: list[tuple[str, int, Plan]] = []

    @property
    def empty(self) -> bool:
        """Nothing below is marked."""
        return not (self.texts or self.messages or self.single or self.one_of or self.repeated)


def seal(record: facts_pb2.Record, key: DataKey) -> facts_pb2.Record:
    """A copy to store, without words that persons said; `record` itself stays whole."""
    stored, taken = facts_pb2.Record(), facts_pb2.Sealed()
    stored.CopyFrom(record)
    add = taken.fields.add
    _take(stored, plan_of(facts_pb2.Record.DESCRIPTOR), (), lambda path, value: add(path=path, value=value))
    if taken.fields:
        stored.sealed = key.seal(taken.SerializeToString())
    return stored


def unseal(stored: facts_pb2.Record, key: DataKey | None) -> facts_pb2.Record:
    """The record as it was before it was sealed, in place; its marked fields stay empty when the key was destroyed.

    Raises BadKey without the right key: whoever took empty words for the truth would write them down as such.
    """
    return put_back(stored, words_of(stored, key))


def words_of(stored: facts_pb2.Record, key: DataKey | None) -> bytes:
    """What was sealed, for `put_back`; b"" when it was nothing, or the key was destroyed. Raises BadKey."""
    return ((key or _NONE).open(stored.sealed) or b"") if stored.sealed else b""


def put_back(stored: facts_pb2.Record, words: bytes) -> facts_pb2.Record:
    """The record with its words, in place."""
    stored.ClearField("sealed")
    for one in facts_pb2.Sealed.FromString(words).fields[:]:  # slices are read at once, iterators step by step
        _put(stored, tuple(one.path[:]), one.value)
    return stored


def put_fact_back(stored: facts_pb2.Record, words: bytes) -> facts_pb2.Record:
    """The texts of its fact alone, in place, for a reader who asks for no more; `put_back` may follow."""
    for one in facts_pb2.Sealed.FromString(words).fields[:]:
        if one.path[0] == _FACT and _place_of(stored.DESCRIPTOR, path := tuple(one.path[:]))[2]:
            _put(stored, path, one.value)
    return stored


def _take(message: Any, plan: Plan, path: Path, into: Into) -> None:
    for name, number in plan.texts:
        if text := getattr(message, name):
            into((*path, number), text.encode())
            message.ClearField(name)
    for name, number in plan.messages:
        if message.HasField(name):
            into((*path, number), getattr(message, name).SerializeToString())
            message.ClearField(name)
    _take_below(message, plan, path, into)


def _take_below(message: Any, plan: Plan, path: Path, into: Into) -> None:
    """From messages that are there and may hold something marked."""
    for name, number, below in plan.single:
        if message.HasField(name):
            _take(getattr(message, name), below, (*path, number), into)
    for choice, members in plan.one_of.items():
        which = message.WhichOneof(choice)
        if which in members:
            number, below = members[which]
            _take(getattr(message, which), below, (*path, number), into)
    for name, number, below in plan.repeated:
        for place, one in enumerate(getattr(message, name)[:]):
            _take(one, below, (*path, number, place), into)


def _put(message: Any, path: Path, value: bytes) -> None:
    way, name, is_text = _place_of(message.DESCRIPTOR, path)
    for step in way:
        message = message[step] if isinstance(step, int) else getattr(message, step)
    if is_text:
        setattr(message, name, value.decode())
        return
    below = getattr(message, name)
    below.MergeFromString(value)
    below.SetInParent()


@lru_cache(_PLACES)
def _place_of(descriptor: Descriptor, path: Path) -> tuple[tuple[str | int, ...], str, bool]:
    """Fields and places that lead there, the field itself, and whether it is a text: asking the descriptors for each
    record would cost more than to open it."""
    way: list[str | int] = []
    steps = iter(path)
    field: Any = descriptor.fields_by_number[next(steps)]
    for number in steps:
        way.append(field.name)
        below = field.message_type.fields_by_number
        if field.is_repeated:
            way.append(number)
            number = next(steps)
        field = below[number]
    return tuple(way), field.name, field.message_type is None


@cache
def plan_of(descriptor: Descriptor) -> Plan:
    """Composed once for each message type. Record's own `sealed` is no part of it."""
    plan = Plan()
    for field in descriptor.fields:
        _note(plan, field)
    return plan


def _note(plan: Plan, field: FieldDescriptor) -> None:
    marked = field.GetOptions().debug_redact
    if marked:
        if field.is_repeated:
            raise TypeError(f"{field.full_name}: a repeated field cannot be marked; mark what it holds")
        (plan.messages if field.message_type else plan.texts).append((field.name, field.number))
    elif field.message_type is not None and not (below := plan_of(field.message_type)).empty:
        _note_below(plan, field, below)


def _note_below(plan: Plan, field: FieldDescriptor, below: Plan) -> None:
    if field.containing_oneof is not None:
        plan.one_of.setdefault(field.containing_oneof.name, {})[field.name] = field.number, below
    else:
        (plan.repeated if field.is_repeated else plan.single).append((field.name, field.number, below))
