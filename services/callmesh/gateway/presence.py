"""Who is there: each process of the gateway tells the others, every second and at every change, who is connected to it.

Nothing is stored: a process that died says nothing any more, and after `FORGET_SECONDS` its partners count as away,
which they are until they connect to another one. While NATS is away each process knows its own partners alone. What a
process says of an agency that left it is where "away since" comes from.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.gateway.pumps import Pumps
from callmesh.kernel.ids import new_id
from callmesh.kernel.runtime import Runtime
from callmesh.kernel.telemetry import clock

TELL_SECONDS, FORGET_SECONDS = 1.0, 3.0
_S = pb.Presence.State
_RANK = {_S.AWAY: 0, _S.SILENT: 1, _S.PRESENT: 2}


class Presences:
    """What this process and the others say."""

    def __init__(self, runtime: Runtime, pumps: Pumps) -> None:
        self._runtime, self._pumps, self._me = runtime, pumps, new_id()
        self._others: dict[str, tuple[float, Sequence[pb.Presence]]] = {}
        self._telling: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listens to the others, and begins to tell."""
        await self._runtime.client.subscribe(self._runtime.names.presence("*"), cb=self._hear)
        self._telling = asyncio.create_task(self._tell())

    async def close(self) -> None:
        """Tells no more."""
        if self._telling is not None:
            self._telling.cancel()

    def of(self, agencies: Iterable[str]) -> list[pb.Presence]:
        """One for each, in this order."""
        said: dict[str, list[pb.Presence]] = {}
        for one in self._all():
            said.setdefault(one.agency, []).append(one)
        return [_together(agency, said.get(agency, [])) for agency in agencies]

    def _all(self) -> Iterable[pb.Presence]:
        yield from self._pumps.presences()
        for heard, presences in self._others.values():
            if clock() - heard < FORGET_SECONDS:
                yield from presences

    async def _hear(self, message: Msg) -> None:
        process = message.subject.rpartition(".")[2]
        if process != self._me:
            said = pb.ListPresencesResponse.FromString(message.data).presences
            self._others[process] = clock(), said
            self._others = {key: one for key, one in self._others.items() if clock() - one[0] < FORGET_SECONDS}

    async def _tell(self) -> None:
        while True:
            self._pumps.changed.clear()
            if self._runtime.client.is_connected:
                said = pb.ListPresencesResponse(presences=self._pumps.presences())
                subject = self._runtime.names.presence(self._me)
                with contextlib.suppress(NatsError, OSError):
                    await self._runtime.client.publish(subject, said.SerializeToString())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._pumps.changed.wait(), TELL_SECONDS)


def _together(agency: str, said: Sequence[pb.Presence]) -> pb.Presence:
    """The best that is said: present at one process is present. Of several that say the same the latest counts."""
    if not said:
        return pb.Presence(agency=agency, state=_S.AWAY)
    best = max(said, key=lambda one: (_RANK.get(one.state, 0), one.since.ToNanoseconds()))
    return pb.Presence(agency=agency, state=best.state, since=best.since, streams=sum(one.streams for one in said))
