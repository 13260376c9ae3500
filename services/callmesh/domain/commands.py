"""What somebody may ask for: one frozen value for each command. `decide` answers with a fact.

Commands carry everything that deciding needs (targets chosen, calendar, limits), so deciding
stays pure. Text fields are checked here for presence, nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

from callmesh.domain import commands_matters as m
from callmesh.domain.case import Classification, FollowUp
from callmesh.domain.commands_calls import CallsCommand
from callmesh.domain.commands_calls import Confer as Confer
from callmesh.domain.commands_calls import HangUp as HangUp
from callmesh.domain.commands_calls import Hear as Hear
from callmesh.domain.commands_calls import Lapse as Lapse
from callmesh.domain.commands_calls import LeaveCall as LeaveCall
from callmesh.domain.commands_calls import RecordCallBack as RecordCallBack
from callmesh.domain.commands_calls import Ring as Ring
from callmesh.domain.commands_clocks import ClocksCommand
from callmesh.domain.commands_clocks import DecideExtension as DecideExtension
from callmesh.domain.commands_clocks import DenySuspension as DenySuspension
from callmesh.domain.commands_clocks import LiftSupervision as LiftSupervision
from callmesh.domain.commands_clocks import MissDeadline as MissDeadline
from callmesh.domain.commands_clocks import RaiseSupervision as RaiseSupervision
from callmesh.domain.commands_clocks import Remind as Remind
from callmesh.domain.commands_clocks import RequestExtension as RequestExtension
from callmesh.domain.commands_clocks import RequestSuspension as RequestSuspension
from callmesh.domain.commands_clocks import Resume as Resume
from callmesh.domain.commands_clocks import Suspend as Suspend
from callmesh.domain.commands_clocks import WarnDeadline as WarnDeadline
from callmesh.domain.commands_life import Annotate as Annotate
from callmesh.domain.commands_life import Approve as Approve
from callmesh.domain.commands_life import ChangeSupervisor as ChangeSupervisor
from callmesh.domain.commands_life import Contest as Contest
from callmesh.domain.commands_life import SendBack as SendBack
from callmesh.domain.commands_privacy import DecideDisclosure as DecideDisclosure
from callmesh.domain.commands_privacy import Erase as Erase
from callmesh.domain.commands_privacy import PrivacyCommand
from callmesh.domain.commands_privacy import RecordRelease as RecordRelease
from callmesh.domain.commands_privacy import RequestDisclosure as RequestDisclosure
from callmesh.domain.directory import Calendar, LimitProfile, RejectionGround, Span
from callmesh.domain.facts import CaseOpened
from callmesh.domain.oversight import Oversight
from callmesh.domain.report import Attachment, Situation
from callmesh.domain.words import Mode, Role


@dataclass(frozen=True, slots=True)
class Open:
    """Write a report down; under `oversight` it is watched from now on until it is offered or kept."""

    opened: CaseOpened
    oversight: Oversight | None = None


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
    oversight: Oversight | None = None
    diverts: bool = False
    """True when the matter belongs to another agency than its first receiver."""
    raises: bool = False
    """The machine has read what came later: it may raise an emergency where something was decided, and nothing else."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer on the spot."""

    result: str
    public_reply: str


@dataclass(frozen=True, slots=True)
class Reject:
    """Refuse on one of the grounds that the city lists, by its code; `reason` explains it."""

    ground: str
    listed: tuple[RejectionGround, ...]
    reason: str = ""


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
    forced: bool = False
    """True when a rule adds a body although the case has been offered: a threat, or danger in what came later."""
    conference: bool = False
    """True when the operator stays on the line when the lead answers."""


@dataclass(frozen=True, slots=True)
class Receive:
    """The agency's machine has the referral, after so many attempts to deliver it (0: not known)."""

    referral: str
    calendar: Calendar
    return_within: Span
    attempts: int = 0
    released: tuple[str, ...] = ()
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class Accept:
    """A person takes the referral."""

    referral: str
    handler: str
    calendar: Calendar
    unit: str = ""
    return_within: Span | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """Report progress, start of work, or arrival."""

    referral: str
    text: str = ""
    arrived: bool = False
    started: bool = False
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class RequestReturn:
    """Say that the referral is not ours."""

    referral: str
    reason: str
    basis: str
    flags: tuple[str, ...] = ()
    oversight: Oversight | None = None


@dataclass(frozen=True, slots=True)
class GrantReturn:
    """Grant a return and offer the case to `target`. `spent`: the city's hops are used up, it is binding."""

    referral: str
    reason: str
    target: Target
    calendar: Calendar
    spent: bool = False
    oversight: Oversight | None = None


@dataclass(frozen=True, slots=True)
class Designate:
    """Decide as a commander who leads from now on."""

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
    oversight: Oversight | None = None


@dataclass(frozen=True, slots=True)
class Recall:
    """Take a referral back."""

    referral: str
    reason: str
    oversight: Oversight | None = None


@dataclass(frozen=True, slots=True)
class Waive:
    """Say that a supporting agency is not needed."""

    referral: str
    reason: str


@dataclass(frozen=True, slots=True)
class RecordFollowUp:
    """Record what the caller said."""

    follow_up: FollowUp
    oversight: Oversight | None = None


@dataclass(frozen=True, slots=True)
class Close:
    """End the case. After `attempts` failed follow-up calls it needs no waiver; 0 is no such rule."""

    waiver: str = ""
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Reopen:
    """Begin a new round with `target`, at most `within_days` after the close; None is no such limit.

    From the round on that the city gives to a commander it is a commander's, or a supervisor's who hands it to one.
    """

    reason: str
    target: Target
    calendar: Calendar
    within_days: int | None = None
    oversight: Oversight | None = None


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
    | Contest
    | Designate
    | SendBack
    | Approve
    | Annotate
    | ChangeSupervisor
    | CallsCommand
    | ClocksCommand
    | PrivacyCommand
    | m.Command
)
