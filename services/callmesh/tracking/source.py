"""The log read in order, a stretch at a time: to catch up, to rebuild, to resume a watch.

Reads by a passing pull consumer from a given sequence. Messages lost on the way (a reconnect) show as a
gap and are asked for again; a gap that a fresh consumer sees too is in the log itself: an alarm, and
reading goes on behind it. Raises NatsError, OSError or TimeoutError when NATS is away.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Protocol

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from callmesh.domain.errors import Unreachable
from callmesh.kernel.connection import Connection
from callmesh.kernel.ids import new_id
from callmesh.kernel.pull import Puller
from callmesh.kernel.subjects import Names
from callmesh.kernel.telemetry import log
from callmesh.kernel.vault import Vault
from callmesh.tracking.items import Item, items_from

IDLE_SECONDS = 300.0
"""A disk may stall for long while a large batch is written."""
ROOM = 1024
PASSING = (NatsError, OSError, asyncio.TimeoutError, Unreachable)


class Source(Protocol):
    """Anything that can tell a stream of the log again."""

    stream: str
    """Its name."""

    async def last(self) -> int:
        """The sequence of the log's last message; 0 when it is empty."""

    def read(self, after: int, until: int) -> AsyncGenerator[list[Item], None]:
        """Messages with after < sequence <= until, in order, in batches."""


class LogSource:
    """The log of one shard on JetStream."""

    def __init__(self, client: Connection, js: JetStreamContext, names: Names, shard: int, vault: Vault) -> None:
        self._client, self._js, self._vault = client, js, vault
        self.stream, self._subject = names.log_stream(shard), names.log_all(shard)

    async def last(self) -> int:
        """The sequence of the log's last message."""
        return int((await self._js.stream_info(self.stream)).state.last_seq)

    async def read(self, after: int, until: int) -> AsyncGenerator[list[Item], None]:
        """One passing consumer, and another one after a gap."""
        while after < until:
            async with self._consumer(after + 1) as consumer:
                fresh = True
                while after < until:
                    items = await items_from(await consumer.take(ROOM), self._vault)
                    if not items:
                        continue
                    whole = unbroken(items, after, fresh)
                    wanted = [one for one in whole if one.sequence <= until]
                    if wanted:
                        yield wanted
                    if len(wanted) < len(whole):
                        return
                    if len(whole) < len(items):
                        after = whole[-1].sequence if whole else after
                        break
                    after, fresh = whole[-1].sequence, False

    @contextlib.asynccontextmanager
    async def _consumer(self, first: int) -> AsyncGenerator[Puller, None]:
        name = f"tracking_reads_{new_id()}"
        config = ConsumerConfig(
            name=name,
            filter_subject=self._subject,
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=first,
            ack_policy=AckPolicy.NONE,
            inactive_threshold=IDLE_SECONDS,
            mem_storage=True,
            num_replicas=1,
        )
        await self._js.add_consumer(self.stream, config)
        puller = Puller(self._client, self.stream, name)
        try:
            await puller.open()
            yield puller
        finally:
            await puller.close()
            with contextlib.suppress(*PASSING):
                await self._js.delete_consumer(self.stream, name)


def unbroken(items: list[Item], after: int, fresh: bool) -> list[Item]:
    """The items up to the first gap; a gap before all of them is taken as it is when `fresh`."""
    if fresh and items and items[0].sequence != after + 1:
        log.error("the log lacks messages", sequence=after + 1, count=items[0].sequence - after - 1)
        after = items[0].sequence - 1
    whole = []
    for item in items:
        if item.sequence != after + 1:
            break
        whole.append(item)
        after = item.sequence
    return whole
