"""Partners that attach over NATS: `partner.cmd.<durable>`, answered by any process of the gateway.

An agency's NATS account reaches its durable, its acknowledgements and this subject with its own durable's name in it,
nothing else (cli/nats_account.py; NATS itself refuses the rest). So who acts is told by the subject, as elsewhere by
the certificate. The messages are those of the stream: a ReceiveReferralsRequest with `hello` (which makes the durable)
or actions, receipts too, answered by one ReceiveReferralsResponse with welcome and outcomes. Deliveries the agency
pulls from its durable by itself; they are sealed, so it sends each back, with the subject it came on in the header
`callmesh-open`, and is answered with the delivery in the clear. A delivery's id is its stream sequence. One whose case
was erased meanwhile comes back as no delivery: it is done with.

The same guard stands before an action as before gRPC: method, role, rate, relation to the case. While NATS is away
nothing comes here, and the agency's request times out: it sends the same again.
"""

from __future__ import annotations

import asyncio
import contextlib

from google.protobuf.message import DecodeError
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.domain.case import Actor
from callmesh.domain.errors import DomainError, Invalid
from callmesh.domain.words import ActorKind
from callmesh.gateway.actions import Actions
from callmesh.gateway.inbox import opened
from callmesh.gateway.outcomes import outcome_of, request_id_of, request_of
from callmesh.gateway.pumps import Pumps
from callmesh.kernel import headers, telemetry
from callmesh.kernel.kek import BadKey
from callmesh.kernel.messaging import unreachable
from callmesh.kernel.rpc.call import acting
from callmesh.kernel.rpc.errors import UNPARSABLE, internal, status_of
from callmesh.kernel.rpc.server import MESSAGE_BYTES
from callmesh.ledger.access import method_of
from callmesh.ledger.boot import Mesh

PARALLEL = 64
QUEUE = "gateway"
_ROLE = "partner"


class Bus:
    """Answers what agencies say over NATS."""

    def __init__(self, mesh: Mesh, actions: Actions, pumps: Pumps) -> None:
        self._mesh, self._actions, self._pumps = mesh, actions, pumps
        self._slots = asyncio.Semaphore(PARALLEL)
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listens; several processes share the work."""
        runtime = self._mesh.runtime
        await runtime.client.subscribe(runtime.names.command("*"), queue=QUEUE, cb=self._on_message)

    async def _on_message(self, message: Msg) -> None:
        await self._slots.acquire()
        task = asyncio.create_task(self._answer(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, message: Msg) -> None:
        agency = self._mesh.runtime.names.agency_of(message.subject.rpartition(".")[2])
        given = message.headers or {}
        actor = Actor(ActorKind.PERSON, agency, given.get(headers.PERSON, ""), _ROLE)
        sealed = given.get(headers.OPEN)
        try:
            with acting(actor):
                reply = await (self._open(agency, sealed, message.data) if sealed else self._carry_out(message.data))
        except Exception as wrong:  # who is not answered asks for ever
            telemetry.log.error("command failed", agency=agency, error=telemetry.fault(wrong))
            reply = pb.ReceiveReferralsResponse()
            reply.outcomes.add(status=internal(f"{telemetry.current().trace_id:032x}"))
        try:
            with contextlib.suppress(NatsError, OSError):
                await message.respond(reply.SerializeToString())
        finally:
            self._slots.release()

    async def _open(self, agency: str, subject: str, data: bytes) -> pb.ReceiveReferralsResponse:
        """The delivery that an item of the agency's own inbox holds."""
        reply = pb.ReceiveReferralsResponse()
        try:
            self._mesh.caller()
            if not self._mesh.runtime.names.is_inbox_of(agency, subject):
                raise _not_sealed()
            delivery = await opened(self._mesh, subject, data)
        except DomainError as refused:
            reply.outcomes.add(status=status_of(refused))
        except BadKey:
            reply.outcomes.add(status=status_of(_not_sealed()))
        else:
            if delivery is not None:
                reply.deliveries.append(delivery)
        return reply

    async def _carry_out(self, data: bytes) -> pb.ReceiveReferralsResponse:
        reply = pb.ReceiveReferralsResponse()
        try:
            request = _parsed(data)
            if request.HasField("hello"):
                reply.welcome.CopyFrom(await self._hello())
        except DomainError as refused:
            reply.outcomes.add(status=status_of(refused))
            return reply
        for action in request.actions:
            reply.outcomes.append(await self._act(action))
        return reply

    async def _hello(self) -> pb.Welcome:
        agency = self._mesh.caller().agency
        pump = self._pumps.of(agency)
        try:
            await pump.furnish()
        except (NatsError, OSError, TimeoutError):
            raise unreachable() from None
        return pb.Welcome(agency=agency, waiting=await pump.waiting())

    async def _act(self, action: pb.Action) -> pb.Outcome:
        request = request_of(action)
        try:
            actor = self._mesh.caller()
            if request is not action:
                self._mesh.access.admit(actor, method_of(request), request)
            with await self._mesh.access.place(actor, request):
                return await outcome_of(self._actions, action)
        except DomainError as refused:
            return pb.Outcome(request_id=request_id_of(action), status=status_of(refused))


def _not_sealed() -> Invalid:
    return Invalid(
        f"send an item of your own inbox as it came, with its subject in {headers.OPEN}",
        "请将本单位收件箱中的原始消息连同其主题一并发送",
        {headers.OPEN: "the subject of an item of your own inbox"},
    )


def _parsed(data: bytes) -> pb.ReceiveReferralsRequest:
    try:
        if len(data) <= MESSAGE_BYTES:
            return pb.ReceiveReferralsRequest.FromString(data)
    except DecodeError:
        pass
    raise UNPARSABLE.with_traceback(None) from None
