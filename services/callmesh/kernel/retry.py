"""Retry above gRPC and NATS (tenacity); never stacked on the retries those do themselves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from callmesh.domain.errors import Overloaded, Unreachable

T = TypeVar("T")


async def patiently(work: Callable[[], Awaitable[T]], seconds: float) -> T:
    """Repeats `work` while the mesh is out of reach or overloaded, for at most `seconds`."""
    retrying = AsyncRetrying(
        stop=stop_after_delay(seconds),
        wait=wait_random_exponential(multiplier=0.05, max=1.0),
        retry=retry_if_exception_type((Unreachable, Overloaded)),
        reraise=True,
    )
    return await retrying(work)
