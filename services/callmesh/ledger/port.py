"""The port: what a log of facts must do. Held by contract tests in tests/contract/ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from callmesh.api.v1 import case_pb2
from callmesh.domain.case import Case
from callmesh.facts.v1 import facts_pb2
from callmesh.kernel.vault import DataKey
from callmesh.ledger.record import case_of, decode
from callmesh.ledger.sealing import unseal


class Conflict(Exception):
    """The case changed since the head was read, or this message was stored already."""


class Ambiguous(Exception):
    """No answer: the append may or may not have been stored. Read the head before trying again."""


@dataclass(eq=False)
class Head:
    """The last message on a case's subject: the case itself. Decoded and unsealed when first needed."""

    data: bytes
    """As it is stored: with its words sealed."""
    sequence: int
    traceparent: str = ""
    key: DataKey | None = None
    """The case's data key; None for a log that seals nothing."""

    @cached_property
    def stored(self) -> facts_pb2.Record:
        """The stored message: what needs no key can be read here. Its words come into it when `record` is read."""
        return decode(self.data)

    @cached_property
    def record(self) -> facts_pb2.Record:
        """The stored message, with its words."""
        return unseal(self.stored, self.key)

    @cached_property
    def case(self) -> Case:
        """The case as a domain value."""
        return case_of(self.record)

    @property
    def recent(self) -> Sequence[int]:
        """Keys of the last commands."""
        return self.record.recent

    def opened_with(self, key: DataKey) -> Head:
        """The same head that can be read."""
        self.key = key
        return self

    def knowing(self, case: Case, record: facts_pb2.Record) -> Head:
        """The same head that need not be decoded again."""
        self.case, self.record = case, record
        return self

    def forget(self) -> None:
        """Lets go of what was decoded, several times the stored bytes; it is decoded again when it is needed."""
        for name in ("stored", "record", "case"):
            self.__dict__.pop(name, None)

    @property
    def etag(self) -> str:
        """Guards a command against a change meanwhile."""
        return str(self.sequence)

    def reply(self) -> case_pb2.Case:
        """The case as the API shows it, with its etag."""
        case = case_pb2.Case()
        case.CopyFrom(self.record.case)
        case.etag = self.etag
        return case


@dataclass(frozen=True, slots=True)
class Append:
    """One record to store on a case, if its last sequence is still `expected`."""

    case_id: str
    record: facts_pb2.Record
    expected: int


class Ledger(Protocol):
    """One append-only log, a subject a case, guarded by the subject's last sequence."""

    async def head(self, case_id: str, fresh: bool = False) -> Head | None:
        """The last message of the case. May be a cached one unless `fresh`; raises Unreachable."""

    async def append(self, case_id: str, record: facts_pb2.Record, expected: int) -> Head:
        """Stores the record if the case's last sequence is `expected` (0: no message yet).

        Raises Conflict (nothing stored), Ambiguous (unknown) or Unreachable (nothing stored).
        """

    async def append_both(self, first: Append, second: Append) -> tuple[Head, Head]:
        """Stores both or neither; the two cases share a shard. Raises like `append`."""

    async def history(self, case_id: str) -> list[Head]:
        """All messages of the case, oldest first; raises Unreachable."""
