"""The read model, made of the log by the product's own code, in a process of its own: `follow` and `build`."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import psutil

from callmesh.kernel.config import Settings

DURABLE = "bench_follows"


class Model:
    """Makes an embedded read model as often as it is told to, in the folder with the log's key-encryption key."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def start(self, url: str) -> dict[str, Any]:
        """Says where the log is. Memory is collected as in the service."""
        from callmesh.cli.serve import collect_rarely

        collect_rarely()
        self._settings = Settings(nats_url=url, data_dir=str(self._folder))
        return {}

    async def build(self) -> dict[str, Any]:
        """Drops the model and reads the whole log; the digest tells whether two models are equal."""
        from callmesh.tracking.rebuild import rebuild

        done = await rebuild(self._settings)
        return _told(done.count, done.seconds, done.cpu_seconds, done.digest)

    async def follow(self) -> dict[str, Any]:
        """Drops the model and takes the log as the running service does: what its durable hands over, with indexes."""
        from callmesh.kernel.messaging import Consumer
        from callmesh.tracking.app import LINGER_SECONDS
        from callmesh.tracking.digest import digest
        from callmesh.tracking.items import items_from
        from callmesh.tracking.projector import Projector
        from callmesh.tracking.rebuild import opened

        async with opened(self._settings) as parts:
            store, source = parts.store, parts.sources[0]
            last = await source.last()
            await store.on_writer(store.wipe_now)
            await store.open(source.stream)
            await store.on_writer(store.index_now)
            projector = Projector(store, source)

            async def handle(messages: Any) -> None:
                await projector.take(await items_from(messages, parts.vault))
                if projector.position >= last:
                    consumer.stopping.set()

            reads = source.stream, DURABLE, parts.names.log_all(self._settings.shard)
            consumer = Consumer(parts.client, parts.js, parts.names, *reads, handle, linger=LINGER_SECONDS)
            begun, used = time.monotonic(), time.process_time()
            await consumer.run()
            took = time.monotonic() - begun, time.process_time() - used
            return _told(last, *took, await asyncio.to_thread(digest, store.reader))


def _told(facts: int, seconds: float, cpu_seconds: float, digest: str) -> dict[str, Any]:
    return {
        "facts": facts,
        "seconds": seconds,
        "facts_per_second": facts / seconds,
        "cpu_us": cpu_seconds / max(facts, 1) * 1e6,
        "digest": digest,
        "resident_bytes": psutil.Process().memory_info().rss,
    }
