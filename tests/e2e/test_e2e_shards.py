"""Two shards in separate processes: a whole set of services and one of the second shard, one NATS, one tracking.

What a desk does on a case it may do at either set; partners attach to one gateway; and who looks sees one city.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from mesh_play import CITY, Desk, Partner, State
from sqlalchemy import create_engine

from callmesh.api.v1 import case_pb2
from callmesh.cli import health
from callmesh.cli.child import Child
from callmesh.cli.clients import connect
from callmesh.cli.endpoints import Endpoints
from callmesh.cli.mesh import LocalMesh
from callmesh.kernel.config import SERVICES, Settings
from callmesh.kernel.rpc.clients import Clients
from callmesh.tracking.digest import digest
from callmesh.tracking.rebuild import rebuild
from support.free_ports import free_ports
from support.waiting import PATIENCE, until

pytestmark = pytest.mark.asyncio(loop_scope="module")
SECOND = tuple(one for one in SERVICES if one != "tracking")
"""What a further shard needs of its own where one tracking tells all."""


@contextlib.asynccontextmanager
async def second_set(mesh: LocalMesh, logs: Path) -> AsyncIterator[Endpoints]:
    """The services of shard 1 beside this mesh; tracking stays the mesh's."""
    ports = free_ports(*SECOND)
    given = {
        "NATS_URL": mesh.nats_url,
        "NATS_MONITOR": mesh.endpoints.nats_monitor,
        "DATA_DIR": str(mesh.data_dir),  # with the one key-encryption key
        "SHARD": "1",
    }
    environment = os.environ | {f"CALLMESH_{name}": value for name, value in given.items()}
    command = [sys.executable, "-P", "-m", "callmesh", "serve"]
    children = [
        Child(one, [*command, one], environment | {"CALLMESH_PORT": str(ports[one])}, logs / f"{one}-1.log")
        for one in SECOND
    ]
    addresses = {one: f"127.0.0.1:{ports[one]}" for one in SECOND}
    try:
        await asyncio.gather(*(one.start() for one in children))
        await asyncio.gather(*(health.until_serving(addresses[one], PATIENCE, None) for one in SECOND))
        yield replace(mesh.endpoints, services={**mesh.endpoints.services, **addresses})
    finally:
        ended = await asyncio.gather(*(one.stop(PATIENCE) for one in children))
        assert all(ended), "a process of the second shard had to be killed"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalMesh]:
    folder = tmp_path_factory.mktemp("shards") / "data"
    async with LocalMesh(folder, city=CITY, env={"CALLMESH_TRACKING_SHARDS": "0,1"}) as running:
        yield running
    assert running.clean, "a process had to be killed at the end"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sets(mesh: LocalMesh, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[list[Clients]]:
    """Clients of either set."""
    async with contextlib.AsyncExitStack() as stack:
        second = await stack.enter_async_context(second_set(mesh, tmp_path_factory.mktemp("logs")))
        yield [await stack.enter_async_context(connect(one)) for one in (mesh.endpoints, second)]


async def _lived(desk: Desk, other: Desk, partner: Partner, said: str) -> case_pb2.Case:
    """A case that one desk opens and sends, and the desk of the other set asks about and closes."""
    case = await desk.offered(said, "gas_outage")
    await partner.work(case)
    done = await other.until(case, lambda one: one.state == State.FOLLOW_UP, "resolved")
    return await other.close(await other.follow_up(done))


async def test_cases_of_two_shards_are_one_city(sets: list[Clients]) -> None:
    """One gateway has the partner and gives it the cases of both; each desk sees all, and acts on any."""
    desks = [Desk(one, "12345") for one in sets]
    async with Partner(sets[0], "gas") as gas:
        cases = [await _lived(desks[one], desks[1 - one], gas, f"{one} 号楼停气") for one in range(2)]
    assert [one.name.split("-")[1] for one in cases] == ["0", "1"]
    for desk in desks:
        for case in cases:
            assert (await desk.get(case)).state == State.CLOSED
        assert await desk.listed(agency="gas") == {one.name for one in cases}
    counted = await desks[0].figure("cases_opened", cases[1], start_time=cases[0].opened_at)
    assert counted.numerator == 2


async def test_the_one_model_is_that_of_both_logs(mesh: LocalMesh, sets: list[Clients], tmp_path: Path) -> None:
    """Filled anew from both, it is the same; from one, it is not."""
    case = await Desk(sets[1], "12345").open("路灯不亮")
    assert (await Desk(sets[0], "12345").get(case)).etag == case.etag
    live = create_engine(f"sqlite:///{mesh.data_dir / 'tracking.db'}")

    async def anew(shards: str) -> str:
        given = {"nats_url": mesh.nats_url, "data_dir": str(mesh.data_dir), "tracking_shards": shards}
        return (await rebuild(Settings(**given, database_url=f"sqlite:///{tmp_path / 'again.db'}"))).digest

    async def equal() -> bool:
        return await anew("0,1") == await asyncio.to_thread(digest, live)

    try:
        await until(equal, "the read model is that of both logs")
        assert await anew("1") != await asyncio.to_thread(digest, live)
    finally:
        live.dispose()
