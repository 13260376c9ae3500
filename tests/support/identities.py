"""A certificate authority of the test's own, servers that ask for certificates, and callers that show one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from callmesh.cli.authority import Authority
from callmesh.kernel.config import Settings
from callmesh.kernel.rpc.call import caller
from callmesh.kernel.rpc.secure import Wallet
from callmesh.kernel.rpc.server import Server
from callmesh.kernel.rpc.tls import TlsFiles

DOMAIN = "test.callmesh.internal"


def authority(folder: Path, domain: str = DOMAIN) -> Authority:
    """With certificates for a server, ops, and two agencies."""
    made = Authority.create(folder, domain)
    made.issue("svc/server", dns=("localhost",), ips=("127.0.0.1",))
    for one in ("svc/ops", "agency/110", "agency/water"):
        made.issue(one)
    return made


def settings(folder: Path, **more: Any) -> Settings:
    """Settings of a process with the server's certificate."""
    files = server_files(folder)
    given = {
        "tls_cert": files.cert,
        "tls_key": files.key,
        "tls_ca": files.ca,
        "tls_domain": DOMAIN,
        "tls_revoked": str(folder / "revoked"),
        "log_level": "error",
    }
    return Settings(**(given | more))


def server_files(folder: Path) -> TlsFiles:
    return Wallet(folder).named("svc", "server")


def files(folder: Path, identity: str) -> TlsFiles:
    """Of `agency/ID` or `svc/NAME`."""
    kind, _, name = identity.partition("/")
    return Wallet(folder).named(kind, name)


@dataclass
class Served:
    """A server with our edge, mTLS, and two methods: Who says who called, Wait streams a first message and waits."""

    server: Server
    port: int
    folder: Path

    def channel(self, identity: str = "", folder: Path | None = None) -> grpc.aio.Channel:
        """A plain channel of gRPC with that identity's certificate; without one when it is empty."""
        held = files(folder or self.folder, identity or "svc/server")
        ca = (self.folder / "ca.pem").read_bytes()
        key, cert = (Path(held.key).read_bytes(), Path(held.cert).read_bytes()) if identity else (None, None)
        credentials = grpc.ssl_channel_credentials(ca, key, cert)
        own = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0))
        return grpc.aio.secure_channel(f"127.0.0.1:{self.port}", credentials, options=own)

    async def who(self, identity: str, folder: Path | None = None, **more: Any) -> str:
        """`agency person role`, as the server saw them."""
        async with self.channel(identity, folder) as channel:
            return await said(channel, **more)


async def said(channel: grpc.aio.Channel, **more: Any) -> str:
    answer: bytes = await channel.unary_unary("/test.Test/Who")(b"", timeout=60, **more)
    return answer.decode()


@asynccontextmanager
async def served(folder: Path, **more: Any) -> AsyncIterator[Served]:
    """A running server with the certificates in `folder`."""

    async def who(request: bytes, context: Any) -> bytes:
        actor = caller()
        serial = ""
        peer = server.edge.who.peer(context)
        if peer is not None:
            serial = peer.serial
        return f"{actor.agency} {actor.person} {actor.role} {serial}".encode()

    async def wait(request: bytes, context: Any) -> AsyncIterator[bytes]:
        yield caller().agency.encode()
        await asyncio.Event().wait()

    server = Server(settings(folder, **more))
    methods: dict[str, Any] = {
        "Who": grpc.unary_unary_rpc_method_handler(who, bytes, bytes),
        "Wait": grpc.unary_stream_rpc_method_handler(wait, bytes, bytes),
    }
    server.grpc.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Test", methods),))
    server.reflect()
    port = await server.listen("127.0.0.1", 0)
    watching = asyncio.create_task(server.watch_identities())
    try:
        yield Served(server, port, folder)
    finally:
        watching.cancel()
        await server.grpc.stop(0)
