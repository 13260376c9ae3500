"""A task is over when `ended` says so, even if it loses a cancellation; a server that closes loses nobody."""

from __future__ import annotations

import asyncio
import gc
import socket

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


@pytest.mark.parametrize("turns", range(6))
async def test_who_is_in_the_door_when_a_server_closes_is_not_left_open(turns: int) -> None:
    """Each turn of the loop is another moment: still waiting, accepted, with a transport, known."""
    known: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: known.append(writer), "127.0.0.1", 0)
    with socket.create_connection(server.sockets[0].getsockname()):
        for _ in range(turns):
            await asyncio.sleep(0)
        await tasks.closed(server)
        for _ in range(3):
            await asyncio.sleep(0)
        for writer in known:
            writer.close()
    gc.collect()  # an open connection that nobody knows is told here
