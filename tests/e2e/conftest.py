"""One mesh for all journeys that need nothing special: the demo city on fast clocks.

Files share it, so a test counts only what is its own: cases by name, callers and places that no other file has. A
file that changes the city or the settings has a mesh, and `clients`, of its own; `support/dealing.py` keeps the sharers
on one worker.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from mesh_play import city_with

from callmesh.cli.clients import connect
from callmesh.cli.mesh import LocalMesh
from callmesh.kernel.rpc.clients import Clients

# Seconds for the minutes of the real limits; who is to be in time still is on a machine that stands still for two.
FAST = {"LQ": ("5s", "6s", "7s"), "L0": ("6s", "60s", "24h")}

SWITCH = {
    "101": "answer:0.1",
    "201": "silent",
    "202": "answer:0.1",
    "301": "silent",
    "302": "busy",
    "401": "drop:0.1:0.2",
    "501": "answer:0.1",
    "601": "silent",
    "701": "answer:0.1",
    "801": "answer:0.1",
}
"""What each telephone does. Only agencies of test_e2e_calls.py have one, so that other files' cases ring nobody."""
TELEPHONES = """\
[rules]
ring = "4s"
call_back = "2s"
fallback_language = "en"

[[interpreters]]
language = "en"
agency = "12345"
numbers = ["801"]
""" + "".join(
    f'\n[[lines]]\nagency = "{agency}"\nnumbers = [{numbers}]\n'
    for agency, numbers in {
        "ecology": '"101"',
        "civil-affairs": '"201", "202"',
        "agriculture": '"301", "302"',
        "planning": '"401"',
        "housing": '"501"',
        "sanitation": '"601"',
        "999": '"701"',
    }.items()
)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalMesh]:
    folder = tmp_path_factory.mktemp("mesh")
    city = city_with(folder / "city", FAST)
    (city / "calls.toml").write_text(TELEPHONES)
    async with LocalMesh(folder / "data", city=city, switch=SWITCH) as running:
        yield running
    assert running.clean, "a process had to be killed at the end"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def clients(mesh: LocalMesh) -> AsyncIterator[Clients]:
    async with connect(mesh.endpoints) as made:
        yield made
