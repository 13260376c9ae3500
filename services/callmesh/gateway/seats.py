"""Who of an agency is connected: its streams, how much each may still be given, and what that makes of its presence."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from callmesh.api.v1 import gateway_service_pb2 as pb

Send = Callable[[pb.Delivery], None]


@dataclass(eq=False, slots=True)
class Seat:
    """One connected stream: how many items it may still be given, how to hand one over, whether it answers."""

    room: int
    send: Send
    hang_up: Callable[[], None]
    held: dict[str, None] = field(default_factory=dict)
    """Ids of deliveries, in the order they went out; an empty set would be three times as large."""
    silent: bool = False


def state_of(seats: Iterable[Seat]) -> "pb.Presence.State.ValueType":
    """Present when one of them answers, silent when none does, away without any."""
    silent = [one.silent for one in seats]
    if not silent:
        return pb.Presence.AWAY
    return pb.Presence.SILENT if all(silent) else pb.Presence.PRESENT
