"""Calls of a case: a leg an agency or interpreter that was rung, and the call-back that a lost one leaves.

Field names equal those of protos/callmesh/api/v1/case.proto. Of a leg the log holds the whole after every change. Its
`conference` is what people wish, its `state` what the switch says; transfer brings the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from callmesh.domain.words import LegReason, LegState

LIVE_LEG = frozenset({LegState.RINGING, LegState.ANSWERED, LegState.CONFERENCE})
TALKING = frozenset({LegState.ANSWERED, LegState.CONFERENCE})
NEXT_TARGET = frozenset({LegReason.NO_ANSWER, LegReason.BUSY})
"""Why the next number is tried: the caller is still there, nobody of the agency was."""


@dataclass(frozen=True, slots=True)
class CallBack:
    """Somebody of `agency` has to call the caller back (回电) by `due`; open until a person reached them."""

    agency: str = ""
    due: datetime | None = None
    overdue: bool = False
    attempts: int = 0
    done_at: datetime | None = None
    person: str = ""

    @property
    def is_open(self) -> bool:
        """True until the caller was reached."""
        return self.done_at is None


@dataclass(frozen=True, slots=True)
class CallLeg:
    """One leg of a transferred call or a conference (三方通话)."""

    leg: str
    agency: str
    state: LegState = LegState.RINGING
    at: datetime | None = None
    referral: str = ""
    language: str = ""
    target: int = 1
    targets: int = 1
    conference: bool = False
    reason: LegReason | None = None
    due: datetime | None = None
    call_back: CallBack | None = None

    @property
    def is_live(self) -> bool:
        """True while it rings or people talk on it."""
        return self.state in LIVE_LEG

    @property
    def is_owed(self) -> bool:
        """True while somebody has to call back because of it."""
        return self.call_back is not None and self.call_back.is_open


def leg_of(case_id: str, number: int) -> str:
    """The id of a case's leg of that number, counted from 1; the switch is told it, so a repeated ring rings once."""
    return f"{case_id}.{number}"


def case_of_leg(leg: str) -> str:
    """The id of the case that a leg belongs to."""
    return leg.rpartition(".")[0]
