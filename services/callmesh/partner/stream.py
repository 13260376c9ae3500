"""The one stream to the gateway, opened again after every break.

Up go hello, receipts, actions and pongs; down come deliveries and outcomes. An action stays here until it was answered:
after a break it is sent again, with the same request id, so it is done once. A receipt that was lost needs nothing:
its delivery comes again and is receipted again. Between two attempts there is a random pause that doubles up to
the longest one, or what the mesh asks for; a connection that stood for a while is opened again almost at once.

Refused for good (certificate, agency, role) before the mesh ever said welcome, `run` raises it: somebody configured it
so. Later it is tried again, because certificates are renewed and cities corrected without a restart.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Any

import grpc

from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.api.v1 import referral_pb2
from callmesh.kernel.rpc.tls import BadCertificate
from callmesh.partner.errors import Refused, Stopped, refusal, refusal_of
from callmesh.partner.patience import PAUSES, jittered, patiently

log = logging.getLogger("callmesh.partner")
LONGEST_AFTER_WELCOME = 1.0
WELCOME_SECONDS = 15.0
STOOD_SECONDS = 5.0
"""A stream that stood so long is opened again at once, nearly; one that breaks again and again less and less often."""
UNANSWERED = 64
"""Actions without an answer at a time; the next one waits. The gateway carries out as many at once."""
_BATCH, _BATCH_BYTES = 32, 16 * 1024
ACTION_BYTES = 40 * 1024
"""An action has some 24 KiB at most; with a batch before it, it still goes into the 64 KiB that the mesh takes."""
_CODE = grpc.StatusCode
_FOR_GOOD = {_CODE.UNAUTHENTICATED, _CODE.PERMISSION_DENIED, _CODE.INVALID_ARGUMENT, _CODE.UNIMPLEMENTED}
Open = Callable[[], Any]
Answer = asyncio.Future[pb.Outcome]


class Stream:
    """`open_call` makes a ReceiveReferrals call; `on_delivery` is given what comes down."""

    def __init__(
        self,
        open_call: Open,
        room: int,
        patience: float,
        on_delivery: Callable[[pb.Delivery], None],
        pauses: tuple[float, float] = PAUSES,
    ) -> None:
        self._open_call, self._room, self._patience, self._on_delivery = open_call, room, patience, on_delivery
        self._pauses = self._first, self._longest = pauses
        self._out: asyncio.Queue[pb.Action | int] = asyncio.Queue()
        self._open: dict[str, tuple[pb.Action, Answer]] = {}
        self._slots = asyncio.Semaphore(UNANSWERED)
        self._ending = self._ended = False
        self._writer: asyncio.Task[None] | None = None
        self.welcomed = asyncio.Event()
        self.welcome: pb.Welcome | None = None
        self.connections, self.heard_at, self.problem = 0, 0.0, ""

    @property
    def connected(self) -> bool:
        """Whether the mesh has said welcome on the stream that is open now."""
        return self.welcome is not None

    @property
    def waiting(self) -> int:
        """Deliveries that waited at the mesh when it said welcome."""
        return self.welcome.waiting if self.welcome else 0

    @property
    def unanswered(self) -> int:
        """Actions that were sent, or wait to be."""
        return len(self._open)

    # up

    def receipt(self, delivery: pb.Delivery) -> None:
        """We have it."""
        request = pb.AcknowledgeReferralRequest(name=delivery.referral.name, delivery_id=delivery.delivery_id)
        self._out.put_nowait(pb.Action(acknowledge=request))

    async def act(self, action: pb.Action) -> referral_pb2.Referral:
        """Sends an action until it is answered; raises Refused, Unanswered, Stopped."""

        async def once() -> referral_pb2.Referral:
            async with self._slots:
                outcome = await self._once_sent(action)
            if outcome.status.code:
                raise refusal(outcome.status)
            return outcome.referral

        return await patiently(once, action.request_id, self._patience, self._pauses)

    async def _once_sent(self, action: pb.Action) -> pb.Outcome:
        if self._ended:
            raise Stopped("the partner was stopped")
        if action.request_id in self._open:
            raise ValueError(f"request id {action.request_id} is under way already")
        answer: Answer = asyncio.get_running_loop().create_future()
        self._open[action.request_id] = (action, answer)
        self._out.put_nowait(action)
        try:
            return await answer
        finally:
            del self._open[action.request_id]

    # the stream

    async def run(self) -> None:
        """Holds the stream open until `end`; raises what refuses the first one for good."""
        pause = self._first
        while not self._ending:
            begun, before, asked = time.monotonic(), self.connections, 0.0
            try:
                await self._once()
                self.problem = "the mesh ended the stream"
            except (Refused, BadCertificate, TimeoutError) as wrong:
                asked = self._broken(wrong)
            if self._ending:
                break
            longest = min(LONGEST_AFTER_WELCOME, self._longest) if self.connections > before else self._longest
            pause = self._first if time.monotonic() - begun > STOOD_SECONDS else min(pause * 2, longest)
            level = (
                logging.INFO if self.connections > before else logging.WARNING
            )  # who never gets through must be told
            log.log(level, "stream ended (%s); next attempt within %.1f s", self.problem, pause + asked)
            await asyncio.sleep(asked + jittered(pause))

    def end(self) -> None:
        """Sends what is left and half-closes; `run` returns when the mesh has taken it and ended the stream."""
        self._ending = True
        self._out.put_nowait(0)

    def give_up(self) -> None:
        """Whoever waits for an answer gets none."""
        self._ended = True
        for _, answer in self._open.values():
            if not answer.done():
                answer.set_exception(Stopped("the partner was stopped before the answer came"))

    def _broken(self, wrong: Exception) -> float:
        """Notes why; seconds that the mesh wants us to stay away. Raises what was refused for good at the beginning."""
        self.problem = str(wrong) or "no welcome in time"
        if self.welcomed.is_set() or isinstance(wrong, TimeoutError):
            return wrong.retry_after if isinstance(wrong, Refused) else 0.0
        if isinstance(wrong, Refused) and wrong.code not in _FOR_GOOD:
            return wrong.retry_after
        raise wrong

    async def _once(self) -> None:
        """One stream from hello to its end; raises Refused, BadCertificate, TimeoutError."""
        call = self._open_call()
        self._send_again()
        self._writer = asyncio.create_task(self._write(call))
        try:
            await self._greeted(call)
            while (response := await call.read()) is not grpc.aio.EOF:
                self._take(response)
        except grpc.aio.AioRpcError as broken:
            raise refusal_of(broken) from None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise  # it is us who are to end; else only the line was cut
        finally:
            self.welcome = None
            writer, self._writer = self._writer, None
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
            call.cancel()

    async def _greeted(self, call: Any) -> None:
        async with asyncio.timeout(WELCOME_SECONDS):
            response = await call.read()
        if response is not grpc.aio.EOF:
            self._take(response)

    def _send_again(self) -> None:
        """Only what has no answer; receipts of the stream before count for nothing now."""
        self._out = asyncio.Queue()
        for action, answer in self._open.values():
            if not answer.done():
                self._out.put_nowait(action)

    async def _write(self, call: Any) -> None:
        """Sends what is queued, several actions in one message, until there is a 0: the end."""
        with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):  # the reader is told why
            await call.write(pb.ReceiveReferralsRequest(hello=pb.Hello(max_in_flight=self._room, heartbeat=True)))
            while True:
                message, last = self._gather(await self._out.get())
                if message.ByteSize():
                    await call.write(message)
                if last:
                    await call.done_writing()
                    return

    def _gather(self, first: pb.Action | int) -> tuple[pb.ReceiveReferralsRequest, bool]:
        """A message of all that is queued, up to a batch; and whether the end was among it."""
        message, size = pb.ReceiveReferralsRequest(), 0
        following: pb.Action | int | None = first
        while following is not None:
            if isinstance(following, pb.Action):
                message.actions.append(following)
                size += following.ByteSize()
            elif following == 0:
                return message, True
            else:
                message.pong = following
            more = len(message.actions) < _BATCH and size < _BATCH_BYTES and not self._out.empty()
            following = self._out.get_nowait() if more else None
        return message, False

    # down

    def _take(self, response: pb.ReceiveReferralsResponse) -> None:
        self.heard_at = time.monotonic()
        if response.HasField("welcome"):
            self.welcome = response.welcome
            self.connections += 1
            self.problem = ""
            self.welcomed.set()
        if response.ping:
            self._out.put_nowait(response.ping)
        for outcome in response.outcomes:
            _, answer = self._open.get(outcome.request_id, (None, None))
            if answer is not None and not answer.done():
                answer.set_result(outcome)
        if not self._ending:
            for delivery in response.deliveries:
                self._on_delivery(delivery)
