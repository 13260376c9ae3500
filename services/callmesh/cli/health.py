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
    from callmesh.kernel.rpc.tls import TlsFiles

    Identity = Wallet | TlsFiles | None

_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 100),
    ("grpc.use_local_subchannel_pool", 1),
)
_SERVING = health_pb2.HealthCheckResponse.SERVING
_RETRY_SECONDS = 0.05


async def until_serving(address: str, seconds: float | None = 60.0, identity: Identity = None) -> None:
    """Returns when it is SERVING; TimeoutError after `seconds`, never if None."""
    async with asyncio.timeout(seconds), _channel(address, identity) as channel:
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


def _channel(address: str, identity: Identity) -> grpc.aio.Channel:
    if identity is None:
        return grpc.aio.insecure_channel(address, options=_OPTIONS)
    from callmesh.kernel.rpc.secure import Wallet
    from callmesh.kernel.rpc.tls import channel_credentials

    files = identity.files("") if isinstance(identity, Wallet) else identity
    return grpc.aio.secure_channel(address, channel_credentials(files), options=_OPTIONS)


def own() -> int:
    """Exit status of a container's health check: 0 when the service of this environment is SERVING.

    With mTLS it asks with the service's own certificate, which must name 127.0.0.1.
    """
    from callmesh.cli.endpoints import own_settings
    from callmesh.kernel.rpc.tls import files_of

    settings = own_settings()
    identity = files_of(settings) if settings.secure else None
    return int(asyncio.run(status(f"127.0.0.1:{settings.port}", identity=identity)) != "SERVING")


async def status(address: str, seconds: float = 2.0, identity: Identity = None) -> str:
    """SERVING, NOT_SERVING or another word of the protocol; "" when nothing answers."""
    async with _channel(address, identity) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=seconds)
        except grpc.aio.AioRpcError:
            return ""
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))
