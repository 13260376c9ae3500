"""Live traffic for who looks around in the demo: the same calls again and again, at the pace of people."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from callmesh.api.v1 import case_pb2
from callmesh.cli import playing
from callmesh.cli.calls import Call, Malformed
from callmesh.cli.desk import Settled
from callmesh.domain.directory import City
from callmesh.kernel.rpc.clients import Clients

WISHES = playing.Wishes(concurrency=4, rate=0.2, delay=20.0, patience=600.0)
"""A call every five seconds; a simulated partner takes up to twenty for each step, so a person can be faster."""


class Silent(playing.Listener):
    """Tells nobody: what happens is seen in the console."""

    def malformed(self, wrong: Malformed) -> None:
        """Told when it was played the first time."""

    def settled(self, settled: Settled) -> None:
        """Seen on the pages."""

    def ended(self, settled: Settled, case: case_pb2.Case) -> None:
        """Seen on the pages."""

    def failed(self, call: Call, case: str, error: str) -> None:
        """A person may have been faster than the script."""

    def problem(self, case: str, error: str) -> None:
        """The same."""


async def flow(connected: Clients, city: City, calls: Path) -> None:
    """Plays the file over and over, until cancelled."""
    while True:
        file = await asyncio.to_thread(os.open, calls, os.O_RDONLY)
        try:
            await playing.play(connected, city, playing.first(file, 0), WISHES, Silent())
        finally:
            os.close(file)
