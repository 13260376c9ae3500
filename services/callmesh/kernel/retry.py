"""Retry above gRPC and NATS (tenacity); never stacked on the retries those do themselves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_random_exponential

from callmesh.domain.errors import Overloaded, Unreachable

T = TypeVar("T")


def out_of_reach(wrong: BaseException) -> bool:
    """The mesh cannot be reached, or has too much to do."""
    return isinstance(wrong, (Unreachable, Overloaded))


async def patiently(
    work: Callable[[], Awaitable[T]], seconds: float, passing: Callable[[BaseException], bool] = out_of_reach
) -> T:
    """Repeats `work` while what goes wrong is `passing`, for at most `seconds`; then its last error is raised."""
    retrying = AsyncRetrying(
        stop=stop_after_delay(seconds),
        wait=wait_random_exponential(multiplier=0.05, max=1.0),
        retry=retry_if_exception(passing),
        reraise=True,
    )
    return await retrying(work)
