"""The desk: opens, classifies and transfers cases, follows them up and closes them.

When a partner has resolved a case it says so on a loopback port (in production the desk watches tracking);
one line a case. Every call is timed by its method, its repetitions with it: as a real desk does, it asks again with
the same request_id while the mesh is out of reach or too slow to answer, so that slowness is never taken for a loss.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import grpc

from callmesh.api.v1 import case_pb2, intake_service_pb2
from callmesh.api.v1 import classification_service_pb2 as classification_pb
from callmesh.api.v1 import supervision_service_pb2 as supervision_pb
from callmesh.api.v1.classification_service_pb2_grpc import ClassificationServiceStub
from callmesh.api.v1.intake_service_pb2_grpc import IntakeServiceStub
from callmesh.api.v1.supervision_service_pb2_grpc import SupervisionServiceStub
from callmesh.api.v1.transfer_service_pb2_grpc import TransferServiceStub
from callmesh.cli.bench.measure import closed, closed_for, paced, times
from callmesh.cli.bench.samples import OPERATOR, another, transfer_request
from callmesh.kernel import ids
from callmesh.kernel.rpc.client import channel, identity, reason_of
from callmesh.partner.patience import PASSING, PAUSES, jittered

SECONDS = 10.0
PATIENCE_SECONDS = 120.0


class Operator:
    """One client process of the desk's side."""

    def __init__(self, folder: Path) -> None:
        self._took: dict[str, list[float]] = defaultdict(list)
        self._failed: Counter[str] = Counter()
        self._sent: dict[str, float] = {}
        self._waiting: dict[str, asyncio.Future[None]] = {}

    async def start(self, addresses: dict[str, str], origin: str) -> dict[str, Any]:
        """Opens the channels; `addresses` by service, at least that of transfer. The port that partners speak to."""
        self._me = identity(origin, OPERATOR)
        channels = {name: channel(address) for name, address in addresses.items()}
        self._transfer = TransferServiceStub(channels["transfer"])
        if "intake" in channels:
            self._intake = IntakeServiceStub(channels["intake"])
            self._classification = ClassificationServiceStub(channels["classification"])
            self._supervision = SupervisionServiceStub(channels["supervision"])
        self._server = await asyncio.start_server(self._listen, "127.0.0.1", 0)
        return {"port": self._server.sockets[0].getsockname()[1]}

    async def transfers(self, name: str, seconds: float, in_flight: int) -> dict[str, Any]:
        """TransferCase alone, at a server that does not mind: for the floors."""
        count, wall = await closed_for(seconds, in_flight, lambda _: self._one_transfer(name))
        return {"per_second": count / wall, "failed": dict(self._failed), **times(self._took.pop("TransferCase"))}

    async def transfers_at(self, names: list[str], rate: float) -> dict[str, Any]:
        """TransferCase of each, paced; when each was sent (monotonic seconds)."""
        self._sent.clear()
        await paced(len(names), rate, lambda number: self._one_transfer(names[number]))
        return {"sent": self._sent, "failed": dict(self._failed), **times(self._took.pop("TransferCase", []))}

    async def prepare(self, count: int, opening: str, categories: list[str], in_flight: int) -> dict[str, Any]:
        """Opens and classifies cases; their names."""
        request = intake_service_pb2.OpenCaseRequest.FromString(bytes.fromhex(opening))
        names: list[str] = []

        async def one(number: int) -> None:
            case = await self._classified(request, categories[number % len(categories)])
            names.append(case.name)

        await closed(count, in_flight, one)
        self._took.clear()
        return {"names": names}

    async def flows(self, count: int, opening: str, categories: list[str], in_flight: int) -> dict[str, Any]:
        """Whole lives of cases."""
        request = intake_service_pb2.OpenCaseRequest.FromString(bytes.fromhex(opening))
        self._took.clear()
        self._failed.clear()
        self._sent.clear()
        names: list[str] = []

        async def one(number: int) -> None:
            begun = time.monotonic()
            name = await self._life(request, categories[number % len(categories)], names)
            if name:
                self._took["flow"].append(time.monotonic() - begun)

        seconds = await closed(count, in_flight, one)
        took = {method: list(values) for method, values in self._took.items()}
        return {"seconds": seconds, "names": names, "failed": dict(self._failed), "took": took, "sent": self._sent}

    async def _life(self, request: intake_service_pb2.OpenCaseRequest, category: str, names: list[str]) -> str:
        """One case from the call to the file; its name, or "" when something was refused."""
        try:
            case = await self._classified(request, category, names)
            done = self._waiting[case.name] = asyncio.get_running_loop().create_future()
            await self._one_transfer(case.name, raising=True)
            await asyncio.wait_for(done, PATIENCE_SECONDS)
            await self._ended(case.name)
        except grpc.aio.AioRpcError as wrong:
            self._failed[reason_of(wrong)] += 1
            return ""
        except TimeoutError:
            self._failed["NOT_RESOLVED"] += 1
            return ""
        return str(case.name)

    async def _classified(
        self, opening: intake_service_pb2.OpenCaseRequest, category: str, names: list[str] | None = None
    ) -> case_pb2.Case:
        request = another(opening)
        case = await self._timed("OpenCase", self._intake.OpenCase, request)
        if names is not None:
            names.append(case.name)
        classify = classification_pb.ClassifyCaseRequest(
            request_id=ids.new_id(), name=case.name, etag=case.etag, category=category, reason="核实"
        )
        found: case_pb2.Case = await self._timed("ClassifyCase", self._classification.ClassifyCase, classify)
        return found

    async def _one_transfer(self, name: str, raising: bool = False) -> None:
        self._sent[name] = time.monotonic()
        try:
            await self._timed("TransferCase", self._transfer.TransferCase, transfer_request(name, ""))
        except grpc.aio.AioRpcError as wrong:
            if raising:
                raise
            self._failed[reason_of(wrong)] += 1

    async def _ended(self, name: str) -> None:
        asked = supervision_pb.RecordFollowUpRequest(request_id=ids.new_id(), name=name)
        asked.follow_up.reached = asked.follow_up.solved = True
        asked.follow_up.satisfied = 5
        await self._timed("RecordFollowUp", self._supervision.RecordFollowUp, asked)
        close = supervision_pb.CloseCaseRequest(request_id=ids.new_id(), name=name)
        await self._timed("CloseCase", self._supervision.CloseCase, close)

    async def _timed(self, method: str, call: Any, request: Any) -> Any:
        begun = time.monotonic()
        while True:
            try:
                reply = await call(request, metadata=self._me, timeout=SECONDS)
            except grpc.aio.AioRpcError as wrong:
                if wrong.code() not in PASSING or time.monotonic() - begun > PATIENCE_SECONDS:
                    raise
                await asyncio.sleep(jittered(PAUSES[0]))
            else:
                self._took[method].append(time.monotonic() - begun)
                return reply

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async for line in reader:
            waiting = self._waiting.pop(line.decode().strip(), None)
            if waiting is not None and not waiting.done():
                waiting.set_result(None)
        writer.close()
