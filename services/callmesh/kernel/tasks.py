"""Ending tasks of one's own."""

from __future__ import annotations

import asyncio
from typing import Any

_AGAIN_SECONDS = 1.0


async def ended(*tasks: asyncio.Task[Any]) -> None:
    """Cancels them and returns when all are over, whatever they came to.

    Cancels again until it works: asyncio.wait_for, which nats-py uses, loses a cancellation that arrives together with
    its result (Python 3.11).
    """
    left = {one for one in tasks if not one.done()}
    while left:
        for one in left:
            one.cancel()
        _, left = await asyncio.wait(left, timeout=_AGAIN_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)
