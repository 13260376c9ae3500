"""Folding by a person (并单), and the parent's side of what happened in another shard.

Both cases change in one atomic step where they share a shard (ledger.pair). Else the child was written first, and
this process, which reads the child's shard, notes it on the parent: as often as it takes, each child once. A
parent that ended meanwhile takes nobody: the child is taken out again and waits for an operator.
"""

from __future__ import annotations

from collections.abc import Sequence

from nats.aio.msg import Msg

from callmesh.api.v1 import intake_service_pb2 as pb
from callmesh.domain import commands_matters as c
from callmesh.domain import facts_matters as m
from callmesh.domain.case import Case
from callmesh.domain.commands import Command
from callmesh.domain.errors import WrongState
from callmesh.domain.names import case_id_of, shard_of
from callmesh.domain.oversight import of_city
from callmesh.kernel.messaging import sequence_of
from callmesh.ledger.boot import Mesh
from callmesh.ledger.consume import each, kind_of
from callmesh.ledger.handle import Outcome
from callmesh.ledger.record import body_of, decode

_KINDS = frozenset({"case_merged", "case_unmerged"})


class Folding:
    """Into another case and out of it."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh

    async def merge(self, request: pb.MergeCaseRequest) -> Outcome:
        """Folds one case into another, as a person asks."""
        child, parent = case_id_of(request.name), case_id_of(request.parent, "parent")

        def ask(one: Case, other: Case) -> tuple[Command, Command]:
            return c.Merge(other, request.reason), c.Join(one.name)

        return await self._mesh.pair_by_person(child, parent, ask, request)

    async def unmerge(self, request: pb.UnmergeCaseRequest) -> Outcome:
        """Takes a case out again, as a person asks."""
        child = case_id_of(request.name)
        head = await self._mesh.ledger.head(child, fresh=True)
        if head is None or not head.case.parent:  # the decider says what is wrong, or that it was done before
            command = self._out(request.reason)
            return await self._mesh.by_person(child, command, request, request.request_id, request.etag)

        def ask(one: Case, other: Case) -> tuple[Command, Command]:
            return self._out(request.reason), c.Leave(one.name)

        parent = case_id_of(head.case.parent)
        return await self._mesh.pair_by_person(child, parent, ask, request)

    async def on_facts(self, messages: Sequence[Msg]) -> None:
        """What happened to a child whose parent stands in another shard."""
        some = [one for one in messages if kind_of(one) in _KINDS]
        await each(self._mesh, some, self._on_fact, _elsewhere)

    async def _on_fact(self, case_id: str, message: Msg) -> None:
        body, sequence = body_of((await self._mesh.ledger.seen(message)).record), sequence_of(message)
        name = f"cases/{case_id}"
        if isinstance(body, m.CaseUnmerged):
            await self._on_parent(body.parent, c.Leave(name), f"leave.{case_id}", sequence)
        elif isinstance(body, m.CaseMerged):
            try:
                await self._on_parent(body.parent, c.Join(name), f"join.{case_id}", sequence)
            except WrongState:
                await self._mesh.by_policy(case_id, self._out("主单已结束, 恢复单独办理"), "unmerge", sequence)

    def _out(self, reason: str) -> c.Unmerge:
        return c.Unmerge(reason, oversight=of_city(self._mesh.city))

    async def _on_parent(self, parent: str, command: c.Join | c.Leave, rule: str, sequence: int) -> None:
        await self._mesh.by_policy(case_id_of(parent), command, rule, sequence)


def _elsewhere(case_id: str, message: Msg) -> bool:
    fact = decode(message.data).fact
    parent = fact.case_merged.parent or fact.case_unmerged.parent
    return shard_of(parent.removeprefix("cases/")) != shard_of(case_id)
