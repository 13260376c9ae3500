"""Commands of a life's harder turns; `Designate` stands in `commands`, beside the `Target` it needs."""

from __future__ import annotations

from dataclasses import dataclass

from callmesh.domain.oversight import Oversight


@dataclass(frozen=True, slots=True)
class Contest:
    """Contest the denial of a return."""

    referral: str
    reason: str
    oversight: Oversight | None = None


@dataclass(frozen=True, slots=True)
class SendBack:
    """Send a result back to its agency."""

    referral: str
    reason: str


@dataclass(frozen=True, slots=True)
class Approve:
    """Approve a result."""

    referral: str
    reason: str


@dataclass(frozen=True, slots=True)
class Annotate:
    """Add a note. `advisory`: the city lists the agency as one whose advice is welcome on any case."""

    text: str
    advisory: bool = False


@dataclass(frozen=True, slots=True)
class ChangeSupervisor:
    """Name the duty leader who watches the case."""

    supervisor: str
