"""The whole service: a real NATS, a real process life, real gRPC."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tracking_play import Play

from callmesh.api.v1 import case_pb2
from callmesh.api.v1 import tracking_service_pb2 as api
from callmesh.api.v1.tracking_service_pb2_grpc import TrackingServiceStub
from callmesh.domain import commands as c
from callmesh.kernel import streams
from callmesh.kernel.config import Settings
from callmesh.kernel.connection import Connection
from callmesh.kernel.retry import patiently
from callmesh.kernel.rpc.client import channel, identity, reason_of
from callmesh.kernel.runtime import Runtime
from callmesh.kernel.subjects import DLQ_STREAM, Names
from callmesh.ledger.jetstream import JetStreamLedger
from callmesh.tracking.app import build
from callmesh.tracking.digest import digest
from callmesh.tracking.rebuild import rebuild
from callmesh.tracking.store import Store, url_of
from callmesh.tracking.watch import Hub
from support.ledgers import ledger_of
from support.mutate import almost
from support.nats_server import NatsServer
from support.service import KEK_COMMAND, free_port
from support.waiting import until

NAMES = Names("r1")
WHO = identity("110", "001")


class Service:
    """One life of the process, in this one."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    async def __aenter__(self) -> TrackingServiceStub:
        self.runtime = Runtime("tracking", self.settings)
        build(self.runtime)
        self.task = asyncio.create_task(self.runtime.run())
        self.channel = channel(f"127.0.0.1:{self.settings.port}")
        stub = TrackingServiceStub(self.channel)
        await until(lambda: _serving(self.channel))
        return stub

    async def __aexit__(self, *problem: Any) -> None:
        await self.channel.close()
        self.runtime.stop()
        await asyncio.wait_for(self.task, 60)


async def _serving(through: grpc.aio.Channel) -> bool:
    wanted = health_pb2.HealthCheckRequest(service="callmesh.api.v1.TrackingService")
    with contextlib.suppress(grpc.aio.AioRpcError):
        answer = await health_pb2_grpc.HealthStub(through).Check(wanted, timeout=5)
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
    return False


class World:
    """A log on the real NATS with somebody to write on it."""

    def __init__(self, client: Connection, settings: Settings, ledger: JetStreamLedger) -> None:
        self.client, self.js, self.settings = client, client.jetstream(), settings
        self.play = Play(ledger)

    async def acknowledged(self, sequence: int) -> bool:
        info = await self.js.consumer_info(NAMES.log_stream(0), "tracking")
        return info.ack_floor is not None and info.ack_floor.stream_seq >= sequence

    async def parked(self) -> bool:
        return (await self.js.stream_info(DLQ_STREAM)).state.messages == 1


@pytest.fixture
async def world(nats: NatsServer, tmp_path: Path) -> AsyncIterator[World]:
    client = Connection()
    await client.connect(nats.url, reconnect_time_wait=0.05, max_reconnect_attempts=-1)
    await streams.apply(client.jetstream(), streams.wanted(NAMES, range(1), 1))
    settings = Settings(
        nats_url=nats.url, data_dir=str(tmp_path / "data"), port=free_port(), reflection=False, kek_command=KEK_COMMAND
    )
    yield World(client, settings, await ledger_of(client))
    await client.close()


async def _case(stub: TrackingServiceStub, case: str, etag: str = "") -> case_pb2.Case:
    request = api.GetCaseRequest(name=f"cases/{case}", min_etag=etag)
    return await stub.GetCase(request, metadata=WHO, timeout=60)


async def _changes(call: Any, until: int) -> list[api.WatchCasesResponse]:
    found: list[api.WatchCasesResponse] = []
    async with asyncio.timeout(60):
        async for one in call:
            found.append(one)
            if one.case.etag == str(until):
                break
    call.cancel()
    return found


async def test_a_case_is_followed_from_the_outside(world: World) -> None:
    async with Service(world.settings) as stub:
        watch = stub.WatchCases(api.WatchCasesRequest(), metadata=WHO)
        first = await anext(aiter(watch))
        assert first.resume_token and not first.HasField("case")
        case = await world.play.whole(order="W-1")
        found = await _case(stub, case, "9")
        assert found.etag == "9" and found.state == case_pb2.Case.State.CLOSED

        seen = await _changes(watch, 9)
        assert [one.case.etag for one in seen] == [str(one) for one in range(1, 10)]
        assert seen[2].event.kind == "CaseTransferred" and seen[2].case.state == case_pb2.Case.State.REFERRED

        resumed = stub.WatchCases(api.WatchCasesRequest(resume_token=seen[3].resume_token), metadata=WHO)
        again = await _changes(resumed, 9)
        assert again[1:] == seen[4:]

        wanted = api.CaseFilter(external_id="W-1", number="13900001111", agency="water")
        listed = await stub.ListCases(api.ListCasesRequest(filter=wanted), metadata=WHO, timeout=60)
        assert list(listed.cases) == [found] and not listed.next_page_token
        page = await stub.ListCaseEvents(
            api.ListCaseEventsRequest(parent=found.name, page_size=5), metadata=WHO, timeout=10
        )
        rest = await stub.ListCaseEvents(
            api.ListCaseEventsRequest(parent=found.name, page_token=page.next_page_token), metadata=WHO, timeout=10
        )
        assert [*page.events, *rest.events] == [one.event for one in seen]
        told = await stub.GetTimeline(api.GetTimelineRequest(name=found.name), metadata=WHO, timeout=60)
        assert told.case == found and len(told.entries) == 9 and told.holds[0].slowest
        window = api.GetFiguresRequest(start_time=found.opened_at)
        counted = await stub.GetFigures(window, metadata=WHO, timeout=60)
        assert counted.figures[0].id == "cases_opened" and counted.figures[0].numerator == 1


async def test_refusals_say_why(world: World) -> None:
    async with Service(world.settings) as stub:
        case = await world.play.open()
        name = f"cases/{case}"
        refused: list[tuple[Any, Any, str]] = [
            (stub.GetCase, api.GetCaseRequest(name="cases/x"), "INVALID_FIELD"),
            (stub.GetCase, api.GetCaseRequest(name=name, min_etag="x"), "INVALID_FIELD"),
            (stub.GetCase, api.GetCaseRequest(name="cases/r1-0-01ARZ3NDEKTSV4RRFFQ69G5FAV"), "NOT_FOUND"),
            (stub.GetTimeline, api.GetTimelineRequest(name="cases/r1-0-01ARZ3NDEKTSV4RRFFQ69G5FAV"), "NOT_FOUND"),
            (stub.GetCase, api.GetCaseRequest(name="cases/zz-9-01ARZ3NDEKTSV4RRFFQ69G5FAV"), "NOT_FOUND"),
            (stub.ListCases, api.ListCasesRequest(page_size=-1), "INVALID_FIELD"),
            (stub.ListCases, api.ListCasesRequest(page_token="rubbish"), "INVALID_FIELD"),
            (stub.ListCaseEvents, api.ListCaseEventsRequest(parent=name, page_token="rubbish"), "INVALID_FIELD"),
        ]
        for method, request, reason in refused:
            with pytest.raises(grpc.aio.AioRpcError) as told:
                await method(request, metadata=WHO, timeout=60)
            assert reason_of(told.value) == reason, request
        with pytest.raises(grpc.aio.AioRpcError) as told:
            await stub.ListCases(api.ListCasesRequest(), timeout=60)
        assert reason_of(told.value) == "UNAUTHENTICATED"
        with pytest.raises(grpc.aio.AioRpcError) as told:
            await stub.WatchCases(api.WatchCasesRequest(resume_token="rubbish"), metadata=WHO).read()
        assert reason_of(told.value) == "INVALID_FIELD"


async def test_a_watcher_that_leaves_is_forgotten(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub()
    monkeypatch.setattr("callmesh.tracking.app.Hub", lambda: hub)
    async with Service(world.settings) as stub:
        for ask in (api.WatchCasesRequest(), api.WatchCasesRequest(filter=api.CaseFilter(owner="nobody"))):
            call = stub.WatchCases(ask, metadata=WHO)
            await anext(aiter(call))
            await until(lambda: bool(hub.watchers))
            call.cancel()
            await until(lambda: not hub.watchers)


async def test_a_page_token_belongs_to_its_filter(world: World) -> None:
    async with Service(world.settings) as stub:
        for _ in range(3):
            await world.play.open()
        await _case(stub, world.play.cases[-1], "3")
        request = api.ListCasesRequest(page_size=2)
        page = await stub.ListCases(request, metadata=WHO, timeout=60)
        request.page_token = page.next_page_token
        rest = await stub.ListCases(request, metadata=WHO, timeout=60)
        names = [one.name.removeprefix("cases/") for one in (*page.cases, *rest.cases)]
        assert names == world.play.cases[::-1] and not rest.next_page_token
        request.filter.owner = "110"
        with pytest.raises(grpc.aio.AioRpcError) as told:
            await stub.ListCases(request, metadata=WHO, timeout=60)
        assert reason_of(told.value) == "INVALID_FIELD"


async def test_one_service_tells_the_cases_of_several_shards(world: World) -> None:
    """It waits for the streams of all, its tokens say how far each is, and those of fewer shards are not its own."""
    settings = replace(world.settings, tracking_shards="0,1")
    other = Play(world.play.ledger, shard=1)
    await streams.apply(world.js, streams.wanted(NAMES, range(2), 1))
    async with Service(settings) as stub:
        watch = aiter(stub.WatchCases(api.WatchCasesRequest(), metadata=WHO))
        began = (await anext(watch)).resume_token
        cases = [await world.play.whole(), await other.whole()]
        for case in cases:
            assert (await _case(stub, case, "9")).state == case_pb2.Case.State.CLOSED
        assert set(await _listed(stub)) == set(cases)
        live = [await anext(watch) for _ in range(18)]
        for token, behind in ((began, 0), (live[6].resume_token, 7), (live[16].resume_token, 17)):
            resumed = aiter(stub.WatchCases(api.WatchCasesRequest(resume_token=token), metadata=WHO))
            assert (await anext(resumed)).resume_token == token
            again = [await anext(resumed) for _ in range(18 - behind)]
            assert sorted(one.event.name for one in again) == sorted(one.event.name for one in live[behind:])
    async with Service(replace(settings, tracking_shards="0", data_dir=f"{settings.data_dir}-alone")) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await anext(aiter(stub.WatchCases(api.WatchCasesRequest(resume_token=began), metadata=WHO)))
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def _digest_of(settings: Settings) -> str:
    """Of the model as it is."""
    store = Store(url_of(settings))
    try:
        return await asyncio.to_thread(digest, store.reader)
    finally:
        await store.close()


async def test_a_restart_and_a_rebuild_end_equal(world: World) -> None:
    """What was written while the service was away is there; the database may be lost altogether."""
    async with Service(world.settings) as stub:
        await _case(stub, await world.play.whole(), "9")
    last = await world.play.whole()
    async with Service(world.settings) as stub:
        assert (await _case(stub, last)).etag == "18"
        await until(lambda: world.acknowledged(18))
    live = await _digest_of(world.settings)
    again = await rebuild(world.settings)
    assert again.digest == live and again.count == 18

    shutil.rmtree(world.settings.data_dir)
    async with Service(world.settings) as stub:
        assert len(await _listed(stub)) == 2
    assert await _digest_of(world.settings) == live


async def test_a_message_of_no_use_is_parked_and_the_rest_goes_on(world: World) -> None:
    """Two watchers see no gap; the position passes the parked message."""
    async with Service(world.settings) as stub:
        case = await world.play.open()
        subject = NAMES.case(almost(case))
        await world.js.publish(subject, b"\xff\xff")
        await world.play.classify(case)
        found = await _case(stub, case, "3")
        assert found.etag == "3"
        await until(world.parked)
        await world.play.do(case, c.Answer("告知", "已告知"))
        assert (await _case(stub, case, "4")).state == case_pb2.Case.State.ANSWERED
        counted = await stub.GetFigures(_everything(), metadata=WHO, timeout=60)
        assert counted.figures[1].key == "answered"
    live = await _digest_of(world.settings)
    assert (await rebuild(world.settings)).digest == live


def _everything() -> api.GetFiguresRequest:
    request = api.GetFiguresRequest()
    request.start_time.seconds = 1
    return request


async def test_nats_may_go_and_come(world: World, nats: NatsServer) -> None:
    async with Service(world.settings) as stub:
        case = await world.play.whole()
        await _case(stub, case, "9")
        nats.stop()
        assert (await _case(stub, case)).etag == "9"
        nats.start()
        await until(lambda: world.client.is_connected)
        later = await patiently(world.play.open, 60)

        async def there() -> bool:
            return later in await _listed(stub)

        await until(there)


async def _listed(stub: TrackingServiceStub) -> list[str]:
    page = await stub.ListCases(api.ListCasesRequest(), metadata=WHO, timeout=60)
    return [one.name.removeprefix("cases/") for one in page.cases]


async def test_row_26_the_floors_stream_survives_a_restart(world: World, store: Store, url: str) -> None:
    """Row 26 (Wuhan): open cases by category and agency, live; after a restart the token goes on without a gap."""
    settings = replace(world.settings, database_url=url)
    states = [case_pb2.Case.State.CLASSIFIED, case_pb2.Case.State.REFERRED]
    wanted = api.CaseFilter(category="water_outage", agency="water", states=states)
    async with Service(settings) as stub:
        watch = stub.WatchCases(api.WatchCasesRequest(filter=wanted), metadata=WHO)
        await anext(aiter(watch))
        await world.play.whole()
        [offered, received, accepted, arrived] = (await _changes(watch, 6))[:4]
        assert [one.case.etag for one in (offered, received, accepted, arrived)] == ["3", "4", "5", "6"]
    await world.play.missed()  # another category, while nobody listens
    await world.play.whole()
    async with Service(settings) as stub:
        token = received.resume_token
        again = stub.WatchCases(api.WatchCasesRequest(filter=wanted, resume_token=token), metadata=WHO)
        seen = [one for one in await _changes(again, 20) if one.HasField("case")]
    assert seen[:2] == [accepted, arrived]
    assert [one.event.kind for one in seen[2:]] == [
        *("CaseTransferred", "ReferralReceived", "ReferralAccepted", "ProgressReported"),
    ]
    assert len({one.case.etag for one in seen}) == len(seen)
