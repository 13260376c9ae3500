"""What goes down one stream: put by many, taken in batches by the one who writes.

An idle stream holds one of these for hours, and there are thousands: asyncio's queue with its four deques would be
3 KiB of each, this is a tenth of it.
"""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Outbox(Generic[Item]):
    """Not bounded: whoever puts keeps count of what is not taken yet."""

    __slots__ = ("_over", "_ready", "_waiting")

    def __init__(self) -> None:
        self._ready: list[Item] = []
        self._over = False
        self._waiting: asyncio.Future[None] | None = None

    def put(self, one: Item) -> None:
        """Last in line; after the end nothing is taken any more."""
        if not self._over:
            self._ready.append(one)
            self._wake()

    def end(self) -> None:
        """What is ready is taken yet, then nothing."""
        self._over = True
        self._wake()

    async def take(self, most: int) -> list[Item]:
        """What is ready, waiting for it; [] at the end."""
        while not self._ready and not self._over:
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        taken = self._ready[:most]
        del self._ready[:most]
        return taken

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
