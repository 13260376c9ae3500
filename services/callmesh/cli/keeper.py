"""Keeps one child alive: starts it, waits until it is ready, starts it again when it dies.

The first start must succeed: a child that ends before it was ever ready has a fault that starting again
does not mend, so that is a Failure. Later deaths are mended with a pause that doubles from 0.1 s to 10 s
and is forgotten when the child has lived for half a minute.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any

from callmesh.cli.child import Child, how_it_ended
from callmesh.cli.output import Failure

Tell = Callable[[str, str], None]
Ready = Callable[[float | None], Coroutine[Any, Any, None]]
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 10.0
_SETTLED_SECONDS = 30.0
STOP_SECONDS = 12.0
_ENDS = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGABRT}


class Keeper:
    """One child, kept. `ready(seconds)` returns when the child answers; `tell(name, text)` is for people."""

    def __init__(self, child: Child, address: str, ready: Ready, tell: Tell, changed: Callable[[], None]) -> None:
        self.child, self.address, self.ready, self.changed = child, address, ready, changed
        self._tell = tell
        self._task: asyncio.Task[None] | None = None

    async def start(self, seconds: float) -> None:
        """Starts and waits until ready; Failure when it ends first or takes longer than `seconds`."""
        await self.child.start()
        if not await self._until_ready(seconds):
            raise Failure(self._why_not(seconds))
        self._task = asyncio.create_task(self._keep(), name=f"keep-{self.child.name}")

    async def kill(self, number: int, stay_down: bool) -> None:
        """Sends a signal; returns when the process has ended, if the signal is one that ends it."""
        if stay_down:
            await self._let_go()
        self.child.signal(number)
        if number in _ENDS:
            await self.child.ended()

    async def restart(self, seconds: float) -> None:
        """Stops it if it runs, starts it, waits until ready."""
        await self._let_go()
        await self.child.stop(STOP_SECONDS)
        await self.start(seconds)
        self.changed()

    async def stop(self) -> bool:
        """Ends it for good. True if it ended as asked."""
        await self._let_go()
        return await self.child.stop(STOP_SECONDS)

    async def _let_go(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _keep(self) -> None:
        failures = 0
        while True:
            status = await self.child.ended()
            failures = 0 if self.child.age > _SETTLED_SECONDS else failures
            pause = min(_FIRST_PAUSE * 2**failures, _LONGEST_PAUSE)
            failures += 1
            self._tell(self.child.name, f"{how_it_ended(status)}; starting it again in {pause:.1f} s")
            await asyncio.sleep(pause)
            try:
                await self.child.start()
            except OSError as wrong:
                self._tell(self.child.name, f"cannot be started: {wrong}")
                continue
            self.changed()
            await self._until_ready(None)

    async def _until_ready(self, seconds: float | None) -> bool:
        """True when ready; False when it ended first or the time is up."""
        ready = asyncio.create_task(self.ready(seconds))
        ended = asyncio.create_task(self.child.ended())
        try:
            await asyncio.wait({ready, ended}, return_when=asyncio.FIRST_COMPLETED)
            if not ready.done() or ready.exception():
                return False
        finally:
            ready.cancel()
            ended.cancel()
            await asyncio.gather(ready, ended, return_exceptions=True)
        self._tell(
            self.child.name,
            f"{self.address:<16}  pid {self.child.pid:<7}  ready after {self.child.age:.2f} s",
        )
        return True

    def _why_not(self, seconds: float) -> str:
        child = self.child
        if child.running:
            return f"{child.name} was not ready within {seconds:.0f} s; see {child.log}"
        said = child.last_words()
        return f"{child.name} stopped before it was ready: {said or 'it said nothing'} (all of it: {child.log})"
