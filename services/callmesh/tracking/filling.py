"""A long stretch of the log into rows, by two processes: for a new model, a rebuilt one, one that was away for long.

More than half of what a fact costs until it is stored is spent on parsing its bytes and making its rows, and one
interpreter does one thing at a time. So another process makes the rows, while this one fetches and writes.

A batch travels: fetched here, its keys with it -> through a pipe -> rows -> back through a pipe, in the log's order.
What cannot be read comes back by name. When the other process dies (the system was short of memory) or cannot be had,
`Alone` is raised, and whoever fills goes on alone behind what is stored; when this one dies, the other ends by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from dataclasses import dataclass

from callmesh.tracking.items import Item, Refused, read_each
from callmesh.tracking.rows import Rows, rows_of

GIVES_WAY = 10
"""Added to the other process's niceness. It counts within a session or a container, where tracking answers calls."""
_AHEAD = 2
"""Batches that wait in the other process or are made there, while one is written."""


class Alone(Exception):
    """There is no other process, or no longer."""


@dataclass(slots=True)
class Batch:
    """The rows of a part of the log, what of it could not be read, and the sequence of its last message."""

    rows: Rows
    refused: list[Refused]
    last: int


async def made(batches: AsyncGenerator[list[Item], None], stream: str) -> AsyncGenerator[Batch, None]:
    """The rows of each batch, in order; raises what `batches` raises, and Alone."""
    pool = _pool()
    coming: deque[asyncio.Future[Batch]] = deque()
    try:
        async with contextlib.aclosing(batches):
            async for items in batches:
                coming.append(asyncio.get_running_loop().run_in_executor(pool, make, items, stream))
                if len(coming) > _AHEAD:
                    yield await coming.popleft()
        while coming:
            yield await coming.popleft()
    except BrokenExecutor as wrong:
        raise Alone("the process that makes rows has ended") from wrong
    finally:
        await asyncio.to_thread(pool.shutdown, cancel_futures=True)
        await asyncio.gather(*coming, return_exceptions=True)


def _pool() -> ProcessPoolExecutor:
    try:
        return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _prepare)
    except OSError as wrong:
        raise Alone(str(wrong)) from wrong  # no semaphores here


def make(items: Sequence[Item], stream: str) -> Batch:
    """The work of the other process."""
    changes, refused = read_each(items, stream)
    return Batch(rows_of(changes), refused, items[-1].sequence)


def _prepare() -> None:
    """It gives way to calls. Its end is the end of who started it, who also hears the keyboard."""
    with contextlib.suppress(OSError):  # a sandbox may forbid it
        os.nice(GIVES_WAY)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
