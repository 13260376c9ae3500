"""How fast facts become rows; printed (pytest -rP), not asserted: machines differ."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tracking_play import STREAM, MemorySource, Play

from callmesh.tracking.projector import Projector
from callmesh.tracking.store import Store


@pytest.mark.parametrize("batch", [16, 256])
async def test_rate(tmp_path: Path, batch: int) -> None:
    play = Play()
    for number in range(150):
        await play.whole(str(number))
    items = await play.items()
    store = Store(f"sqlite:///{tmp_path / 'rate.db'}", STREAM)
    projector = Projector(store, MemorySource(list))
    await projector.start()
    started = time.perf_counter()
    for start in range(0, len(items), batch):
        await projector.take(items[start : start + batch])
    seconds = time.perf_counter() - started
    print(f"SQLite, batches of {batch}: {len(items) / seconds:,.0f} facts/s")  # noqa: T201
    assert projector.position == len(items)
    await projector.stop()
