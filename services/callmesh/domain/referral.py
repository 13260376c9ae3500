"""One hand-over of a case to one agency (转办单), as a frozen value, with what was said and asked in it.

Field names equal those of protos/callmesh/api/v1/referral.proto, where each is explained once. `None` stands for
"not stated".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from callmesh.domain.report import Attachment
from callmesh.domain.spans import Span
from callmesh.domain.words import (
    DisclosureState,
    Limit,
    Mode,
    PendingKind,
    ReferralState,
    Role,
)

OPEN_REFERRAL = frozenset(
    {
        ReferralState.OFFERED,
        ReferralState.ACCEPTED,
        ReferralState.IN_PROGRESS,
        ReferralState.SUSPENDED,
        ReferralState.RETURN_REQUESTED,
    }
)
WORKING_REFERRAL = frozenset({ReferralState.ACCEPTED, ReferralState.IN_PROGRESS})


@dataclass(frozen=True, slots=True)
class Feedback:
    """A progress note."""

    at: datetime | None = None
    person: str = ""
    text: str = ""
    arrived: bool = False
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Pending:
    """Something an agency asked for that waits for a decision."""

    kind: PendingKind
    at: datetime | None = None
    until: datetime | None = None
    special: bool = False
    decision_due: datetime | None = None
    reason: str = ""
    overdue: bool = False
    """Its limit was missed, and that was told."""


@dataclass(frozen=True, slots=True)
class Disclosure:
    """Personal fields that an agency asked for beyond its release policy, and the answer."""

    state: DisclosureState
    fields: tuple[str, ...] = ()
    reason: str = ""
    asked_at: datetime | None = None
    decided_at: datetime | None = None
    decided_by: str = ""
    decision_reason: str = ""
    decision_due: datetime | None = None
    overdue: bool = False
    """Nobody answered in time, and that was told."""


@dataclass(frozen=True, slots=True)
class Referral:
    """One hand-over of a case to one agency."""

    name: str
    agency: str
    role: Role
    state: ReferralState = ReferralState.OFFERED
    mode: Mode | None = None
    sender: str = ""
    basis: str = ""
    task: str = ""
    round: int = 1
    hop: int = 0
    binding: bool = False
    profile: str = ""
    accept_within: Span | None = None
    feedback_within: Span | None = None
    resolve_within: Span | None = None
    offered_at: datetime | None = None
    received_at: datetime | None = None
    accepted_at: datetime | None = None
    started_at: datetime | None = None
    arrived_at: datetime | None = None
    feedback_at: datetime | None = None
    resolved_at: datetime | None = None
    ended_at: datetime | None = None
    accept_due: datetime | None = None
    feedback_due: datetime | None = None
    resolve_due: datetime | None = None
    return_due: datetime | None = None
    missed: tuple[Limit, ...] = ()
    handler: str = ""
    unit: str = ""
    feedback: tuple[Feedback, ...] = ()
    result: str = ""
    public_reply: str = ""
    return_reason: str = ""
    return_basis: str = ""
    return_count: int = 0
    remind_count: int = 0
    extension_count: int = 0
    suspended_at: datetime | None = None
    suspended_seconds: int = 0
    approved_at: datetime | None = None
    sent_back_count: int = 0
    answer_due: datetime | None = None
    answer_overdue: bool = False
    """The reminder that waits ran out of time, and that was told."""
    accept_warn_at: datetime | None = None
    feedback_warn_at: datetime | None = None
    resolve_warn_at: datetime | None = None
    warned: tuple[Limit, ...] = ()
    warn_before: Span | None = None
    warn_percent: int = 0
    pending: tuple[Pending, ...] = ()
    special_extension_count: int = 0
    suspended_until: datetime | None = None
    suspended_by: str = ""
    wall_time: bool = False
    remind_reason: str = ""
    decision_reason: str = ""
    released: tuple[str, ...] = ()
    disclosures: tuple[Disclosure, ...] = ()

    @property
    def is_open(self) -> bool:
        """True while the agency has to do something about it."""
        return self.state in OPEN_REFERRAL

    @property
    def is_working(self) -> bool:
        """True after a person took it and before it ended."""
        return self.state in WORKING_REFERRAL

    @property
    def undecided(self) -> tuple[Pending | Disclosure, ...]:
        """What its agency asked for; what was decided has no `decision_due` any more."""
        return (*self.pending, *self.disclosures)

    def running_limits(self) -> tuple[tuple[Limit, datetime, datetime | None], ...]:
        """The limits that run and were not missed yet: due time, and when to warn of it.

        While a return is undecided the total clock runs on; only an approved pause stops it.
        """
        result = (Limit.RESOLVE, self.resolve_due, self.resolve_warn_at)
        if self.state == ReferralState.OFFERED:
            running = [(Limit.ACCEPT, self.accept_due, self.accept_warn_at), result]
        elif self.is_working:
            feedback = None if self.feedback_at else self.feedback_due
            running = [(Limit.FEEDBACK, feedback, self.feedback_warn_at), result]
        else:
            running = [result] if self.state == ReferralState.RETURN_REQUESTED else []
        return tuple((limit, due, warn) for limit, due, warn in running if due and limit not in self.missed)

    def asked_for(self, kind: PendingKind) -> Pending | None:
        """What of this kind waits for a decision."""
        return next((one for one in self.pending if one.kind == kind), None)
