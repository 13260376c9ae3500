"""Partners that behave badly at a real gateway with mTLS, one by one.

A clear status, the same for everyone; the connection goes on. That an existing referral
of another agency looks like none is shown in tests/e2e and tests/integration/test_identity_mesh.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.domain.directory import City
from callmesh.kernel.rpc import client
from callmesh.kernel.rpc.server import MESSAGE_BYTES
from support import identities
from support.identities import Served, authority
from support.nats_server import NatsServer
from support.service import lay_out, running, settings
from support.waiting import until

EVERYBODY = ("agency/110", "agency/gas")
FOREIGN = "cases/r1-0-77CHWZ977XERY72T7EPKMEJHCH/referrals/1"
STREAM = "/callmesh.api.v1.GatewayService/ReceiveReferrals"
PULL = "/callmesh.api.v1.GatewayService/PullReferrals"
ACCEPT = "/callmesh.api.v1.GatewayService/AcceptReferral"
HELLO = pb.ReceiveReferralsRequest(hello=pb.Hello()).SerializeToString()
C = grpc.StatusCode


@dataclass
class Gateway:
    """Who is there, and how to reach it."""

    at: Served
    nats: NatsServer


@pytest.fixture
async def gateway(nats: NatsServer, demo_city: City, tmp_path: Path) -> AsyncIterator[Gateway]:
    made = authority(tmp_path / "ca")
    made.issue("agency/gas")
    folder = made.folder
    await lay_out(nats, demo_city)
    files = identities.server_files(folder)
    tls = {"tls_cert": files.cert, "tls_key": files.key, "tls_ca": files.ca, "tls_domain": identities.DOMAIN}
    wide = {"partner_rate": 1e4, "partner_burst": 10_000, "partner_streams": 64}
    own = settings(nats, data_dir=str(tmp_path / "data"), **tls, **wide)
    async with running("gateway", own) as one:
        at = Served(one.runtime.server, own.port, folder)
        await until(lambda: _serves(at), "the gateway to serve")
        yield Gateway(at, nats)


async def _serves(at: Served) -> bool:
    async with at.channel("agency/water") as channel:
        return await status(channel.unary_unary(PULL)(b"", timeout=10)) == C.OK


async def status(work: Awaitable[Any]) -> grpc.StatusCode:
    """How a call ended."""
    try:
        await work
    except grpc.aio.AioRpcError as wrong:
        return wrong.code()
    return C.OK


async def streamed(channel: grpc.aio.Channel, *messages: bytes, metadata: Any = None) -> None:
    """Sends messages on the one stream and reads to its end; raises how it ended."""
    call = channel.stream_stream(STREAM)(iter(messages), metadata=metadata, timeout=20)
    async for _ in call:
        pass


def too_big() -> bytes:
    return pb.ReceiveReferralsRequest(actions=[pb.Action(request_id="x" * MESSAGE_BYTES)]).SerializeToString()


def not_ours() -> bytes:
    return pb.AcceptReferralRequest(request_id="r-1", name=FOREIGN, handler="h-1").SerializeToString()


BOMB = tuple((f"x-{number}", "y" * 1_000) for number in range(20))
MANY = tuple((f"x-{number}", "") for number in range(2_000))
BAD: dict[str, tuple[Callable[[grpc.aio.Channel], Awaitable[Any]], grpc.StatusCode]] = {
    "a big message": (lambda c: c.unary_unary(ACCEPT)(b"x" * (MESSAGE_BYTES + 1), timeout=20), C.RESOURCE_EXHAUSTED),
    "a big message on the stream": (lambda c: streamed(c, HELLO, too_big()), C.RESOURCE_EXHAUSTED),
    "noise": (lambda c: c.unary_unary(ACCEPT)(b"\xff\xff\xff", timeout=20), C.INVALID_ARGUMENT),
    "noise on the stream": (lambda c: streamed(c, b"\xff\xff\xff"), C.INVALID_ARGUMENT),
    "noise after hello": (lambda c: streamed(c, HELLO, b"\xff\xff\xff"), C.INVALID_ARGUMENT),
    "no hello": (lambda c: streamed(c, pb.ReceiveReferralsRequest(actions=[pb.Action()]).SerializeToString()),
                 C.INVALID_ARGUMENT),
    "big metadata": (lambda c: c.unary_unary(PULL)(b"", metadata=BOMB, timeout=20), C.RESOURCE_EXHAUSTED),
    "much metadata": (lambda c: c.unary_unary(PULL)(b"", metadata=MANY, timeout=20), C.RESOURCE_EXHAUSTED),
    "big metadata on the stream": (lambda c: streamed(c, HELLO, metadata=BOMB), C.RESOURCE_EXHAUSTED),
    "another agency": (lambda c: c.unary_unary(PULL)(b"", metadata=client.identity("12345"), timeout=20),
                       C.PERMISSION_DENIED),
    "another agency on the stream": (lambda c: streamed(c, HELLO, metadata=client.identity("12345")),
                                     C.PERMISSION_DENIED),
    "a referral that is not ours": (lambda c: c.unary_unary(ACCEPT)(not_ours(), timeout=20), C.NOT_FOUND),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
async def test_a_clear_status_the_same_for_everyone(gateway: Gateway, what: str) -> None:
    bad, wanted = BAD[what]
    for identity in EVERYBODY:
        async with gateway.at.channel(identity) as channel:
            assert await status(bad(channel)) == wanted, identity
            assert await status(channel.unary_unary(PULL)(b"", timeout=20)) == C.OK, "the connection goes on"
