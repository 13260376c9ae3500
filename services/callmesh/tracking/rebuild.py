"""Fills the read model anew from the log: `rebuild(settings)`, for the command line.

Stop the service first, or leave it running: it notices that the model moved and helps to fill it; then
its watchers get old changes again. The digest of a rebuilt model equals the live one's when
both hold the same part of the log.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from nats.js import JetStreamContext

from callmesh.directory.store import fetch
from callmesh.kernel.config import Settings
from callmesh.kernel.connection import Connection
from callmesh.kernel.messaging import connect
from callmesh.kernel.subjects import Names
from callmesh.kernel.telemetry import clock
from callmesh.kernel.vault import Vault, open_vault
from callmesh.tracking.digest import digest
from callmesh.tracking.projector import Projector
from callmesh.tracking.source import LogSource, Source
from callmesh.tracking.store import Store, url_of


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild did: messages read, how long it took, its CPU in both processes, and the new model's digest."""

    count: int
    seconds: float
    cpu_seconds: float
    digest: str


@dataclass(frozen=True, slots=True)
class Parts:
    """A model and the shards of the log that it is made of, as a process that is no service opens them."""

    client: Connection
    js: JetStreamContext
    names: Names
    vault: Vault
    store: Store
    sources: Sequence[LogSource]


@contextlib.asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Parts]:
    """The model of these settings and the shards it tells; raises BadKey, and NatsError or OSError."""
    names, client = Names(settings.region), Connection()
    await connect(client, settings.nats_url, "callmesh-rebuild")
    store = Store(url_of(settings))
    js = client.jetstream(timeout=5)
    try:
        vault = await open_vault(client, js, settings)
        sources = [LogSource(client, js, names, shard, vault) for shard in settings.tracked]
        yield Parts(client, js, names, vault, store, sources)
    finally:
        await store.close()
        await client.close()


async def rebuild(settings: Settings) -> Rebuilt:
    """Drops the model of these settings and reads the whole log of its shards."""
    async with opened(settings) as parts:
        return await refill(parts.store, parts.sources, await _threshold(parts.js))


async def refill(store: Store, sources: Sequence[Source], threshold: int = 0) -> Rebuilt:
    """Empties the model and fills it from the sources; `threshold` of hotspot alerts, 0: raises none."""
    started, used, count = clock(), _cpu_seconds(), 0
    await store.on_writer(store.empty_now)
    for one in sources:
        projector = Projector(store, one, threshold=lambda: threshold)
        await projector.start()
        count += projector.position
    took = clock() - started, _cpu_seconds() - used
    return Rebuilt(count, *took, await asyncio.to_thread(digest, store.reader))


def _cpu_seconds() -> float:
    """Of this process and of those it started that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


async def _threshold(js: JetStreamContext) -> int:
    """Of the city in force: alerts that a lost database forgot are raised anew."""
    city = await fetch(js)
    return city.figures.hotspot_threshold if city else 0
