"""One process of the mesh on this machine: started, signalled, waited for, stopped.

Its output goes straight to a file, not through a pipe of ours: nothing is lost when the supervisor dies,
and a slow reader never blocks a service. It has a session of its own, so Ctrl-C reaches the supervisor
alone, which then stops everything in order; tether.py sees to it that it never outlives the supervisor.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_LOG_BYTES = 16 * 1024 * 1024
_LAST_BYTES = 4096


class Child:
    """A process that can be started again and again."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name, self.command, self.environment, self.log = name, command, environment, log
        self.started = 0.0
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """Of the running, or last, process; 0 before the first start."""
        return self._process.pid if self._process else 0

    @property
    def running(self) -> bool:
        """Started and not ended."""
        return self._process is not None and self._process.returncode is None

    @property
    def age(self) -> float:
        """Seconds since the last start."""
        return time.monotonic() - self.started

    async def start(self) -> None:
        """Starts it; it must not be running."""
        assert not self.running
        self._turn_log()
        self.started = time.monotonic()
        with self.log.open("ab") as out:
            self._process = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=dict(self.environment),
                start_new_session=True,
            )

    async def ended(self) -> int:
        """Waits for the end; the status, negative for a signal."""
        return await self._process.wait() if self._process else 0

    def signal(self, number: int) -> None:
        """Sends a signal, to nobody if it has ended."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):  # it ended this moment
                os.kill(self.pid, number)

    async def stop(self, seconds: float) -> bool:
        """Asks it to end and waits; kills it when that takes too long. True if it ended as asked."""
        if not self.running:
            return True
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)
        try:
            async with asyncio.timeout(seconds):
                await self.ended()
            return True
        except TimeoutError:
            self.signal(signal.SIGKILL)
            await self.ended()
            return False

    def last_words(self) -> str:
        """The last line of its log."""
        try:
            lines = self.log.read_bytes()[-_LAST_BYTES:].decode(errors="replace").splitlines()
        except OSError:
            return ""
        return lines[-1].strip() if lines else ""

    def _turn_log(self) -> None:
        """A log that has grown large becomes NAME.log.1."""
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))


def how_it_ended(status: int) -> str:
    """A status in words."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"
