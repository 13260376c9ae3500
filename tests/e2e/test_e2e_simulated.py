"""Simulated partners on a real mesh, and the commands around them, used as a person would."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from typing import Any

import pytest
from mesh_play import Desk, State

from callmesh.api.v1 import gateway_service_pb2 as gw
from callmesh.cli.mesh import LocalMesh
from callmesh.kernel.rpc.clients import Clients
from callmesh.partner.faults import Fault, FaultPlan
from callmesh.partner.simulated import SimulatedPartner
from support.waiting import PATIENCE, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_correct_one_works_with_others(mesh: LocalMesh, clients: Clients) -> None:
    """A joint tasking: the lead waits for its support, all resolve, each once; then a recall stops the work."""
    address = mesh.endpoints.address("gateway")
    told: list[tuple[str, str, str]] = []
    lead = SimulatedPartner(address, "gas", pace=0.05, tell=lambda *one: told.append(one))
    support = SimulatedPartner(address, "emergency-mgmt", pace=0.3)
    desk = Desk(clients, "110")
    async with lead:
        case = await desk.classify(await desk.open("停气了, 小区门口挖断了管子"), "gas_outage")
        await desk.transfer(case, agency="gas", support=["emergency-mgmt"], reason="联合处置")
        await until(lambda: any(what == "resolve" and "refused" in more for what, _, more in told), "it has to wait")
        async with support:
            await until(lambda: (lead.done, support.done) == (1, 1), "both resolved, once each")
            await desk.until(case, lambda one: one.state == State.FOLLOW_UP, "the caller is asked")
    assert {what for what, _, _ in told} >= {"connected", "OFFERED", "accept", "progress", "resolve", "SUPPORT_DONE"}

    slow = SimulatedPartner(address, "water", pace=60)
    async with slow:
        case = await desk.offered("停水", "water_outage")
        taken = await desk.until(case, lambda one: one.referrals[0].HasField("received_at"), "it has it")
        recalled = await desk.recall(taken.referrals[0].name)
        assert recalled.referrals[0].state == recalled.referrals[0].RECALLED
    assert slow.done == 0


async def test_a_fault_is_made_where_it_was_planned(mesh: LocalMesh, clients: Clients) -> None:
    """One that never receipts: the mesh goes on delivering, and its clocks start by acceptance alone."""
    plan = FaultPlan(1, [Fault.NO_RECEIPT, Fault.RESOLVES_UNACCEPTED])
    told: list[tuple[str, str, str]] = []
    one = SimulatedPartner(
        mesh.endpoints.address("gateway"), "telecom", plan=plan, pace=0, tell=lambda *line: told.append(line)
    )
    desk = Desk(clients, "110")
    async with one:
        case = await desk.offered("光缆断了", "telecom")
        await until(lambda: any(what == "resolve" for what, _, _ in told), "it tried")
        seen = (await desk.timeline(case)).case
        assert not seen.referrals[0].HasField("received_at") and one.done == 0
    assert any(what == "resolve" and "refused" in more for what, _, more in told)


async def test_played_from_the_command_line(mesh: LocalMesh, clients: Clients) -> None:
    """`partner simulate` and `partner list` beside each other; Ctrl-C ends it in order."""
    desk = Desk(clients, "110")
    playing = await called(mesh, "simulate", "--agency", "drainage", "--pace", "0.1", "--seed", "3")
    try:
        lines = await read_until(playing, "connected")
        case = await desk.offered("下水道冒水", "drain_overflow")
        await until(lambda: presence(clients, gw.Presence.PRESENT), "the mesh knows that it is there")
        listed = await called(mesh, "list", "drainage", "power", "--json")
        said, _ = await listed.communicate()
        rows = {one["agency"]: one["state"] for one in map(json.loads, said.splitlines())}
        assert rows == {"drainage": "present", "power": "away"}
        lines += await read_until(playing, "resolve")
        await desk.until(case, lambda one: one.state == State.FOLLOW_UP, "resolved")
    finally:
        playing.send_signal(signal.SIGINT)
    rest, wrong = await asyncio.wait_for(playing.communicate(), PATIENCE)
    assert playing.returncode == 0 and not wrong, wrong.decode()
    assert "1 referrals resolved" in rest.decode()
    assert lines[0].startswith("FaultPlan(seed=3, faults: none") and "下水道" not in "".join(lines)
    gone = await until(lambda: presence(clients, gw.Presence.AWAY), "the mesh knows that it left")
    assert gone.HasField("since")


async def presence(clients: Clients, state: Any) -> gw.Presence | None:
    """The presence of drainage, once it is this."""
    request = gw.ListPresencesRequest(agencies=["drainage"])
    answer = await clients.gateway.ListPresences(request, metadata=(("callmesh-agency", "110"),), timeout=PATIENCE)
    return answer.presences[0] if answer.presences[0].state == state else None


async def called(mesh: LocalMesh, *words: str) -> Process:
    environment = os.environ | {"CALLMESH_DATA_DIR": mesh.endpoints.data_dir, "PYTHONUNBUFFERED": "1"}
    command = (sys.executable, "-m", "callmesh", "partner", *words)
    return await asyncio.create_subprocess_exec(*command, env=environment, stdout=PIPE, stderr=PIPE)


async def read_until(process: Process, word: str) -> list[str]:
    """Its lines up to the one with the word."""
    assert process.stdout is not None
    lines: list[str] = []
    async with asyncio.timeout(PATIENCE):
        while not lines or word not in lines[-1]:
            line = await process.stdout.readline()
            assert line, f"it ended: {lines}"
            lines.append(line.decode())
    return lines
