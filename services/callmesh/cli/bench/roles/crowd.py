"""A crowd of partners that only listen: one connection and one stream each, all opened at once."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path
from typing import Any

import grpc

from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.api.v1.gateway_service_pb2_grpc import GatewayServiceStub
from callmesh.cli.bench.measure import times
from callmesh.kernel.rpc.client import identity

SECONDS = 120.0
_OPTIONS = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0))


class Crowd:
    """Many streams in one process."""

    def __init__(self, folder: Path) -> None:
        self._channels: list[grpc.aio.Channel] = []
        self._calls: list[Any] = []

    async def start(self, address: str, agencies: list[str]) -> dict[str, Any]:
        """Says where to and as whom."""
        self._address, self._agencies = address, agencies
        return {}

    async def come(self, count: int) -> dict[str, Any]:
        """Opens them all at once; how many were welcomed, and why the others were not."""
        begun = time.monotonic()
        found = await asyncio.gather(*(self._one(number) for number in range(count)))
        refused = Counter(one for one in found if isinstance(one, str))
        took = [one for one in found if isinstance(one, float)]
        return {"seconds": time.monotonic() - begun, "refused": dict(refused), **times(took)}

    async def leave(self) -> dict[str, Any]:
        """Hangs up all at once."""
        for call in self._calls:
            call.cancel()
        await asyncio.gather(*(channel.close() for channel in self._channels))
        self._channels.clear()
        self._calls.clear()
        return {}

    async def alive(self) -> dict[str, Any]:
        """How many streams are still open."""
        return {"open": sum(not call.done() for call in self._calls)}

    async def _one(self, number: int) -> float | str:
        """Seconds until welcomed, or the reason why not."""
        begun = time.monotonic()
        channel = grpc.aio.insecure_channel(self._address, options=_OPTIONS)
        self._channels.append(channel)
        agency = self._agencies[number % len(self._agencies)]
        stub = GatewayServiceStub(channel)
        call = stub.ReceiveReferrals(metadata=identity(agency), timeout=None)
        try:
            async with asyncio.timeout(SECONDS):
                await call.write(pb.ReceiveReferralsRequest(hello=pb.Hello()))
                answer = await call.read()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return f"{(await call.code()).name}: {await call.details()}"
        except TimeoutError:
            return "no welcome in time"
        if answer is grpc.aio.EOF:
            return f"{(await call.code()).name}: {await call.details()}"
        self._calls.append(call)
        return time.monotonic() - begun
