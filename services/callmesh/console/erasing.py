"""What is erased in the mesh goes here too: the pictures of the case.

The push tells of each erasure. What was erased while this process was away, or had no time to listen, is found by
asking for every case that has pictures here; so it is gone a moment after the console is back.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc

from callmesh.api.v1 import tracking_service_pb2
from callmesh.console.accounts import Account
from callmesh.console.pictures import Pictures
from callmesh.console.push import Change, Listener, Push
from callmesh.kernel.rpc import client
from callmesh.kernel.rpc.identity import OPS

if TYPE_CHECKING:
    from callmesh.api.v1 import tracking_service_pb2_grpc

_ERASED = "CaseErased"
_RETRY_SECONDS, _CALL_SECONDS = 1.0, 5.0
_ME = Account(id="console", name="console", agency="", person="console", role=OPS)


class Erasing:
    """Follows the mesh with the console's own folder."""

    def __init__(self, tracking: "tracking_service_pb2_grpc.TrackingServiceAsyncStub", pictures: Pictures) -> None:
        self._tracking, self._pictures = tracking, pictures

    async def run(self, push: Push) -> None:
        """For ever."""
        with push.joined(Listener(_ME)) as listener:
            await push.started.wait()
            await self.catch_up()
            while True:
                try:
                    told = await listener.next()
                except TimeoutError:
                    continue
                if isinstance(told, Change):
                    if told.kind == _ERASED:
                        self._pictures.erase(told.case)
                elif told is None or told.live:
                    await self.catch_up()

    async def catch_up(self) -> None:
        """Erases what was missed; asks again until it is told."""
        left = self._pictures.cases()
        while left:
            try:
                await self._follow(left[-1])
                left.pop()
            except grpc.aio.AioRpcError:
                await asyncio.sleep(_RETRY_SECONDS)

    async def _follow(self, name: str) -> None:
        """A case that is not found keeps its pictures: the read model may still be filling."""
        asked, me = tracking_service_pb2.GetCaseRequest(name=name), client.identity("", "console", OPS)
        try:
            case = await self._tracking.GetCase(asked, metadata=me, timeout=_CALL_SECONDS)
        except grpc.aio.AioRpcError as wrong:
            if wrong.code() == grpc.StatusCode.NOT_FOUND:
                return
            raise
        if case.HasField("erased_at"):
            self._pictures.erase(name)
