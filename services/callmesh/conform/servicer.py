"""GatewayService as the kit plays it: answers like the mesh, unless a scenario has planned something else.

An action travels: stream or unary call -> what a scenario planned for it (`Answer`: refuse, hold back, cut the
connection before or after it was applied) -> the book -> its outcome. Actions on one case keep their order, others
go on beside, as in the mesh. Every word of the partner is in the record before it is acted upon.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

from google.rpc import status_pb2

from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.api.v1.gateway_service_pb2_grpc import GatewayServiceServicer
from callmesh.api.v1.referral_pb2 import Referral
from callmesh.conform.book import KINDS, Book
from callmesh.conform.inbox import Inbox, Seat
from callmesh.conform.record import Record
from callmesh.domain.errors import DomainError, Invalid, Unreachable
from callmesh.kernel.rpc.call import caller
from callmesh.kernel.rpc.edge import Requests
from callmesh.kernel.rpc.errors import status_of

DEFAULT_IN_FLIGHT = 64
MAX_IN_FLIGHT = 1_000
MAX_PULL = 100
PING_SECONDS = 1.0


@dataclass(eq=False)
class Answer:
    """What a scenario planned for one action, or for all of its kind when it `stays`."""

    refusal: DomainError | None = None
    held: asyncio.Event | None = None
    cut_before: bool = False
    cut_after: bool = False
    stays: bool = False


class PlayedGateway(GatewayServiceServicer):
    """One for all servers of a run. `cut` resets every connection."""

    def __init__(self, record: Record, cut: Callable[[], Awaitable[None]]) -> None:
        self.record, self.book, self.inbox = record, Book(), Inbox(record)
        self.away = False
        """While the mesh is away new streams end at once, calls are UNAVAILABLE."""
        self.open: dict[int, Seat] = {}
        self._cut = cut
        self._planned: dict[tuple[str, str], deque[Answer]] = defaultdict(deque)
        self._turns: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.streams = 0

    def plan(self, kind: str, name: str, *answers: Answer) -> None:
        """For the next actions of that kind on that referral, one after the other."""
        self._planned[(kind, name)].extend(answers)

    def clear(self) -> None:
        """The scenario is over: what it held back goes out, what it planned is forgotten."""
        self.away = False
        for answers in self._planned.values():
            for one in answers:
                if one.held is not None:
                    one.held.set()
        self._planned.clear()
        self.inbox.clear()
        self.book.supported.clear()

    def hang_up(self) -> None:
        """Ends every stream with OK, as a server that goes away in order."""
        self.record.told("end of stream", text=f"{len(self.open)} streams, status OK")
        for seat in self.open.values():
            seat.out.put_nowait(None)

    # the stream

    async def ReceiveReferrals(self, requests: Requests, context: Any) -> None:  # type: ignore[override]
        self.streams += 1
        seat = Seat(self.streams, int(context.peer().rpartition(":")[2]))
        left = _deadline(context)
        text = f"of agency {caller().agency}" + (f", deadline in {left:.1f} s" if left else "")
        self.record.heard("stream", str(seat.number), text=text, message=left)
        if self.away:
            self.record.told("turned away", text="the stream ends at once")
            return
        self.open[seat.number] = seat
        beside = [asyncio.create_task(self._read(seat, requests)), asyncio.create_task(self._ping(seat))]
        try:
            while (response := await seat.out.get()) is not None:
                await context.write(response)
            if seat.room == 0:
                raise Invalid("send hello first", "请先发送 hello", {"hello": "must come first, 1 to 1000"})
        finally:
            for task in beside:
                task.cancel()
            del self.open[seat.number]
            self.inbox.leave(seat)
            self.record.heard("end", str(seat.number), text="the stream ended")

    async def _read(self, seat: Seat, requests: Requests) -> None:
        """Until the partner hangs up or breaks the rules; actions under way finish."""
        tasks: set[asyncio.Task[None]] = set()
        while (request := await requests.read()) is not None:
            if seat.room == 0 and not self._hello(seat, request):
                break
            if request.pong:
                self.record.heard("pong", str(seat.number), text=f"to ping {request.pong}", message=request.pong)
            for action in request.actions:
                kind = action.WhichOneof("action") or ""
                asked = getattr(action, kind, None)
                answering = self._answer_on(seat, kind, asked, action.request_id or getattr(asked, "request_id", ""))
                task = asyncio.create_task(answering)
                tasks.add(task)
                task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)
        seat.out.put_nowait(None)

    def _hello(self, seat: Seat, request: pb.ReceiveReferralsRequest) -> bool:
        asked = request.hello.max_in_flight
        said = request.HasField("hello")
        self.record.heard("hello" if said else "no hello", str(seat.number), text=f"max_in_flight {asked}" * said)
        room = asked or DEFAULT_IN_FLIGHT
        if not said or not 1 <= room <= MAX_IN_FLIGHT:
            return False
        seat.room, seat.heartbeat = room, request.hello.heartbeat
        welcome = pb.Welcome(agency=caller().agency, waiting=self.inbox.waiting)
        seat.out.put_nowait(pb.ReceiveReferralsResponse(welcome=welcome))
        self.inbox.join(seat)
        return True

    async def _ping(self, seat: Seat) -> None:
        """Every second, to who asked for it."""
        for number in count(1):
            await asyncio.sleep(PING_SECONDS)
            if seat.heartbeat:
                self.record.told("ping", str(seat.number), text=f"{number}", message=number)
                seat.out.put_nowait(pb.ReceiveReferralsResponse(ping=number))

    async def _answer_on(self, seat: Seat, kind: str, request: Any, request_id: str) -> None:
        outcome = pb.Outcome(request_id=request_id)
        try:
            outcome.referral.CopyFrom(await self._act(kind, request, request_id))
        except DomainError as refused:
            outcome.status.CopyFrom(status_of(refused))
        if kind == "acknowledge" and not outcome.status.code:
            return
        if seat.number in self.open:
            seat.out.put_nowait(pb.ReceiveReferralsResponse(outcomes=[outcome]))

    # the same as unary calls

    async def PullReferrals(self, request: pb.PullReferralsRequest, context: Any) -> pb.PullReferralsResponse:
        self.record.heard("call", "PullReferrals", message=_deadline(context))
        if self.away:
            raise Unreachable("the mesh is away", "系统暂时不可用, 请稍后重试")
        return pb.PullReferralsResponse(deliveries=self.inbox.pull(min(request.max_items or 20, MAX_PULL)))

    async def _call(self, kind: str, request: Any, context: Any) -> Referral:
        self.record.heard("call", type(request).__name__.removesuffix("Request"), message=_deadline(context))
        if self.away:
            raise Unreachable("the mesh is away", "系统暂时不可用, 请稍后重试")
        try:
            return await self._act(kind, request, getattr(request, "request_id", ""))
        except asyncio.CancelledError:
            self.record.heard("gave up", request.name, text=f"{kind}: cancelled, or its deadline is over")
            raise

    async def AcknowledgeReferral(self, request: pb.AcknowledgeReferralRequest, context: Any) -> Referral:
        return await self._call("acknowledge", request, context)

    async def AcceptReferral(self, request: pb.AcceptReferralRequest, context: Any) -> Referral:
        return await self._call("accept", request, context)

    async def ReportProgress(self, request: pb.ReportProgressRequest, context: Any) -> Referral:
        return await self._call("progress", request, context)

    async def ReturnReferral(self, request: pb.ReturnReferralRequest, context: Any) -> Referral:
        return await self._call("return_referral", request, context)

    async def ContestReturn(self, request: pb.ContestReturnRequest, context: Any) -> Referral:
        return await self._call("contest", request, context)

    async def ResolveReferral(self, request: pb.ResolveReferralRequest, context: Any) -> Referral:
        return await self._call("resolve", request, context)

    async def RequestExtension(self, request: pb.RequestExtensionRequest, context: Any) -> Referral:
        return await self._call("request_extension", request, context)

    async def RequestSuspension(self, request: pb.RequestSuspensionRequest, context: Any) -> Referral:
        return await self._call("request_suspension", request, context)

    async def ListPresences(self, request: pb.ListPresencesRequest, context: Any) -> pb.ListPresencesResponse:
        present = pb.Presence.PRESENT if self.inbox.seats else pb.Presence.AWAY
        own = pb.Presence(agency=caller().agency, state=present, streams=len(self.inbox.seats))
        return pb.ListPresencesResponse(presences=[own])

    async def RequestDisclosure(self, request: pb.RequestDisclosureRequest, context: Any) -> Referral:
        return await self._call("request_disclosure", request, context)

    # what is done

    async def _act(self, kind: str, request: Any, request_id: str) -> Referral:
        if kind not in KINDS:
            self.record.heard("empty action", request_id=request_id)
            raise Invalid("the action is empty", "动作为空", {"action": "required"})
        text = f"delivery {request.delivery_id or '(none)'}" if kind == "acknowledge" else ""
        self.record.heard(kind, request.name, request_id, text, request)
        async with self._turns[request.name.partition("/referrals/")[0]]:
            try:
                return await self._carried_out(kind, request, request_id)
            except DomainError as refused:
                self._told(kind, request.name, request_id, status_of(refused), refused.message)
                raise

    async def _carried_out(self, kind: str, request: Any, request_id: str) -> Referral:
        planned = self._planned.get((kind, request.name))
        answer = planned[0] if planned else Answer()
        if planned and not answer.stays:
            planned.popleft()
        if answer.cut_before:
            await self._cut()
            raise Unreachable("lost: the connection was reset before it was applied", "连接中断")
        if answer.refusal is not None:
            raise answer.refusal
        referral = self.book.apply(kind, request, request_id)
        if kind == "acknowledge":
            self.inbox.receipt(request.delivery_id)
        if answer.cut_after:
            self.record.told("applied", request.name, request_id, f"{kind}; its answer is lost")
            await self._cut()
        if answer.held is not None:
            await answer.held.wait()
        if kind != "acknowledge":
            self._told(kind, request.name, request_id, status_pb2.Status(), "")
        return referral

    def _told(self, kind: str, name: str, request_id: str, status: status_pb2.Status, why: str) -> None:
        what = "refused" if status.code else "ok"
        self.record.told(what, name, request_id, f"{kind}: {why}" if why else kind, status)


def _deadline(context: Any) -> float | None:
    """Seconds that the caller gave, None for no deadline."""
    left = context.time_remaining()
    return None if left is None or left > 1e8 else float(left)
