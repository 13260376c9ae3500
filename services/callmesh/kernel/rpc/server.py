"""Servers: limits, health, reflection, mTLS where the settings have certificates."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from callmesh.kernel.config import Settings
from callmesh.kernel.rpc import tls
from callmesh.kernel.rpc.edge import Edge
from callmesh.kernel.rpc.guard import Guard
from callmesh.kernel.rpc.identity import identities

MESSAGE_BYTES = 64 * 1024
METADATA_BYTES = 8 * 1024
IDENTITY_SECONDS = 1.0
"""How long a revoked identity may still call; its open streams end then."""
CONNECTION_CALLS = 100
"""Calls and streams that one connection carries at a time; those beyond wait at the client."""
_OPTIONS = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.max_concurrent_streams", CONNECTION_CALLS),
    ("grpc.http.overload_protection", 0),  # it resets calls of clients that keep to that number
    ("grpc.max_metadata_size", METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", METADATA_BYTES),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.ping_timeout_ms", 3_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.max_connection_age_ms", 600_000),
    ("grpc.max_connection_age_grace_ms", 30_000),
    ("grpc.server.max_pending_requests", 20_000),
    ("grpc.server.max_pending_requests_hard_limit", 30_000),
    ("grpc.so_reuseport", 0),
)


class Server:
    """One gRPC server with health; `SERVING` is said and taken back by the runtime."""

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or Settings()
        self.edge = Edge(self._settings.max_concurrent, identities(self._settings))
        self.grpc = grpc.aio.server(interceptors=[self.edge], options=_OPTIONS)
        self.health = health.aio.HealthServicer()
        self._names = [health.SERVICE_NAME]
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self.grpc)

    def named(self, *services: Any) -> None:
        """Tells health and reflection which services this server has (descriptors)."""
        self._names += [one.full_name for one in services]

    def reflect(self) -> None:
        """Serves reflection, for admins."""
        names = [*self._names, reflection.SERVICE_NAME]
        reflection.enable_server_reflection(names, self.grpc)

    async def listen(self, host: str, port: int) -> int:
        """Binds and starts, not yet serving; the real port. Raises RuntimeError when it is taken, BadCertificate."""
        await self.serving(False)
        address = f"{host}:{port}"
        if self._settings.secure:
            credentials = tls.server_credentials(tls.files_of(self._settings))
            bound: int = self.grpc.add_secure_port(address, credentials)
        else:
            bound = self.grpc.add_insecure_port(address)
        await self.grpc.start()
        return bound

    def guarded(self, guard: Guard) -> None:
        """From now on this guard decides who may call what, and how much."""
        self.edge.guard = guard

    async def watch_identities(self) -> None:
        """For ever: takes a changed list of revoked identities and ends the streams of who is out."""
        while True:
            await asyncio.sleep(IDENTITY_SECONDS)
            self.edge.who.look()
            self.edge.end_streams()

    async def serving(self, yes: bool) -> None:
        """Says SERVING or NOT_SERVING for the whole and each service."""
        wanted = health_pb2.HealthCheckResponse
        status = wanted.SERVING if yes else wanted.NOT_SERVING
        for name in ("", *self._names):
            await self.health.set(name, status)
