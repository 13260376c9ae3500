"""A run: calls in, cases through the mesh, at most so many at once.

A call travels: line -> a free operator (`concurrency`) -> its destination is settled -> told -> followed
to its end if wanted -> told. The operator is free again when it is settled; of cases that are settled but
not ended at most OPEN_PER_OPERATOR an operator are kept, then reading waits. So memory does not grow with
the length of the input. What goes wrong with one call is told and never stops the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from typing import Protocol

import grpc

from callmesh.api.v1 import case_pb2
from callmesh.cli import lines
from callmesh.cli.aftercare import Aftercare
from callmesh.cli.calls import Call, Malformed, parse
from callmesh.cli.clients import why
from callmesh.cli.desk import Desk, Settled
from callmesh.cli.lines import Line
from callmesh.cli.output import instead
from callmesh.cli.partners import Partners
from callmesh.cli.patience import patient
from callmesh.cli.scripts import Scripts
from callmesh.cli.watching import Watching
from callmesh.domain.directory import City
from callmesh.kernel.ids import new_id
from callmesh.kernel.rpc.clients import Clients

OPEN_PER_OPERATOR = 4


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """How to play. `rate` is calls a second, 0 for as fast as possible; times are in seconds."""

    concurrency: int = 16
    rate: float = 0.0
    partners: bool = True
    closed: bool = True
    operator: str = "110"
    seed: int = 1
    delay: float = 0.05
    patience: float = 60.0


class Listener(Protocol):
    """Who is told what happens."""

    def malformed(self, wrong: Malformed) -> None:
        """A line was skipped."""

    def settled(self, settled: Settled) -> None:
        """It is known where a call went."""

    def ended(self, settled: Settled, case: case_pb2.Case) -> None:
        """A case reached its end."""

    def failed(self, call: Call, case: str, error: str) -> None:
        """A call was not played to its end."""

    def problem(self, case: str, error: str) -> None:
        """A simulated partner was refused something it did not expect."""


async def play(clients: Clients, city: City, given: AsyncIterator[Line], wishes: Wishes, listener: Listener) -> None:
    """Plays all lines; returns when each is told."""
    scripts = Scripts()
    async with contextlib.AsyncExitStack() as stack:
        watching = await stack.enter_async_context(Watching(clients))
        if wishes.partners:
            partners = Partners(clients, city, scripts, wishes.delay, wishes.seed, listener.problem)
            await stack.enter_async_context(partners)
        people = patient(clients, wishes.patience)
        desk = Desk(people, city, watching, scripts, new_id(), wishes.operator, wishes.patience)
        aftercare = Aftercare(people, watching, wishes.patience)
        await _Run(desk, aftercare, scripts, wishes, listener, city.plan).run(given)


async def first(descriptor: int, limit: int) -> AsyncIterator[Line]:
    """The first lines of a file; all of them for 0."""
    async with contextlib.aclosing(lines.read(descriptor)) as given:
        async for line in given:
            if limit and line[0] > limit:
                return
            yield line


class _Run:
    """The calls that are being played."""

    def __init__(
        self,
        desk: Desk,
        aftercare: Aftercare,
        scripts: Scripts,
        wishes: Wishes,
        listener: Listener,
        plans: Collection[str],
    ) -> None:
        self._desk, self._aftercare, self._scripts, self._plans = desk, aftercare, scripts, plans
        self._wishes, self._listener = wishes, listener
        self._operators = asyncio.Semaphore(wishes.concurrency)
        self._room = asyncio.Semaphore(wishes.concurrency * OPEN_PER_OPERATOR)
        self._next = 0.0

    async def run(self, given: AsyncIterator[Line]) -> None:
        """Until the last line is told."""
        async with asyncio.TaskGroup() as tasks:
            async for number, raw in given:
                call = self._possible(parse(number, raw))
                if isinstance(call, Malformed):
                    self._listener.malformed(call)
                elif call is not None:
                    await self._room.acquire()
                    await self._operators.acquire()
                    await self._pace()
                    tasks.create_task(self._one(call))

    def _possible(self, call: Call | Malformed | None) -> Call | Malformed | None:
        """What the mesh would refuse only when there is a case already, and leave that to nobody, is no call."""
        if isinstance(call, Call) and call.plan and call.plan not in self._plans:
            return Malformed(call.line, f"plan: this city has no plan {call.plan!r}{instead(call.plan, self._plans)}")
        return call

    async def _pace(self) -> None:
        """Waits until the next call may come."""
        if not self._wishes.rate:
            return
        now = time.monotonic()
        self._next = max(self._next, now)
        await asyncio.sleep(self._next - now)
        self._next += 1 / self._wishes.rate

    async def _one(self, call: Call) -> None:
        known = _Known()
        try:
            try:
                settled = await self._desk.handle(call, known.name)
            finally:
                self._operators.release()
            self._listener.settled(settled)
            if self._wishes.closed:
                self._listener.ended(settled, await self._aftercare.finish(settled))
        except grpc.aio.AioRpcError as refused:
            self._listener.failed(call, known.case, why(refused))
        except TimeoutError:
            self._listener.failed(call, known.case, f"nothing came of it in {self._wishes.patience:g} s")
        finally:
            self._room.release()
            if self._wishes.closed:
                self._scripts.drop(known.case)


class _Known:
    """The case's name as soon as there is one, for telling what failed."""

    case = ""

    def name(self, case: str) -> None:
        self.case = case
