"""The port to the telephone switch: ring, conference, leave, hang up; what happens on the line comes back.

A leg has an id of ours, so whatever is asked twice happens once. `ring` answers as soon as the switch was told: what
comes of it is heard later, through `Listener`. A switch that is away says so at once (SwitchAway), and nobody waits
for it. Whenever it is connected anew it tells every leg that it knows before anything else, and the listener
sets right what was missed. The first implementation speaks to a switch over lines of text (line_switch.py); a SIP one
keeps the same contract (tests/contract/switch).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from callmesh.domain.words import LegReason, LegState


class SwitchAway(Exception):
    """The switch cannot be told: there is no connection to it."""


@dataclass(frozen=True, slots=True)
class Ringing:
    """Whom to ring. `line` is the call that the caller is on; `conference`: the operator stays on it."""

    leg: str
    line: str
    number: str
    conference: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """What the switch says of a leg; `step` counts what it said of this leg, 0 when it only tells where it stands."""

    leg: str
    state: LegState
    reason: LegReason | None = None
    step: int = 0


class Listener(Protocol):
    """Who is told."""

    async def heard(self, news: Heard) -> None:
        """A leg changed."""

    async def connected(self, known: tuple[Heard, ...]) -> None:
        """The switch is there, with these legs; whatever else was on it is gone."""

    async def away(self) -> None:
        """The switch has been gone for too long to wait."""


class Switch(Protocol):
    """A telephone switch; every method raises SwitchAway when it cannot be told."""

    async def ring(self, wanted: Ringing) -> None:
        """Rings, or makes the leg that rings already a conference or not."""

    async def conference(self, leg: str) -> None:
        """Caller, operator and the leg on one line."""

    async def leave(self, leg: str) -> None:
        """The operator leaves, caller and leg talk on."""

    async def hang_up(self, leg: str) -> None:
        """Ends the leg; one that is over or unknown is ended already."""

    async def run(self) -> None:
        """Keeps the connection and tells the listener; until cancelled."""
