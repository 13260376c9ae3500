"""One agency's stream to the gateway, as a partner's own system would hold it.

Deliveries are receipted at once and handed to `on_delivery`; a repeated one is receipted and not handed
on. `act` sends an action and waits for its answer. When the stream breaks it is opened again, and actions
without an answer are sent again with the same request id, so nothing is done twice.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import grpc
from google.rpc import status_pb2

from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.cli.clients import Clients, me

IN_FLIGHT = 256
SEEN = 4096
_BATCH = 32
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_TRIES = 30
_PASSING = {grpc.StatusCode.UNAVAILABLE.value[0], grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]}
Stream = grpc.aio.StreamStreamCall[Any, Any]


class PartnerStream:
    """Runs until cancelled."""

    def __init__(self, clients: Clients, agency: str, on_delivery: Callable[[pb.Delivery], None]) -> None:
        self.agency = agency
        self._clients, self._on_delivery = clients, on_delivery
        self._out: asyncio.Queue[pb.Action] = asyncio.Queue()
        self._open: dict[str, tuple[pb.Action, asyncio.Future[status_pb2.Status]]] = {}
        self._seen: OrderedDict[str, None] = OrderedDict()

    async def act(self, action: pb.Action) -> status_pb2.Status:
        """Sends an action; its answer. What is out of reach or overloaded is asked again, with the same id."""
        pause = _FIRST_PAUSE
        for _ in range(_TRIES):
            status = await self._once_sent(action)
            if status.code not in _PASSING:
                break
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        return status

    async def _once_sent(self, action: pb.Action) -> status_pb2.Status:
        done: asyncio.Future[status_pb2.Status] = asyncio.get_running_loop().create_future()
        self._open[action.request_id] = (action, done)
        self._out.put_nowait(action)
        try:
            return await done
        finally:
            self._open.pop(action.request_id, None)

    async def run(self) -> None:
        """Holds the stream open, again and again."""
        pause = _FIRST_PAUSE
        while True:
            with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
                if await self._once():
                    pause = _FIRST_PAUSE
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _once(self) -> bool:
        """One stream from hello to its end; whether the gateway spoke at all."""
        call = self._clients.gateway.ReceiveReferrals(metadata=me(self.agency, "partner"))
        await call.write(pb.ReceiveReferralsRequest(hello=pb.Hello(max_in_flight=IN_FLIGHT)))
        self._send_again()
        writer = asyncio.create_task(self._write(call))
        spoke = False
        try:
            async for response in call:
                spoke = True
                self._take(response)
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
            call.cancel()
        return spoke

    def _send_again(self) -> None:
        self._out = asyncio.Queue()
        for action, _ in self._open.values():
            self._out.put_nowait(action)

    async def _write(self, call: Stream) -> None:
        while True:
            actions = [await self._out.get()]
            while len(actions) < _BATCH and not self._out.empty():
                actions.append(self._out.get_nowait())
            await call.write(pb.ReceiveReferralsRequest(actions=actions))

    def _take(self, response: pb.ReceiveReferralsResponse) -> None:
        for delivery in response.deliveries:
            self._receipt(delivery)
            if self._is_new(delivery.delivery_id):
                self._on_delivery(delivery)
        for outcome in response.outcomes:
            _, done = self._open.get(outcome.request_id, (None, None))
            if done is not None and not done.done():
                done.set_result(outcome.status)

    def _receipt(self, delivery: pb.Delivery) -> None:
        receipt = pb.AcknowledgeReferralRequest(name=delivery.referral.name, delivery_id=delivery.delivery_id)
        self._out.put_nowait(pb.Action(acknowledge=receipt))

    def _is_new(self, delivery_id: str) -> bool:
        if delivery_id in self._seen:
            return False
        self._seen[delivery_id] = None
        if len(self._seen) > SEEN:
            self._seen.popitem(last=False)
        return True
