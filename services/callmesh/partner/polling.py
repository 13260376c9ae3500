"""For who cannot hold a stream: deliveries are fetched every so often, actions and receipts are unary calls.

It stands where `Stream` stands. Slower and dearer, and the mesh does not know between two calls whether anybody is
there; what a handler may rely on is the same. A receipt that fails needs nothing: its delivery comes again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

import grpc

from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.api.v1 import referral_pb2
from callmesh.kernel.rpc.tls import BadCertificate
from callmesh.partner.errors import PartnerError, Refused, Stopped, refusal_of
from callmesh.partner.patience import PASSING, PAUSES, jittered, patiently

CALL_SECONDS = 10.0
_PULL = 100
_METHODS = {
    "acknowledge": "AcknowledgeReferral",
    "accept": "AcceptReferral",
    "progress": "ReportProgress",
    "return_referral": "ReturnReferral",
    "resolve": "ResolveReferral",
    "contest": "ContestReturn",
    "request_extension": "RequestExtension",
    "request_suspension": "RequestSuspension",
    "request_disclosure": "RequestDisclosure",
}


class Polling:
    """`stub` gives a gateway stub; `room` says how many deliveries may be in hand, `in_hand` how many are."""

    def __init__(
        self,
        stub: Callable[[], Any],
        me: Any,
        every: float,
        room: int,
        patience: float,
        on_delivery: Callable[[pb.Delivery], None],
        in_hand: Callable[[], int],
        pauses: tuple[float, float] = PAUSES,
    ) -> None:
        self._stub, self._me, self._every, self._room, self._patience = stub, me, every, room, patience
        self._on_delivery, self._in_hand, self._pauses = on_delivery, in_hand, pauses
        self._ending = asyncio.Event()
        self._calls: set[asyncio.Task[Any]] = set()
        self.welcomed = asyncio.Event()
        self.connected, self.waiting = False, 0
        self.connections, self.heard_at, self.problem = 0, 0.0, ""

    @property
    def unanswered(self) -> int:
        """Actions and receipts under way."""
        return len(self._calls)

    def receipt(self, delivery: pb.Delivery) -> None:
        """We have it."""
        request = pb.AcknowledgeReferralRequest(name=delivery.referral.name, delivery_id=delivery.delivery_id)
        self._begin(pb.Action(acknowledge=request))

    async def act(self, action: pb.Action) -> referral_pb2.Referral:
        """One call, until it is answered; raises Refused, Unanswered, Stopped."""
        try:
            done: referral_pb2.Referral = await self._begin(action)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise Stopped("the partner was stopped before the answer came") from None
        return done

    def _begin(self, action: pb.Action) -> asyncio.Task[Any]:
        task = asyncio.create_task(self._acted(action))
        self._calls.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._calls.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waits is told; a receipt's loss is nobody's affair

    async def _acted(self, action: pb.Action) -> referral_pb2.Referral:
        kind = action.WhichOneof("action") or ""
        request = getattr(action, kind)
        if kind != "acknowledge":
            request.request_id = action.request_id
        done: referral_pb2.Referral = await self._asked(_METHODS[kind], request, action.request_id)
        return done

    async def _asked(self, method: str, request: Any, request_id: str = "") -> Any:
        async def once() -> Any:
            try:
                answer = await getattr(self._stub(), method)(request, metadata=self._me, timeout=CALL_SECONDS)
            except grpc.aio.AioRpcError as wrong:
                raise refusal_of(wrong) from None
            self.heard_at = time.monotonic()
            return answer

        return await patiently(once, request_id, self._patience, self._pauses)

    async def run(self) -> None:
        """Fetches until `end`; raises what refuses the first time for good."""
        while not self._ending.is_set():
            try:
                full = await self._fetch()
            except (PartnerError, BadCertificate) as wrong:
                full = False
                self._broken(wrong)
            if not full:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._ending.wait(), jittered(self._every))
        await asyncio.gather(*self._calls, return_exceptions=True)

    async def _fetch(self) -> bool:
        """Hands on what waits; whether there may be more at once."""
        room = min(_PULL, self._room - self._in_hand())
        if room <= 0:
            return False
        answer = await self._asked("PullReferrals", pb.PullReferralsRequest(max_items=room))
        self.connections += not self.connected
        self.connected, self.problem = True, ""
        self.welcomed.set()
        for delivery in answer.deliveries:
            self._on_delivery(delivery)
        return len(answer.deliveries) == room

    def _broken(self, wrong: Exception) -> None:
        self.connected, self.problem = False, str(wrong)
        if not self.welcomed.is_set() and not (isinstance(wrong, Refused) and wrong.code in PASSING):
            raise wrong

    def end(self) -> None:
        """Fetches no more; `run` returns when what was sent is answered."""
        self._ending.set()

    def give_up(self) -> None:
        """Whoever waits for an answer gets none."""
        for task in self._calls:
            task.cancel()
