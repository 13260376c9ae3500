"""JetStream ledgers as services have them, and the server under them."""

from __future__ import annotations

import asyncio

from callmesh.kernel.connection import Connection
from callmesh.kernel.kek import Wrapping
from callmesh.kernel.messaging import connect
from callmesh.kernel.publisher import Publisher
from callmesh.kernel.vault import Vault
from callmesh.ledger.jetstream import JetStreamLedger
from support.nats_server import NatsServer
from support.service import KEK, NAMES


async def vault_of(client: Connection) -> Vault:
    """A vault on a connection, with the key-encryption key that services under test have."""
    vault = Vault(client, client.jetstream(timeout=30), Publisher(client), NAMES)
    await vault.start(Wrapping([KEK]))
    return vault


async def ledger_of(client: Connection) -> JetStreamLedger:
    """A ledger on a connection."""
    return JetStreamLedger(client, client.jetstream(timeout=30), NAMES, "test", await vault_of(client))


class Real:
    """A JetStreamLedger as a service has it, and the server under it."""

    def __init__(self, server: NatsServer) -> None:
        self.server = server
        self.clients: list[Connection] = []

    async def ledger(self) -> JetStreamLedger:
        """A ledger with a connection and cache of its own, like another process."""
        client = Connection()
        await asyncio.wait_for(connect(client, self.server.url, "test"), 60)
        self.clients.append(client)
        return await ledger_of(client)

    async def close(self) -> None:
        for client in self.clients:
            await client.close()
