"""The bare pipeline: what a hand-over costs with nothing of the mesh in it.

`BareIntake` takes TransferCase, publishes the delivery with one acknowledged (fsynced) publish, and answers
the case. `BareGateway`, another process, fetches up to 100 with a pull consumer, acknowledges the last for
all, and streams whatever is ready to its partner in one message. uvloop; no guard, log, trace or check.

In a paced load it fetches one at a time: the client library keeps the first of many until the server says that there
are no more, which it often says only with the next message, so that every other one would be as late as the pace.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import nats
import nats.errors
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, StorageType, StreamConfig

from callmesh.api.v1 import case_pb2, transfer_service_pb2
from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.api.v1.gateway_service_pb2_grpc import GatewayServiceServicer, add_GatewayServiceServicer_to_server
from callmesh.api.v1.transfer_service_pb2_grpc import (
    TransferServiceServicer,
    add_TransferServiceServicer_to_server,
)

STREAM, SUBJECT, DURABLE = "BARE", "bare.all", "bare"
FETCH, FETCH_SECONDS = 100, 5.0
BATCH = 32
PINGS = (  # clients of the mesh ping every 10 s
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
)


class BareIntake(TransferServiceServicer):
    """Unary gRPC -> JetStream publish with acknowledgement."""

    def __init__(self, folder: Path) -> None:
        self._case, self._delivery = case_pb2.Case(), pb.Delivery()

    async def start(self, url: str, case: str, delivery: str) -> dict[str, Any]:
        """Makes the stream and listens; `case` and `delivery` are samples as hex."""
        self._case = case_pb2.Case.FromString(bytes.fromhex(case))
        self._delivery = pb.Delivery.FromString(bytes.fromhex(delivery))
        self._js = (await nats.connect(url)).jetstream()
        await self._js.add_stream(StreamConfig(name=STREAM, subjects=[SUBJECT], storage=StorageType.FILE))
        self._server = grpc.aio.server(options=PINGS)
        add_TransferServiceServicer_to_server(self, self._server)
        port = self._server.add_insecure_port("127.0.0.1:0")
        await self._server.start()
        return {"address": f"127.0.0.1:{port}"}

    async def TransferCase(self, request: transfer_service_pb2.TransferCaseRequest, context: Any) -> case_pb2.Case:
        """One publish, then the same case for everybody."""
        delivery = self._delivery
        delivery.case.name = request.name
        delivery.referral.name = f"{request.name}/referrals/1"
        await self._js.publish(SUBJECT, delivery.SerializeToString())
        return self._case


class BareGateway(GatewayServiceServicer):
    """Pull consumer -> server stream."""

    def __init__(self, folder: Path) -> None:
        self._ready: asyncio.Queue[pb.Delivery] = asyncio.Queue()
        self._batch = FETCH

    async def fetch(self, batch: int = FETCH) -> dict[str, Any]:
        """How many are fetched at once, from the next time on."""
        self._batch = batch
        return {}

    async def start(self, url: str) -> dict[str, Any]:
        """Makes the consumer and listens."""
        js = (await nats.connect(url)).jetstream()
        config = ConsumerConfig(durable_name=DURABLE, ack_policy=AckPolicy.ALL, max_ack_pending=4 * FETCH)
        await js.add_consumer(STREAM, config)
        self._subscription = await js.pull_subscribe_bind(DURABLE, STREAM)
        self._pump = asyncio.create_task(self._run())
        self._server = grpc.aio.server(options=PINGS)
        add_GatewayServiceServicer_to_server(self, self._server)
        port = self._server.add_insecure_port("127.0.0.1:0")
        await self._server.start()
        return {"address": f"127.0.0.1:{port}"}

    async def ReceiveReferrals(
        self, requests: AsyncIterator[pb.ReceiveReferralsRequest], context: Any
    ) -> AsyncIterator[pb.ReceiveReferralsResponse]:
        """Whatever is ready, in one message."""
        async for _ in requests:
            break
        yield pb.ReceiveReferralsResponse(welcome=pb.Welcome(agency="bench"))
        while True:
            together = [await self._ready.get()]
            while len(together) < BATCH and not self._ready.empty():
                together.append(self._ready.get_nowait())
            yield pb.ReceiveReferralsResponse(deliveries=together)

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(nats.errors.TimeoutError, asyncio.TimeoutError):
                messages: list[Msg] = await self._subscription.fetch(self._batch, timeout=FETCH_SECONDS)
                for message in messages:
                    self._ready.put_nowait(pb.Delivery.FromString(message.data))
                if messages:
                    await messages[-1].ack()
