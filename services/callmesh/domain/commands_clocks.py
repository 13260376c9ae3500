"""Commands of time and watch. `oversight` brings the city's rules and calendar along."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from callmesh.domain.directory import Calendar
from callmesh.domain.oversight import Oversight
from callmesh.domain.words import Limit, Supervision


@dataclass(frozen=True, slots=True)
class RequestExtension:
    """Ask for more time; `until` None is as long as the city allows."""

    referral: str
    reason: str
    oversight: Oversight
    until: datetime | None = None
    special: bool = False


@dataclass(frozen=True, slots=True)
class DecideExtension:
    """Grant or deny it; `until` is another time than the one asked for."""

    referral: str
    granted: bool
    reason: str
    calendar: Calendar
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class RequestSuspension:
    """Ask for a pause."""

    referral: str
    reason: str
    oversight: Oversight
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Suspend:
    """Approve the pause that was asked for, or order one."""

    referral: str
    reason: str
    oversight: Oversight
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class DenySuspension:
    """Deny a pause."""

    referral: str
    reason: str


@dataclass(frozen=True, slots=True)
class Resume:
    """End a pause; a timer may do so when its time is up."""

    referral: str
    oversight: Oversight
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Remind:
    """Ask an agency for progress."""

    referral: str
    reason: str
    oversight: Oversight


@dataclass(frozen=True, slots=True)
class RaiseSupervision:
    """Watch more closely."""

    supervision: Supervision | None
    reason: str


@dataclass(frozen=True, slots=True)
class LiftSupervision:
    """Stop watching."""

    reason: str


@dataclass(frozen=True, slots=True)
class WarnDeadline:
    """A limit is near."""

    referral: str
    limit: Limit


@dataclass(frozen=True, slots=True)
class MissDeadline:
    """A limit's timer fired; `referral` is "" for limits of the case as a whole."""

    referral: str
    limit: Limit


ClocksCommand = (
    RequestExtension
    | DecideExtension
    | RequestSuspension
    | Suspend
    | DenySuspension
    | Resume
    | Remind
    | RaiseSupervision
    | LiftSupervision
    | WarnDeadline
    | MissDeadline
)
