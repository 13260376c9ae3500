"""Waiting for a condition; no test sleeps for a length of time."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

PATIENCE = 60.0
"""Seconds. It is how long a failing test takes to say so, no bound: machines stand still for seconds."""
_POLL = 0.01

T = TypeVar("T")


async def until(condition: Callable[[], T | Awaitable[T]], what: str = "the condition", seconds: float = PATIENCE) -> T:
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


async def within(seconds: float, work: Callable[[], Awaitable[T]]) -> T:
    """What `work` gives, promised within so many seconds. A machine may stand still for a moment, so the best of three
    tries counts; who waits for something to run out is late every time."""
    loop, took = asyncio.get_running_loop(), list[float]()
    for _ in range(3):
        begun = loop.time()
        found = await work()
        took.append(loop.time() - begun)
        if took[-1] < seconds:
            return found
    raise AssertionError(f"promised within {seconds} s, took {took}")


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits, like everything on the ledger in memory."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    work.close()
    raise AssertionError("the coroutine waits for something")
