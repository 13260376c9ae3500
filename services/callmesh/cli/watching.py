"""What becomes of the cases of a run: one WatchCases stream for all of them, as ops sees them (no reports).

`until` waits for a case to fit a test. A change may come before the answer to OpenCase does, so the last
states of cases that nobody asked for yet are kept for a while (RECENT of them). When the stream breaks it
is resumed with its last token, so nothing is missed; when the token is too old, it starts anew and every
case that somebody waits for is read once.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import grpc

from callmesh.api.v1 import case_pb2
from callmesh.api.v1 import tracking_service_pb2 as pb
from callmesh.cli.clients import SECONDS, ops
from callmesh.kernel.rpc.clients import Clients

RECENT = 512
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_PASSING = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.CANCELLED})
Test = Callable[[case_pb2.Case], bool]


@dataclass(eq=False)
class _Wait:
    """Somebody who waits for a case to fit."""

    test: Test
    done: asyncio.Future[case_pb2.Case] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def see(self, case: case_pb2.Case) -> None:
        """A test that fails is its waiter's affair, not the watch's."""
        try:
            if not self.done.done() and self.test(case):
                self.done.set_result(case)
        except Exception as wrong:
            self.done.set_exception(wrong)


class Watching:
    """One watch, entered for the time of a run; entered means: from now on nothing is missed."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._waits: dict[str, list[_Wait]] = {}
        self._recent: OrderedDict[str, case_pb2.Case] = OrderedDict()
        self._token = ""
        self._begun = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Watching:
        self._task = asyncio.create_task(self._run(), name="watching")
        self._task.add_done_callback(self._ended)
        begun = asyncio.create_task(self._begun.wait())
        await asyncio.wait({self._task, begun}, return_when=asyncio.FIRST_COMPLETED)
        begun.cancel()
        if self._task.done():
            await self._task
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """The watch cannot go on: neither can those who wait."""
        wrong = None if task.cancelled() else task.exception()
        for wait in [one for waits in self._waits.values() for one in waits]:
            if wrong is not None and not wait.done.done():
                wait.done.set_exception(wrong)

    async def until(self, case: case_pb2.Case, test: Test, seconds: float) -> case_pb2.Case:
        """The case once it fits, as far as we know from `case`, later changes, or both; else TimeoutError."""
        assert self._task is not None
        if self._task.done():
            self._task.result()
        wait, name = _Wait(test), case.name
        self._waits.setdefault(name, []).append(wait)
        wait.see(_later(case, self._recent.get(name)))
        try:
            async with asyncio.timeout(seconds):
                return await wait.done
        finally:
            self._waits[name].remove(wait)
            if not self._waits[name]:
                del self._waits[name]

    def _see(self, case: case_pb2.Case) -> None:
        known = _later(case, self._recent.get(case.name))
        self._recent[case.name] = known
        self._recent.move_to_end(case.name)
        if len(self._recent) > RECENT:
            self._recent.popitem(last=False)
        for wait in self._waits.get(case.name, ()):
            wait.see(known)

    async def _run(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                await self._once()
                pause = _FIRST_PAUSE
            except grpc.aio.AioRpcError as wrong:
                if wrong.code() not in _PASSING and not self._token:
                    raise
                if wrong.code() not in _PASSING:
                    self._token = ""
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _once(self) -> None:
        resumed = bool(self._token)
        request = pb.WatchCasesRequest(resume_token=self._token)
        call = self._clients.tracking.WatchCases(request, metadata=ops())
        async for change in call:
            self._token = change.resume_token
            if change.HasField("case"):
                self._see(change.case)
            elif not resumed:
                await self._look()
            self._begun.set()

    async def _look(self) -> None:
        """Reads every case that is waited for: changes before the new stream began were not told."""
        for name in list(self._waits):
            request = pb.GetCaseRequest(name=name)
            self._see(await self._clients.tracking.GetCase(request, metadata=ops(), timeout=SECONDS))


def _later(case: case_pb2.Case, other: case_pb2.Case | None) -> case_pb2.Case:
    """The newer of two states of a case: etags are sequences of the log."""
    return other if other is not None and int(other.etag or 0) > int(case.etag or 0) else case
