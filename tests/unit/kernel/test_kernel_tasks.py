"""A task is over when `ended` says so, even if it loses a cancellation."""

from __future__ import annotations

import asyncio

import pytest

from callmesh.kernel import tasks


async def test_a_task_that_loses_a_cancellation_ends_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_AGAIN_SECONDS", 0.01)
    lost: list[str] = []

    async def loses_one() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            lost.append("once")
        await asyncio.Event().wait()

    async def fails() -> None:
        raise OSError

    both = [asyncio.create_task(loses_one()), asyncio.create_task(fails())]
    await asyncio.sleep(0)
    await tasks.ended(*both)
    assert (lost, [one.done() for one in both]) == (["once"], [True, True])
    await tasks.ended()
