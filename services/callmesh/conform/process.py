"""The partner's program, when the kit is to start it.

It gets the address of the played mesh in CALLMESH_TARGET and its agency in CALLMESH_AGENCY. What it prints goes to a
file; the end of that is shown when it dies. It and its children are a process group of their own and end together.
One that ends by itself is told at once, with its status (negative: a signal), for it would only be waited for. That
may be meant: a command may leave the partner running behind it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path

_TAIL = 2_000
_GRACE = 10.0


class Process:
    """One command, started any number of times, one at a time."""

    def __init__(
        self, command: str, target: str, agency: str, ended: Callable[[int], None] = lambda status: None
    ) -> None:
        self._words = shlex.split(command)
        self._environment = os.environ | {"CALLMESH_TARGET": target, "CALLMESH_AGENCY": agency}
        self._running: asyncio.subprocess.Process | None = None
        self._ended = ended
        self._watch: asyncio.Task[None] | None = None
        descriptor, name = tempfile.mkstemp(prefix="callmesh-conform-", suffix=".log")
        os.close(descriptor)
        self.output = Path(name)

    async def start(self) -> None:
        """Starts it; raises OSError when there is no such command."""
        with self.output.open("ab") as file:
            self._running = await asyncio.create_subprocess_exec(
                *self._words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=self._environment,
                start_new_session=True,
            )
        self._watch = asyncio.create_task(self._watched(self._running))

    async def _watched(self, running: asyncio.subprocess.Process) -> None:
        self._ended(await running.wait())

    async def again(self) -> None:
        """Ends it at once, as a crash does, and starts it."""
        await self._signal(signal.SIGKILL)
        await self.start()

    async def stop(self) -> None:
        """Ends it in order; at once when it does not listen."""
        try:
            async with asyncio.timeout(_GRACE):
                await self._signal(signal.SIGTERM)
        except TimeoutError:
            await self._signal(signal.SIGKILL)
        if not self.last_words():
            self.output.unlink(missing_ok=True)

    def last_words(self) -> str:
        """The end of what it printed."""
        with contextlib.suppress(OSError):
            return self.output.read_bytes()[-_TAIL:].decode(errors="replace").strip()
        return ""

    async def _signal(self, which: signal.Signals) -> None:
        if self._watch is not None:
            self._watch.cancel()  # what ends now ends as asked
        running = self._running
        if running is None or running.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, which)
        await running.wait()
