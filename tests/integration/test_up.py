"""A whole mesh on this machine: `LocalMesh` and `callmesh up`, with real processes, killed for real."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from callmesh.cli import health
from callmesh.cli.endpoints import FILE, jetstream, read
from callmesh.cli.mesh import LocalMesh
from callmesh.cli.output import BadInput, Failure
from callmesh.kernel.config import SERVICES
from support.waiting import PATIENCE, until

CITY = Path(__file__).parents[2] / "deploy" / "city"
THERE = tuple(name for name in SERVICES if find_spec(f"callmesh.{name}.app"))
FEW = THERE[:1]
pytestmark = [
    pytest.mark.skipif(not THERE, reason="no service is written yet"),
    pytest.mark.asyncio(loop_scope="module"),
]


async def not_serving(address: str) -> bool:
    return await health.status(address) == "NOT_SERVING"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalMesh]:
    """One service, for the tests that leave the mesh as it was."""
    async with LocalMesh(tmp_path_factory.mktemp("up") / "mesh", services=FEW) as entered:
        yield entered


async def test_every_service_serves_with_the_city_in_force_and_nothing_is_left(tmp_path: Path) -> None:
    from callmesh.directory.store import fetch

    async with LocalMesh(tmp_path / "mesh", services=THERE, city=CITY) as mesh:
        for name in THERE:
            assert await health.status(mesh.endpoints.address(name), PATIENCE) == "SERVING"
        async with jetstream(mesh.endpoints) as js:
            assert await fetch(js) is not None
        assert read(mesh.data_dir / FILE) == mesh.endpoints
        assert set(mesh.memory()) == {"supervisor", "nats", *THERE}
        processes = [mesh.process(name) for name in ("nats", *THERE)]
    assert mesh.clean
    assert not any(process.is_running() for process in processes)
    assert not (mesh.data_dir / FILE).exists()


async def test_killed_nats_comes_back_on_its_port_and_services_serve_again(mesh: LocalMesh) -> None:
    before, url = mesh.process("nats").pid, mesh.nats_url
    await mesh.kill("nats")
    await mesh.serving("nats")
    await mesh.serving(FEW[0])
    assert mesh.process("nats").pid != before and mesh.nats_url == url
    async with jetstream(mesh.endpoints) as js:
        assert (await js.account_info()).streams >= 4
    await until(lambda: read(mesh.data_dir / FILE).pids["nats"] == mesh.process("nats").pid)


async def test_killed_service_comes_back(mesh: LocalMesh) -> None:
    before = mesh.process(FEW[0]).pid
    await mesh.kill(FEW[0])
    await mesh.serving(FEW[0])
    assert mesh.process(FEW[0]).pid != before


async def test_stay_down_until_restart(mesh: LocalMesh) -> None:
    await mesh.kill(FEW[0], signal.SIGKILL, stay_down=True)
    assert await health.status(mesh.endpoints.address(FEW[0])) == ""
    await mesh.restart(FEW[0])
    assert await health.status(mesh.endpoints.address(FEW[0]), PATIENCE) == "SERVING"


async def test_without_nats_a_service_is_not_serving_and_takes_it_back(mesh: LocalMesh) -> None:
    address = mesh.endpoints.address(FEW[0])
    await mesh.kill("nats", stay_down=True)
    await until(lambda: not_serving(address), "it does not serve without NATS")
    await mesh.restart("nats")
    await mesh.serving(FEW[0])


async def test_data_stays_and_fresh_deletes_it(tmp_path: Path) -> None:
    for fresh, left in ((False, 0), (False, 1), (True, 0)):
        async with LocalMesh(tmp_path / "mesh", services=(), fresh=fresh) as mesh, jetstream(mesh.endpoints) as js:
            info = await js.stream_info("INBOX_r1")
            assert info.state.messages == left
            await js.publish("in.r1.water.x.1", b"kept")


async def test_fresh_never_deletes_what_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(BadInput, match="was not made by callmesh"):
        async with LocalMesh(tmp_path, services=(), fresh=True):
            pass
    assert (tmp_path / "thesis.txt").exists()


async def test_a_folder_belongs_to_one_mesh_at_a_time(mesh: LocalMesh) -> None:
    with pytest.raises(Failure, match="a mesh runs in"):
        async with LocalMesh(mesh.data_dir, services=()):
            pass
    assert (mesh.data_dir / FILE).exists()
    await mesh.serving("nats")


async def test_a_folder_that_cannot_be_made_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match=r"file/mesh cannot be a mesh's folder \(Not a directory: .*\); choose another$"):
        async with LocalMesh(tmp_path / "file" / "mesh", services=()):
            pass


async def test_a_fault_in_the_city_starts_no_service(tmp_path: Path) -> None:
    city = tmp_path / "city"
    shutil.copytree(CITY, city)
    (city / "routes.tsv").write_text("nonsense\n")
    mesh = LocalMesh(tmp_path / "mesh", services=FEW, city=city)
    with pytest.raises(BadInput, match=r"routes\.tsv"):
        await mesh.__aenter__()
    assert not (mesh.data_dir / "logs" / f"{FEW[0]}.log").exists()
    assert not mesh.data_dir.exists(), "nor NATS, nor anything"


async def test_wrong_settings_are_told_with_the_services_own_words(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="CALLMESH_REPLICAS"):
        async with LocalMesh(tmp_path / "mesh", services=FEW, env={"CALLMESH_REPLICAS": "many"}):
            pass


@contextmanager
def up(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """`callmesh up` with one service, ended at last whatever happens."""
    without = [word for name in SERVICES if name not in FEW for word in ("--without", name)]
    command = [sys.executable, "-m", "callmesh", "up", "--ports", "free", "--data", str(folder), *without]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        try:
            yield process
        finally:
            process.kill()


def lives(one: psutil.Process) -> bool:
    """Whether it runs; nobody may be there to take note of its end."""
    try:
        return one.is_running() and one.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def started(folder: Path) -> list[psutil.Process]:
    await until((folder / FILE).exists)
    return [psutil.Process(pid) for name, pid in read(folder / FILE).pids.items() if name != "supervisor"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_up_says_what_runs_and_ends_with_status_0(tmp_path: Path, number: int) -> None:
    with up(tmp_path / "mesh") as process:
        children = await started(tmp_path / "mesh")
        process.send_signal(number)
        said, _ = await asyncio.to_thread(process.communicate, timeout=120)
    assert process.returncode == 0
    for told in ("nats", FEW[0], "ready after", "all serving after", "MiB resident", "stopped"):
        assert told in said
    assert not any(child.is_running() for child in children)
    for line in (tmp_path / "mesh" / "logs" / f"{FEW[0]}.log").read_text().splitlines():
        assert json.loads(line)["service"] == FEW[0]


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is Linux's")
async def test_a_killed_up_leaves_no_orphans_and_its_folder_can_be_used_again(tmp_path: Path) -> None:
    with up(tmp_path / "mesh") as process:
        children = await started(tmp_path / "mesh")
        process.kill()
        await until(lambda: not any(lives(one) for one in children), "all of them to end")
    async with LocalMesh(tmp_path / "mesh", services=()) as mesh:
        await mesh.serving("nats")
