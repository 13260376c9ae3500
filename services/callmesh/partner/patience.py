"""Repeating what passes by itself: with growing, random pauses, at least as long as the mesh asks for."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import grpc

from callmesh.partner.errors import Refused, Unanswered

PAUSES = (0.2, 5.0)
"""Seconds before the second attempt, and at most."""
_CODE = grpc.StatusCode
PASSING = {_CODE.UNAVAILABLE, _CODE.RESOURCE_EXHAUSTED, _CODE.DEADLINE_EXCEEDED}
T = TypeVar("T")


async def patiently(
    once: Callable[[], Awaitable[T]], request_id: str, seconds: float, pauses: tuple[float, float] = PAUSES
) -> T:
    """The answer of `once`, called until it is not refused for a passing reason; Unanswered after `seconds`."""
    pause, longest = pauses
    try:
        async with asyncio.timeout(seconds):
            while True:
                try:
                    return await once()
                except Refused as wrong:
                    if wrong.code not in PASSING:
                        raise
                    asked = wrong.retry_after
                await asyncio.sleep(asked + jittered(pause))
                pause = min(pause * 2, longest)
    except TimeoutError:
        raise Unanswered(request_id, seconds) from None


def jittered(seconds: float) -> float:
    """A random part of it, so that many who were cut off together do not come back together."""
    return seconds * random.uniform(0.5, 1.0)
