"""How a call ends, for tests that expect refusals."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import grpc

_CLIENTS_OWN = "Internal error from Core"
TRIES = 20


async def answer(call: Callable[[], Awaitable[object]], tries: int = TRIES) -> tuple[grpc.StatusCode, str]:
    """Code and words. A client that still writes while it is refused makes up a status of its own and never reads the
    refusal: it asks again, so many times in all."""
    ended = await _once(call)
    for _ in range(tries - 1):
        if ended[1] != _CLIENTS_OWN:
            break
        ended = await _once(call)
    return ended


async def _once(call: Callable[[], Awaitable[object]]) -> tuple[grpc.StatusCode, str]:
    try:
        await call()
    except grpc.aio.AioRpcError as wrong:
        return wrong.code(), str(wrong.details())
    return grpc.StatusCode.OK, ""
