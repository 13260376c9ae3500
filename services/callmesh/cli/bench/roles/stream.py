"""The floors of JetStream: publish with acknowledgement, and fetch with acknowledgement."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import nats
from nats.js.api import AckPolicy, ConsumerConfig, StorageType, StreamConfig

from callmesh.cli.bench.measure import closed_for, times

STREAM, SUBJECT, DURABLE = "FLOOR", "floor.all", "floor"


class Stream:
    """One process that publishes, and reads back."""

    def __init__(self, folder: Path) -> None:
        self._payload = b""

    async def start(self, url: str, payload: str) -> dict[str, Any]:
        """Makes stream and consumer; `payload` is a record of the log as hex."""
        self._payload = bytes.fromhex(payload)
        self._js = (await nats.connect(url)).jetstream()
        await self._js.add_stream(StreamConfig(name=STREAM, subjects=[SUBJECT], storage=StorageType.FILE))
        config = ConsumerConfig(durable_name=DURABLE, ack_policy=AckPolicy.EXPLICIT, max_ack_pending=10_000)
        await self._js.add_consumer(STREAM, config)
        self._subscription = await self._js.pull_subscribe_bind(DURABLE, STREAM)
        return {}

    async def publish(self, seconds: float, in_flight: int) -> dict[str, Any]:
        """Publishes for a while, each acknowledged."""
        took: list[float] = []

        async def one(_: int) -> None:
            begun = time.monotonic()
            await self._js.publish(SUBJECT, self._payload)
            took.append(time.monotonic() - begun)

        count, wall = await closed_for(seconds, in_flight, one)
        return {"per_second": count / wall, **times(took)}

    async def fetch(self, seconds: float, batch: int, share: int) -> dict[str, Any]:
        """Fetches one of `share` parts of what was published, each message acknowledged."""
        left = int((await self._js.consumer_info(STREAM, DURABLE)).num_pending or 0) // share
        count, begun = 0, time.monotonic()
        while time.monotonic() - begun < seconds and count < left:
            messages = await self._subscription.fetch(min(batch, left - count), timeout=2)
            for message in messages:
                await message.ack()
            count += len(messages)
        return {"per_second": count / (time.monotonic() - begun), "count": count}
