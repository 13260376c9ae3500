"""Stubs for a long run: a service that is restarted meanwhile is waited for, as an operator would press the key again.

Each call is repeated as it is while its service is UNAVAILABLE; the request id makes that safe. Unary calls alone: a
stream says itself where it goes on. The channels try again for a third of a second by themselves, which is less than
a restart takes.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import grpc

from callmesh.kernel.retry import patiently
from callmesh.kernel.rpc.clients import Clients


def patient(clients: Clients, seconds: float) -> Clients:
    """The same stubs, each call of which waits so long for its service; then its last AioRpcError is raised."""
    stubs = [one.name for one in fields(clients) if one.name != "channels"]
    return replace(clients, **{name: _Patient(getattr(clients, name), seconds) for name in stubs})  # type: ignore[arg-type]


class _Patient:
    """A stub of unary calls, which are repeated."""

    def __init__(self, stub: Any, seconds: float) -> None:
        self._stub, self._seconds = stub, seconds

    def __getattr__(self, rpc: str) -> Any:
        method = getattr(self._stub, rpc)

        async def call(request: Any, **how: Any) -> Any:
            async def once() -> Any:
                return await method(request, **how)

            return await patiently(once, self._seconds, _is_away)

        return call


def _is_away(wrong: BaseException) -> bool:
    return isinstance(wrong, grpc.aio.AioRpcError) and wrong.code() == grpc.StatusCode.UNAVAILABLE
