"""Callers who cannot be reached: after as many failed follow-up calls as the city says, the case closes by itself.

Each failed call is a fact; the one that makes the number full is answered here with CaseClosed, waiver
"unreachable". A repeated delivery leads to the same command, so it closes once. When this service is down the case
stays in FOLLOW_UP until it is back; whoever closes it meanwhile needs to type nothing either.
"""

from __future__ import annotations

from collections.abc import Sequence

from nats.aio.msg import Msg

from callmesh.domain import commands as c
from callmesh.domain.decide_after import unreached
from callmesh.domain.words import CaseState
from callmesh.kernel.messaging import sequence_of
from callmesh.ledger.boot import Mesh
from callmesh.ledger.consume import each, kind_of


class Unreachable:
    """Closes cases whose callers cannot be reached."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh

    async def on_facts(self, messages: Sequence[Msg]) -> None:
        """Calls that nobody answered; the rest passes."""
        await each(self._mesh, messages, self._on_fact, self._concerns)

    def _concerns(self, case_id: str, message: Msg) -> bool:
        if kind_of(message) != "follow_up_recorded":
            return False
        return not self._mesh.ledger.glance(message).fact.follow_up_recorded.follow_up.reached

    async def _on_fact(self, case_id: str, message: Msg) -> None:
        attempts = self._mesh.city.policy.follow_up_attempts
        head = await self._mesh.ledger.head(case_id)
        if head is None or head.case.state != CaseState.FOLLOW_UP or not unreached(head.case, attempts):
            return
        await self._mesh.by_policy(case_id, c.Close(attempts=attempts), "unreachable", sequence_of(message))
