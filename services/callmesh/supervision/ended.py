"""What follows the end of a case: its children end, the patrol looks at it. Both read with the clocks."""

from __future__ import annotations

from collections.abc import Sequence

from nats.aio.msg import Msg

from callmesh.ledger.boot import Mesh
from callmesh.ledger.consume import each
from callmesh.supervision.children import Children
from callmesh.supervision.patrol import Patrol


class Ended:
    """Hands ends of cases to those who follow them."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self._children, self._patrol = Children(mesh), Patrol(mesh)

    async def on_facts(self, messages: Sequence[Msg]) -> None:
        """Ends, and what callers of folded cases say; the rest passes."""
        some = [one for one in messages if Patrol.concerns(one) or Children.concerns(one)]
        await each(self._mesh, some, self._on_fact)

    async def _on_fact(self, case_id: str, message: Msg) -> None:
        if Children.concerns(message):
            await self._children.on_fact(message)
        if Patrol.concerns(message):
            await self._patrol.on_fact(message)
