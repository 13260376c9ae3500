"""A ledger to hold to the contract: in memory, or on a real NATS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from nats.aio.client import Client

from callmesh.kernel.messaging import connect
from callmesh.ledger.jetstream import JetStreamLedger
from callmesh.ledger.memory import MemoryLedger
from callmesh.ledger.port import Ledger
from support.nats_server import NatsServer
from support.service import NAMES, lay_out


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


@pytest.fixture
async def real(nats: NatsServer) -> AsyncIterator[Real]:
    """NATS with the streams of a region."""
    await lay_out(nats)
    made = Real(nats)
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture(params=["memory", "jetstream"])
async def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ledger]:
    """Each implementation of the port."""
    if request.param == "memory":
        yield MemoryLedger()
        return
    server = NatsServer(tmp_path / "nats")
    server.start()
    made = Real(server)
    try:
        await lay_out(server)
        yield await made.ledger()
    finally:
        await made.close()
        server.kill()
