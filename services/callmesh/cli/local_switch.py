"""The simulated telephone switch as part of a mesh on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from callmesh.cli.child import Child
from callmesh.cli.endpoints import SWITCH
from callmesh.cli.keeper import Keeper, Tell

_POLL_SECONDS = 0.05


def keeper(
    address: str,
    scripts: Mapping[str, str],
    environment: Mapping[str, str],
    logs: Path,
    tell: Tell,
    changed: Callable[[], None],
) -> Keeper:
    """The switch as a kept process; ready when it listens."""
    port = address.rpartition(":")[2]

    async def ready(seconds: float | None) -> None:
        async with asyncio.timeout(seconds):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", int(port))
                    return writer.close()
                await asyncio.sleep(_POLL_SECONDS)

    command = [sys.executable, "-P", "-m", "callmesh", "switch", "simulate", "--port", port]
    command += [part for number, script in scripts.items() for part in ("--number", f"{number}={script}")]
    return Keeper(Child(SWITCH, command, environment, logs / f"{SWITCH}.log"), address, ready, tell, changed)
