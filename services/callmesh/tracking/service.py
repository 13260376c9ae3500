"""The use cases: what each RPC does, in the model's terms. The servicer only parses and formats.

GetCase gives read-your-writes: with a wanted etag it waits for the projector, and when that is late, or
the case is not in the model, the log itself is asked. So a case is found from the moment it was opened.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from callmesh.api.v1 import case_pb2
from callmesh.api.v1 import tracking_service_pb2 as api
from callmesh.domain.errors import Unreachable, no_case
from callmesh.kernel.ids import now as wall_clock
from callmesh.ledger.port import Head, Ledger
from callmesh.tracking import figures, queries, watch
from callmesh.tracking.filters import CaseFilter
from callmesh.tracking.items import Change, items_of
from callmesh.tracking.projector import Projector, read_digestible
from callmesh.tracking.source import Source
from callmesh.tracking.store import Store
from callmesh.tracking.timeline import timeline
from callmesh.tracking.words import micros_of

MIN_ETAG_SECONDS = 2.0
CITY_ZONE = timezone(timedelta(hours=8))


class Tracking:
    """Reads of the model and of the log."""

    def __init__(
        self,
        store: Store,
        projector: Projector,
        hub: watch.Hub,
        ledger: Ledger,
        source: Source,
        now: Callable[[], datetime] = wall_clock,
    ) -> None:
        self._store, self._projector, self._hub = store, projector, hub
        self._ledger, self._source, self._now = ledger, source, now

    async def case(self, case_id: str, at_least: int) -> case_pb2.Case:
        """The case at this sequence or later; raises NotFound, Unreachable."""
        stored = await self._store.read(lambda connection: queries.found(connection, case_id))
        if at_least and (stored is None or stored.sequence < at_least):
            await self._projector.reached(at_least, MIN_ETAG_SECONDS)
            stored = await self._store.read(lambda connection: queries.found(connection, case_id))
        if stored is not None and stored.sequence >= at_least:
            return stored.reply()
        head = await self._head(case_id)
        if head.sequence < at_least:
            raise Unreachable("this version of the case has not been seen yet", "该事件单的此版本尚不可读, 请稍后重试")
        return head.reply()

    async def page(self, wanted: CaseFilter, after: queries.Key | None, size: int) -> tuple[list[queries.Stored], bool]:
        """Cases behind `after`, newest first, and whether there are more."""
        return await self._store.read(lambda connection: queries.listed(connection, wanted, after, size))

    async def events(self, case_id: str, after: int, size: int) -> Sequence[Mapping[str, Any]]:
        """Events behind a sequence; of a case the model has not yet, from the log."""
        rows = await self._store.read(lambda connection: queries.events_of(connection, case_id, after, size))
        if rows or after:
            return rows
        heads = await self._history(case_id)
        changes = read_digestible(items_of(case_id, heads), self._store.stream)
        return [one.event for one in changes][:size]

    async def timeline(self, case_id: str) -> api.Timeline:
        """The case's way, from the log alone."""
        return timeline(case_id, await self._history(case_id), self._store.stream, self._now())

    async def figures(self, start: int | None, end: int | None, agency: str = "") -> api.GetFiguresResponse:
        """Figures of a window, by default today so far; of one agency's cases, or of all."""
        now = self._now()
        today = now.astimezone(CITY_ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
        first = micros_of(today) if start is None else start
        last = micros_of(now) if end is None else end
        at = micros_of(now)
        found = await self._store.read(lambda connection: figures.figures(connection, first, last, at, agency))
        return figures.response(found, first, last)

    @property
    def position(self) -> int:
        """Where a watch that begins now begins; raises Unreachable while the service still catches up."""
        if not self._projector.ready:
            raise Unreachable("the read model is catching up", "系统正在启动, 请稍后重试")
        return self._projector.position

    @property
    def stream(self) -> str:
        """The stream that positions count in."""
        return self._store.stream

    def watch(self, wanted: CaseFilter, after: int) -> AsyncGenerator[Change, None]:
        """Changes behind `after` that match, for ever."""
        return watch.changes(self._projector, self._source, self._hub, self.stream, wanted, after)

    async def _head(self, case_id: str) -> Head:
        head = await self._ledger.head(case_id, fresh=True)
        if head is None:
            raise no_case()
        return head

    async def _history(self, case_id: str) -> Sequence[Head]:
        heads = await self._ledger.history(case_id)
        if not heads:
            raise no_case()
        return heads
