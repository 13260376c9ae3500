"""The projector: the log -> the read model, exactly once, in order, without holes.

A message travels: the durable consumer hands over a batch; what lies at or below the position is known
and dropped; when something between the position and the batch is missing (a restored database, a durable
ahead of it, a message parked before), that stretch is read from the log first, in large transactions, and indexes
that a new model still lacks are made at its end; then rows and position are stored in one transaction, and only
then waiting readers wake up and watchers are told. What a start finds missing, and nobody watches yet, may be
long: then two processes fill it in (filling.py).

Database or NATS away: the batch waits here and is tried again for as long as it takes, unacknowledged
(handing the error to the consumer would park good messages after five attempts). A message that cannot be
digested is raised to the consumer, which parks it; when it is met again in a stretch that is read
from the log, it is passed over with an alarm. After `stop` nothing is written or acknowledged any more.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import TypeVar

from callmesh.kernel.telemetry import clock, log
from callmesh.tracking import filling
from callmesh.tracking.items import Change, Item, Refused, read, read_each
from callmesh.tracking.rows import rows_of
from callmesh.tracking.source import PASSING, Source
from callmesh.tracking.store import Away, Moved, Store

PAUSE_SECONDS = 0.5
FILLING = 4096
"""Facts of a transaction while the model catches up: the larger, the fewer pages are written again and again."""
LONG = 50_000
"""Facts that are worth another process, which needs a second until it works."""
T = TypeVar("T")
Listener = Callable[[Sequence[Change]], None]


class Projector:
    """The one writer of a model from one stream of the log, which is a shard's.

    `position`: up to here the model is complete; `ready` once it caught up.
    """

    def __init__(
        self,
        store: Store,
        source: Source,
        tell: Listener = lambda changes: None,
        threshold: Callable[[], int] = lambda: 0,
    ) -> None:
        """`tell` hears of every batch after its commit; `threshold`: cases of a hotspot that raise an alert."""
        self._threshold = threshold
        self.position, self.ready = 0, False
        self.source, self.stream = source, source.stream
        self._store, self._tell = store, tell
        self._moved = asyncio.Condition()
        self._one = asyncio.Lock()
        self._stopped = asyncio.Event()

    async def start(self) -> None:
        """Opens the model and catches up with the log; raises OSError or NatsError to be tried again."""
        started = clock()
        try:
            async with self._one:
                first = self.position = await self._store.open(self.stream)
                last = await self.source.last()
                if last - first >= LONG:
                    await self._fill(last)
                await self._catch_up(last)
        except (Away, Moved) as wrong:
            raise ConnectionError("the read model's database is away or in use") from wrong
        self.ready = True
        count, seconds = self.position - first, round(clock() - started, 3)
        log.info("read model is current", stream=self.stream, sequence=self.position, count=count, seconds=seconds)

    async def stop(self) -> None:
        """Lets the running batch end and takes no other."""
        self._stopped.set()
        async with self._one:
            return

    async def take(self, items: Sequence[Item]) -> None:
        """Projects a batch; raises UnknownFact or Damaged, nothing that passes by itself."""
        async with self._one:
            while not self._stopped.is_set():
                try:
                    return await self._take(items)
                except (Away, Moved, *PASSING) as wrong:
                    log.warning("projection waits", error=str(wrong) or type(wrong).__name__)
                    await self._pause()
        raise asyncio.CancelledError

    async def reached(self, sequence: int, seconds: float) -> bool:
        """True once the model holds everything up to `sequence`; waits for it."""
        with contextlib.suppress(asyncio.TimeoutError):
            async with asyncio.timeout(seconds), self._moved:
                await self._moved.wait_for(lambda: self.position >= sequence)
        return self.position >= sequence

    async def _take(self, items: Sequence[Item]) -> None:
        fresh = [one for one in items if one.sequence > self.position]
        if fresh and fresh[0].sequence > self.position + 1:
            await self._catch_up(fresh[0].sequence - 1)
        if fresh:
            await self._store_items(fresh, _read_all)

    async def _catch_up(self, until: int) -> None:
        if until > self.position:
            async with contextlib.aclosing(_ahead(_large(self.source.read(self.position, until)))) as batches:
                async for batch in batches:
                    await self._store_items(batch, read_digestible)
        await self._store.on_writer(self._store.index_now)

    async def _fill(self, until: int) -> None:
        """What nobody watches yet, by two processes, as long as there are two."""
        made = filling.made(_large(self.source.read(self.position, until)), self.stream)
        try:
            async with contextlib.aclosing(_ahead(made)) as batches:
                async for batch in batches:
                    _alarm(batch.refused)
                    await self._store.write(batch.rows, self.stream, self.position, batch.last, self._threshold())
                    await self._move(batch.last, ())
        except filling.Alone as wrong:
            log.warning("the read model is filled by one process", error=str(wrong))

    async def _store_items(self, items: Sequence[Item], reader: Callable[[Sequence[Item], str], list[Change]]) -> None:
        old, new, threshold = self.position, items[-1].sequence, self._threshold()

        def work() -> list[Change]:
            changes = reader(items, self.stream)
            raised = self._store.write_now(rows_of(changes), self.stream, old, new, threshold)
            for one in changes if raised else ():
                one.alerted = one.sequence in raised
            return changes

        await self._move(new, await self._store.on_writer(work))

    async def _move(self, to: int, changes: Sequence[Change]) -> None:
        async with self._moved:
            self.position = to
            self._tell(changes)
            self._moved.notify_all()

    async def _pause(self) -> None:
        """Waits a little, then asks the database anew how far the model is."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), PAUSE_SECONDS)
        with contextlib.suppress(Away):
            self.position = await self._store.open(self.stream)


async def _large(batches: AsyncGenerator[list[Item], None]) -> AsyncGenerator[list[Item], None]:
    """The same items in batches of at least FILLING; the last one may be smaller."""
    held: list[Item] = []
    async with contextlib.aclosing(batches):
        async for batch in batches:
            held += batch
            if len(held) >= FILLING:
                yield held
                held = []
    if held:
        yield held


async def _ahead(batches: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """The same batches; the next one is fetched or made while this one is written."""
    async with contextlib.aclosing(batches):
        coming = asyncio.ensure_future(anext(batches, None))
        try:
            while (batch := await coming) is not None:
                coming = asyncio.ensure_future(anext(batches, None))
                yield batch
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)


def _read_all(items: Sequence[Item], stream: str) -> list[Change]:
    return [read(one, stream) for one in items]


def read_digestible(items: Sequence[Item], stream: str) -> list[Change]:
    """Parses what can be parsed; the rest is an alarm."""
    changes, refused = read_each(items, stream)
    _alarm(refused)
    return changes


def _alarm(refused: Sequence[Refused]) -> None:
    for one in refused:
        log.error("message passed over", sequence=one.sequence, case=one.case_id, error=one.error)
