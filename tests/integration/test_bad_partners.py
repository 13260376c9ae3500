"""Partners that behave badly at a real gateway with mTLS, one by one and all at once.

A clear status, the same for everyone; memory stays flat; another partner's stream goes on. That an existing referral
of another agency looks like none is shown in tests/e2e and tests/integration/test_identity_mesh.py.
"""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest

from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.api.v1.gateway_service_pb2_grpc import GatewayServiceStub
from callmesh.domain.directory import City
from callmesh.kernel.connection import Connection
from callmesh.kernel.rpc import client
from callmesh.kernel.rpc.server import MESSAGE_BYTES
from callmesh.kernel.rpc.tls import channel_credentials
from callmesh.kernel.vault import Vault
from support import identities, inbox
from support.answers import answer
from support.identities import Served, authority
from support.ledgers import vault_of
from support.nats_server import NatsServer, connected
from support.service import NAMES, lay_out, running, settings
from support.sockets import Rabble
from support.waiting import until

EVERYBODY = ("agency/110", "agency/gas")
FOREIGN = "cases/r1-0-77CHWZ977XERY72T7EPKMEJHCH/referrals/1"
STREAM = "/callmesh.api.v1.GatewayService/ReceiveReferrals"
PULL = "/callmesh.api.v1.GatewayService/PullReferrals"
ACCEPT = "/callmesh.api.v1.GatewayService/AcceptReferral"
HELLO = pb.ReceiveReferralsRequest(hello=pb.Hello()).SerializeToString()
SLOW, GARBAGE, WRONG, ITEMS = 20, 200, 40, 60
FLAT_BYTES = 80 << 20
C = grpc.StatusCode


@dataclass
class Gateway:
    """Who is there, and how to reach it."""

    at: Served
    client: Connection
    vault: Vault

    async def put(self, agency: str, number: int, filling: str = "") -> str:
        """One more delivery waits in an agency's inbox; its referral's name."""
        return await inbox.put(self.client, self.vault, agency, number, filling)


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
    async with running("gateway", own) as one, connected(nats) as client:
        at = Served(one.runtime.server, own.port, folder)
        await until(lambda: _serves(at), "the gateway to serve")
        yield Gateway(at, client, await vault_of(client))


async def _serves(at: Served) -> bool:
    async with at.channel("agency/water") as channel:
        return await status(channel.unary_unary(PULL), b"", timeout=60) == C.OK


async def status(call: Callable[..., Awaitable[Any]], *given: Any, **more: Any) -> grpc.StatusCode:
    """How the call ended."""
    return (await answer(partial(call, *given, **more)))[0]


async def streamed(channel: grpc.aio.Channel, *messages: bytes, metadata: Any = None) -> None:
    """Sends messages on the one stream and reads to its end; raises how it ended."""
    call = channel.stream_stream(STREAM)(iter(messages), metadata=metadata, timeout=60)
    async for _ in call:
        pass


def too_big() -> bytes:
    return pb.ReceiveReferralsRequest(actions=[pb.Action(request_id="x" * MESSAGE_BYTES)]).SerializeToString()


def not_ours() -> bytes:
    return pb.AcceptReferralRequest(request_id="r-1", name=FOREIGN, handler="h-1").SerializeToString()


BOMB = tuple((f"x-{number}", "y" * 1_000) for number in range(20))
MANY = tuple((f"x-{number}", "") for number in range(2_000))
BAD: dict[str, tuple[Callable[[grpc.aio.Channel], Awaitable[Any]], grpc.StatusCode]] = {
    "a big message": (lambda c: c.unary_unary(ACCEPT)(b"x" * (MESSAGE_BYTES + 1), timeout=60), C.RESOURCE_EXHAUSTED),
    "a big message on the stream": (lambda c: streamed(c, HELLO, too_big()), C.RESOURCE_EXHAUSTED),
    "noise": (lambda c: c.unary_unary(ACCEPT)(b"\xff\xff\xff", timeout=60), C.INVALID_ARGUMENT),
    "noise on the stream": (lambda c: streamed(c, b"\xff\xff\xff"), C.INVALID_ARGUMENT),
    "noise after hello": (lambda c: streamed(c, HELLO, b"\xff\xff\xff"), C.INVALID_ARGUMENT),
    "no hello": (lambda c: streamed(c, pb.ReceiveReferralsRequest(actions=[pb.Action()]).SerializeToString()),
                 C.INVALID_ARGUMENT),
    "big metadata": (lambda c: c.unary_unary(PULL)(b"", metadata=BOMB, timeout=60), C.RESOURCE_EXHAUSTED),
    "much metadata": (lambda c: c.unary_unary(PULL)(b"", metadata=MANY, timeout=60), C.RESOURCE_EXHAUSTED),
    "big metadata on the stream": (lambda c: streamed(c, HELLO, metadata=BOMB), C.RESOURCE_EXHAUSTED),
    "another agency": (lambda c: c.unary_unary(PULL)(b"", metadata=client.identity("12345"), timeout=60),
                       C.PERMISSION_DENIED),
    "another agency on the stream": (lambda c: streamed(c, HELLO, metadata=client.identity("12345")),
                                     C.PERMISSION_DENIED),
    "a referral that is not ours": (lambda c: c.unary_unary(ACCEPT)(not_ours(), timeout=60), C.NOT_FOUND),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
async def test_a_clear_status_the_same_for_everyone(gateway: Gateway, what: str) -> None:
    bad, wanted = BAD[what]
    for identity in EVERYBODY:
        async with gateway.at.channel(identity) as channel:
            assert await status(bad, channel) == wanted, identity
            assert await status(channel.unary_unary(PULL), b"", timeout=60) == C.OK, "the connection goes on"


async def _misbehave(gateway: Gateway, round_: int) -> None:
    """Everything of BAD by everybody."""
    for identity in EVERYBODY:
        async with gateway.at.channel(identity) as channel:
            ended = await asyncio.gather(*(status(bad, channel) for bad, _ in BAD.values()))
        assert [one for one in ended if one in (C.UNKNOWN, C.INTERNAL, C.OK)] == [], (round_, ended)


async def _of_another_authority(gateway: Gateway, other: Path) -> None:
    async with gateway.at.channel("agency/water", other) as channel:
        assert await status(channel.unary_unary(PULL), b"", timeout=60) == C.UNAVAILABLE


def _narrow(gateway: Gateway) -> grpc.aio.Channel:
    """A connection of its own, with the smallest window."""
    options = (
        ("grpc.http2.bdp_probe", 0),
        ("grpc.http2.lookahead_bytes", 65_535),
        ("grpc.use_local_subchannel_pool", 1),
    )
    credentials = channel_credentials(identities.files(gateway.at.folder, "agency/gas"))
    return grpc.aio.secure_channel(f"127.0.0.1:{gateway.at.port}", credentials, options=options)


@asynccontextmanager
async def _slow_readers(gateway: Gateway) -> AsyncIterator[None]:
    """Streams that say hello and never read, while a lot waits for them."""
    channels = [_narrow(gateway) for _ in range(SLOW)]
    calls = [one.stream_stream(STREAM)() for one in channels]
    for call in calls:
        await call.write(pb.ReceiveReferralsRequest(hello=pb.Hello(max_in_flight=1_000)).SerializeToString())
    try:
        yield
    finally:
        for call in calls:
            call.cancel()
        await asyncio.gather(*(one.close() for one in channels))


async def test_all_at_once_and_another_partner_notices_nothing(gateway: Gateway, tmp_path: Path) -> None:
    other = authority(tmp_path / "stranger").folder
    dice = random.Random(11)
    for number in range(200):
        await gateway.put("gas", 10_000 + number, "长" * 10_000)  # 6 MB that nobody reads
    async with gateway.at.channel("agency/water") as channel:
        stub: Any = GatewayServiceStub(channel)
        call = stub.ReceiveReferrals()
        await call.write(pb.ReceiveReferralsRequest(hello=pb.Hello()))
        assert (await call.read()).welcome.agency == "water"
        await _misbehave(gateway, 0)
        gc.collect()
        before = psutil.Process().memory_info().rss
        async with _slow_readers(gateway):
            rabble = Rabble(gateway.at.port, GARBAGE, dice)
            noise = asyncio.gather(
                *(_of_another_authority(gateway, other) for _ in range(WRONG)),
                *(_misbehave(gateway, one) for one in range(1, 4)),
            )
            for number in range(ITEMS):
                name = await gateway.put("water", number)
                came = await asyncio.wait_for(call.read(), 30)
                assert [one.referral.name for one in came.deliveries] == [name]
            await noise
            await rabble.leave()
        gc.collect()
        assert psutil.Process().memory_info().rss - before < FLAT_BYTES
        call.cancel()


async def test_an_item_that_cannot_be_opened_does_not_stop_the_others(gateway: Gateway) -> None:
    """Its case's key is missing: it waits for the key, and what comes after it is delivered."""
    locked = f"cases/r1-0-{1:026d}/referrals/1"
    await gateway.client.jetstream().publish(NAMES.inbox("water", locked), b"sealed with a key that nobody has")
    name = await gateway.put("water", 2)
    async with gateway.at.channel("agency/water") as channel:
        stub: Any = GatewayServiceStub(channel)
        call = stub.ReceiveReferrals()
        await call.write(pb.ReceiveReferralsRequest(hello=pb.Hello()))
        assert (await call.read()).welcome.waiting == 2
        came = await asyncio.wait_for(call.read(), 30)
        assert [one.referral.name for one in came.deliveries] == [name]
        call.cancel()
