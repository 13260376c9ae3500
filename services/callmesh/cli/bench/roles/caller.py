"""A partner that opens cases at a steady rate, whether it is answered or not."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import grpc

from callmesh.api.v1 import intake_service_pb2
from callmesh.api.v1.intake_service_pb2_grpc import IntakeServiceStub
from callmesh.cli.bench.measure import paced
from callmesh.cli.bench.samples import another
from callmesh.kernel.rpc.client import identity, reason_of

SECONDS = 10.0
_NO_RETRIES = (("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1))


class Caller:
    """One client process of one agency."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def start(self, address: str, agency: str, opening: str) -> dict[str, Any]:
        """Opens the channel; `opening` is the request of every call, without its id."""
        self._me = identity(agency, "0001")
        self._intake = IntakeServiceStub(grpc.aio.insecure_channel(address, options=_NO_RETRIES))
        self._opening = intake_service_pb2.OpenCaseRequest.FromString(bytes.fromhex(opening))
        return {}

    async def call(self, rate: float, seconds: float) -> dict[str, Any]:
        """OpenCase so often; how long each took that was served, why the others were not, and what CPU it cost here."""
        took: list[float] = []
        failed: Counter[str] = Counter()

        async def one(_: int) -> None:
            request = another(self._opening)
            begun = time.monotonic()
            try:
                await self._intake.OpenCase(request, metadata=self._me, timeout=SECONDS)
                took.append(time.monotonic() - begun)
            except grpc.aio.AioRpcError as wrong:
                failed[reason_of(wrong)] += 1

        count, begun, used = max(int(rate * seconds), 1), time.monotonic(), time.process_time()
        await paced(count, rate, one)
        return {
            "took": took,
            "failed": dict(failed),
            "asked_per_second": count / (time.monotonic() - begun),
            "cpu_seconds": time.process_time() - used,
        }
