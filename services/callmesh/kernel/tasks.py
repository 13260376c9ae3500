"""Running several things at once, and ending tasks and servers of one's own."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

_AGAIN_SECONDS = 1.0


async def together(works: Sequence[Coroutine[Any, Any, None]]) -> None:
    """All at once; one alone, which most come to, without a task of its own. Raises what the first to fail does."""
    if len(works) == 1:
        await works[0]
    elif works:
        await asyncio.gather(*works)


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


async def closed(server: asyncio.Server) -> None:
    """Lets nobody else in and closes it; who was let in is known to its callback.

    Closed by itself it loses whom it accepted a moment before: that connection has no transport yet, cannot get one of
    a closed server, and stays open until it is collected (Python 3.11).
    """
    for one in server.sockets:
        server.get_loop().remove_reader(one)
    await asyncio.sleep(0)  # whoever was accepted gets his transport
    server.close()
