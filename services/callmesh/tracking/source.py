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

from callmesh.kernel.messaging import FETCH, FETCH_SECONDS
from callmesh.kernel.subjects import Names
from callmesh.kernel.telemetry import log
from callmesh.tracking.items import Item, item_of

IDLE_SECONDS = 30.0
PASSING = (NatsError, OSError, asyncio.TimeoutError)


class Source(Protocol):
    """Anything that can tell the log again."""

    async def last(self) -> int:
        """The sequence of the log's last message; 0 when it is empty."""

    def read(self, after: int, until: int) -> AsyncGenerator[list[Item], None]:
        """Messages with after < sequence <= until, in order, in batches."""


class LogSource:
    """The log of one shard on JetStream."""

    def __init__(self, js: JetStreamContext, names: Names, shard: int) -> None:
        self._js, self._stream, self._subject = js, names.log_stream(shard), names.log_all(shard)

    async def last(self) -> int:
        """The sequence of the log's last message."""
        return int((await self._js.stream_info(self._stream)).state.last_seq)

    async def read(self, after: int, until: int) -> AsyncGenerator[list[Item], None]:
        """One passing consumer, and another one after a gap."""
        while after < until:
            async with self._consumer(after + 1) as consumer:
                fresh = True
                while after < until:
                    messages = await consumer.fetch(min(FETCH, until - after), timeout=FETCH_SECONDS)
                    items = [item_of(one) for one in messages]
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
    async def _consumer(self, first: int) -> AsyncGenerator[JetStreamContext.PullSubscription, None]:
        config = ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=first,
            ack_policy=AckPolicy.NONE,
            inactive_threshold=IDLE_SECONDS,
            mem_storage=True,
            num_replicas=1,
        )
        subscription = await self._js.pull_subscribe(self._subject, stream=self._stream, config=config)
        try:
            yield subscription
        finally:
            with contextlib.suppress(*PASSING):
                await subscription.unsubscribe()


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
