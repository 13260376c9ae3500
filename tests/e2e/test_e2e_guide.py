"""The programs printed in the partner's guide (protos/README.md), run as they stand against a real mesh."""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import google.rpc.status_pb2 as status_pb2
import pytest
from mesh_play import ROOT, Desk, State

from callmesh.cli.mesh import LocalMesh
from callmesh.kernel.rpc.clients import Clients
from support.waiting import PATIENCE

pytestmark = pytest.mark.asyncio(loop_scope="session")
GUIDE = ROOT / "protos" / "README.md"
NODE = ROOT / "tests" / "node"
GOOGLE = Path(status_pb2.__file__).parents[2]
INSTALL_SECONDS = 120


def program(language: str) -> str:
    """The guide's one program in a language."""
    [found] = re.findall(rf"```{language}\n(import .*?)```", GUIDE.read_text(), re.DOTALL)
    return str(found)


@asynccontextmanager
async def running(folder: Path, *command: str) -> AsyncIterator[None]:
    """A process beside the block; it must still run at its end, and end when it is told to."""
    process = await asyncio.create_subprocess_exec(*command, cwd=folder, stdout=asyncio.subprocess.DEVNULL)
    try:
        yield
        assert process.returncode is None, "it ended by itself"
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), PATIENCE)


async def works_off(clients: Clients, agency: str, category: str) -> None:
    """Two cases go to the agency and come back resolved."""
    desk = Desk(clients, "110")
    for text in ("家里没有了", "隔壁也没有了"):
        case = await desk.offered(text, category)
        assert case.referrals[0].agency == agency
        done = await desk.until(case, lambda one: one.state == State.FOLLOW_UP, "resolved by the guide's program")
        assert done.referrals[0].HasField("received_at") and done.referrals[0].public_reply


async def test_the_guides_integration(mesh: LocalMesh, clients: Clients, tmp_path: Path) -> None:
    """In Python, with the package, in 30 lines."""
    assert sum(1 for line in program("python").splitlines() if line.strip()) <= 30
    (tmp_path / "partner.py").write_text(program("python"))
    async with running(tmp_path, sys.executable, "partner.py", mesh.endpoints.address("gateway"), "water"):
        await works_off(clients, "water", "water_outage")


async def test_the_guides_client_in_node(mesh: LocalMesh, clients: Clients, tmp_path: Path) -> None:
    """In Node, from the plain protos; it goes on after the gateway was away."""
    await installed(tmp_path)
    (tmp_path / "partner.mjs").write_text(program("javascript"))
    command = ["node", "partner.mjs", mesh.endpoints.address("gateway"), "heating", str(ROOT / "protos"), str(GOOGLE)]
    async with running(tmp_path, *command):
        await works_off(clients, "heating", "heating")
        await mesh.restart("gateway")
        await works_off(clients, "heating", "heating")


async def installed(folder: Path) -> None:
    """The two packages as tests/node pins them; skips where there is no Node, or nowhere to have them from."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("no Node here: the guide's Node client was not run")
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(NODE / name, folder)
    command = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
    quiet = asyncio.subprocess.DEVNULL
    npm = await asyncio.create_subprocess_exec(*command, cwd=folder, stdout=quiet, stderr=quiet)
    try:
        failed = await asyncio.wait_for(npm.wait(), INSTALL_SECONDS)
    except TimeoutError:
        npm.kill()
        failed = await npm.wait()
    if failed:
        pytest.skip("npm cannot install here: the guide's Node client was not run")
