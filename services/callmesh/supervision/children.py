"""The end of folded cases (并单): with their parent, unless their caller dissents.

When a case with children ends, its children are found in its own history (each joining and leaving is a fact
there), and each ends with the parent's result. One whose caller said unsolved, or is dissatisfied, is taken
out instead, as a round of its own with the body that led the parent. A parent that was cancelled or rejected has no
result for anybody: its children wait for an operator again. Each child is a command with an id made of the
parent's fact, so a crash in the middle of a thousand goes on where it was.

A caller who says unsolved after the parent was resolved does not wait for its closure: the child is taken out at once.
"""

from __future__ import annotations

import asyncio

from nats.aio.msg import Msg

from callmesh.domain import commands_matters as c
from callmesh.domain import facts_matters as m
from callmesh.domain import routing
from callmesh.domain.case import Case
from callmesh.domain.commands import Command, Target
from callmesh.domain.decide_merge import dissents
from callmesh.domain.errors import DomainError, NoDirectory, Overloaded, Unreachable
from callmesh.domain.names import case_id_of
from callmesh.domain.words import CaseState, Role
from callmesh.kernel.ids import now
from callmesh.kernel.messaging import sequence_of
from callmesh.kernel.telemetry import log
from callmesh.ledger import stamps
from callmesh.ledger.boot import Mesh
from callmesh.ledger.consume import kind_of
from callmesh.ledger.pair import handle_pair
from callmesh.ledger.record import body_of, decode

AT_ONCE = 16
_ENDINGS = frozenset({"case_closed", "case_answered", "case_cancelled", "case_rejected"})
_WITH_RESULT = frozenset({CaseState.CLOSED, CaseState.ANSWERED})
_SETTLED = _WITH_RESULT | {CaseState.FOLLOW_UP}


class Children:
    """Ends folded cases with their parent."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh

    @staticmethod
    def concerns(message: Msg) -> bool:
        """The end of a case with children, or what a folded case's caller says."""
        kind = kind_of(message)
        if kind in _ENDINGS:
            return decode(message.data).case.children_count > 0
        return kind == "follow_up_recorded" and bool(decode(message.data).case.parent)

    async def on_fact(self, message: Msg) -> None:
        """Ends the children of a case, or takes out one that dissents."""
        case, sequence = (await self._mesh.ledger.seen(message)).case, sequence_of(message)
        if kind_of(message) == "follow_up_recorded":
            await self._said(case, sequence)
            return
        room = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(self._end(one, case, sequence, room) for one in await self._children(case)))

    async def _said(self, child: Case, sequence: int) -> None:
        if child.state != CaseState.MERGED or not dissents(child):
            return
        head = await self._mesh.ledger.head(case_id_of(child.parent))
        if head is not None and head.case.state in _SETTLED:
            await self._take_out(child.id, head.case, "来电人称未解决, 单独重办", self._target(head.case), sequence)

    async def _children(self, parent: Case) -> list[str]:
        """Ids of the children, from the parent's own history."""
        held: dict[str, None] = {}
        for one in await self._mesh.ledger.history(parent.id):
            if one.record.fact.WhichOneof("body") not in ("child_joined", "child_left"):
                continue
            body = body_of(one.record)
            if isinstance(body, m.ChildJoined):
                held[body.child] = None
            elif isinstance(body, m.ChildLeft):
                held.pop(body.child, None)
        return [case_id_of(name) for name in held]

    async def _end(self, child_id: str, parent: Case, sequence: int, room: asyncio.Semaphore) -> None:
        async with room:
            try:
                await self._ended(child_id, parent, sequence)
            except (Unreachable, Overloaded, NoDirectory):
                raise
            except DomainError as refused:
                log.info("nothing left to do", case=child_id, reason=type(refused).__name__)

    async def _ended(self, child_id: str, parent: Case, sequence: int) -> None:
        if parent.state not in _WITH_RESULT:
            await self._take_out(child_id, parent, "主单已撤销, 恢复单独办理", None, sequence)
            return
        closing = c.CloseChild(parent.name, parent.result, parent.public_reply)
        child = (await self._mesh.by_policy(child_id, closing, "close_child", sequence)).head.case
        if child.state == CaseState.MERGED and child.parent == parent.name and dissents(child):
            reason = "来电人称未解决, 不随主单归档"
            await self._take_out(child_id, parent, reason, self._target(parent), sequence)

    async def _take_out(self, child_id: str, parent: Case, reason: str, target: Target | None, sequence: int) -> None:
        calendar = self._mesh.city.calendar if target else None

        def ask(one: Case, other: Case) -> tuple[Command, Command]:
            return c.Unmerge(reason, target, calendar), c.Leave(one.name)

        stamp = stamps.by_policy(child_id, "unmerge", sequence)
        await handle_pair(self._mesh.ledger, child_id, parent.id, ask, stamp)

    def _target(self, parent: Case) -> Target:
        """Who led the parent, else whom the city's data names."""
        city = self._mesh.city
        question = routing.Question(parent.category, parent.division, parent.origin, now(), parent.emergency)
        leads = [one.agency for one in parent.this_round if one.role == Role.LEAD and one.agency in city.agency]
        if leads:
            return routing.name_agency(city, question, leads[-1], Role.LEAD, "未解决重办")
        return next(iter(routing.choose(city, question)), routing.fallback(city, question))
