"""One mesh for all journeys that need nothing special: the demo city on fast clocks.

Files share it, so a test counts only what is its own: cases by name, callers and places that no other file has. A
file that changes the city or the settings has a mesh, and `clients`, of its own; `tests/dealing.py` keeps the sharers
on one worker.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from mesh_play import city_with

from callmesh.cli.clients import Clients, connect
from callmesh.cli.mesh import LocalMesh

# A minute of the real limit is a second here: quick service 2 m / 5 m / 30 m, emergencies 1 m / 5 m.
FAST = {"LQ": ("2s", "3s", "5s"), "L0": ("3s", "60s", "24h")}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalMesh]:
    folder = tmp_path_factory.mktemp("mesh")
    async with LocalMesh(folder / "data", city=city_with(folder / "city", FAST)) as running:
        yield running
    assert running.clean, "a process had to be killed at the end"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def clients(mesh: LocalMesh) -> AsyncIterator[Clients]:
    async with connect(mesh.endpoints) as made:
        yield made
