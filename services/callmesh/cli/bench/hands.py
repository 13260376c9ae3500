"""The parent's side: child processes with a role, and the NATS server that the floors run on.

`Hand.ask` tells a child what to do and waits for its answer. What a child writes to standard error goes to
NAME.log in the bench's folder. Leaving the context ends the child: its input is closed, then it is killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import callmesh
from callmesh.cli import nats_server, ports, tether
from callmesh.cli.bench.worker import LINE_BYTES
from callmesh.cli.output import Failure
from callmesh.cli.serve import PARENT

_ROOT = Path(callmesh.__file__).resolve().parent.parent
_STOP_SECONDS = 5.0


class Hand:
    """One child process with one role."""

    def __init__(self, role: str, folder: Path, name: str = "", **start: Any) -> None:
        self.role, self.folder, self.name, self._start = role, folder, name or role, start
        self.started: dict[str, Any] = {}
        self._process: asyncio.subprocess.Process

    @property
    def pid(self) -> int:
        """Of the child."""
        return self._process.pid

    async def __aenter__(self) -> Hand:
        path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH", ""))))
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / f"{self.name}.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "callmesh.cli.bench.worker", self.role, str(self.folder)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                limit=LINE_BYTES,
                env=os.environ | {"PYTHONPATH": path, PARENT: str(os.getpid())},
                start_new_session=True,
            )
        self.started = await self.ask("start", **self._start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        await _end(self._process)

    async def ask(self, do: str, **given: Any) -> dict[str, Any]:
        """Tells the child to do something; its answer. Failure when it could not."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps({"do": do, "with": given}).encode() + b"\n")
        line = await self._process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": "its process ended"}
        if "error" in answer:
            log = self.folder / f"{self.name}.log"
            raise Failure(f"bench: {self.name} could not {do}: {answer['error']} (more in {log})")
        return dict(answer["ok"] or {})


class Nats:
    """A NATS server of the bench's own, with the settings that every mesh runs on."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self._folder, self._durable = folder, durable
        self.url = ""
        self._ports = ExitStack()
        self._process: asyncio.subprocess.Process

    @property
    def pid(self) -> int:
        """Of the server."""
        return self._process.pid

    async def __aenter__(self) -> Nats:
        store, settings = self._folder / "nats", self._folder / "bench-nats.conf"
        store.mkdir(parents=True, exist_ok=True)
        chosen = ports.free(("nats", "monitor"), self._ports)
        limit = nats_server.file_store_limit(store)
        text = nats_server.config(chosen["nats"], chosen["monitor"], store, limit)
        settings.write_text(text if self._durable else text.replace("sync_interval: always", ""))
        command = [tether.__file__, str(os.getpid()), str(nats_server.require_binary()), "-c", str(settings)]
        with (self._folder / "bench-nats.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", *command), stdout=log, stderr=log, start_new_session=True
            )
        self.url = f"nats://127.0.0.1:{chosen['nats']}"
        await nats_server.until_healthy(f"http://127.0.0.1:{chosen['monitor']}", 120.0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.returncode is None:
            self._process.terminate()
        await self._process.wait()
        self._ports.close()


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    assert process.stdin
    process.stdin.close()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
