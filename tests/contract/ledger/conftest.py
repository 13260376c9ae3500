"""A ledger to hold to the contract: in memory, or on a real NATS."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from callmesh.ledger.memory import MemoryLedger
from callmesh.ledger.port import Ledger
from support.ledgers import Real
from support.nats_server import NatsServer
from support.service import lay_out


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
