"""What goes down a stream: in order, whatever is ready in one batch, and nothing behind its end."""

from __future__ import annotations

import asyncio

import pytest

from callmesh.gateway import outbox
from callmesh.gateway.outbox import BATCH, Outbox


class Wire:
    """What was sent; it can be held up, or fail."""

    def __init__(self) -> None:
        self.sent: list[list[int]] = []
        self.free = asyncio.Event()
        self.free.set()
        self.wrong: Exception | None = None
        self.told: list[Exception] = []
        self.out: Outbox[int] = Outbox(self._send, self.told.append)

    async def _send(self, batch: list[int]) -> None:
        await self.free.wait()
        if self.wrong is not None:
            raise self.wrong
        self.sent.append(batch)


async def test_what_is_ready_goes_out_together_and_in_order() -> None:
    wire = Wire()
    for number in range(BATCH + 2):
        wire.out.put(number)
    await wire.out.finish()
    assert wire.sent == [list(range(BATCH)), [BATCH, BATCH + 1]]


async def test_what_is_put_while_something_is_sent_follows_it() -> None:
    wire = Wire()
    wire.free.clear()
    wire.out.put(1)
    await asyncio.sleep(0)
    wire.out.put(2)
    wire.free.set()
    await wire.out.finish()
    wire.out.put(3)
    await wire.out.finish()
    assert wire.sent == [[1], [2]], "and nothing after the end"


async def test_whoever_waits_is_told_that_nothing_can_be_sent() -> None:
    wire = Wire()
    wire.wrong = ConnectionError()
    wire.out.put(1)
    await wire.out.finish()
    wire.wrong = None
    wire.out.put(2)
    await wire.out.stop()
    assert (len(wire.told), wire.sent) == (1, [])


async def test_a_stop_waits_for_what_is_being_written_and_no_longer_than_a_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wire, held = Wire(), Wire()
    for one in (wire, held):
        one.free.clear()
        one.out.put(1)
        await asyncio.sleep(0)
        one.out.put(2)
    stopping = asyncio.create_task(wire.out.stop())
    await asyncio.sleep(0)
    wire.free.set()
    await stopping
    assert wire.sent == [[1]]
    monkeypatch.setattr(outbox, "STOP_SECONDS", 0.01)
    await held.out.stop()
    held.free.set()
    await held.out.finish()
    assert held.sent == []
