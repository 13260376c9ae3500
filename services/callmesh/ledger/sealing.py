"""Sealing a record: what persons said leaves it before it is stored, and comes back when it is read.

Which fields these are stands in the contract: they are marked `debug_redact` in protos/ (the report as a
whole, results, replies, notes, reasons in somebody's words). Before an append they are moved, in the
order of the descriptors, into one `Sealed`, which is encrypted with the case's data key (kernel/vault.py)
and stored in the record's own field. Everything else stays readable: ids, codes, times, counts, agencies.

When the key was destroyed the marked fields stay empty and all else of the case is as it was: who had it,
how long, and how it ended can be told for ever. A record without any such words is stored as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from callmesh.facts.v1 import facts_pb2
from callmesh.kernel.vault import DataKey

Step = tuple[str, "Plan"]


class Plan:
    """The marked fields of one message type, and the fields that lead to more of them."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.messages: list[str] = []
        self.single: list[Step] = []
        self.repeated: list[Step] = []

    @property
    def empty(self) -> bool:
        """Nothing below is marked."""
        return not (self.texts or self.messages or self.single or self.repeated)


def seal(record: facts_pb2.Record, key: DataKey) -> facts_pb2.Record:
    """A copy to store, without words that persons said; `record` itself stays whole."""
    stored = facts_pb2.Record()
    stored.CopyFrom(record)
    taken = facts_pb2.Sealed()
    _take(stored, plan_of(facts_pb2.Record.DESCRIPTOR), taken.values.append)
    if any(taken.values):
        stored.sealed = key.seal(taken.SerializeToString())
    return stored


def unseal(stored: facts_pb2.Record, key: DataKey) -> facts_pb2.Record:
    """The record as it was before it was sealed, in place; its marked fields stay empty without the key."""
    opened = key.open(stored.sealed) if stored.sealed else None
    stored.ClearField("sealed")
    if opened is not None:
        values = iter(facts_pb2.Sealed.FromString(opened).values)
        _put(stored, plan_of(facts_pb2.Record.DESCRIPTOR), values)
    return stored


def _take(message: Any, plan: Plan, into: Callable[[bytes], None]) -> None:
    for name in plan.texts:
        text = getattr(message, name)
        into(text.encode())
        if text:
            message.ClearField(name)
    for name in plan.messages:
        there = message.HasField(name)
        into(getattr(message, name).SerializeToString() if there else b"")
        if there:
            message.ClearField(name)
    for one, below in _below(message, plan):
        _take(one, below, into)


def _put(message: Any, plan: Plan, values: Iterator[bytes]) -> None:
    for name in plan.texts:
        if value := next(values):
            setattr(message, name, value.decode())
    for name in plan.messages:
        if value := next(values):
            getattr(message, name).MergeFromString(value)
    for one, below in _below(message, plan):
        _put(one, below, values)


def _below(message: Any, plan: Plan) -> Iterator[tuple[Message, Plan]]:
    for name, below in plan.single:
        if message.HasField(name):
            yield getattr(message, name), below
    for name, below in plan.repeated:
        for one in getattr(message, name):
            yield one, below


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
        (plan.messages if field.message_type else plan.texts).append(field.name)
    elif field.message_type is not None and not (below := plan_of(field.message_type)).empty:
        (plan.repeated if field.is_repeated else plan.single).append((field.name, below))
