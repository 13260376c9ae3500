"""JetStream ledgers as services have them, and the server under them."""

from __future__ import annotations

import asyncio

from nats.aio.client import Client

from callmesh.kernel.messaging import connect
from callmesh.ledger.jetstream import JetStreamLedger
from support.nats_server import NatsServer
from support.service import NAMES


class Real:
    """A JetStreamLedger as a service has it, and the server under it."""

    def __init__(self, server: NatsServer) -> None:
        self.server = server
        self.clients: list[Client] = []

    async def ledger(self) -> JetStreamLedger:
        """A ledger with a connection and cache of its own, like another process."""
        client = Client()
        await asyncio.wait_for(connect(client, self.server.url, "test"), 20)
        self.clients.append(client)
        return JetStreamLedger(client, client.jetstream(timeout=5), NAMES, "test")

    async def close(self) -> None:
        for client in self.clients:
            await client.close()
