"""kill -9 of each of the seven processes under load, and of all at once: nothing acknowledged is lost, or done twice.

The moment is random but seeded (CALLMESH_FAULT_SEED, printed). The keeper starts the process again; clients repeat
with the same request_id; streams come back by themselves; the load must end, and then the whole log is counted.
CALLMESH_FAULT_FLOWS makes the load of each kill larger.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest
import pytest_asyncio
from fault_check import Entry, check_log, check_read_model, last_of, whole_log
from fault_load import Load, load_on

from callmesh.api.v1 import tracking_service_pb2 as trk
from callmesh.cli.clients import me
from callmesh.cli.mesh import LocalMesh
from callmesh.kernel.config import SERVICES
from callmesh.kernel.rpc.clients import Clients
from support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")
FLOWS = int(os.environ.get("CALLMESH_FAULT_FLOWS", "28"))
COMMANDS_A_FLOW = 7
ALL = "all"
"""As when the power fails: NATS has forgotten the readers, and so have they themselves where they were."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def load(clients: Clients) -> AsyncIterator[Load]:
    async with load_on(clients) as made:
        yield made


@pytest.mark.parametrize("victim", ["nats", *SERVICES, ALL])
async def test_kill_9_under_load(
    mesh: LocalMesh, clients: Clients, load: Load, victim: str, seed: int, tmp_path: Path
) -> None:
    random = Random(f"{seed}-{victim}")
    victims = ("nats", *SERVICES) if victim == ALL else (victim,)
    before, pids = len(load.acked), {one: mesh.process(one).pid for one in victims}
    at = before + int(FLOWS * COMMANDS_A_FLOW * random.uniform(0.1, 0.6))
    jitter = random.uniform(0, 0.03)
    print(f"CALLMESH_FAULT_SEED={seed}: kill -9 {victim} {jitter * 1000:.1f} ms after command {at}")  # noqa: T201
    connected = {agency: body.partner.connections for agency, body in load.bodies.items()}
    begun = time.monotonic()

    async def nemesis() -> None:
        await load.acknowledged(at)
        await asyncio.sleep(jitter)
        await asyncio.gather(*(mesh.kill(one, signal.SIGKILL) for one in victims))
        await asyncio.gather(*(mesh.serving(one) for one in victims))

    await asyncio.gather(nemesis(), load.run(FLOWS, random))
    assert all(mesh.process(one).pid != pid for one, pid in pids.items()), "it was started again"
    print(f"{FLOWS} flows in {time.monotonic() - begun:.1f} s, {len(load.acked) - before} commands acknowledged")  # noqa: T201

    for agency, connections in connected.items():
        body = load.bodies[agency]
        breaks = body.partner.connections - connections
        assert breaks == ("gateway" in victims) or (victim == ALL and breaks > 1), (
            f"{agency}: streams break with it alone"
        )
        assert not body.tasks and not body.failures, body.failures
    log = await settled(mesh, clients)
    check_log(log, load.acked, load.closed)
    await check_effects(load, log)
    await check_read_model(mesh, tmp_path)


async def settled(mesh: LocalMesh, clients: Clients) -> list[Entry]:
    """The whole log once the read model has it all; everybody is at rest."""
    log: list[Entry] = []

    async def caught_up() -> bool:
        nonlocal log
        log = await whole_log(mesh)
        last = log[-1]
        request = trk.GetCaseRequest(name=f"cases/{last.case_id}", min_etag=str(last.sequence))
        await clients.tracking.GetCase(request, metadata=me(last.record.case.origin), timeout=30)
        return await last_of(mesh) == len(log)

    await until(caught_up, "the read model has the whole log")
    return log


async def check_effects(load: Load, log: list[Entry]) -> None:
    """Every referral on the log reached its agency once, every missed limit reminded once, no more."""
    offered = {one.name for entry in log for one in entry.record.case.referrals if one.agency in load.bodies}
    missed = [
        entry.record.fact.deadline_missed.referral for entry in log if entry.record.fact.HasField("deadline_missed")
    ]

    async def all_there() -> bool:
        return set(load.delivered()) == offered and load.reminded().total() >= len(missed)

    try:
        await until(all_there, "every referral at its agency")
    except AssertionError:
        lost = {one: load.where(log, one) for one in offered - set(load.delivered())}
        unsaid = {one: load.where(log, one) for one in set(missed) - set(load.reminded())}
        raise AssertionError(f"offers that never came: {lost}; reminders that never came: {unsaid}") from None
    assert all(count == 1 for count in load.delivered().values()), "an offer became two"
    assert load.reminded() == {name: missed.count(name) for name in set(missed)}, "reminders are the missed limits"
    assert missed, "the load has missed limits"
