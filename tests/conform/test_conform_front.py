"""The door of the kit: whoever stands in it when it closes is turned away, and nothing of him stays open."""

from __future__ import annotations

import asyncio
import gc
import socket
import subprocess
import sys

import pytest

from callmesh.conform.front import Front
from callmesh.conform.record import Record


@pytest.mark.parametrize("turns", range(6))
async def test_who_connects_while_it_closes_is_turned_away(turns: int) -> None:
    """Each turn of the loop is another moment: still waiting, accepted, with a transport, let in."""
    front = Front(Record())
    port = await front.listen("127.0.0.1", 0)
    with socket.create_connection(("127.0.0.1", port)) as caller:
        for _ in range(turns):
            await asyncio.sleep(0)
        await front.close()
        caller.settimeout(5)
        with pytest.raises(ConnectionResetError):
            await asyncio.to_thread(caller.recv, 1)
    gc.collect()  # an open connection that nobody knows is told here


def test_a_port_that_is_taken_is_told_in_a_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        target = f"127.0.0.1:{taken.getsockname()[1]}"
        command = [sys.executable, "-m", "callmesh", "conform", "--target", target, "--agency", "water"]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    [line] = ended.stderr.splitlines()
    assert line.startswith(f"callmesh: cannot listen on {target}: ")
