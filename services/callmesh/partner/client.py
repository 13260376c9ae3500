"""`Partner`: an agency's program at the mesh.

    partner = Partner("gateway.city.example:7404", "water", identity=TlsFiles("water.pem", "water.key", "ca.pem"))

    @partner.on_referral
    async def offered(delivery: Delivery) -> None:
        await store(delivery)                 # the receipt goes out when this function has returned

    @partner.on_news
    async def news(delivery: Delivery) -> None:
        await store(delivery)

    asyncio.run(partner.run())                # until SIGTERM

The rest is done here: one stream, opened again after every break; receipts; repeats; actions sent again until they are
answered; certificates taken anew when their files change; an orderly end.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import grpc

from callmesh.api.v1 import case_pb2, intake_service_pb2, referral_pb2, report_pb2, transfer_service_pb2
from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.api.v1.gateway_service_pb2_grpc import GatewayServiceStub
from callmesh.api.v1.intake_service_pb2_grpc import IntakeServiceStub
from callmesh.api.v1.transfer_service_pb2_grpc import TransferServiceStub
from callmesh.kernel.ids import new_id
from callmesh.kernel.rpc import client
from callmesh.kernel.rpc.secure import Wallet
from callmesh.kernel.rpc.server import MESSAGE_BYTES
from callmesh.kernel.rpc.tls import TlsFiles
from callmesh.partner.delivery import Actions, Delivery, Kind
from callmesh.partner.errors import need_small, refusal_of
from callmesh.partner.hands import Hands
from callmesh.partner.patience import PAUSES, patiently
from callmesh.partner.polling import CALL_SECONDS, Polling
from callmesh.partner.stream import ACTION_BYTES, Stream

Handler = Callable[[Delivery], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Health:
    """How the partner is. `problem` says why it is not connected, or the last certificate trouble; "" when all is well.

    `in_hand`: deliveries whose handler has not returned; `unanswered`: actions without an answer; `waiting`: deliveries
    that waited at the mesh when it said welcome; `quiet_seconds`: since the mesh was heard, it speaks every second.
    """

    connected: bool
    in_hand: int
    unanswered: int
    waiting: int
    connections: int
    quiet_seconds: float
    problem: str


class Partner:
    """One agency, connected to one gateway.

    `identity`: the three files of your certificate, read anew when they change; None on a mesh for development.
    `person` and `role`: who acts, as you assert it. `max_in_flight`: deliveries in your hands at most, 1 to 1000.
    `patience`: seconds until an action without an answer is `Unanswered`. `grace`: seconds that an orderly end may
    take. `pauses`: before connecting again, at first and at most, in seconds; half of it is chance. `poll`: for who
    cannot hold a stream, seconds between two questions; 0: hold one. `intake`, `transfer`: where cases are opened and
    handed over, if not at the gateway's address. `gateway`: a stub of your own.
    """

    def __init__(
        self,
        address: str,
        agency: str,
        *,
        identity: TlsFiles | Wallet | None = None,
        person: str = "machine",
        role: str = "partner",
        max_in_flight: int = 64,
        patience: float = 60.0,
        grace: float = 10.0,
        pauses: tuple[float, float] = PAUSES,
        poll: float = 0.0,
        intake: str = "",
        transfer: str = "",
        gateway: Any = None,
    ) -> None:
        self.agency = agency
        self._me = client.identity(agency, person, role)
        self._address, self._identity, self._grace = address, identity, grace
        self._patience, self._pauses = patience, pauses
        self._addresses = {"intake": intake or address, "transfer": transfer or address}
        self._gateway = gateway
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._handlers: dict[int, Handler] = {}
        self._otherwise: Handler | None = None
        self._stream: Stream | Polling = Stream(self._open_call, max_in_flight, patience, self._came, pauses)
        self._hands = Hands(self._handle, lambda delivery: self._stream.receipt(delivery))
        if poll:
            held = self._hands.__len__
            self._stream = Polling(self._stub, self._me, poll, max_in_flight, patience, self._came, held, pauses)
        self._work: set[asyncio.Task[Any]] = set()
        self._stopping = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    # handlers

    def on_referral(self, handler: Handler) -> Handler:
        """Decorator: called with each new referral. What it must do before it returns: store it."""
        return self.on(Kind.OFFERED)(handler)

    def on_news(self, handler: Handler) -> Handler:
        """Decorator: called with every delivery that has no handler of its own, of kinds not known here too."""
        self._otherwise = handler
        return handler

    def on(self, *kinds: "Kind.ValueType") -> Callable[[Handler], Handler]:
        """Decorator: called with deliveries of these kinds, e.g. `@partner.on(Kind.RECALLED, Kind.WAIVED)`."""

        def registered(handler: Handler) -> Handler:
            self._handlers.update(dict.fromkeys(kinds, handler))
            return handler

        return registered

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Runs something beside, for what takes longer than storing. Ended with the partner."""
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task

    # life

    async def run(self) -> None:
        """Serves until `stop`, SIGTERM or SIGINT; raises Refused when the mesh will not have us from the beginning."""
        with self._signals():
            async with self:
                await self._stopping.wait()

    def stop(self) -> None:
        """Asks for an orderly end: no new deliveries; handlers return, their receipts and actions go out."""
        self._stopping.set()

    async def __aenter__(self) -> Partner:
        if Kind.OFFERED not in self._handlers and self._otherwise is None:
            raise ValueError("who takes new referrals? register a handler with @partner.on_referral")
        self._running = asyncio.create_task(self._stream.run(), name=f"partner {self.agency}")
        try:
            await self._first_of(self._stream.welcomed.wait(), self._stopping.wait())
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopping.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._grace):
                await self._hands.empty()
                await self._half_closed()
        await self._close()

    @property
    def health(self) -> Health:
        """How we are, now."""
        stream = self._stream
        return Health(
            connected=stream.connected,
            in_hand=len(self._hands),
            unanswered=stream.unanswered,
            waiting=stream.waiting,
            connections=stream.connections,
            quiet_seconds=time.monotonic() - stream.heard_at if stream.heard_at else float("inf"),
            problem=stream.problem,
        )

    # commands

    def referral(self, name: str) -> Actions:
        """What can be done to a referral of ours whose name we stored."""
        return Actions(name, self.act)

    async def act(self, action: pb.Action) -> referral_pb2.Referral:
        """An action as the protos have it, with a request id of yours; raises Refused, Unanswered, Stopped."""
        need_small(action, ACTION_BYTES)
        return await self._stream.act(action)

    async def open_case(self, report: report_pb2.Report, *, request_id: str = "", **more: Any) -> case_pb2.Case:
        """Opens a case with us as first receiver; `more`: further fields of OpenCaseRequest, `channel` for example."""
        request = intake_service_pb2.OpenCaseRequest(request_id=request_id or new_id(), report=report, **more)
        case: case_pb2.Case = await self._call(IntakeServiceStub(self._channel("intake")).OpenCase, request)
        return case

    async def transfer_case(self, name: str, *, request_id: str = "", **more: Any) -> case_pb2.Case:
        """One-key transfer (一键转接) of a case of ours; `agency`, `reason` and so on as in TransferCaseRequest."""
        request = transfer_service_pb2.TransferCaseRequest(request_id=request_id or new_id(), name=name, **more)
        case: case_pb2.Case = await self._call(TransferServiceStub(self._channel("transfer")).TransferCase, request)
        return case

    async def presences(self, *agencies: str) -> list[pb.Presence]:
        """Who is there: of these agencies, or of all."""
        request = pb.ListPresencesRequest(agencies=agencies)
        answer = await self._call(self._stub().ListPresences, request)
        return list(answer.presences)

    async def _call(self, method: Any, request: Any) -> Any:
        """A unary call, repeated while the mesh is out of reach or overloaded."""
        need_small(request, MESSAGE_BYTES)

        async def once() -> Any:
            try:
                return await method(request, metadata=self._me, timeout=CALL_SECONDS)
            except grpc.aio.AioRpcError as wrong:
                raise refusal_of(wrong) from None

        return await patiently(once, getattr(request, "request_id", ""), self._patience, self._pauses)

    # inside

    def _came(self, delivery: pb.Delivery) -> None:
        if not self._stopping.is_set():
            self._hands.take(delivery)

    async def _handle(self, delivery: pb.Delivery, late: bool) -> None:
        handler = self._handlers.get(delivery.kind, self._otherwise)
        if handler is not None:
            await handler(Delivery(delivery, self.act, late))

    def _open_call(self) -> Any:
        return self._stub().ReceiveReferrals(metadata=self._me)

    def _stub(self) -> Any:
        return self._gateway if self._gateway is not None else GatewayServiceStub(self._channel("gateway"))

    def _channel(self, service: str) -> grpc.aio.Channel:
        """To a service; the gateway's without retries of its own: the stream has its pauses."""
        if service not in self._channels:
            address = self._addresses.get(service, self._address)
            self._channels[service] = client.channel(address, self._identity, retries=service != "gateway")
        return self._channels[service]

    async def _first_of(self, *waits: Coroutine[Any, Any, Any]) -> None:
        """Returns when one of them does; raises what ended the stream."""
        assert self._running is not None
        tasks = [asyncio.create_task(one) for one in waits]
        try:
            await asyncio.wait([*tasks, self._running], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in tasks:
                one.cancel()
        if self._running.done():
            self._running.result()

    async def _half_closed(self) -> None:
        """Returns when the mesh has taken all that we sent."""
        connected = self._stream.connected
        self._stream.end()
        if connected and self._running is not None:
            await asyncio.wait([self._running])

    async def _close(self) -> None:
        self._hands.drop()
        self._stream.give_up()
        running = [one for one in (self._running, *self._work) if one is not None]
        for one in running:
            one.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        for channel in self._channels.values():
            await channel.close()
        self._channels.clear()

    @contextlib.contextmanager
    def _signals(self) -> Any:
        """SIGTERM and SIGINT stop us, where a program may say so."""
        loop, main = asyncio.get_running_loop(), threading.main_thread()
        mine = (signal.SIGTERM, signal.SIGINT) if threading.current_thread() is main else ()
        for one in mine:
            loop.add_signal_handler(one, self.stop)
        try:
            yield
        finally:
            for one in mine:
                loop.remove_signal_handler(one)
