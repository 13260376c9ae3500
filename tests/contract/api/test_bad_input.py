"""Sockets and callers that behave badly: a clear status, the same for everyone, memory flat, others unaffected."""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest

from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.api.v1.gateway_service_pb2_grpc import GatewayServiceStub
from callmesh.domain.directory import City
from callmesh.kernel.rpc import client
from callmesh.kernel.rpc.server import CONNECTION_CALLS, MESSAGE_BYTES, METADATA_BYTES
from support.identities import Served, authority, said, served
from support.nats_server import NatsServer
from support.service import Running, lay_out, running, settings
from support.sockets import Rabble
from support.waiting import until

GARBAGE, CALLS = 200, 50
FLAT_BYTES = 60 << 20
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(authority(tmp_path / "ca").folder) as one:
        yield one


async def refused(work: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as wrong:
        await work
    return wrong.value


async def test_a_message_too_big(at: Served) -> None:
    for identity in ("agency/110", "agency/water", "svc/ops"):
        async with at.channel(identity) as channel:
            call = channel.unary_unary("/test.Test/Who")
            assert (await refused(call(b"x" * (MESSAGE_BYTES + 1), timeout=60))).code() == EXHAUSTED
            assert await said(channel), "the connection goes on"


async def test_a_metadata_bomb(at: Served) -> None:
    async with at.channel("agency/110") as channel:
        bomb = tuple((f"x-{number}", "y" * 1_000) for number in range(2 * METADATA_BYTES // 1_000 + 2))
        assert (await refused(said(channel, metadata=bomb))).code() == EXHAUSTED
        many = tuple((f"x-{number}", "") for number in range(2_000))
        assert (await refused(said(channel, metadata=many))).code() == EXHAUSTED
    assert (await at.who("agency/110")).startswith("110 ")


async def test_more_calls_than_a_connection_carries_wait_at_the_client(at: Served) -> None:
    async with at.channel("agency/110") as channel:
        told = await asyncio.gather(*(said(channel) for _ in range(3 * CONNECTION_CALLS)))
    assert len(told) == 3 * CONNECTION_CALLS and all(one.startswith("110 ") for one in told)


@pytest.mark.parametrize("method", ["/test.Test/None", "/callmesh.api.v1.IntakeService/OpenCase", "/x", "/a/b/c"])
async def test_a_method_that_is_not_there(at: Served, method: str) -> None:
    async with at.channel("agency/110") as channel:
        for _ in range(3):
            assert (await refused(channel.unary_unary(method)(b"", timeout=60))).code() == grpc.StatusCode.UNIMPLEMENTED
    assert not [one for one in at.server.edge._wrapped if one == method], "made-up names are not remembered"


async def test_two_hundred_garbage_sockets_hinder_nobody(at: Served) -> None:
    dice = random.Random(7)
    async with at.channel("agency/water") as channel:
        await said(channel)
        await Rabble(at.port, 20, dice).leave()
        gc.collect()
        before = psutil.Process().memory_info().rss
        rabble = Rabble(at.port, GARBAGE, dice)
        served_meanwhile = 0
        while served_meanwhile < CALLS or not rabble.all_came:
            assert (await said(channel)).startswith("water ")
            assert served_meanwhile or (await at.who("agency/110")).startswith("110 "), "new callers get in, too"
            served_meanwhile += 1
        assert (await at.who("agency/110")).startswith("110 "), "while all of them are there"
        await rabble.leave()
    gc.collect()
    assert psutil.Process().memory_info().rss - before < FLAT_BYTES


@pytest.fixture
async def gateway(nats: NatsServer, demo_city: City, tmp_path: Path) -> AsyncIterator[Running]:
    await lay_out(nats, demo_city)
    wide = {"partner_rate": 1e6, "partner_burst": 1_000_000}
    async with running("gateway", settings(nats, data_dir=str(tmp_path), **wide)) as one:
        await one.until_health("SERVING")
        yield one


async def test_who_acts_but_does_not_read_is_read_no_further(gateway: Running) -> None:
    """So what waits for it stays small; when it reads at last every action has its outcome."""
    narrow = (("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65_535), ("grpc.enable_retries", 0))
    sent, batch = 0, 50
    async with grpc.aio.insecure_channel(f"127.0.0.1:{gateway.runtime.settings.port}", options=narrow) as channel:
        stub: Any = GatewayServiceStub(channel)
        call = stub.ReceiveReferrals(metadata=client.identity("water"))
        await call.write(pb.ReceiveReferralsRequest(hello=pb.Hello()))
        while True:
            actions = [pb.Action(request_id=f"{sent + number:>60}") for number in range(batch)]
            try:
                await asyncio.wait_for(call.write(pb.ReceiveReferralsRequest(actions=actions)), 2)
            except TimeoutError:
                break
            sent += batch
            assert sent < 200_000, "the server reads on although nobody reads its answers"
        other: Any = stub.PullReferrals
        await other(pb.PullReferralsRequest(), metadata=client.identity("gas"), timeout=60)
        call.cancel()

    async def nobody_waits() -> bool:
        return not gateway.runtime.server.edge.streams

    await until(nobody_waits, "the stream to end")


async def test_a_flood_of_actions_is_slowed_down_not_refused(nats: NatsServer, demo_city: City, tmp_path: Path) -> None:
    await lay_out(nats, demo_city)
    own = settings(nats, data_dir=str(tmp_path), partner_rate=50.0, partner_burst=20)
    async with running("gateway", own) as one:
        await one.until_health("SERVING")
        stub: Any = GatewayServiceStub(one.channel)
        call = stub.ReceiveReferrals(metadata=client.identity("water"))
        await call.write(pb.ReceiveReferralsRequest(hello=pb.Hello()))
        begun = asyncio.get_running_loop().time()
        await call.write(pb.ReceiveReferralsRequest(actions=[pb.Action(request_id=f"{n}") for n in range(80)]))
        outcomes: list[str] = []
        while len(outcomes) < 80:
            outcomes += [each.request_id for each in (await call.read()).outcomes]
        took = asyncio.get_running_loop().time() - begun
        call.cancel()
    assert sorted(map(int, outcomes)) == list(range(80))
    assert took > 1.0, "60 actions beyond the burst at 50 a second"
