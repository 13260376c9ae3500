"""A receipt ends a delivery wherever it was given out."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.domain.directory import City
from callmesh.gateway import pump, stream
from callmesh.gateway.actions import Actions
from callmesh.gateway.pumps import Pumps
from callmesh.kernel.runtime import Runtime
from callmesh.ledger.boot import open_mesh
from support.inbox import put
from support.nats_server import NatsServer
from support.service import NAMES, lay_out, running, settings
from support.waiting import PATIENCE, until


async def test_a_receipt_at_another_process_ends_the_delivery(
    nats: NatsServer, demo_city: City, tmp_path: Path
) -> None:
    await lay_out(nats, demo_city)
    made: list[Pumps] = []

    def build(runtime: Runtime) -> None:
        made.append(Pumps(open_mesh(runtime)))
        runtime.on_start.append(made[-1].start)

    mine, others = (settings(nats, data_dir=str(tmp_path / name)) for name in ("mine", "others"))
    async with running("gateway", mine, build) as one, running("gateway", others, build) as two:
        await one.until_health("SERVING")
        await two.until_health("SERVING")
        client = one.runtime.client
        name = await put(client, one.runtime.vault, "water", 1)
        given = await made[0].of("water").pull(10)
        assert [each.referral.name for each in given] == [name]

        pump, number = made[0].of("water"), given[0].delivery_id
        assert pump.gave(number, name) and pump.gave(number, "") and not pump.gave(number, f"{name}1")
        await made[1].receipted("water", given[0].delivery_id, name)

        async def acknowledged() -> bool:
            info = await one.runtime.js.consumer_info(NAMES.inbox_stream, NAMES.inbox_durable("water"))
            return not info.num_ack_pending and not info.num_pending

        await until(acknowledged, "the delivery to be over")
        assert not made[0].of("water").attempts(given[0].delivery_id)


async def test_what_is_being_receipted_while_the_line_breaks_does_not_come_again(
    nats: NatsServer, demo_city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receipt is on its way to the log; given back meanwhile, the delivery would come twice."""
    monkeypatch.setattr(pump, "SETTLE_SECONDS", PATIENCE)
    await lay_out(nats, demo_city)
    made: list[Slow] = []
    began, go = asyncio.Event(), asyncio.Event()

    class Slow(Actions):
        async def turn(self, request: object) -> None:
            return

        async def receipt(self, request: pb.AcknowledgeReferralRequest) -> None:
            began.set()
            await go.wait()
            await self._pumps.receipted("water", request.delivery_id, request.name)

    def build(runtime: Runtime) -> None:
        mesh = open_mesh(runtime)
        made.append(Slow(mesh, Pumps(mesh)))

    async with running("gateway", settings(nats, data_dir=str(tmp_path)), build) as one:
        await one.until_health("SERVING")
        name = await put(one.runtime.client, one.runtime.vault, "water", 1)
        its = made[0]._pumps.of("water")
        up, down = asyncio.Queue[pb.ReceiveReferralsRequest](), asyncio.Queue[pb.ReceiveReferralsResponse]()
        line = asyncio.create_task(stream.PartnerStream("water", its, made[0], down.put).run(up.get))
        up.put_nowait(pb.ReceiveReferralsRequest(hello=pb.Hello(max_in_flight=1)))
        while not (given := (await asyncio.wait_for(down.get(), PATIENCE)).deliveries):
            pass
        receipt = pb.AcknowledgeReferralRequest(name=name, delivery_id=given[0].delivery_id)
        up.put_nowait(pb.ReceiveReferralsRequest(actions=[pb.Action(acknowledge=receipt)]))
        await asyncio.wait_for(began.wait(), PATIENCE)
        line.cancel()
        await asyncio.wait({line}, timeout=0.2)  # gone at once, or waiting for the receipt
        go.set()
        await asyncio.wait({line}, timeout=PATIENCE)
        assert await its.pull(10) == []
