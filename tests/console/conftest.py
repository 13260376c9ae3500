"""A real mesh with its console and a real Chromium, one of each for all tests of this folder.

Where Chromium is missing the tests skip with the line that says how to get it; `.ci/run` installs it.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from browsing import CHROMIUM, Browsing, Desk

from callmesh.cli.clients import connect
from callmesh.cli.mesh import LocalMesh
from callmesh.kernel.rpc.clients import Clients
from support.city import DEMO_CITY

TELEPHONES = '[[lines]]\nagency = "heating"\nnumbers = ["8204-1"]\n'
"""The only agency that is rung, so that pages which are not about calls hear of none."""
SWITCH = {"8204-1": "answer:0.1"}
RULE = "auto_grant_returns = 2"
HOW = "no Chromium here: apt-get install chromium fonts-wqy-zenhei (or set CALLMESH_TEST_CHROMIUM)"


def strict_city(folder: Path) -> Path:
    """The demo city, but people decide on returns, and it has one telephone."""
    shutil.copytree(DEMO_CITY, folder)
    settings = folder / "city.toml"
    text = settings.read_text()
    assert RULE in text
    settings.write_text(text.replace(RULE, "auto_grant_returns = 0"))
    (folder / "calls.toml").write_text(TELEPHONES)
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips the tests of this folder where there is no browser."""
    here = Path(__file__).parent
    if CHROMIUM is None:
        for one in items:
            if here in one.path.parents:
                one.add_marker(pytest.mark.skip(reason=HOW))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalMesh]:
    folder = tmp_path_factory.mktemp("mesh")
    async with LocalMesh(folder / "data", city=strict_city(folder / "city"), console=True, switch=SWITCH) as running:
        yield running
    assert running.clean, "a process had to be killed at the end"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def clients(mesh: LocalMesh) -> AsyncIterator[Clients]:
    async with connect(mesh.endpoints) as made:
        yield made


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browsing(mesh: LocalMesh) -> AsyncIterator[Browsing]:
    """The browser; every person has a context of their own."""
    assert CHROMIUM is not None
    async with Browsing.open(CHROMIUM, mesh.endpoints.console) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def person(browsing: Browsing) -> AsyncIterator[Callable[..., object]]:
    """`await person("op110")` is that person's page, signed in; contexts end with the test, quiet consoles proven."""
    opened: list[Desk] = []

    async def sign_in(account: str, **more: object) -> Desk:
        desk = await browsing.sign_in(account, **more)
        opened.append(desk)
        return desk

    yield sign_in
    for one in opened:
        await one.close()
    for one in opened:
        assert not one.complaints, f"{one.account}: {one.complaints}"
