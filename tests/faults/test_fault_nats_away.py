"""NATS down, and NATS with a full store: refused clearly and soon, nothing acknowledged is lost, mended by itself."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import grpc
import pytest
from fault_check import check_log, check_read_model, whole_log
from mesh_play import Desk, Kind, Partner, RState, State, patiently, refused, request_id

from callmesh.api.v1 import case_pb2
from callmesh.api.v1 import classification_service_pb2 as cls
from callmesh.api.v1 import gateway_service_pb2 as gw
from callmesh.api.v1 import supervision_service_pb2 as sup
from callmesh.cli import health
from callmesh.cli.mesh import LocalMesh
from callmesh.kernel.config import SERVICES
from callmesh.kernel.rpc.client import identity, reason_of, sentence
from callmesh.kernel.rpc.clients import Clients
from support.waiting import until, within

pytestmark = pytest.mark.asyncio(loop_scope="module")
REFUSAL_SECONDS = 3.0
RECOVERY_SECONDS = 15.0


async def every(mesh: LocalMesh, status: str) -> bool:
    """All six say this of their health."""
    said = await asyncio.gather(*(health.status(mesh.endpoints.address(one)) for one in SERVICES))
    return set(said) == {status}


async def unreachable(command: Callable[[], Awaitable[object]]) -> str:
    """The sentence with which a command is refused."""
    with refused(grpc.StatusCode.UNAVAILABLE, "UNREACHABLE") as found:
        await command()
    return found.zh


async def test_nats_away(mesh: LocalMesh, clients: Clients) -> None:
    """Commands are UNAVAILABLE within 3 s with a sentence, services NOT_SERVING; both mend by themselves."""
    desk = Desk(clients, "110")
    rid = request_id()
    async with Partner(clients, "water") as water:
        case = await desk.offered("停水", "water_outage")
        name = (await water.told(case)).referral.name
        await desk.until(case, lambda one: one.referrals[0].HasField("received_at"), "received")
        await mesh.kill("nats", stay_down=True)
        follow = case_pb2.FollowUp(reached=True, solved=True)
        commands: dict[str, Callable[[], Awaitable[object]]] = {
            "intake": lambda: desk.open("家里停水", rid=rid),
            "classification": lambda: desk.call(
                clients.classification.ClassifyCase, cls.ClassifyCaseRequest(request_id=rid, name=case.name)
            ),
            "transfer": lambda: desk.recall(name),
            "gateway": lambda: clients.gateway.AcceptReferral(
                gw.AcceptReferralRequest(request_id=rid, name=name, handler="h"), metadata=identity("water"), timeout=10
            ),
            "supervision": lambda: desk.call(
                clients.supervision.RecordFollowUp,
                sup.RecordFollowUpRequest(request_id=rid, name=case.name, follow_up=follow),
            ),
        }
        for command in commands.values():
            assert "系统" in await within(REFUSAL_SECONDS, lambda command=command: unreachable(command))  # type: ignore[misc]
        await until(lambda: every(mesh, "NOT_SERVING"), "all NOT_SERVING")
        assert (await desk.get(case)).name == case.name, "what is known can still be read"
        second = request_id()
        with refused(grpc.StatusCode.UNAVAILABLE, "UNREACHABLE"):
            await desk.open("家里停水", rid=second)

        begun = time.monotonic()
        await mesh.restart("nats")
        await until(lambda: every(mesh, "SERVING"), "all SERVING again", RECOVERY_SECONDS)
        print(f"serving {time.monotonic() - begun:.1f} s after NATS was started")  # noqa: T201
        opened = await desk.open("家里停水", rid=rid)
        again = await desk.offered("又停水", "water_outage")
        await water.told(again, seconds=RECOVERY_SECONDS)
        await water.work(case)
        done = await desk.until(case, lambda one: one.state == State.FOLLOW_UP, "the way goes on")
        await desk.close(await desk.follow_up(done))
        await water.told(case, Kind.CLOSED)
        assert water.connections == 1, "the partner's stream stayed open through it"
    log = await whole_log(mesh)
    check_log(log, [*desk.done, *water.done], [case.name])
    assert f"{opened.name.split('/')[1]}:110:{rid}" in {one.command for one in log}
    assert not [one for one in log if one.command.endswith(second)], "refused is not written, not even later"


async def test_full_store(mesh: LocalMesh, clients: Clients, tmp_path: Path) -> None:
    """A full store refuses writes clearly; reads go on; nothing acknowledged is lost."""
    desk = Desk(clients, "12345")
    settings = mesh.data_dir / "nats.conf"
    normal = settings.read_text()
    held = sum(one.stat().st_size for one in (mesh.data_dir / "nats").rglob("*") if one.is_file())

    async def with_limit(limit: int | None) -> None:
        text = normal if limit is None else re.sub(r"max_file_store: \d+", f"max_file_store: {limit}", normal)
        settings.write_text(text)
        await mesh.restart("nats")
        await patiently(lambda: desk.open("停水"), RECOVERY_SECONDS)  # health may not have noticed the restart yet

    await with_limit(held + 300_000)
    some = len(desk.done)
    big = "停水了, " * 2_000
    unanswered = ""
    for _ in range(200):
        rid = request_id()
        try:
            await desk.open(big, rid=rid, channel="web")
        except grpc.aio.AioRpcError as full:
            assert full.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED), full
            assert reason_of(full) in ("UNREACHABLE", "OVERLOADED") and "系统" in sentence(full)
            unanswered = rid
            break
    assert unanswered, "the store never filled"
    assert len(desk.done) > some, "some fitted in"
    for _ in range(3):  # it stays a clean refusal
        with refused(grpc.StatusCode.UNAVAILABLE, "UNREACHABLE"):
            await desk.open(big)
    acked = list(desk.done)
    check_log(await whole_log(mesh), acked, [])

    await with_limit(None)
    mended = await desk.open(big, rid=unanswered, channel="web")
    assert mended.name
    later = Desk(clients, "12345", retry=True)  # the other services notice the restart in their own time
    async with Partner(clients, "water") as water:
        case = await later.offered("停水", "water_outage")
        taken = await water.accept((await water.told(case)).referral.name)
        assert taken.state == RState.ACCEPTED, "the whole way works again"
    log = await whole_log(mesh)
    check_log(log, [*desk.done, *later.done, *water.done], [])
    assert set(acked) <= {one.command for one in log}

    await check_read_model(mesh, tmp_path)
