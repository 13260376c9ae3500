"""What is long, much, or no more allowed, stops nobody else: the gateway on a real NATS, partners by their calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.api.v1.gateway_service_pb2_grpc import GatewayServiceStub
from callmesh.directory import store
from callmesh.domain import commands as c
from callmesh.domain.case import Actor
from callmesh.domain.directory import City
from callmesh.domain.report import Attachment, Caller, Place, Point, Report
from callmesh.kernel import headers
from callmesh.kernel.ids import now
from callmesh.kernel.rpc.client import identity
from callmesh.ledger.handle import handle
from callmesh.ledger.jetstream import JetStreamLedger
from support.builders import CASE_ID, POLICE, classification, name, opened, stamp, target, transfer
from support.inbox import put
from support.ledgers import Real
from support.nats_server import NatsServer, jetstream
from support.service import NAMES, Running, lay_out, running, settings
from support.waiting import PATIENCE, until

MOST_OF_A_CLIENT = 4 * 1024 * 1024


@dataclass
class Side:
    """The gateway, and the log as other services write it."""

    at: Running
    ledger: JetStreamLedger

    async def go(self, command: c.Command, by: Actor = POLICE, case: str = CASE_ID) -> None:
        await handle(self.ledger, case, command, stamp(by, at=now()))

    async def call(self, agency: str, method: str, request: Any) -> Any:
        stub = GatewayServiceStub(self.at.channel)
        return await getattr(stub, method)(request, metadata=identity(agency, "h-1"), timeout=PATIENCE)

    async def pulled(self, agency: str) -> list[pb.Delivery]:
        async def some() -> list[pb.Delivery]:
            return list((await self.call(agency, "PullReferrals", pb.PullReferralsRequest(max_items=100))).deliveries)

        return await until(some, f"something for {agency}") or []

    async def receipt(self, agency: str, one: pb.Delivery) -> Any:
        request = pb.AcknowledgeReferralRequest(name=one.referral.name, delivery_id=one.delivery_id)
        return await self.call(agency, "AcknowledgeReferral", request)


@pytest.fixture
async def side(nats: NatsServer, demo_city: City, tmp_path: Path) -> AsyncIterator[Side]:
    await lay_out(nats, demo_city)
    real = Real(nats)
    its = settings(nats, data_dir=str(tmp_path), partner_rate=1000, partner_burst=1000)
    async with running("gateway", its) as one:
        await one.until_health("SERVING")
        yield Side(one, await real.ledger())
    await real.close()


@asynccontextmanager
async def without(agency: str, nats: NatsServer, city: City) -> AsyncIterator[None]:
    """The city as it is when an agency has left it."""
    left = replace(city, agencies=tuple(one for one in city.agencies if one.id != agency), version="later")
    async with jetstream(nats) as js:
        await store.publish(js, left, force=True)
        yield


async def test_a_very_long_referral_stops_nobody(side: Side) -> None:
    """What was fed back stands in a delivery twice: a partner could make one that is more than NATS takes."""
    await side.go(c.Open(opened()))
    await side.go(c.Classify(classification("water_outage")))
    await side.go(transfer(target("water")))
    await side.call("water", "AcceptReferral", pb.AcceptReferralRequest(request_id="a", name=name(), handler="w-1"))
    with pytest.raises(grpc.aio.AioRpcError, match="no more text"):
        for number in range(80):
            note = pb.ReportProgressRequest(request_id=f"p{number}", name=name(), text="抢" * 4000)
            await side.call("water", "ReportProgress", note)
    done = pb.ResolveReferralRequest(request_id="r", name=name(), result="修" * 4000, public_reply="好" * 4000)
    await side.call("water", "ResolveReferral", done)
    await side.go(c.Approve(name(), "同意"))
    other = CASE_ID[:-1] + "7"
    await side.go(c.Open(opened(name=f"cases/{other}")), case=other)
    await side.go(transfer(target("gas")), case=other)
    assert [one.case.name for one in await side.pulled("gas")] == [f"cases/{other}"]
    long = (await side.pulled("water"))[-1]
    assert long.kind == pb.Delivery.APPROVED and long.referral.result == "修" * 4000
    assert not long.case.referrals[0].feedback


async def test_a_receipt_may_bring_many_new_fields(side: Side) -> None:
    """A case that was filed anew shows more of the report; the log's name for that receipt has a bound."""
    caller = Caller("13900000000", name="张三", contact_number="13800000001", language="zh")
    place = Place("望江路1号", Point(120.1, 30.1, "gps"))
    report = Report(caller, "医院退费纠纷", place=place, attachments=(Attachment("ref/1", "image/jpeg", 5),))
    await side.go(c.Open(opened(report=report)))
    await side.go(c.Classify(classification("medical_dispute")))
    await side.go(transfer(target("streets")))
    [offer] = await side.pulled("streets")
    before = (await side.receipt("streets", offer)).released
    await side.go(c.Classify(classification("policy", reason="改类")))
    await side.go(c.Amend("住院押金也没退"))
    [more] = await side.pulled("streets")
    after = (await side.receipt("streets", more)).released
    assert len(set(after) - set(before)) > 5


async def test_a_pull_fits_into_an_answer(side: Side) -> None:
    runtime = side.at.runtime
    names = [await put(runtime.client, runtime.vault, "water", number, "水" * 60_000) for number in range(30)]
    got: list[str] = []
    while len(got) < len(names):
        some = await side.pulled("water")
        assert sum(one.ByteSize() for one in some) < MOST_OF_A_CLIENT
        got += [one.referral.name for one in some if one.referral.name not in got]
    assert sorted(got) == sorted(names)


async def test_much_at_once_comes_down_a_stream_in_several_messages(side: Side) -> None:
    runtime = side.at.runtime
    names = [await put(runtime.client, runtime.vault, "water", number, "水" * 60_000) for number in range(30)]
    stream = GatewayServiceStub(side.at.channel).ReceiveReferrals(metadata=identity("water", "h-1"))
    await stream.write(pb.ReceiveReferralsRequest(hello=pb.Hello(max_in_flight=64)))
    got: list[str] = []
    async with asyncio.timeout(PATIENCE):
        while len(got) < len(names):
            message = await stream.read()
            assert message.ByteSize() < MOST_OF_A_CLIENT
            got += [one.referral.name for one in message.deliveries]
    stream.cancel()
    assert sorted(got) == sorted(names)


async def test_the_stream_of_an_agency_that_left_the_city_ends(side: Side, nats: NatsServer, demo_city: City) -> None:
    stub, me = GatewayServiceStub(side.at.channel), identity("water", "h-1")
    stream = stub.ReceiveReferrals(metadata=me)
    await stream.write(pb.ReceiveReferralsRequest(hello=pb.Hello()))
    assert (await asyncio.wait_for(stream.read(), PATIENCE)).welcome.agency == "water"
    async with without("water", nats, demo_city):
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await asyncio.wait_for(stream.read(), PATIENCE)
        assert ended.value.code() == grpc.StatusCode.UNAVAILABLE
        again = stub.ReceiveReferrals(metadata=me)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await asyncio.wait_for(again.read(), PATIENCE)
        assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED


async def test_an_agency_that_left_the_city_is_answered_over_nats_but_shown_nothing(
    side: Side, nats: NatsServer, demo_city: City
) -> None:
    runtime = side.at.runtime
    name = await put(runtime.client, runtime.vault, "water", 1, "王五 13900000000")
    subject = NAMES.inbox("water", name)
    item = await runtime.js.get_last_msg(NAMES.inbox_stream, subject)

    async def ask(data: bytes, **more: str) -> pb.ReceiveReferralsResponse:
        where = NAMES.command(NAMES.inbox_durable("water"))
        answer = await runtime.client.request(where, data, timeout=PATIENCE, headers=more or None)
        return pb.ReceiveReferralsResponse.FromString(answer.data)

    opened_item = {headers.OPEN: subject}
    assert (await ask(item.data or b"", **opened_item)).deliveries
    async with without("water", nats, demo_city):

        async def shown_nothing() -> bool:
            return not (await ask(item.data or b"", **opened_item)).deliveries

        await until(shown_nothing, "it is out")
        accept = pb.Action(request_id="a", accept=pb.AcceptReferralRequest(name=name, handler="h"))
        [outcome] = (await ask(pb.ReceiveReferralsRequest(actions=[accept]).SerializeToString())).outcomes
        assert (outcome.request_id, outcome.status.code) == ("a", grpc.StatusCode.PERMISSION_DENIED.value[0])
