"""Two processes that fill a model: the same rows as one, and what happens when either fails."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import psutil
import pytest
from tracking_play import STREAM, Play, helpers

from callmesh.kernel.vault import DataKey
from callmesh.ledger.record import decode
from callmesh.ledger.sealing import seal
from callmesh.tracking.filling import GIVES_WAY, Alone, Batch, made, make
from callmesh.tracking.items import Item
from support.waiting import until


async def _in(batches: Sequence[list[Item]], end: Exception | None = None) -> AsyncGenerator[list[Item], None]:
    for one in batches:
        yield one
    if end is not None:
        raise end


async def _items() -> list[Item]:
    play = Play()
    await play.whole()
    await play.returned()
    return await play.items()


async def test_rows_come_in_order_and_as_one_process_makes_them() -> None:
    items = await _items()
    parts = [items[start : start + 3] for start in range(0, len(items), 3)]
    assert [one async for one in made(_in(parts), STREAM)] == [make(one, STREAM) for one in parts]
    assert not helpers()


async def test_sealed_words_are_read_there_as_here() -> None:
    """Keys travel with their messages; of an erased case the other process knows no more than this one."""
    play = Play()
    await play.open(point=(120.0, 30.0))
    items = await play.items()
    keys = {one.case_id: DataKey(one.case_id, bytes(32)) for one in items}
    for one in items:
        one.data, one.key = seal(decode(one.data), keys[one.case_id]).SerializeToString(), keys[one.case_id]
    [read] = [one async for one in made(_in([items]), STREAM)]
    assert read == make(items, STREAM) and not read.refused
    for key in keys.values():
        key.forget()
    [erased] = [one async for one in made(_in([items]), STREAM)]
    assert erased == make(items, STREAM) and not erased.refused
    assert read.rows.sightings and not erased.rows.sightings


async def test_what_cannot_be_read_comes_back_by_name() -> None:
    items = await _items()
    items[1].data = b"\xff\xff"
    [batch] = [one async for one in made(_in([items]), STREAM)]
    assert [(one.sequence, one.case_id) for one in batch.refused] == [(items[1].sequence, items[1].case_id)]
    assert len(batch.rows.events) == len(items) - 1


async def test_a_defect_in_the_other_process_is_raised_here() -> None:
    """Not as something that passes: it would be tried again for ever."""
    items = await _items()
    items[0].data = None  # type: ignore[assignment]
    with pytest.raises(TypeError):
        await anext(made(_in([items]), STREAM))


async def test_a_log_that_fails_is_raised_and_no_process_is_left() -> None:
    items = await _items()
    with pytest.raises(ConnectionResetError):
        async for _ in made(_in([items], ConnectionResetError()), STREAM):
            pass
    assert not helpers()


async def test_a_process_that_dies_leaves_this_one_alone() -> None:
    items = await _items()
    with pytest.raises(Alone, match="has ended"):
        async for _ in made(_in([items] * 9), STREAM):
            for one in helpers():
                one.kill()


async def test_who_stops_early_leaves_no_process() -> None:
    """Which gave way to tracking's calls while it was there."""
    async with contextlib.aclosing(made(_in([await _items()] * 9), STREAM)) as batches:
        assert isinstance(await anext(batches), Batch)
        [other] = helpers()
        assert psutil.Process(other.pid).nice() == min(psutil.Process().nice() + GIVES_WAY, 19)
    assert not helpers()


_FILLS = """
import asyncio, multiprocessing, signal
from callmesh.tracking.filling import made
from callmesh.tracking.items import Item

async def batches():
    while True:
        yield [Item(1, "r1-0-x", b"")]

async def main():
    async for _ in made(batches(), "LOG"):
        print(*(one.pid for one in multiprocessing.active_children()), flush=True)
        signal.pause()

if __name__ == "__main__":
    asyncio.run(main())
"""


async def test_the_other_process_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    """Even killed with -9, while a batch is waiting for it."""
    script = tmp_path / "fills.py"
    script.write_text(_FILLS)
    filler = await asyncio.create_subprocess_exec(sys.executable, str(script), stdout=asyncio.subprocess.PIPE)
    assert filler.stdout is not None
    other = psutil.Process(int(await filler.stdout.readline()))
    assert other.is_running()
    filler.kill()
    await filler.wait()
    await until(lambda: not other.is_running() or other.status() == psutil.STATUS_ZOMBIE)
