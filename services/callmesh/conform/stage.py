"""What a scenario has at hand: to send deliveries, to wait for what must come, to see that nothing else did.

A scenario waits for what the partner must do (at most `Pace.answer`). That something does *not* happen it concludes
from later work: after another referral has been worked, and a quiet moment, the partner had its chance.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.api.v1.referral_pb2 import Referral
from callmesh.conform.inbox import Seat, kind_name
from callmesh.conform.invented import Invented
from callmesh.conform.kit import Kit
from callmesh.conform.record import Event

T = TypeVar("T")


@dataclass(frozen=True)
class Pace:
    """How long things take, in seconds."""

    answer: float = 20.0
    """The partner may take so long to do what it must."""
    quiet: float = 1.0
    """It is watched so long for what it must not do."""
    outage: float = 5.0
    """So long the mesh is away."""
    retry: float = 2.0
    """RetryInfo asks it to wait so long."""
    burst: int = 200
    """Deliveries at once."""
    streams: int = 1
    """Streams that the partner means to hold."""


class Broken(Exception):
    """A rule of the contract was broken; the text says how."""


class NotShown(Exception):
    """It could not be seen whether the rule is kept; the text says why."""


class Stage:
    """One run's. `agency` is who the partner must be, "" when that does not matter."""

    def __init__(self, kit: Kit, seed: int, agency: str, pace: Pace) -> None:
        self.kit, self.agency, self.pace = kit, agency, pace
        self.record, self.gateway, self.front = kit.record, kit.gateway, kit.front
        self.invented = Invented(seed, agency or "partner")

    def clear(self) -> None:
        """A scenario is over: the mesh is right again."""
        self.front.shut = False
        self.gateway.clear()

    # connections

    @property
    def seats(self) -> list[Seat]:
        """Streams that said hello, whose connection stands. The server hears of a reset a little later."""
        return [one for one in self.gateway.inbox.seats if one.port in self.front.ports]

    @property
    def connected(self) -> bool:
        """Whether a stream of the partner said hello, or it pulls."""
        return bool(self.seats) or bool(self.record.of("call", "PullReferrals"))

    async def until_connected(self, why: str = "the partner did not connect", seconds: float = 0) -> None:
        """Waits for a stream or a pull; Broken when none comes."""
        await self.must(lambda: self.connected, why, seconds)

    def mark(self) -> tuple[int, int]:
        """Where the connections stand now, for `back`."""
        return self.gateway.streams, len(self.record.of("call", "PullReferrals"))

    async def back(self, mark: tuple[int, int], why: str) -> None:
        """The connections since `mark` were ended: a new stream said hello, or another pull came."""
        streams, pulls = mark

        def is_back() -> bool:
            fresh = any(one.number > streams for one in self.seats)
            return fresh or len(self.record.of("call", "PullReferrals")) > pulls

        await self.must(is_back, why)

    async def interrupt(self, why: str = "the partner did not come back after its connection was reset") -> None:
        """Resets every connection and waits until the partner is back."""
        mark = self.mark()
        await self.front.reset()
        await self.back(mark, why)

    # deliveries

    def offer(self, number: int = 1, role: Referral.Role.ValueType = Referral.LEAD) -> pb.Delivery:
        """A new referral, written in the book, not sent yet."""
        made = self.invented.offer(number, role)
        self.gateway.book.enter(made.referral)
        return made

    def news(
        self, of: pb.Delivery, kind: pb.Delivery.Kind.ValueType, state: Referral.State.ValueType | None = None
    ) -> pb.Delivery:
        """News of a referral, not sent yet; the book has its new state at once."""
        made = self.invented.news(of, kind, state)
        held = self.gateway.book.referrals[of.referral.name]
        if state is not None:
            held.state = state
        else:
            made.referral.state = made.case.referrals[0].state = held.state
        return made

    def send(self, *deliveries: pb.Delivery) -> Sequence[pb.Delivery]:
        """Sends them; what the partner was told may be changed afterwards only by news."""
        self.gateway.inbox.put(*deliveries)
        return deliveries

    # what must come

    async def must(self, condition: Callable[[], T], why: str, seconds: float = 0) -> T:
        """The first truthy answer; Broken with `why` when the partner takes too long."""
        wait = seconds or self.pace.answer
        found = await self.record.until(condition, wait)
        if not found:
            raise Broken(f"{why} within {wait:g} s")
        return found

    async def receipted(self, delivery: pb.Delivery, times: int = 1) -> None:
        """The delivery has so many receipts, with its id."""

        def receipts() -> list[Event]:
            heard = self.record.of("acknowledge", delivery.referral.name)
            return [one for one in heard if one.message.delivery_id == delivery.delivery_id]

        again = f" {times} times" if times > 1 else ""
        what = f"delivery {delivery.delivery_id} ({kind_name(delivery)}) was not receipted{again}"
        await self.must(lambda: len(receipts()) >= times, what)

    async def acted(self, kind: str, delivery: pb.Delivery, after: int = 0) -> Event:
        """An action of that kind on the referral, beyond the first `after`."""
        name = delivery.referral.name
        found = await self.must(lambda: self.record.of(kind, name)[after:], f"no {kind} of {name} came")
        return found[0]

    async def any_of(self, kinds: Sequence[str], delivery: pb.Delivery) -> Event:
        """An action of one of the kinds on the referral."""
        name = delivery.referral.name
        why = f"none of {', '.join(kinds)} of {name} came"
        found = await self.must(lambda: [one for kind in kinds for one in self.record.of(kind, name)], why)
        return found[0]

    async def done_unrefused(self, delivery: pb.Delivery) -> None:
        """The referral was resolved; Broken at once when the rules refuse an action on it."""
        name = delivery.referral.name

        def end() -> bool:
            return self.is_resolved(name) or bool(self.record.said("refused", name))

        await self.must(end, f"{name} was not resolved")
        for event in self.record.said("refused", name):
            raise Broken(f"the mesh refuses what the partner sent: {event.text} (request id {event.request_id!r})")

    async def worked(self, *deliveries: pb.Delivery) -> None:
        """Each referral was accepted and resolved, with success."""
        for one in deliveries:
            await self.acted("accept", one)
            await self.acted("resolve", one)
            name = one.referral.name
            await self.must(partial(self.is_resolved, name), f"{name} was not resolved")

    def is_resolved(self, name: str) -> bool:
        """Whether the book has a result of the referral."""
        return self.gateway.book.referrals[name].state == Referral.RESOLVED

    # what must not come

    async def settled(self) -> None:
        """The partner has had its chance: another referral went its way, and a quiet moment passed.

        NotShown when it did not: then something else is wrong, that another scenario tells.
        """
        other = self.offer()
        self.send(other)
        try:
            await self.worked(other)
        except Broken as broken:
            raise NotShown(f"another referral was not worked meanwhile: {broken}") from None
        await asyncio.sleep(self.pace.quiet)

    def never(self, kind: str, delivery: pb.Delivery, why: str, after: int = 0) -> None:
        """Broken when such an action was heard beyond the first `after`."""
        if len(self.record.of(kind, delivery.referral.name)) > after:
            raise Broken(why)

    # dice

    def shuffled(self, things: Sequence[T]) -> list[T]:
        """In an order of the seed."""
        return self.invented.random.sample(list(things), len(things))
