"""A stored record: one fact and the whole case after it, as bytes and back.

The reader of a record meets facts of newer versions: one marked may-ignore is skipped (the case
beside it is whole all the same), any other raises UnknownFact, so that the service stops and
alarms instead of acting on half a truth.
"""

from __future__ import annotations

import re
from datetime import datetime
from hashlib import blake2b
from typing import Any

from google.protobuf.message import DecodeError

from callmesh.api.v1 import case_pb2, common_pb2
from callmesh.domain import facts as f
from callmesh.domain.case import Actor, Case
from callmesh.domain.facts_matters import MAY_IGNORE
from callmesh.domain.values import replace
from callmesh.domain.watch import next_watch
from callmesh.facts.v1 import facts_pb2
from callmesh.ledger.wire import converter, from_timestamp, message_class, to_timestamp

RECENT = 32
_SNAKE = re.compile(r"(?<!^)(?=[A-Z])")
_BODIES: dict[str, type] = {_SNAKE.sub("_", cls.__name__).lower(): cls for cls in f.Body.__args__}
_FIELDS = {cls: name for name, cls in _BODIES.items()}
_ACTOR = converter(Actor, common_pb2.Actor)
_CASE = converter(Case, case_pb2.Case)

Before = tuple[Case, case_pb2.Case]
"""The case before a fact, and as it is stored."""


class UnknownFact(Exception):
    """The log holds a fact that this code does not know; `may_ignore` says whether to skip it."""

    def __init__(self, name: str, may_ignore: bool) -> None:
        super().__init__(f"fact {name!r} is of a newer version; upgrade this service")
        self.may_ignore = may_ignore


class Damaged(Exception):
    """The stored bytes are no record."""


def command_key(command_id: str) -> int:
    """A 64-bit hash of a command id, small enough to keep the last few with every record."""
    return int.from_bytes(blake2b(command_id.encode(), digest_size=8).digest())


def encode(fact: f.Fact, case: Case, recent: tuple[int, ...], before: Before | None = None) -> facts_pb2.Record:
    """The record to store; its `case` part doubles as the reply to the command.

    Of a case that is known from `before` only what the fact changed is written anew. What a newer version of us put
    beside it stays.
    """
    record = facts_pb2.Record()
    _write_fact(fact, record.fact)
    if before is None:
        _CASE.write(case, record.case)
    else:
        was, stored = before
        record.case.CopyFrom(stored)
        _CASE.update(was, case, record.case)
    following = next_watch(case, fact.stamp.at)
    if following is not None:
        to_timestamp(following.at, record.next_due)
    record.recent.extend((*recent[-RECENT + 1 :], command_key(fact.stamp.command_id)))
    return record


def encode_aside(fact: f.Fact, case: Case, recent: tuple[int, ...]) -> facts_pb2.Record:
    """Like `encode`, without a place among the last commands: what another case did must not push those out."""
    record = encode(fact, case, ())
    record.recent[:] = recent
    return record


def decode(data: bytes) -> facts_pb2.Record:
    """Parses stored bytes; raises Damaged."""
    try:
        return facts_pb2.Record.FromString(data)
    except DecodeError as wrong:
        raise Damaged(str(wrong)) from None


def case_of(record: facts_pb2.Record) -> Case:
    """The case after the fact."""
    found: Case = _CASE.read(record.case)
    return found


def next_due_of(record: facts_pb2.Record) -> datetime | None:
    """When the case must be looked at next, without decoding the case."""
    return from_timestamp(record.next_due) if record.HasField("next_due") else None


def fact_of(record: facts_pb2.Record) -> f.Fact:
    """The fact: what happened, who did it and when."""
    return f.Fact(_read_stamp(record.fact), body_of(record))


def body_of(record: facts_pb2.Record) -> f.Body:
    """What happened, with the words that stand in the case put back."""
    proto = record.fact
    name = proto.WhichOneof("body") or ""
    if name not in _BODIES:
        raise UnknownFact(name, proto.may_ignore)
    return _with_words(converter(_BODIES[name], _message(name)).read(getattr(proto, name)), record)


def _write_fact(fact: f.Fact, into: facts_pb2.Fact) -> None:
    stamp = fact.stamp
    into.command_id, into.cause, into.fingerprint = stamp.command_id, stamp.cause, stamp.fingerprint
    into.may_ignore = isinstance(fact.body, MAY_IGNORE)
    to_timestamp(stamp.at, into.at)
    _ACTOR.write(stamp.actor, into.actor)
    name = _FIELDS[type(fact.body)]
    body = getattr(into, name)
    body.SetInParent()
    converter(type(fact.body), _message(name)).write(fact.body, body)
    if isinstance(fact.body, f.ReportAmended):
        into.report_amended.has_words = fact.body.supplement is not None


def _message(name: str) -> Any:
    return message_class(facts_pb2.Fact.DESCRIPTOR.fields_by_name[name])


def _read_stamp(proto: facts_pb2.Fact) -> f.Stamp:
    return f.Stamp(
        command_id=proto.command_id,
        at=from_timestamp(proto.at),
        actor=_ACTOR.read(proto.actor),
        cause=proto.cause,
        fingerprint=proto.fingerprint,
    )


def _with_words(body: f.Body, record: facts_pb2.Record) -> f.Body:
    if isinstance(body, f.CaseOpened):
        return replace(body, report=case_of(record).report)
    if isinstance(body, f.ReportAmended):
        added = case_of(record).report.supplements if record.fact.report_amended.has_words else ()
        return replace(body, supplement=added[-1] if added else None)
    return body
