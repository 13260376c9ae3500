"""A partner's stream: deliveries and outcomes down, actions up.

Reading and writing go on side by side; an idle stream is one coroutine that reads. Actions on one case are carried out
in order, on different cases at once, at most `PARALLEL` of them; then reading waits, so a flood slows down the flooder.
An outcome counts until it was sent: who acts but does not read is read no further, and holds no memory. Whatever is
ready goes out in one message. A partner that asked for it is pinged every second; who is not heard for
`SILENT_SECONDS`, while we wait for it and not it for us, is silent: alive as a connection, but nobody to send to. When
the partner hangs up, actions under way finish and unreceipted deliveries are given back; when the line breaks, they are
given a moment to.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

from opentelemetry.trace import SpanKind

from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.domain.errors import Invalid, Unreachable
from callmesh.gateway.actions import Actions
from callmesh.gateway.outbox import Outbox
from callmesh.gateway.outcomes import outcome_of, request_of
from callmesh.gateway.pump import PULL_BYTES, Pump
from callmesh.gateway.seats import Seat
from callmesh.kernel import telemetry
from callmesh.kernel.telemetry import clock

PARALLEL = 64
DEFAULT_IN_FLIGHT = 64
MAX_IN_FLIGHT = 1_000
ALWAYS_FIT = 3
"""Deliveries in a message that need not be measured."""
PING_SECONDS, SILENT_SECONDS = 1.0, 3.0
Down = pb.Delivery | pb.Outcome | pb.Welcome | int
"""What goes down; a number is a ping."""
Read = Callable[[], Awaitable[pb.ReceiveReferralsRequest | None]]
Write = Callable[[pb.ReceiveReferralsResponse], Awaitable[None]]


class PartnerStream:
    """One open stream of one agency."""

    __slots__ = (
        *("_actions", "_agency", "_beating", "_last", "_out", "_pump", "_seat", "_slots", "_task"),
        *("_waits_since", "_why", "_write"),
    )

    def __init__(self, agency: str, pump: Pump, actions: Actions, write: Write) -> None:
        self._agency, self._pump, self._actions, self._write = agency, pump, actions, write
        self._out: Outbox[Down] = Outbox(self._send, self._end)
        self._slots = asyncio.Semaphore(PARALLEL)
        self._last: dict[str, asyncio.Task[bool]] = {}
        self._seat: Seat | None = None
        self._task: asyncio.Task[Any] | None = None
        self._why: Exception | None = None
        self._beating: asyncio.Task[None] | None = None
        self._waits_since: float | None = None

    async def run(self, read: Read) -> None:
        """Until the partner hangs up; raises what the first bad message was, or why the stream ends."""
        self._task = asyncio.current_task()
        try:
            while (request := await read()) is not None:
                await self._take_in(request)
                self._waits_since = clock()
                del request  # an idle stream need not hold it
            await asyncio.gather(*self._last.values())
            await self._out.finish()
        except asyncio.CancelledError:
            if self._why is None or self._task is None:
                raise
            self._task.uncancel()
            await self._out.finish()
            raise self._why from None
        except Exception:
            await self._out.finish()
            raise
        finally:
            self._task = None  # it ends: what cannot be written any more must not cancel that
            if self._beating is not None:
                self._beating.cancel()
            if self._seat is not None:
                await self._pump.leave(self._seat, self._last.values())
            await self._out.stop()

    def _hang_up(self) -> None:
        self._end(Unreachable("the gateway restarts; connect again", "网关正在重启, 请重新连接"))

    def _end(self, why: Exception) -> None:
        if self._why is None and self._task is not None:
            self._why = why
            self._task.cancel()

    async def _send(self, ready: list[Down]) -> None:
        response = pb.ReceiveReferralsResponse()
        for one in ready:
            if len(response.deliveries) >= ALWAYS_FIT and response.ByteSize() > PULL_BYTES:
                await self._write(response)
                response = pb.ReceiveReferralsResponse()
            self._add(response, one)
        await self._write(response)

    def _add(self, response: pb.ReceiveReferralsResponse, one: Down) -> None:
        if isinstance(one, pb.Delivery):
            response.deliveries.append(one)
        elif isinstance(one, pb.Outcome):
            response.outcomes.append(one)
            self._slots.release()
        elif isinstance(one, int):
            response.ping = one
        else:
            response.welcome.CopyFrom(one)

    async def _take_in(self, request: pb.ReceiveReferralsRequest) -> None:
        self._waits_since = None
        if self._seat is None:
            await self._hello(request)
        else:
            await self._pump.hear(self._seat, False)
        for action in request.actions:
            await self._slots.acquire()
            await self._actions.turn(request_of(action))
            self._start(action)

    async def _beat(self, seat: Seat) -> None:
        """Pings, and looks whether anything comes back."""
        for number in itertools.count(1):
            await asyncio.sleep(PING_SECONDS)
            self._out.put(number)
            since = self._waits_since
            if since is not None and clock() - since > SILENT_SECONDS:
                await self._pump.hear(seat, True)

    async def _hello(self, request: pb.ReceiveReferralsRequest) -> None:
        if not request.HasField("hello"):
            reason = {"hello": "must come first"}
            raise Invalid("send hello first", "请先发送 hello", reason)
        room = request.hello.max_in_flight or DEFAULT_IN_FLIGHT
        if not 1 <= room <= MAX_IN_FLIGHT:
            reason = {"hello.max_in_flight": f"1 to {MAX_IN_FLIGHT}"}
            raise Invalid("max_in_flight is out of range", f"max_in_flight 须为 1 至 {MAX_IN_FLIGHT}", reason)
        waiting = await self._pump.waiting()
        self._out.put(pb.Welcome(agency=self._agency, waiting=waiting))
        self._seat = Seat(room, self._out.put, self._hang_up)
        self._pump.join(self._seat)
        if request.hello.heartbeat:
            self._beating = asyncio.create_task(self._beat(self._seat))

    def _start(self, action: pb.Action) -> None:
        case = _name(action).partition("/referrals/")[0]
        before = self._last.get(case)
        task = asyncio.create_task(self._carry_out(action, before))
        self._last[case] = task
        task.add_done_callback(lambda done: self._done(case, done))

    def _done(self, case: str, task: asyncio.Task[bool]) -> None:
        if task.cancelled() or task.exception() or not task.result():
            self._slots.release()
        if self._last.get(case) is task:
            del self._last[case]

    async def _carry_out(self, action: pb.Action, before: asyncio.Task[bool] | None) -> bool:
        """Whether there is an outcome to send; its slot is free when it was fetched, not before."""
        if before is not None:
            await before
        kind = action.WhichOneof("action") or ""
        with telemetry.Step(f"partner {kind}", SpanKind.SERVER):
            telemetry.mark(agency=self._agency)
            outcome = await outcome_of(self._actions, action)
        answered = kind != "acknowledge" or bool(outcome.status.code)
        if answered:
            self._out.put(outcome)
        return answered


def _name(action: pb.Action) -> str:
    return str(getattr(request_of(action), "name", ""))
