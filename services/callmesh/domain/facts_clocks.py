"""Facts of time and watch: extensions (延期), pauses (挂账), warnings, reminders (催办), supervision (督办).

A fact carries the limits after it, so that `evolve` needs no calendar. What was missed is in `facts`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from callmesh.domain.words import Limit, Supervision


@dataclass(frozen=True, slots=True)
class ExtensionRequested:
    """More time was asked for, before it was due."""

    referral: str
    until: datetime
    reason: str
    special: bool = False
    decision_due: datetime | None = None


@dataclass(frozen=True, slots=True)
class ExtensionDecided:
    """More time was granted, with the limit after it, or denied."""

    referral: str
    granted: bool
    reason: str
    resolve_due: datetime | None = None
    special: bool = False
    resolve_warn_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SuspensionRequested:
    """A pause was asked for; the clocks run on."""

    referral: str
    reason: str
    until: datetime
    decision_due: datetime | None = None


@dataclass(frozen=True, slots=True)
class SuspensionDenied:
    """The pause was not approved."""

    referral: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReferralSuspended:
    """The clocks stand still, at most until `until`; the pause is told as `asked_by`'s."""

    referral: str
    reason: str
    asked_by: str
    until: datetime


@dataclass(frozen=True, slots=True)
class ReferralResumed:
    """The clocks run again, each limit moved by the pause."""

    referral: str
    reason: str = ""
    feedback_due: datetime | None = None
    resolve_due: datetime | None = None
    return_due: datetime | None = None
    answer_due: datetime | None = None
    feedback_warn_at: datetime | None = None
    resolve_warn_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeadlineWarned:
    """A limit is near: told once."""

    referral: str
    limit: Limit
    due: datetime
    supervision: Supervision


@dataclass(frozen=True, slots=True)
class ReferralReminded:
    """Somebody asks for progress; feedback is due at `answer_due`."""

    referral: str
    reason: str
    answer_due: datetime | None = None


@dataclass(frozen=True, slots=True)
class SupervisionRaised:
    """A person put the case under closer watch; `supervisor` watches it."""

    supervision: Supervision
    reason: str
    supervisor: str = ""


@dataclass(frozen=True, slots=True)
class SupervisionLifted:
    """A person lifted the watch."""

    reason: str


ClocksBody = (
    ExtensionRequested
    | ExtensionDecided
    | SuspensionRequested
    | SuspensionDenied
    | ReferralSuspended
    | ReferralResumed
    | DeadlineWarned
    | ReferralReminded
    | SupervisionRaised
    | SupervisionLifted
)
