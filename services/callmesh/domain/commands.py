"""What somebody may ask for: one frozen value for each command. `decide` answers with a fact.

Commands carry everything that deciding needs (targets chosen, calendar, limits), so deciding
stays pure. Text fields are checked here for presence, nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

from callmesh.domain.case import Classification, FollowUp, Situation
from callmesh.domain.directory import Calendar, LimitProfile, Span
from callmesh.domain.facts import CaseOpened
from callmesh.domain.words import Limit, Mode, Role


@dataclass(frozen=True, slots=True)
class Open:
    """Write a report down."""

    opened: CaseOpened


@dataclass(frozen=True, slots=True)
class Amend:
    """Add words or counts."""

    text: str = ""
    situation: Situation | None = None


@dataclass(frozen=True, slots=True)
class Classify:
    """Record a classification. `machine_category` is what the machine thinks: differing needs a reason."""

    classification: Classification
    machine_category: str = ""
    emergency: bool = False
    lower_emergency: bool = False
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer on the spot."""

    result: str
    public_reply: str


@dataclass(frozen=True, slots=True)
class Reject:
    """Refuse on a listed ground."""

    reason: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """Withdraw."""

    reason: str


@dataclass(frozen=True, slots=True)
class Target:
    """An agency to offer to, with the limits that will bind it and why it was chosen."""

    agency: str
    role: Role
    limits: LimitProfile
    basis: str
    emergency_service: bool = False
    task: str = ""
    binding: bool = False


@dataclass(frozen=True, slots=True)
class Transfer:
    """Offer the case to all of `targets` at once."""

    targets: tuple[Target, ...]
    mode: Mode
    calendar: Calendar
    plan: str = ""
    reason: str = ""
    city_version: str = ""
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Receive:
    """The agency's machine has the referral, after so many attempts to deliver it (0: not known)."""

    referral: str
    calendar: Calendar
    return_within: Span
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Accept:
    """A person takes the referral."""

    referral: str
    handler: str
    calendar: Calendar
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """Report progress or arrival."""

    referral: str
    text: str = ""
    arrived: bool = False


@dataclass(frozen=True, slots=True)
class RequestReturn:
    """Say that the referral is not ours."""

    referral: str
    reason: str
    basis: str
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GrantReturn:
    """Grant a return and offer the case to `target`."""

    referral: str
    reason: str
    target: Target
    calendar: Calendar


@dataclass(frozen=True, slots=True)
class DenyReturn:
    """Deny a return."""

    referral: str
    reason: str


@dataclass(frozen=True, slots=True)
class Resolve:
    """Say that the work is done."""

    referral: str
    result: str
    public_reply: str = ""


@dataclass(frozen=True, slots=True)
class Recall:
    """Take a referral back."""

    referral: str
    reason: str


@dataclass(frozen=True, slots=True)
class Waive:
    """Say that a supporting agency is not needed."""

    referral: str
    reason: str


@dataclass(frozen=True, slots=True)
class RecordFollowUp:
    """Record what the caller said."""

    follow_up: FollowUp


@dataclass(frozen=True, slots=True)
class Close:
    """End the case."""

    waiver: str = ""


@dataclass(frozen=True, slots=True)
class Reopen:
    """Begin a new round with `target`."""

    reason: str
    target: Target
    calendar: Calendar


@dataclass(frozen=True, slots=True)
class MissDeadline:
    """A limit's timer fired."""

    referral: str
    limit: Limit


Command = (
    Open
    | Amend
    | Classify
    | Answer
    | Reject
    | Cancel
    | Transfer
    | Receive
    | Accept
    | Progress
    | RequestReturn
    | GrantReturn
    | DenyReturn
    | Resolve
    | Recall
    | Waive
    | RecordFollowUp
    | Close
    | Reopen
    | MissDeadline
)
