"""The pumps of one process of the gateway, and what it has to tell the others.

A unary receipt may come to another process than the one that gave the item out. That one alone can acknowledge it, so
the receipt is told to all, on a subject that nothing stores; should it be lost, the item comes once more, with the same
delivery id.
"""

from __future__ import annotations

import asyncio
import contextlib

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.domain.directory import City
from callmesh.gateway.pump import Pump
from callmesh.ledger.boot import Mesh


class Pumps:
    """The pumps of all agencies that ever connected to this process."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self._pumps: dict[str, Pump] = {}
        self.changed = asyncio.Event()
        """Set when somebody came, went, fell silent or spoke again."""

    def of(self, agency: str) -> Pump:
        """The agency's pump."""
        return self._pumps.setdefault(agency, Pump(self._mesh, agency, self.changed.set))

    def presences(self) -> list[pb.Presence]:
        """Of all agencies that ever had a stream to this process."""
        return [one.presence for one in self._pumps.values() if one.presence.HasField("since")]

    def keep(self, city: City) -> None:
        """Ends the streams of agencies that the city has no more: coming again, they are refused."""
        for agency, pump in self._pumps.items():
            if agency not in city.agency:
                pump.hang_up()

    def hang_up(self) -> None:
        """Ends the streams of all agencies."""
        for pump in self._pumps.values():
            pump.hang_up()

    async def start(self) -> None:
        """Listens for receipts of what was given out here and receipted elsewhere."""
        await self._mesh.runtime.client.subscribe(self._mesh.runtime.names.receipt("*"), cb=self._heard)

    async def receipted(self, agency: str, delivery_id: str, referral: str) -> None:
        """The partner has it: acknowledged here, or by who gave it out; of one that came again, by each who did."""
        pump = self.of(agency)
        again = pump.attempts(delivery_id) > 1
        if not await pump.receipted(delivery_id) or again:
            with contextlib.suppress(NatsError, OSError):
                subject = self._mesh.runtime.names.receipt(agency)
                await self._mesh.runtime.client.publish(subject, f"{delivery_id} {referral}".encode())

    async def _heard(self, message: Msg) -> None:
        pump = self._pumps.get(message.subject.rpartition(".")[2])
        delivery_id, _, referral = message.data.decode().partition(" ")
        if pump is not None and pump.gave(delivery_id, referral):
            await pump.receipted(delivery_id)

    async def close(self) -> None:
        """Gives everything back."""
        for pump in self._pumps.values():
            await pump.close()
