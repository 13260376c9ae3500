"""The databases that the read model is held to: SQLite always, PostgreSQL where there is one.

PostgreSQL: CALLMESH_TEST_POSTGRES (an SQLAlchemy URL; its tables are dropped), or the `initdb` and `pg_ctl`
of this machine, started here on a socket in a passing folder.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "unit" / "tracking"))

from tracking_play import MemorySource, Play

from callmesh.tracking.digest import digest
from callmesh.tracking.items import Item
from callmesh.tracking.projector import Projector
from callmesh.tracking.store import Store

GIVEN = os.environ.get("CALLMESH_TEST_POSTGRES", "")
HAS_POSTGRES = bool(GIVEN or (shutil.which("initdb") and shutil.which("pg_ctl")))
BACKENDS = ["sqlite", "postgres"] if HAS_POSTGRES else ["sqlite"]


class Server:
    """A PostgreSQL of our own. It refuses to run as root, so root hands it to `nobody`."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="callmesh-pg-"))
        self.nobody = os.geteuid() == 0
        if self.nobody:
            shutil.chown(self.folder, "nobody")
        self.data = self.folder / "data"
        self._run("initdb", "-U", "callmesh", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")
        options = f"-k {self.folder} -c listen_addresses='' -c fsync=off"
        self._run("pg_ctl", "-w", "-o", options, "-l", str(self.folder / "log"), "start")

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://callmesh@/postgres?host={self.folder}"

    def stop(self) -> None:
        self._run("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *options: str) -> None:
        as_nobody = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if self.nobody else []
        command = [*as_nobody, str(shutil.which(program)), "-D", str(self.data), *options]
        done = subprocess.run(command, capture_output=True, cwd=self.folder, check=False, text=True, timeout=60)
        assert done.returncode == 0, f"{program}: {done.stderr}{done.stdout}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    if GIVEN:
        yield GIVEN
        return
    server = Server()
    try:
        yield server.url
    finally:
        server.stop()


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres"))
    return f"sqlite:///{tmp_path / 'model.db'}"


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    """An empty model."""
    made = Store(url)
    await made.on_writer(made.wipe_now)
    yield made
    await made.close()


class Model:
    """A projector on a store, fed from a play's log."""

    def __init__(self, store: Store, play: Play) -> None:
        self.store, self.play = store, play
        self.items: list[Item] = []
        self.source = MemorySource(lambda: self.items)
        self.projector = Projector(store, self.source)

    async def feed(self, batch: int = 256) -> None:
        """Delivers everything, also what was delivered before."""
        self.items = await self.play.items()
        for start in range(0, len(self.items), batch):
            await self.projector.take(self.items[start : start + batch])

    async def digest(self) -> str:
        return await asyncio.to_thread(digest, self.store.reader)


@pytest.fixture
async def model(store: Store) -> Model:
    """A model of a small but varied day, not yet fed."""
    play = Play()
    await play.whole()
    await play.returned()
    await play.missed()
    await play.whole("13600000000", satisfied=2, order="W-9")
    await play.open(channel="sms", number="")
    made = Model(store, play)
    await made.projector.start()
    return made
