"""One pump an agency: from its inbox to whoever of it is connected.

An item travels: inbox -> the agency's durable -> a stream of the agency with room -> the partner's
receipt -> acknowledged. Unreceipted items of a broken stream are given back at once and go to
the next stream, or wait. A redelivered offer whose receipt is on the log already (the answer got
lost, or this process died between the two) is acknowledged without sending it again.
At most `max_in_flight` items a stream are unreceipted, so a slow partner holds nothing but itself.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

import nats.errors
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy

from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.domain.errors import Unreachable
from callmesh.kernel.messaging import ensure_durable, require_connection, sequence_of, unreachable
from callmesh.kernel.telemetry import delivered_total, log, redelivered_total
from callmesh.ledger.boot import Mesh

FETCH = 64
FETCH_SECONDS = 5.0
ACK_WAIT_SECONDS = 30.0
MAX_ACK_PENDING = 10_000
Send = Callable[[pb.Delivery], None]


@dataclass(eq=False)
class Seat:
    """One connected stream: how many items it may still be given, and how to hand one over."""

    room: int
    send: Send
    held: set[str] = field(default_factory=set)


class Pump:
    """The agency's side of its durable consumer."""

    def __init__(self, mesh: Mesh, agency: str) -> None:
        self._mesh, self.agency = mesh, agency
        self._in_flight: dict[str, Msg] = {}
        self._seats: list[Seat] = []
        self._room = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def connected(self) -> int:
        """Streams that are open now."""
        return len(self._seats)

    def join(self, seat: Seat) -> None:
        """A stream opened."""
        self._seats.append(seat)
        self._room.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def leave(self, seat: Seat) -> None:
        """A stream ended: what it had not receipted is given back."""
        self._seats.remove(seat)
        for delivery_id in list(seat.held):
            await self._give_back(delivery_id)
        if not self._seats and self._task is not None:
            self._task.cancel()

    async def receipted(self, delivery_id: str) -> None:
        """The partner has it: the server may forget it."""
        message = self._in_flight.pop(delivery_id, None)
        for seat in self._seats:
            if delivery_id in seat.held:
                seat.held.discard(delivery_id)
                seat.room += 1
                self._room.set()
        if message is not None:
            with contextlib.suppress(NatsError, OSError):
                await message.ack()

    async def pull(self, count: int) -> list[pb.Delivery]:
        """What waits now, for partners without a stream."""
        require_connection(self._mesh.runtime.client)
        try:
            subscription = await self._subscribe()
            try:
                messages = await subscription.fetch(count, timeout=0.3)
            finally:
                await subscription.unsubscribe()
        except (TimeoutError, nats.errors.TimeoutError):
            return []
        except (NatsError, OSError) as wrong:
            raise unreachable() from wrong
        found = [await self._take(message) for message in messages]
        return [one for one in found if one is not None]

    async def waiting(self) -> int:
        """Items not delivered yet; 0 when NATS does not say."""
        runtime = self._mesh.runtime
        try:
            durable = runtime.names.inbox_durable(self.agency)
            info = await runtime.js.consumer_info(runtime.names.inbox_stream, durable)
        except (TimeoutError, NatsError, OSError):
            return 0
        return int(info.num_pending or 0)

    async def close(self) -> None:
        """The process ends: give everything back."""
        if self._task is not None:
            self._task.cancel()
        for delivery_id in list(self._in_flight):
            await self._give_back(delivery_id)

    async def _run(self) -> None:
        while True:
            try:
                subscription = await self._subscribe()
                await self._feed(subscription)
            except (TimeoutError, NatsError, OSError, Unreachable) as wrong:
                log.warning("pump lost NATS", agency=self.agency, error=type(wrong).__name__)
                await asyncio.sleep(0.5)

    async def _subscribe(self) -> JetStreamContext.PullSubscription:
        runtime = self._mesh.runtime
        stream, durable = runtime.names.inbox_stream, runtime.names.inbox_durable(self.agency)
        await ensure_durable(
            runtime.js,
            stream,
            durable,
            runtime.names.inbox_of(self.agency),
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT_SECONDS,
            max_ack_pending=MAX_ACK_PENDING,
        )
        return await runtime.js.pull_subscribe_bind(durable, stream)

    async def _feed(self, subscription: JetStreamContext.PullSubscription) -> None:
        while True:
            await self._until_room()
            try:
                count = min(FETCH, sum(seat.room for seat in self._seats))
                messages = await subscription.fetch(max(count, 1), timeout=FETCH_SECONDS)
            except (TimeoutError, nats.errors.TimeoutError):
                require_connection(self._mesh.runtime.client)
                continue
            for message in messages:
                delivery = await self._take(message)
                if delivery is not None:
                    await self._hand_over(delivery)

    async def _until_room(self) -> None:
        while not any(seat.room > 0 for seat in self._seats):
            self._room.clear()
            await self._room.wait()

    async def _take(self, message: Msg) -> pb.Delivery | None:
        """The delivery in a message, or None when it needs no sending any more."""
        delivery = pb.Delivery.FromString(message.data)
        delivery.delivery_id = str(sequence_of(message))
        delivery.attempt = message.metadata.num_delivered
        if delivery.attempt > 1:
            redelivered_total.add(1, {"agency": self.agency})
            if await self._receipted_before(delivery):
                await message.ack()
                return None
        self._in_flight[delivery.delivery_id] = message
        delivered_total.add(1, {"agency": self.agency})
        return delivery

    async def _receipted_before(self, delivery: pb.Delivery) -> bool:
        if delivery.kind != pb.Delivery.Kind.OFFERED:
            return False
        name = delivery.referral.name
        head = await self._mesh.ledger.head(name.split("/")[1])
        referral = head.case.referral(name) if head else None
        return referral is not None and referral.received_at is not None

    async def _hand_over(self, delivery: pb.Delivery) -> None:
        seat = max(self._seats, key=lambda one: one.room, default=None)
        if seat is None:
            await self._give_back(delivery.delivery_id)
            return
        if delivery.delivery_id not in seat.held:
            seat.room -= 1
            seat.held.add(delivery.delivery_id)
        seat.send(delivery)

    async def _give_back(self, delivery_id: str) -> None:
        message = self._in_flight.pop(delivery_id, None)
        if message is not None:
            with contextlib.suppress(NatsError, OSError):
                await message.nak()


class Pumps:
    """The pumps of all agencies that ever connected to this process."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self._pumps: dict[str, Pump] = {}

    def of(self, agency: str) -> Pump:
        """The agency's pump."""
        return self._pumps.setdefault(agency, Pump(self._mesh, agency))

    async def close(self) -> None:
        """Gives everything back."""
        for pump in self._pumps.values():
            await pump.close()
