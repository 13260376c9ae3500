"""Mistakes made on the wire: a gateway stub that changes what goes up and comes down, as a faulty program would.

`Wire` stands where the generated stub stands (`Partner(gateway=...)`) and passes everything on; whoever overrides `up`
and `down` sees and changes every message. `FaultyWire` does so by a plan. The client itself stays correct, so each
fault is one short rule here, and an empty plan changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import grpc
from google.rpc import code_pb2

from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.api.v1.gateway_service_pb2 import ReceiveReferralsRequest as Up
from callmesh.api.v1.gateway_service_pb2 import ReceiveReferralsResponse as Down
from callmesh.kernel import headers
from callmesh.kernel.ids import new_id
from callmesh.partner.faults import Fault, FaultPlan
from callmesh.partner.wire import Wire

F = Fault
_WIDE = 100_000
_LONG_TEXT = "处置中" * 1_700


class _Gone:
    """A stream that is never opened."""

    async def read(self) -> Any:
        await asyncio.Event().wait()

    async def write(self, message: Up) -> None:
        await asyncio.Event().wait()

    def cancel(self) -> bool:
        return False


class FaultyWire(Wire):
    """Makes the faults of a plan that show in messages. `stub` opens streams to `agency`'s gateway."""

    def __init__(self, stub: Any, plan: FaultPlan) -> None:
        super().__init__(stub)
        self._plan = plan
        self._sent: set[str] = set()
        self._renamed: dict[str, str] = {}
        self._receipted: set[str] = set()
        self._again: dict[str, str] = {}
        self._unanswered = 0
        self._held: list[pb.Action] = []
        self._leaked: list[Any] = []
        self._actions: dict[str, pb.Action] = {}

    def ReceiveReferrals(self, **named: Any) -> Any:
        """Opens the stream, two or none, as the plan says."""
        if self.call is not None and self._plan.strikes(F.NO_RECONNECT):
            return _Gone()
        if self._plan.strikes(F.WRONG_AGENCY):
            named["metadata"] = [(key, "110" if key == headers.AGENCY else value) for key, value in named["metadata"]]
        if self._plan.strikes(F.DEADLINE_ON_STREAM):
            named["timeout"] = 1.0
        if self._plan.strikes(F.STREAM_LEAK):
            self._leak(**named)
        return super().ReceiveReferrals(**named)

    def _leak(self, **named: Any) -> None:
        """A stream beside the one that is worked on: opened, greeted and left alone."""
        call = self._stub.ReceiveReferrals(**named)

        async def greet() -> None:
            try:
                await call.write(Up(hello=pb.Hello(max_in_flight=1)))
                await call.read()
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                return

        self._leaked.append((call, asyncio.ensure_future(greet())))

    def broken(self) -> None:
        """What was held for an answer is lost with the stream."""
        self._unanswered, self._held = 0, []

    # up

    def up(self, message: Up) -> Iterable[Up]:
        """Hello and every action, each as the plan makes it."""
        made = Up(pong=message.pong)
        if message.HasField("hello"):
            made.hello.CopyFrom(message.hello)
            if self._plan.strikes(F.TOO_MUCH_IN_FLIGHT):
                made.hello.max_in_flight = _WIDE
            if self._plan.strikes(F.NO_HELLO):
                made.ClearField("hello")
        for action in message.actions:
            made.actions.extend(self._action(action))
        if made.ByteSize() or message.HasField("hello"):
            yield made

    def _action(self, action: pb.Action) -> list[pb.Action]:
        made = pb.Action()
        made.CopyFrom(action)
        kind = made.WhichOneof("action") or ""
        if kind == "acknowledge":
            return self._receipt(made)
        if made.request_id in self._sent and self._plan.strikes(F.FORGETS_UNANSWERED):
            return []
        self._worded(made, kind)
        self._named(made, kind)
        self._unanswered += 1
        return [made]

    def _receipt(self, action: pb.Action) -> list[pb.Action]:
        receipt = action.acknowledge
        key = receipt.delivery_id
        receipt.delivery_id = key = self._again.get(key, key)
        if self._plan.strikes(F.NO_RECEIPT):
            return []
        if key in self._receipted and self._plan.strikes(F.NO_SECOND_RECEIPT):
            return []
        self._receipted.add(key)
        if self._plan.strikes(F.RECEIPT_WITHOUT_ID):
            receipt.delivery_id = ""
        if self._unanswered and self._plan.has(F.BLOCKS_ON_ANSWER):
            self._held.append(action)
            return []
        return [action]

    def _worded(self, made: pb.Action, kind: str) -> None:
        """What the people say, said wrongly."""
        if kind == "accept" and self._plan.strikes(F.NO_HANDLER):
            made.accept.handler = ""
        if kind == "resolve" and self._plan.strikes(F.NO_PUBLIC_REPLY):
            made.resolve.public_reply = ""
        if kind == "progress" and self._plan.strikes(F.TEXT_TOO_LONG):
            made.progress.text = _LONG_TEXT
        if self._plan.strikes(F.GUESSES_NAMES):
            request = getattr(made, kind)
            request.name = request.name.partition("/referrals/")[0] + "/referrals/1"

    def _named(self, made: pb.Action, kind: str) -> None:
        """The request id, chosen wrongly; its answer finds back to the action all the same."""
        own = made.request_id
        if self._plan.strikes(F.ONE_ID_FOR_ALL):
            made.request_id = getattr(made, kind).name.rpartition("/cases/")[2][-60:]
        if self._plan.strikes(F.BAD_REQUEST_ID):
            made.request_id = f"{own} of our system, made at the front desk, by hand, for this referral"
        if own in self._sent and self._plan.strikes(F.NEW_ID_EACH_TRY):
            made.request_id = new_id()
        self._sent.add(own)
        self._renamed[made.request_id] = own
        self._actions[own] = made

    # down

    def down(self, message: Down) -> Down:
        """Outcomes and deliveries, as the plan lets the program see them."""
        made = Down()
        made.CopyFrom(message)
        del made.outcomes[:], made.deliveries[:]
        for outcome in message.outcomes:
            made.outcomes.extend(self._outcome(outcome))
        for delivery in message.deliveries:
            made.deliveries.extend(self._delivery(delivery))
        return made

    def _outcome(self, outcome: pb.Outcome) -> list[pb.Outcome]:
        self._unanswered = max(0, self._unanswered - 1)
        own = outcome.request_id = self._renamed.get(outcome.request_id, outcome.request_id)
        code = outcome.status.code
        if code == code_pb2.RESOURCE_EXHAUSTED and self._plan.strikes(F.IGNORES_RETRY_INFO):
            return self._send_again(own)
        if code and code not in (code_pb2.UNAVAILABLE, code_pb2.RESOURCE_EXHAUSTED):
            if self._plan.strikes(F.REPEATS_REFUSED):
                return self._send_again(own)
            if self._plan.strikes(F.IGNORES_REFUSAL):
                outcome.ClearField("status")
        if self._unanswered == 0 and self._held:
            self._send(*self._held)
            self._held = []
        return [outcome]

    def _send_again(self, request_id: str) -> list[pb.Outcome]:
        """The same action at once, its answer kept from the program."""
        self._unanswered += 1
        self._send(self._actions[request_id])
        return []

    def _send(self, *actions: pb.Action) -> None:
        """Past the program, after what it is writing now."""
        call = self.call

        async def later() -> None:
            try:
                await call.send(Up(actions=actions))
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                return

        self._leaked.append((None, asyncio.ensure_future(later())))

    def _delivery(self, delivery: pb.Delivery) -> list[pb.Delivery]:
        known = delivery.kind in pb.Delivery.Kind.values()
        if not known and self._plan.strikes(F.UNKNOWN_KIND_HANGS_UP):
            self.call.cancel()
            return []
        if not known and self._plan.strikes(F.UNKNOWN_KIND_DROPPED):
            return []
        if _has_unknown(delivery) and self._plan.strikes(F.UNKNOWN_FIELD_REFUSED):
            return []
        if delivery.attempt > 1 and self._plan.strikes(F.NOT_DEDUPLICATED):
            fresh = f"{delivery.delivery_id}#{delivery.attempt}"
            self._again[fresh] = delivery.delivery_id
            delivery.delivery_id = fresh
        if self._plan.strikes(F.EARLY_RECEIPT):
            self._send(_receipt_of(delivery))
        return [delivery]


def _receipt_of(delivery: pb.Delivery) -> pb.Action:
    request = pb.AcknowledgeReferralRequest(name=delivery.referral.name, delivery_id=delivery.delivery_id)
    return pb.Action(acknowledge=request)


def _has_unknown(message: Any) -> bool:
    """Whether a message, or one within, has a field that this program's contract does not know."""
    from google.protobuf.unknown_fields import UnknownFieldSet

    if len(UnknownFieldSet(message)):
        return True
    return any(_has_unknown(one) for one in _within(message))


def _within(message: Any) -> Iterable[Any]:
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            continue
        yield from value if field.is_repeated else (value,)
