"""What a partner has in hand: deliveries whose handler has not returned yet.

A delivery travels: stream -> the handlers of its case, one after the other, cases side by side -> receipt. A handler
that raises gets no receipt, so the mesh delivers again. What comes again while its handler runs is the same thing and
starts none; what comes again after it was done is receipted and not handed on. There are never more in hand than the
stream's max_in_flight, since the mesh sends no more.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from callmesh.api.v1 import gateway_service_pb2 as pb

log = logging.getLogger("callmesh.partner")
REMEMBERED = 4096
Handle = Callable[[pb.Delivery, bool], Awaitable[None]]


class Hands:
    """Runs the handlers. `handle` is given a delivery and whether it is late, `receipt` a delivery that is stored."""

    def __init__(self, handle: Handle, receipt: Callable[[pb.Delivery], None]) -> None:
        self._handle, self._receipt = handle, receipt
        self._running: dict[str, asyncio.Task[None]] = {}
        self._last: dict[str, asyncio.Task[None]] = {}
        self._done: OrderedDict[str, int] = OrderedDict()
        self._etags: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._running)

    def take(self, delivery: pb.Delivery) -> None:
        """A delivery came."""
        key = delivery.delivery_id
        if key in self._done:
            self._receipt(delivery)
        elif key not in self._running:
            before = self._last.get(delivery.case.name)
            task = asyncio.create_task(self._run(delivery, before))
            self._running[key] = self._last[delivery.case.name] = task
            task.add_done_callback(lambda done: self._forget(delivery, done))

    async def empty(self) -> None:
        """Returns when every handler has returned."""
        while self._running:
            await asyncio.wait(list(self._running.values()))

    def drop(self) -> None:
        """Ends the handlers that still run; what they hold is not receipted and comes again."""
        for task in self._running.values():
            task.cancel()

    async def _run(self, delivery: pb.Delivery, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        try:
            await self._handle(delivery, self._is_late(delivery))
        except Exception as wrong:
            kind, name = delivery.kind, delivery.referral.name
            log.exception(
                "the handler failed; no receipt, so it comes again: kind %s of %s", kind, name, exc_info=wrong
            )
            return
        _remember(self._done, delivery.delivery_id, 0)
        self._receipt(delivery)

    def _is_late(self, delivery: pb.Delivery) -> bool:
        etag = int(delivery.case.etag) if delivery.case.etag.isdigit() else 0
        newest = self._etags.get(delivery.case.name, 0)
        _remember(self._etags, delivery.case.name, max(etag, newest))
        return etag < newest

    def _forget(self, delivery: pb.Delivery, task: asyncio.Task[None]) -> None:
        self._running.pop(delivery.delivery_id, None)
        if self._last.get(delivery.case.name) is task:
            del self._last[delivery.case.name]


def _remember(what: OrderedDict[str, int], key: str, value: int) -> None:
    what[key] = value
    what.move_to_end(key)
    if len(what) > REMEMBERED:
        what.popitem(last=False)
