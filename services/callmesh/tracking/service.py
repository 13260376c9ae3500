"""The use cases: what each RPC does, in the model's terms. The servicer only parses and formats.

GetCase gives read-your-writes: with a wanted etag it waits for the projector, and when that is late, or
the case is not in the model, the log itself is asked. So a case is found from the moment it was opened.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from callmesh.api.v1 import case_pb2
from callmesh.api.v1 import tracking_service_pb2 as api
from callmesh.domain.directory import City, FigureRules
from callmesh.domain.errors import Invalid, NotFound, Unreachable, no_case
from callmesh.kernel.ids import now as wall_clock
from callmesh.kernel.subjects import Names
from callmesh.kernel.vault import DataKey, NoKeys
from callmesh.ledger.port import Head, Ledger
from callmesh.tracking import asking, figures, hotspots, queries, watch
from callmesh.tracking.filters import CaseFilter
from callmesh.tracking.items import Change, items_of
from callmesh.tracking.projector import Projector, read_digestible
from callmesh.tracking.store import Store
from callmesh.tracking.timeline import timeline

MIN_ETAG_SECONDS = 2.0
MOST_OF_A_NUMBER = 100
CityOf = Callable[[], City | None]
Keys = Callable[[Iterable[str]], Awaitable[Mapping[str, DataKey]]]
"""The data keys of cases."""


async def _no_keys(names: Iterable[str]) -> Mapping[str, DataKey]:
    """Of a log that seals nothing."""
    return {}


class Tracking:
    """Reads of the model and of the log."""

    def __init__(
        self,
        store: Store,
        projectors: Sequence[Projector],
        hub: watch.Hub,
        ledger: Ledger,
        now: Callable[[], datetime] = wall_clock,
        city: CityOf = lambda: None,
        keys: Keys = _no_keys,
    ) -> None:
        self._store, self._projectors, self._hub = store, projectors, hub
        self._ledger, self._now = ledger, now
        self._city, self._keys = city, keys

    async def case(self, case_id: str, at_least: int, words: bool = True) -> case_pb2.Case:
        """The case at this sequence or later; raises NotFound, Unreachable. Without `words` no key is needed."""
        stored = await self._store.read(lambda connection: queries.found(connection, case_id))
        if at_least and (stored is None or stored.sequence < at_least):
            await self._reached(case_id, at_least)
            stored = await self._store.read(lambda connection: queries.found(connection, case_id))
        if stored is not None and stored.sequence >= at_least:
            return (await self.opened([stored], words))[0]
        head = await self._head(case_id)
        if head.sequence < at_least:
            raise Unreachable("this version of the case has not been seen yet", "该事件单的此版本尚不可读, 请稍后重试")
        return head.reply()

    async def page(self, wanted: CaseFilter, after: queries.Key | None, size: int) -> tuple[list[queries.Stored], bool]:
        """Cases behind `after`, newest first, and whether there are more."""
        return await self._store.read(lambda connection: queries.listed(connection, wanted, after, size))

    async def opened(self, found: Sequence[queries.Stored], words: bool = True) -> list[case_pb2.Case]:
        """The cases with their words, or as if they were erased for who is shown none."""
        keys = await (self._keys if words else NoKeys().load_all)([one.case_id for one in found])
        return [one.reply(keys.get(one.case_id)) for one in found]

    async def events(self, case_id: str, after: int, size: int) -> Sequence[Mapping[str, Any]]:
        """Events behind a sequence; of a case the model has not yet, from the log."""
        rows = await self._store.read(lambda connection: queries.events_of(connection, case_id, after, size))
        if rows or after:
            return rows
        heads = await self._history(case_id)
        changes = read_digestible(items_of(case_id, heads), Names.case_stream(case_id))
        return [one.event for one in changes][:size]

    async def known_as(self, wanted: CaseFilter, index: int) -> str:
        """The case with that number, the newest is 1; raises NotFound, or Invalid when one has to choose."""
        found, more = await self.page(wanted, None, MOST_OF_A_NUMBER)
        if not found:
            raise NotFound("no case has this number", "没有该号码的事件单, 请核对号码")
        if not index and len(found) > 1:
            count = f"{len(found)}{' or more' if more else ''}"
            zh = f"该号码有多个事件单 ({len(found)}), 请选择第几个"
            raise Invalid(f"{count} cases have this number", zh, {"index": f"1 to {len(found)}, 1 is the newest"})
        if index > len(found):
            raise Invalid("index is too large", "序号超出范围, 请重新选择", {"index": f"1 to {len(found)}"})
        return found[max(index, 1) - 1].case_id

    async def timeline(self, case_id: str) -> api.Timeline:
        """The case's way, from the log alone."""
        return timeline(case_id, await self._history(case_id), self._now())

    async def figures(self, request: api.GetFiguresRequest, wanted: CaseFilter) -> api.GetFiguresResponse:
        """Figures of a window, by default today so far; raises Invalid. Hotspots only for who looks over the city."""
        city = self._city()
        rules = city.figures if city else FigureRules()
        asked = asking.question(request, wanted, city, self._now())
        spots = asking.hotspots(request) if not wanted.party else 0

        def read(connection: Connection) -> api.GetFiguresResponse:
            found = figures.figures(connection, asked, rules, request.year_on_year, request.ids)
            made = figures.response(found, asked, request.year_on_year)
            made.hotspots.extend(hotspots.busiest(connection, asked.start, asked.end, spots) if spots else ())
            made.alerts.extend(hotspots.raised(connection, asked.start, asked.end, asking.MOST, wanted.party))
            return made

        return asking.bounded(await self._store.read(read))

    @property
    def positions(self) -> dict[str, int]:
        """Where a watch that begins now begins; raises Unreachable while the service still catches up."""
        if not all(one.ready for one in self._projectors):
            raise Unreachable("the read model is catching up", "系统正在启动, 请稍后重试")
        return {one.stream: one.position for one in self._projectors}

    @property
    def streams(self) -> list[str]:
        """Those of the log that the model is made of."""
        return [one.stream for one in self._projectors]

    def watch(self, wanted: CaseFilter, after: watch.Positions) -> AsyncGenerator[Change, None]:
        """Changes behind `after` that match, for ever; `after` has every stream."""
        return watch.changes(self._projectors, self._hub, wanted, after)

    async def alert(self, change: Change) -> api.HotspotAlert | None:
        """The hotspot alert that a change raised; None for nearly all of them."""
        if not change.alerted and not (change.told_again and change.event["kind"] in hotspots.KINDS):
            return None
        sequence, stream = change.sequence, change.stream
        found = await self._store.read(lambda connection: hotspots.raised_by(connection, stream, [sequence]))
        return found.get(sequence)

    async def _reached(self, case_id: str, sequence: int) -> None:
        """Waits until the model holds this of the case's shard, if it is one of its own."""
        for one in self._projectors:
            if one.stream == Names.case_stream(case_id):
                await one.reached(sequence, MIN_ETAG_SECONDS)

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
