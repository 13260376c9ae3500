"""Waiting for a condition; no test sleeps for a length of time."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

PATIENCE = 30.0
_POLL = 0.01

T = TypeVar("T")


async def until(condition: Callable[[], T | Awaitable[T]], what: str, seconds: float = PATIENCE) -> T:
    """The first truthy answer of `condition`; fails with `what` after `seconds`."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        found: Any = condition()
        if inspect.isawaitable(found):
            found = await found
        if found:
            return found
        assert asyncio.get_running_loop().time() < deadline, f"waited {seconds} s in vain: {what}"
        await asyncio.sleep(_POLL)


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits, like everything on the ledger in memory."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    work.close()
    raise AssertionError("the coroutine waits for something")
