"""The log in memory: for unit tests and for judging recorded cases without a server."""

from __future__ import annotations

from callmesh.facts.v1 import facts_pb2
from callmesh.ledger.port import Append, Conflict, Head


class MemoryLedger:
    """Keeps every message of every case; one sequence over all, like a stream."""

    def __init__(self) -> None:
        self._cases: dict[str, list[Head]] = {}
        self._ids: set[str] = set()
        self._last = 0

    async def head(self, case_id: str, fresh: bool = False) -> Head | None:
        """The last message of the case."""
        messages = self._cases.get(case_id)
        return messages[-1] if messages else None

    async def append(self, case_id: str, record: facts_pb2.Record, expected: int) -> Head:
        """Stores under the guard; a command id seen before is a conflict, as on the real log."""
        messages = self._cases.setdefault(case_id, [])
        last = messages[-1].sequence if messages else 0
        if last != expected or record.fact.command_id in self._ids:
            raise Conflict
        self._last += 1
        self._ids.add(record.fact.command_id)
        messages.append(Head(record.SerializeToString(), self._last))
        return messages[-1]

    async def append_both(self, first: Append, second: Append) -> tuple[Head, Head]:
        """Both guards hold, or nothing is stored."""
        for one in (first, second):
            messages = self._cases.get(one.case_id)
            last = messages[-1].sequence if messages else 0
            if last != one.expected or one.record.fact.command_id in self._ids:
                raise Conflict
        return (
            await self.append(first.case_id, first.record, first.expected),
            await self.append(second.case_id, second.record, second.expected),
        )

    async def history(self, case_id: str) -> list[Head]:
        """All messages of the case, oldest first."""
        return list(self._cases.get(case_id, ()))
