"""One mesh for each file of faults. The helpers of the journeys serve here too."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))

from mesh_play import city_with

from callmesh.cli.clients import connect
from callmesh.cli.mesh import LocalMesh
from callmesh.kernel.rpc.clients import Clients

SEED = int(os.environ.get("CALLMESH_FAULT_SEED", "20261122"))
FAST = {"LQ": ("1s", "5m", "30m")}


@pytest.fixture(scope="module")
def seed() -> int:
    """CALLMESH_FAULT_SEED repeats a run; a failing test shows it."""
    return SEED


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalMesh]:
    folder = tmp_path_factory.mktemp("mesh")
    async with LocalMesh(folder / "data", city=city_with(folder / "city", FAST)) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clients(mesh: LocalMesh) -> AsyncIterator[Clients]:
    async with connect(mesh.endpoints) as made:
        yield made
