"""Is a service SERVING? Asked by the standard gRPC health protocol.

`until_serving` watches, so it returns within milliseconds of the change; a connection that breaks is
opened anew until the time is up. It has its own channel options: what serves the mesh's callers
(kernel/rpc/client.py) would bring telemetry along.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

if TYPE_CHECKING:
    from callmesh.kernel.rpc.secure import Wallet

_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 100),
    ("grpc.use_local_subchannel_pool", 1),
)
_SERVING = health_pb2.HealthCheckResponse.SERVING
_RETRY_SECONDS = 0.05


async def until_serving(address: str, seconds: float | None = 60.0, wallet: Wallet | None = None) -> None:
    """Returns when it is SERVING; TimeoutError after `seconds`, never if None."""
    async with asyncio.timeout(seconds), _channel(address, wallet) as channel:
        while True:
            if await _watch(channel):
                return
            await asyncio.sleep(_RETRY_SECONDS)


async def _watch(channel: grpc.aio.Channel) -> bool:
    """True when it says SERVING, False when the watch broke."""
    stub: Any = health_pb2_grpc.HealthStub(channel)
    try:
        call = stub.Watch(health_pb2.HealthCheckRequest(), wait_for_ready=True)
        async for answer in call:
            if answer.status == _SERVING:
                return True
    except grpc.aio.AioRpcError:
        pass
    return False


def _channel(address: str, wallet: Wallet | None) -> grpc.aio.Channel:
    if wallet is None:
        return grpc.aio.insecure_channel(address, options=_OPTIONS)
    from callmesh.kernel.rpc.tls import channel_credentials

    return grpc.aio.secure_channel(address, channel_credentials(wallet.files("")), options=_OPTIONS)


async def status(address: str, seconds: float = 2.0, wallet: Wallet | None = None) -> str:
    """SERVING, NOT_SERVING or another word of the protocol; "" when nothing answers."""
    async with _channel(address, wallet) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=seconds)
        except grpc.aio.AioRpcError:
            return ""
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))
