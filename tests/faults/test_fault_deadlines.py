"""2,000 deadlines fall due within seconds while supervision and NATS are killed with -9: each fires once, none early.

The moments of the kills are random but seeded (CALLMESH_FAULT_SEED, printed), all within the time in which the
deadlines fall due. Both processes come back by themselves. Then the whole log is counted.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from random import Random

import pytest
import pytest_asyncio
from fault_check import NAMES, check_log, whole_log
from fault_deadlines import FACTS, Crowd, check_fired, plan, spread
from mesh_play import CITY

from callmesh.cli.endpoints import jetstream
from callmesh.cli.mesh import LocalMesh
from callmesh.kernel.config import Settings
from callmesh.kernel.connection import Connection
from callmesh.kernel.messaging import connect
from callmesh.kernel.vault import open_vault
from callmesh.ledger.jetstream import JetStreamLedger
from support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")
DEADLINES = 2_000
FIRST, WITHIN = 12, 13
"""Seconds from the offer to the first deadline, and in which they are spread; opening them spreads them further."""
KILLS = ("supervision", "nats", "supervision", "nats", "supervision")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalMesh]:
    """NATS and the one service that is tried."""
    folder = tmp_path_factory.mktemp("deadlines")
    async with LocalMesh(folder, city=CITY, services=("supervision",)) as running:
        yield running


async def test_each_deadline_fires_once_whatever_is_killed(mesh: LocalMesh, seed: int) -> None:
    random = Random(f"{seed}-deadlines")

    client = Connection()
    await connect(client, mesh.nats_url, "test")
    js = client.jetstream(timeout=30)
    vault = await open_vault(client, js, Settings(data_dir=str(mesh.data_dir)))
    crowd, begun = Crowd(JetStreamLedger(client, js, NAMES, "test", vault)), time.monotonic()
    await crowd.open(plan(DEADLINES, FIRST, WITHIN, random))
    opened = time.monotonic() - begun
    await client.close()
    first = min(at for _, _, at in crowd.due).timestamp()
    last = max(at for _, _, at in crowd.due).timestamp()
    moments = sorted(random.uniform(first, last) for _ in KILLS)
    print(f"CALLMESH_FAULT_SEED={seed}: {DEADLINES} deadlines within {last - first:.1f} s, opened in {opened:.1f} s")  # noqa: T201

    down = []
    for moment, victim in zip(moments, KILLS, strict=True):
        await asyncio.sleep(max(0.0, moment - time.time()))  # the moment of the fault, not a wait for something
        killed = time.monotonic()
        await mesh.kill(victim, signal.SIGKILL)
        await mesh.serving(victim)
        down.append(time.monotonic() - killed)

    async with jetstream(mesh.endpoints) as js:

        async def all_fired() -> bool:
            return (await js.stream_info(NAMES.log_stream(0))).state.last_seq >= DEADLINES * (FACTS + 1)

        await until(all_fired, "all deadlines fired", 120)
    log = await whole_log(mesh)
    check_log(log, [], [])
    late = check_fired(log, crowd.due)
    away = f"one of the two was away for {sum(down):.1f} s, at most {max(down):.1f} s at once"
    print(f"{len(late)} fired once, none early; late {spread([seconds for _, seconds in late])}; {away}")  # noqa: T201
    calm = [seconds for due, seconds in late if due.timestamp() < moments[0] - 1]
    print(f"of them {len(calm)} a second or more before the first kill: late {spread(calm or [0])}")  # noqa: T201
