"""The mesh as the kit plays it: a front that partners dial, servers behind it that come and go, one played gateway.

A server is exchanged the way the mesh restarts one: the new one takes new connections, the old one says GOAWAY and
gives its calls a moment. With certificates a second server shows a wrong one on request; who talks to it nevertheless
has not looked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import grpc

from callmesh.api.v1.gateway_service_pb2_grpc import add_GatewayServiceServicer_to_server
from callmesh.conform.front import Front
from callmesh.conform.record import Record
from callmesh.conform.servicer import PlayedGateway
from callmesh.domain.case import Actor
from callmesh.domain.errors import DomainError, Unreachable
from callmesh.kernel.config import Settings
from callmesh.kernel.rpc.server import Server
from callmesh.kernel.rpc.tls import TlsFiles


@dataclass(frozen=True)
class WrongCertificate:
    """One that a partner must refuse, and why."""

    why: str
    files: TlsFiles


class Kit:
    """Serves until closed. `settings` hold the certificates, if any."""

    def __init__(self, settings: Settings, wrong: Sequence[WrongCertificate] = ()) -> None:
        self.settings, self.wrong = settings, wrong
        self.record = Record()
        self.front = Front(self.record)
        self.gateway = PlayedGateway(self.record, self.front.reset)
        self._server: Server | None = None

    async def listen(self, host: str, port: int) -> int:
        """The port that the front listens on; raises OSError, BadCertificate."""
        self._server = await self._started()
        try:
            return await self.front.listen(host, port)
        except OSError:
            await self._server.grpc.stop(0)  # one that is never stopped complains when the program ends
            raise

    async def close(self) -> None:
        """Ends every connection."""
        await self.front.close()
        if self._server is not None:
            await self._server.grpc.stop(0)

    async def restart(self, grace: float) -> None:
        """Another server takes over; the old one says GOAWAY and ends its calls after `grace` seconds."""
        before = self._server
        self._server = await self._started()
        self.record.told("goaway", text=f"calls under way end in {grace:g} s")
        if before is not None:
            await before.grpc.stop(grace)

    @asynccontextmanager
    async def showing(self, wrong: WrongCertificate) -> AsyncIterator[None]:
        """While it is open, whoever connects is shown that certificate."""
        settings = replace(self.settings, tls_cert=wrong.files.cert, tls_key=wrong.files.key)
        before = self.front.backend
        impostor = Server(settings)
        impostor.grpc.add_generic_rpc_handlers((_Impostor(self.record),))
        self.front.backend = await impostor.listen("127.0.0.1", 0)
        self.record.told("wrong certificate", text=wrong.why)
        await self.front.reset()
        try:
            yield
        finally:
            self.front.backend = before
            await self.front.reset()
            await impostor.grpc.stop(0)

    async def _started(self) -> Server:
        server = Server(self.settings)
        server.edge.who = _Doorkeeper(server.edge.who, self.record)  # type: ignore[assignment]
        add_GatewayServiceServicer_to_server(self.gateway, server.grpc)
        self.front.backend = await server.listen("127.0.0.1", 0)
        await server.serving(True)
        return server


class _Doorkeeper:
    """Knows callers as the mesh does, and writes down whom it turned away."""

    def __init__(self, who: Any, record: Record) -> None:
        self._who, self._record = who, record

    def actor(self, context: Any, metadata: Mapping[str, Any]) -> Actor:
        """Who calls; raises Unauthenticated, NotYours."""
        try:
            found: Actor = self._who.actor(context, metadata)
        except DomainError as wrong:
            self._record.heard("unknown caller", text=wrong.message)
            raise
        self._record.heard("caller", found.agency, text=f"person {found.person or '(none)'} role {found.role}")
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._who, name)


class _Impostor(grpc.GenericRpcHandler):
    """Behind the wrong certificate: whoever calls is written down and turned away."""

    def __init__(self, record: Record) -> None:
        self._record = record

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """Every method is one that notes the call."""
        method = handler_call_details.method.rpartition("/")[2]

        async def fooled(requests: Any, context: Any) -> None:
            self._record.heard("fooled", text=f"{method} called at a server with a wrong certificate")
            raise Unreachable("this is not the mesh", "证书错误的服务端")

        return grpc.stream_stream_rpc_method_handler(fooled)
