"""Watching: changes as they happen, without gap or duplicate, to any number of watchers.

A watcher travels: from its token on the log is told again, one shard after the other (each change with the case as it
was after it), until it has caught up with the model; in that same step of the loop it joins the hub, which gives it
every later batch after its commit. Its queue is bounded: who does not keep up is closed with Overloaded
and resumes with its last token, so a slow desk costs memory for at most QUEUE changes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence

from callmesh.domain.errors import Overloaded, Unreachable
from callmesh.kernel.messaging import unreachable
from callmesh.tracking.filters import CaseFilter
from callmesh.tracking.items import Change
from callmesh.tracking.projector import Projector, read_digestible
from callmesh.tracking.source import PASSING, Source

QUEUE = 1024
Positions = Mapping[str, int]
"""How far somebody is: stream of the log -> sequence."""


class Watcher:
    """One open watch: the changes that match, waiting to be fetched."""

    def __init__(self, wanted: CaseFilter, after: Positions, size: int = QUEUE) -> None:
        self._wanted, self._after = wanted, after
        self._queue: asyncio.Queue[Change | None] = asyncio.Queue(size)
        self._lost = False

    def give(self, changes: Sequence[Change]) -> None:
        """Queues what matches; a full queue ends the watch."""
        for change in changes:
            if change.sequence <= self._after[change.stream] or not self._wanted.matches(change.record.case):
                continue
            if self._queue.full():
                self._lost = True
                return
            self._queue.put_nowait(change)

    def end(self) -> None:
        """The service stops: the watcher hears of it behind what it has not read yet."""
        with contextlib.suppress(asyncio.QueueFull):
            self._queue.put_nowait(None)

    async def next(self) -> Change:
        """The next change; raises Overloaded when one did not fit, Unreachable when the service stops."""
        if self._lost:
            raise Overloaded(
                "this watch is too slow; resume with the last token",
                "订阅端处理过慢, 请用最后的令牌继续",
            )
        change = await self._queue.get()
        if change is None:
            raise Unreachable("the service restarts; resume with the last token", "服务正在重启, 请用最后的令牌继续")
        return change


class Hub:
    """Everybody who watches now."""

    def __init__(self) -> None:
        self.watchers: set[Watcher] = set()

    def tell(self, changes: Sequence[Change]) -> None:
        """Called after a commit, with the batch."""
        for watcher in self.watchers:
            watcher.give(changes)

    def close(self) -> None:
        """Ends all watches."""
        for watcher in self.watchers:
            watcher.end()

    @contextlib.contextmanager
    def joined(self, watcher: Watcher) -> Iterator[Watcher]:
        """In the hub for as long as the block runs."""
        self.watchers.add(watcher)
        try:
            yield watcher
        finally:
            self.watchers.discard(watcher)


async def changes(
    projectors: Sequence[Projector], hub: Hub, wanted: CaseFilter, after: Positions
) -> AsyncGenerator[Change, None]:
    """What matches after `after`: told again from the log, then live; raises Overloaded, Unreachable."""
    told = dict(after)
    while behind := [one for one in projectors if told[one.stream] < one.position]:
        until = behind[0].position
        async for change in _again(behind[0].source, told[behind[0].stream], until):
            if wanted.matches(change.record.case):
                yield change
        told[behind[0].stream] = until
    with hub.joined(Watcher(wanted, told)) as watcher:
        while True:
            yield await watcher.next()


async def _again(source: Source, after: int, until: int) -> AsyncGenerator[Change, None]:
    try:
        async with contextlib.aclosing(source.read(after, until)) as batches:
            async for batch in batches:
                for change in read_digestible(batch, source.stream):
                    change.told_again = True
                    yield change
    except PASSING as wrong:
        raise unreachable() from wrong
