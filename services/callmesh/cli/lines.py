"""Lines of a file or a pipe, of any length, in bounded memory.

A thread reads blocks and hands them over one by one; when nobody takes them it waits, and so does the
writer of the pipe. So a pipe that is slow, endless or on a terminal neither blocks the loop nor piles up.
A line longer than LONGEST is skipped to its end and told as TOO_LONG. The thread is a daemon that holds
no lock of Python's while it reads, so Ctrl-C ends the program although a terminal says nothing.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from pathlib import Path

LONGEST = 1024 * 1024
TOO_LONG = None
_BLOCK = 64 * 1024
_WAITING = 4
Line = tuple[int, bytes | None]


class Splitter:
    """Blocks in, numbered lines out; holds at most one unfinished line of LONGEST bytes."""

    def __init__(self) -> None:
        self.number = 0
        self._rest = bytearray()
        self._skipping = False

    def feed(self, block: bytes) -> Iterator[Line]:
        """The lines that end in this block."""
        *ended, rest = block.split(b"\n")
        for part in ended:
            self._add(part)
            yield self._take()
        self._add(rest)

    def end(self) -> Iterator[Line]:
        """The last line, when nothing ended it."""
        if self._rest or self._skipping:
            yield self._take()

    def _add(self, part: bytes) -> None:
        if self._skipping or len(self._rest) + len(part) > LONGEST:
            self._skipping = True
            self._rest.clear()
        else:
            self._rest += part

    def _take(self) -> Line:
        self.number += 1
        line = TOO_LONG if self._skipping else bytes(self._rest)
        self._rest.clear()
        self._skipping = False
        return self.number, line


async def read(descriptor: int) -> AsyncGenerator[Line, None]:
    """The lines of an open file or pipe, as they come."""
    splitter = Splitter()
    async for block in _blocks(descriptor):
        for line in splitter.feed(block):
            yield line
    for line in splitter.end():
        yield line


def count(path: Path) -> int | None:
    """How many lines a regular file has, for the progress bar; None for anything else."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(_BLOCK), b""))


async def _blocks(descriptor: int) -> AsyncIterator[bytes]:
    queue: asyncio.Queue[bytes | OSError] = asyncio.Queue()
    pump = _Pump(descriptor, asyncio.get_running_loop(), queue)
    threading.Thread(target=pump.run, name="lines", daemon=True).start()
    try:
        while block := await queue.get():
            if isinstance(block, OSError):
                raise block
            yield block
            pump.room.release()
    finally:
        pump.stop()


class _Pump:
    """The thread's part: reads while there is room, at most _WAITING blocks ahead."""

    def __init__(self, descriptor: int, loop: asyncio.AbstractEventLoop, queue: asyncio.Queue[bytes | OSError]) -> None:
        self.room = threading.Semaphore(_WAITING)
        self._descriptor, self._loop, self._queue = descriptor, loop, queue
        self._gone = False

    def run(self) -> None:
        """Until the end of the file, an error, or `stop`."""
        block: bytes | OSError = b"-"
        while block and not isinstance(block, OSError):
            self.room.acquire()
            if self._gone:
                return
            block = _read(self._descriptor)
            try:
                self._loop.call_soon_threadsafe(self._queue.put_nowait, block)
            except RuntimeError:
                return  # the loop ended meanwhile

    def stop(self) -> None:
        """Nobody takes any more."""
        self._gone = True
        self.room.release()


def _read(descriptor: int) -> bytes | OSError:
    try:
        return os.read(descriptor, _BLOCK)
    except OSError as wrong:
        return wrong
