"""What waits for the partner, on its streams or to be pulled.

A delivery is held by the stream that got it until it is receipted; when the stream breaks it goes to the next one,
with the same id and a higher attempt. No stream gets more than it asked for in its hello.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.conform.record import Record

_KINDS = frozenset(pb.Delivery.Kind.values())


@dataclass(eq=False)
class Seat:
    """One open stream, on the connection from `port`; `out` is what goes down it, None to end it."""

    number: int
    port: int
    room: int = 0
    heartbeat: bool = False
    out: asyncio.Queue[pb.ReceiveReferralsResponse | None] = field(default_factory=asyncio.Queue)
    held: set[str] = field(default_factory=set)


class Inbox:
    """Of one agency."""

    def __init__(self, record: Record) -> None:
        self.seats: list[Seat] = []
        self._record = record
        self._waiting: deque[pb.Delivery] = deque()
        self._held: dict[str, pb.Delivery] = {}

    @property
    def waiting(self) -> int:
        """Deliveries that nobody holds."""
        return len(self._waiting)

    def put(self, *deliveries: pb.Delivery) -> None:
        """Sends them, in one message as far as there is room."""
        self._waiting.extend(deliveries)
        self._hand_out()

    def again(self, *deliveries: pb.Delivery) -> None:
        """Sends them once more, receipted or not."""
        for one in deliveries:
            one.attempt += 1
        self.put(*deliveries)

    def join(self, seat: Seat) -> None:
        """A stream said hello."""
        self.seats.append(seat)
        self._hand_out()

    def leave(self, seat: Seat) -> None:
        """A stream ended: what it held comes again."""
        if seat in self.seats:
            self.seats.remove(seat)
        lost = [self._held.pop(one) for one in sorted(seat.held, key=_place) if one in self._held]
        for one in lost:
            one.attempt += 1
        self._waiting.extendleft(reversed(lost))
        self._hand_out()

    def receipt(self, delivery_id: str) -> None:
        """It is done with."""
        self._held.pop(delivery_id, None)
        for seat in self.seats:
            seat.held.discard(delivery_id)
        self._hand_out()

    def pull(self, count: int) -> list[pb.Delivery]:
        """What waits now, and what was pulled and not receipted."""
        streamed = {one for seat in self.seats for one in seat.held}
        pulled = [one for key, one in self._held.items() if key not in streamed]
        while self._waiting and len(pulled) < count:
            pulled.append(self._take(self._waiting.popleft()))
        return pulled[:count]

    def clear(self) -> None:
        """Forgets what was not receipted."""
        self._waiting.clear()
        self._held.clear()
        for seat in self.seats:
            seat.held.clear()

    def _hand_out(self) -> None:
        for seat in sorted(self.seats, key=lambda one: len(one.held)):
            found = []
            while self._waiting and len(seat.held) < seat.room:
                one = self._take(self._waiting.popleft())
                seat.held.add(one.delivery_id)
                found.append(one)
            if found:
                seat.out.put_nowait(pb.ReceiveReferralsResponse(deliveries=found))

    def _take(self, delivery: pb.Delivery) -> pb.Delivery:
        self._held[delivery.delivery_id] = delivery
        text = f"delivery {delivery.delivery_id} attempt {delivery.attempt}"
        self._record.told(kind_name(delivery), delivery.referral.name, text=text, message=delivery)
        return delivery


def kind_name(delivery: pb.Delivery) -> str:
    """In words; the number of one that nobody knows."""
    return pb.Delivery.Kind.Name(delivery.kind) if delivery.kind in _KINDS else f"kind {delivery.kind}"


def _place(delivery_id: str) -> int:
    return int(delivery_id)
