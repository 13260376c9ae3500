"""One pump an agency: from its inbox to whoever of it is connected.

An item travels: inbox -> the agency's durable -> a stream of the agency with room -> the partner's
receipt -> acknowledged. Unreceipted items of a broken stream are given back at once and go to
the next stream, or wait. When this process dies between a receipt and its acknowledgement the item
comes again, with the same delivery id: that the referral was received does not say which of its
items the partner has.
At most `max_in_flight` items a stream are unreceipted, so a slow partner holds nothing but itself. A
stream that is open but silent (its partner hangs) is given nothing, and what it holds is given back.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Collection, Iterable
from typing import Any

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy

from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.domain.errors import Unreachable
from callmesh.gateway.inbox import opened
from callmesh.gateway.seats import Seat, state_of
from callmesh.kernel.ids import now
from callmesh.kernel.kek import BadKey
from callmesh.kernel.messaging import PAUSE_SECONDS, ensure_durable, require_connection, sequence_of, unreachable
from callmesh.kernel.pull import Puller
from callmesh.kernel.tasks import ended
from callmesh.kernel.telemetry import delivered_total, fault, log, redelivered_total
from callmesh.ledger.boot import Mesh
from callmesh.ledger.wire import to_timestamp

FETCH = 64
PULL_SECONDS = 0.3
PULL_BYTES = 2 * 1024 * 1024
"""An answer is not gone on with beyond this: a client takes 4 MiB, an item has one at most."""
ACK_WAIT_SECONDS = 10.0
MAX_ACK_PENDING = 10_000
LOCKED_SECONDS = 30.0
SETTLE_SECONDS = 1.0


class Pump:
    """The agency's side of its durable consumer."""

    def __init__(self, mesh: Mesh, agency: str, told: Callable[[], None]) -> None:
        self._mesh, self.agency, self._told = mesh, agency, told
        self.presence = pb.Presence(agency=agency, state=pb.Presence.AWAY)
        self._in_flight: dict[str, Msg] = {}
        self._seats: list[Seat] = []
        self._room = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._furnished = False

    def join(self, seat: Seat) -> None:
        """A stream opened."""
        self._seats.append(seat)
        self._note()
        self._room.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def leave(self, seat: Seat, under_way: Collection[asyncio.Task[Any]] = ()) -> None:
        """A stream ended: what it had not receipted is given back. A receipt `under_way` gets a moment: given back amid
        it, what is done with would come again."""
        self._seats.remove(seat)
        self._note()
        if not self._seats and self._task is not None:
            running, self._task = self._task, None
            await ended(running)  # first, else what is given back comes to nobody
        if under_way:
            await asyncio.wait(under_way, timeout=SETTLE_SECONDS)
        await self._vacate(seat)

    async def hear(self, seat: Seat, silent: bool) -> None:
        """Whether a stream answers; what a silent one holds goes to others, or waits."""
        if seat.silent == silent:
            return
        seat.silent = silent
        self._note()
        if silent:
            await self._vacate(seat)
        else:
            self._room.set()

    async def _vacate(self, seat: Seat) -> None:
        seat.room += len(seat.held)
        held, seat.held = seat.held, {}
        for delivery_id in held:
            await self._give_back(delivery_id)

    def _note(self) -> None:
        """Keeps `presence` up to date, and tells when its state changed."""
        state = state_of(self._seats)
        self.presence.streams = len(self._seats)
        if state != self.presence.state:
            self.presence.state = state
            self.presence.since.CopyFrom(to_timestamp(now()))
            log.info("partner is " + pb.Presence.State.Name(state).lower(), agency=self.agency)
            self._told()

    def attempts(self, delivery_id: str) -> int:
        """How often the server has handed out an item that is in flight here; 0 for one that is not."""
        message = self._in_flight.get(delivery_id)
        return int(message.metadata.num_delivered) if message is not None else 0

    def gave(self, delivery_id: str, referral: str) -> bool:
        """False when what is in flight here under this id is another referral's; "" for the referral is any."""
        message = self._in_flight.get(delivery_id)
        names = self._mesh.runtime.names
        return message is None or not referral or message.subject == names.inbox(self.agency, referral)

    async def item(self, delivery_id: str) -> pb.Delivery | None:
        """The item that is in flight here under this id; None when there is none, or none that can be opened."""
        message = self._in_flight.get(delivery_id)
        with contextlib.suppress(BadKey):
            return await opened(self._mesh, message.subject, message.data) if message is not None else None
        return None

    async def receipted(self, delivery_id: str) -> bool:
        """The partner has it: the server may forget it. False when it was not given out here."""
        message = self._in_flight.pop(delivery_id, None)
        for seat in self._seats:
            if delivery_id in seat.held:
                del seat.held[delivery_id]
                seat.room += 1
                self._room.set()
        if message is None:
            return False
        with contextlib.suppress(NatsError, OSError):
            await message.ack()
        return True

    async def pull(self, count: int) -> list[pb.Delivery]:
        """What waits now, for partners without a stream."""
        require_connection(self._mesh.runtime.client)
        try:
            messages = await self._fetch(count)
        except (NatsError, OSError) as wrong:
            raise unreachable() from wrong
        waiting, taken, size = deque(messages), list[pb.Delivery](), 0
        try:
            while waiting and size < PULL_BYTES:
                size += len(waiting[0].data)
                delivery = await self._take(waiting[0])
                waiting.popleft()
                taken += [delivery] if delivery is not None else []
        finally:
            await _return(waiting)
        return taken

    async def waiting(self) -> int:
        """Items not delivered yet; 0 when NATS does not say."""
        with contextlib.suppress(TimeoutError, NatsError, OSError):
            if not self._furnished:
                await self.furnish()
            info = await self._mesh.runtime.js.consumer_info(*self._durable)
            return int(info.num_pending or 0)
        return 0

    def hang_up(self) -> None:
        """Ends all streams, so that partners connect elsewhere or again."""
        for seat in self._seats:
            seat.hang_up()

    async def close(self) -> None:
        """The process ends: give everything back."""
        if self._task is not None:
            self._task.cancel()
        for delivery_id in list(self._in_flight):
            await self._give_back(delivery_id)

    async def _run(self) -> None:
        while True:
            puller = Puller(self._mesh.runtime.client, *self._durable)
            try:
                await self.furnish()
                await puller.open()
                await self._feed(puller)
            except (NatsError, OSError, TimeoutError, Unreachable) as wrong:
                log.warning("pump lost NATS", agency=self.agency, error=repr(wrong)[:100])
                await asyncio.sleep(PAUSE_SECONDS)
            except Exception as wrong:  # one that ended would leave its agency without anything, and looking well
                log.error("pump failed and begins anew", agency=self.agency, error=fault(wrong))
                await asyncio.sleep(PAUSE_SECONDS)
            finally:
                await puller.close()
                await _return(puller.left())

    @property
    def _durable(self) -> tuple[str, str]:
        names = self._mesh.runtime.names
        return names.inbox_stream, names.inbox_durable(self.agency)

    async def furnish(self) -> None:
        """Makes the agency's durable if it is missing."""
        runtime = self._mesh.runtime
        await ensure_durable(
            runtime.js,
            *self._durable,
            runtime.names.inbox_of(self.agency),
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT_SECONDS,
            max_ack_pending=MAX_ACK_PENDING,
        )
        self._furnished = True

    async def _fetch(self, count: int) -> list[Msg]:
        """What waits at once; [] when nothing does."""
        await self.furnish()
        stream, durable = self._durable
        subscription = await self._mesh.runtime.js.pull_subscribe_bind(durable, stream)
        try:
            return await subscription.fetch(count, timeout=PULL_SECONDS)
        except TimeoutError:
            return []
        finally:
            await subscription.unsubscribe()

    async def _feed(self, puller: Puller) -> None:
        while True:
            await self._until_room()
            room = min(FETCH, sum(seat.room for seat in self._seats if not seat.silent))
            arrived = deque(await puller.take(room))
            try:
                while arrived:
                    delivery = await self._take(arrived[0])
                    if delivery is not None:
                        await self._hand_over(delivery)
                    arrived.popleft()
            finally:
                await _return(arrived)

    async def _until_room(self) -> None:
        while not any(seat.room > 0 and not seat.silent for seat in self._seats):
            self._room.clear()
            await self._room.wait()

    async def _take(self, message: Msg) -> pb.Delivery | None:
        """The delivery in a message, in flight from now on.

        None when its case was erased since: it is done with. None, too, when its key is missing, which is the
        operators' affair: it comes again later, and the agency's other items go on.
        """
        try:
            delivery = await opened(self._mesh, message.subject, message.data)
        except BadKey as wrong:
            log.error("an item cannot be opened", agency=self.agency, sequence=sequence_of(message), error=str(wrong))
            await message.nak(delay=LOCKED_SECONDS)
            return None
        if delivery is None:
            await message.ack()
            return None
        delivery.delivery_id = str(sequence_of(message))
        delivery.attempt = message.metadata.num_delivered
        if delivery.attempt > 1:
            redelivered_total.add(1, {"agency": self.agency})
        self._in_flight[delivery.delivery_id] = message
        delivered_total.add(1, {"agency": self.agency})
        return delivery

    async def _hand_over(self, delivery: pb.Delivery) -> None:
        answering = (one for one in self._seats if not one.silent)
        seat = max(answering, key=lambda one: one.room, default=None)
        if seat is None:
            await self._give_back(delivery.delivery_id)
            return
        if delivery.delivery_id not in seat.held:
            seat.room -= 1
            seat.held[delivery.delivery_id] = None
        seat.send(delivery)

    async def _give_back(self, delivery_id: str) -> None:
        message = self._in_flight.pop(delivery_id, None)
        if message is not None:
            with contextlib.suppress(NatsError, OSError):
                await message.nak()


async def _return(messages: Iterable[Msg]) -> None:
    """Gives back what nobody was given, so that it comes again at once."""
    for message in messages:
        with contextlib.suppress(NatsError, OSError):
            await message.nak()
