"""A log with a past: made to look as if the services had lived through it, and read for how late deadlines fired."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from nats.js.api import DeliverPolicy

from callmesh.cli.bench.roles.log import Log
from callmesh.facts.v1 import facts_pb2
from callmesh.kernel.config import Settings
from callmesh.kernel.messaging import ensure_durable

READERS = ("intake", "classification", "transfer", "gateway", "supervision")
_MISSED = "deadline_missed"


class Past(Log):
    """The hand on such a log, in the folder of its mesh."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._url = ""

    async def start(self, url: str, furnish: bool = False) -> dict[str, Any]:
        """Connects; `furnish`: makes the streams."""
        self._url = url
        return await super().start(url, furnish)

    async def lived(self) -> dict[str, Any]:
        """Durables of the services that have read everything, and tracking's model of it."""
        from callmesh.tracking.rebuild import rebuild

        last = (await self._js.stream_info(self._stream)).state.last_seq
        for name in READERS:
            start = {"deliver_policy": DeliverPolicy.BY_START_SEQUENCE, "opt_start_seq": last + 1}
            await ensure_durable(self._js, self._stream, name, self._names.log_all(0), **start)
        built = await rebuild(Settings(nats_url=self._url, data_dir=str(self._folder)))
        return {"facts": built.count, "facts_per_second": built.count / built.seconds if built.count else 0.0}

    async def missed(self, after: int, count: int, seconds: float) -> dict[str, Any]:
        """Waits until so many limits behind `after` were missed."""
        end = time.monotonic() + seconds
        while True:
            found = len((await self.lateness(after))["late"])
            if found >= count or time.monotonic() > end:
                return {"missed": found}
            await asyncio.sleep(0.2)

    async def lateness(self, after: int) -> dict[str, Any]:
        """Of every missed limit behind `after`: seconds from its due time to the fact."""
        late = []
        async for message in self._read(after):
            fact = facts_pb2.Record.FromString(message.data).fact
            if fact.WhichOneof("body") == _MISSED:
                due = fact.deadline_missed.due
                late.append(fact.at.seconds - due.seconds + (fact.at.nanos - due.nanos) / 1e9)
        return {"late": late}
