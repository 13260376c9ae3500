"""What may happen to a case: one frozen value for each kind of fact (protos/callmesh/facts/v1).

A fact is small: it holds what changed, not the case. Who did it, when and why stands in its
`Stamp`, the same for the command that led to it. Facts that later work adds to the contract
and this code does not know yet have no class here; `ledger.wire` says so when it meets one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from callmesh.domain import facts_matters as m
from callmesh.domain.case import Actor, Classification, FollowUp
from callmesh.domain.facts_calls import CallLegChanged as CallLegChanged
from callmesh.domain.facts_clocks import ClocksBody
from callmesh.domain.facts_life import CaseAnnotated as CaseAnnotated
from callmesh.domain.facts_life import DisputeOpened as DisputeOpened
from callmesh.domain.facts_life import JurisdictionDesignated as JurisdictionDesignated
from callmesh.domain.facts_life import ResolutionApproved as ResolutionApproved
from callmesh.domain.facts_life import ResolutionSentBack as ResolutionSentBack
from callmesh.domain.facts_life import SupervisorChanged as SupervisorChanged
from callmesh.domain.facts_privacy import PrivacyBody
from callmesh.domain.referral import Referral
from callmesh.domain.report import Attachment, ExternalId, Report, Situation, Supplement
from callmesh.domain.words import Limit, Supervision


@dataclass(frozen=True, slots=True)
class Stamp:
    """When, by whom, on which command; `cause` names what led to it, "" for a person's own will.

    `fingerprint` is a hash of the request, so that a reused command id with another content shows.
    """

    command_id: str
    at: datetime
    actor: Actor
    cause: str = ""
    fingerprint: int = 0


@dataclass(frozen=True, slots=True)
class CaseOpened:
    """A report was written down. On the log the report stands in the case beside it, once."""

    name: str
    channel: str
    origin: str
    report: Report = field(default_factory=Report)
    operator: str = ""
    desk: str = ""
    device: str = ""
    called_number: str = ""
    division: str = ""
    external_ids: tuple[ExternalId, ...] = ()
    situation: Situation = field(default_factory=Situation)
    caller_key: str = ""
    emergency: bool = False
    flags: tuple[str, ...] = ()
    city_version: str = ""
    occurred_at: datetime | None = None
    rang_at: datetime | None = None
    answered_at: datetime | None = None
    diversion_due: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReportAmended:
    """Words or counts were added. On the log the words stand in the case's report, once."""

    supplement: Supplement | None = None
    situation: Situation | None = None


@dataclass(frozen=True, slots=True)
class CaseClassified:
    """Category, level and verdict were recorded; `emergency` is the flag after it."""

    classification: Classification
    emergency: bool = False
    flags: tuple[str, ...] = ()
    diversion_due: datetime | None = None
    decision_due: datetime | None = None


@dataclass(frozen=True, slots=True)
class CaseAnswered:
    """The caller was told on the spot."""

    result: str
    public_reply: str


@dataclass(frozen=True, slots=True)
class CaseRejected:
    """Refused on a listed ground, with what was said about it; older facts have words alone."""

    reason: str
    ground: str = ""


@dataclass(frozen=True, slots=True)
class CaseCancelled:
    """Withdrawn."""

    reason: str


@dataclass(frozen=True, slots=True)
class CaseTransferred:
    """Offered to one or several agencies, all in this one fact."""

    referrals: tuple[Referral, ...]
    plan: str = ""
    reason: str = ""
    city_version: str = ""
    flags: tuple[str, ...] = ()
    conference: bool = False


@dataclass(frozen=True, slots=True)
class ReferralReceived:
    """The agency's machine has it, after so many attempts (0: not known); its clocks start.

    `released` are the personal fields that went out with it, `purpose` what the release policy says they are for.
    """

    referral: str
    accept_due: datetime | None = None
    feedback_due: datetime | None = None
    resolve_due: datetime | None = None
    return_due: datetime | None = None
    accept_warn_at: datetime | None = None
    feedback_warn_at: datetime | None = None
    resolve_warn_at: datetime | None = None
    attempts: int = 0
    released: tuple[str, ...] = ()
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class ReferralAccepted:
    """A person took it."""

    referral: str
    handler: str
    unit: str = ""
    return_due: datetime | None = None


@dataclass(frozen=True, slots=True)
class ProgressReported:
    """Progress, start of work, or arrival on site."""

    referral: str
    text: str = ""
    arrived: bool = False
    started: bool = False
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class ReturnRequested:
    """The agency says it is not theirs."""

    referral: str
    reason: str
    basis: str
    flags: tuple[str, ...] = ()
    decision_due: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReturnGranted:
    """The return was granted and the case offered on."""

    referral: str
    reason: str
    referrals: tuple[Referral, ...]


@dataclass(frozen=True, slots=True)
class ReturnDenied:
    """The return was denied: the agency keeps it."""

    referral: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReferralResolved:
    """The agency says done."""

    referral: str
    result: str
    public_reply: str = ""
    follow_up_due: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReferralRecalled:
    """The sender took it back; a case that lost its lead waits for a decision."""

    referral: str
    reason: str
    decision_due: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReferralWaived:
    """A supporting agency is not needed."""

    referral: str
    reason: str


@dataclass(frozen=True, slots=True)
class FollowUpRecorded:
    """The caller was asked; by `follow_up_due` again, or the case is ended."""

    follow_up: FollowUp
    follow_up_due: datetime | None = None


@dataclass(frozen=True, slots=True)
class CaseClosed:
    """Ended; `waiver` says why nobody was asked. A folded case gets its parent's result here."""

    waiver: str = ""
    result: str = ""
    public_reply: str = ""


@dataclass(frozen=True, slots=True)
class CaseReopened:
    """A new round of the same case; `supervision` None is at least yellow."""

    reason: str
    referrals: tuple[Referral, ...]
    flags: tuple[str, ...] = ()
    supervision: Supervision | None = None
    supervisor: str = ""


@dataclass(frozen=True, slots=True)
class DeadlineMissed:
    """A limit ran out: escalated once. `referral` is "" for limits of the case as a whole."""

    referral: str
    limit: Limit
    due: datetime
    supervision: Supervision


Body = (
    CaseOpened
    | ReportAmended
    | CaseClassified
    | CaseAnswered
    | CaseRejected
    | CaseCancelled
    | CaseTransferred
    | ReferralReceived
    | ReferralAccepted
    | ProgressReported
    | ReturnRequested
    | ReturnGranted
    | ReturnDenied
    | ReferralResolved
    | ReferralRecalled
    | ReferralWaived
    | FollowUpRecorded
    | CaseClosed
    | CaseReopened
    | DeadlineMissed
    | DisputeOpened
    | JurisdictionDesignated
    | ResolutionSentBack
    | ResolutionApproved
    | CaseAnnotated
    | SupervisorChanged
    | CallLegChanged
    | ClocksBody
    | PrivacyBody
    | m.Body
)


@dataclass(frozen=True, slots=True)
class Fact:
    """A stamped transition of one case."""

    stamp: Stamp
    body: Body

    @property
    def kind(self) -> str:
        """The class name of the body, e.g. "CaseOpened"."""
        return type(self.body).__name__
