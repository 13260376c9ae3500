"""What goes down one stream: put by many, sent in batches by a task that lives while there is something to send.

An idle stream holds one of these for hours, and there are thousands: asyncio's queue with its four deques would be
3 KiB of each, a task that waits for something to send another one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")
BATCH = 32
STOP_SECONDS = 1.0


class Outbox(Generic[Item]):
    """Not bounded: whoever puts keeps count of what is not sent yet. `failed` is told when sending did."""

    __slots__ = ("_failed", "_over", "_ready", "_send", "_sending")

    def __init__(self, send: Callable[[list[Item]], Awaitable[None]], failed: Callable[[Exception], None]) -> None:
        self._send, self._failed = send, failed
        self._ready: list[Item] = []
        self._over = False
        self._sending: asyncio.Task[None] | None = None

    def put(self, one: Item) -> None:
        """Last in line; after the end nothing is sent any more."""
        if self._over:
            return
        self._ready.append(one)
        if self._sending is None:
            self._sending = asyncio.create_task(self._all())

    async def finish(self) -> None:
        """Returns when what was put by now is sent; nothing is taken any more."""
        await self._until_sent(None)

    async def stop(self) -> None:
        """Nothing is sent any more. What is being written gets a moment: a call cannot be answered amid its first
        message."""
        self._ready.clear()
        await self._until_sent(STOP_SECONDS)
        if self._sending is not None:
            self._sending.cancel()

    async def _until_sent(self, seconds: float | None) -> None:
        self._over = True
        if self._sending is not None:
            await asyncio.wait({self._sending}, timeout=seconds)

    async def _all(self) -> None:
        try:
            while self._ready:
                taken = self._ready[:BATCH]
                del self._ready[:BATCH]
                await self._send(taken)
        except Exception as wrong:
            self._over = True
            self._failed(wrong)
        finally:
            self._sending = None
