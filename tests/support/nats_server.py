"""A real nats-server of the test's own: random port, own folder, every write on disk before it is acknowledged."""

from __future__ import annotations

import os
import signal
import subprocess
import sysconfig
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from nats.js import JetStreamContext

from callmesh.kernel.connection import Connection
from support.free_ports import free_ports

START_SECONDS = 60.0
_POLL = 0.005


class NatsServer:
    """Its ports are random, the same after every restart, and none that an outgoing connection may be given."""

    def __init__(self, folder: Path, sync: str = "always", more: str = "", user: str = "") -> None:
        """`more` is put into its configuration; `user` ("name:password@") is who connects by `url`."""
        self.folder = folder
        self._sync, self._more, self._user = sync, more, user
        free = free_ports("nats", "monitor")
        self._listen, self._http = f"127.0.0.1:{free['nats']}", f"127.0.0.1:{free['monitor']}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://{self._user}{self._listen}"

    @property
    def monitor(self) -> str:
        return f"http://{self._http}"

    def start(self) -> None:
        """Returns when the server is ready."""
        self.folder.mkdir(parents=True, exist_ok=True)
        config, said = self.folder / "nats.conf", self.folder / "nats.log"
        config.write_text(
            f'listen: "{self._listen}"\nhttp: "{self._http}"\n'
            f'jetstream {{ store_dir: "{self.folder / "store"}", sync_interval: {self._sync} }}\n{self._more}'
        )
        program = Path(sysconfig.get_path("scripts")) / "nats-server"
        with said.open("wb") as log:
            self._process = subprocess.Popen([program, "-c", config], stderr=log)
        self._until_ready(said)

    def _until_ready(self, said: Path) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        while "Server is ready" not in (text := said.read_text()):
            assert self._process.poll() is None, f"nats-server ended:\n{text}"
            assert time.monotonic() < deadline, f"nats-server is not ready:\n{text}"
            time.sleep(_POLL)

    def stop(self) -> None:
        """Ends it in an orderly way."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Hung but alive: connections stay, nothing is answered. Returns when its last thread has stopped."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        _, status = os.waitpid(self._process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), f"nats-server ended: {status}"

    def resume(self) -> None:
        """Goes on after `pause`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.send_signal(signal.SIGCONT)
            self._process.wait(60)
            self._process = None


@asynccontextmanager
async def connected(server: NatsServer) -> AsyncIterator[Connection]:
    """A connection that comes back by itself and says nothing about it."""

    async def quiet(_: Exception) -> None: ...

    client = Connection()
    await client.connect(server.url, max_reconnect_attempts=-1, reconnect_time_wait=0.05, error_cb=quiet)  # type: ignore[arg-type]
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def jetstream(server: NatsServer) -> AsyncIterator[JetStreamContext]:
    """JetStream of such a connection."""
    async with connected(server) as client:
        yield client.jetstream(timeout=30)  # a busy disk syncs late
