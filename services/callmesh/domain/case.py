"""A case and its parts as frozen values. Field names equal those of protos/callmesh/api/v1.

What a field means is said there, once. `None` stands for "not stated". The sequence number that
guards a change (etag) belongs to the ledger, not to the case.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from callmesh.domain.assessment import Candidate, Evidence
from callmesh.domain.calls import CallLeg
from callmesh.domain.directory import Span
from callmesh.domain.matters import Finding, Link, Mediation, Patrol, Repeat
from callmesh.domain.words import (
    ActorKind,
    CaseState,
    Consent,
    DisclosureState,
    FollowUpMethod,
    Level,
    Limit,
    Mode,
    PendingKind,
    ReferralState,
    Role,
    Supervision,
    Verdict,
)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did something; `agency` is "" for the mesh itself."""

    kind: ActorKind | None = None
    agency: str = ""
    person: str = ""
    role: str = ""


@dataclass(frozen=True, slots=True)
class Point:
    """A position in WGS 84 degrees."""

    longitude: float = 0.0
    latitude: float = 0.0
    source: str = ""
    accuracy: float = 0.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where the matter is."""

    text: str = ""
    point: Point | None = None
    landmark: str = ""


@dataclass(frozen=True, slots=True)
class Caller:
    """The person who reported."""

    number: str = ""
    subscriber: str = ""
    name: str = ""
    sex: str = ""
    contact_number: str = ""
    confidential: bool = False
    language: str = ""
    silent: bool = False
    consent: Consent | None = None


@dataclass(frozen=True, slots=True)
class Supplement:
    """Words added later."""

    text: str = ""
    at: datetime | None = None
    agency: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file kept elsewhere."""

    reference: str = ""
    media_type: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """Everything personal about a case; sealed and erased as one."""

    caller: Caller = field(default_factory=Caller)
    narrative: str = ""
    supplements: tuple[Supplement, ...] = ()
    place: Place = field(default_factory=Place)
    attachments: tuple[Attachment, ...] = ()
    plates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Situation:
    """Harm and danger as counted so far."""

    trapped: int = 0
    injured: int = 0
    dead: int = 0
    hazards: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExternalId:
    """The case's number in another system."""

    system: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Classification:
    """How a case was classified, by the machine or by a person."""

    verdict: Verdict | None = None
    level: Level | None = None
    category: str = ""
    candidates: tuple[Candidate, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    reason: str = ""
    version: str = ""
    by_person: bool = False
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Feedback:
    """A progress note."""

    at: datetime | None = None
    person: str = ""
    text: str = ""
    arrived: bool = False
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What the caller said when asked."""

    reached: bool = False
    contacted: bool = False
    solved: bool = False
    satisfied: int = 0
    method: FollowUpMethod | None = None
    at: datetime | None = None
    agency: str = ""
    round: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Annotation:
    """A note by a party that only advises."""

    agency: str = ""
    text: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """Something an agency asked for that waits for a decision."""

    kind: PendingKind
    at: datetime | None = None
    until: datetime | None = None
    special: bool = False
    decision_due: datetime | None = None
    reason: str = ""


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

    def running_limit(self) -> tuple[Limit, datetime] | None:
        """The next limit that runs and was not missed yet, with its due time."""
        due = [(limit, at) for limit, at, _ in self.running_limits()]
        return min(due, key=lambda one: one[1], default=None)

    def asked_for(self, kind: PendingKind) -> Pending | None:
        """What of this kind waits for a decision."""
        return next((one for one in self.pending if one.kind == kind), None)


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
ENDED_CASE = frozenset(
    {
        CaseState.CLOSED,
        CaseState.ANSWERED,
        CaseState.MERGED,
        CaseState.CANCELLED,
        CaseState.REJECTED,
    }
)


@dataclass(frozen=True, slots=True)
class Case:
    """One matter somebody reported, its whole life."""

    name: str
    state: CaseState
    channel: str
    origin: str
    owner: str
    opened_at: datetime
    updated_at: datetime
    report: Report = field(default_factory=Report)
    round: int = 1
    operator: str = ""
    desk: str = ""
    device: str = ""
    called_number: str = ""
    division: str = ""
    external_ids: tuple[ExternalId, ...] = ()
    situation: Situation = field(default_factory=Situation)
    caller_key: str = ""
    classification: Classification | None = None
    emergency: bool = False
    referrals: tuple[Referral, ...] = ()
    follow_ups: tuple[FollowUp, ...] = ()
    supervision: Supervision = Supervision.NONE
    supervisor: str = ""
    flags: tuple[str, ...] = ()
    plan: str = ""
    city_version: str = ""
    occurred_at: datetime | None = None
    closed_at: datetime | None = None
    rang_at: datetime | None = None
    answered_at: datetime | None = None
    result: str = ""
    public_reply: str = ""
    waiver: str = ""
    call_legs: tuple[CallLeg, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    follow_up_due: datetime | None = None
    diversion_due: datetime | None = None
    parent: str = ""
    children: tuple[str, ...] = ()
    children_count: int = 0
    links: tuple[Link, ...] = ()
    mediations: tuple[Mediation, ...] = ()
    repeat: Repeat | None = None
    findings: tuple[Finding, ...] = ()
    patrol: Patrol | None = None
    erased_at: datetime | None = None

    @property
    def id(self) -> str:
        """The last part of the name, e.g. "r1-0-01J…"."""
        return self.name.removeprefix("cases/")

    @property
    def level(self) -> Level | None:
        """Level of the last classification."""
        return self.classification.level if self.classification else None

    @property
    def category(self) -> str:
        """Category of the last classification, "" before one."""
        return self.classification.category if self.classification else ""

    @property
    def this_round(self) -> tuple[Referral, ...]:
        """Referrals of the current round."""
        return tuple(one for one in self.referrals if one.round == self.round)

    @property
    def lead(self) -> Referral | None:
        """The lead referral that is open or resolved in this round, if any."""
        live = OPEN_REFERRAL | {ReferralState.RESOLVED}
        leads = [one for one in self.this_round if one.role == Role.LEAD and one.state in live]
        return leads[-1] if leads else None

    def referral(self, name: str) -> Referral | None:
        """The referral of that name."""
        return next((one for one in self.referrals if one.name == name), None)

    def leg(self, id: str) -> CallLeg | None:
        """The call leg of that id."""
        return next((one for one in self.call_legs if one.leg == id), None)

    def next_deadline(self) -> tuple[datetime, Limit, Referral] | None:
        """The earliest limit that runs on any referral."""
        found = [(one.running_limit(), one) for one in self.referrals]
        due = [(limit[1], limit[0], one) for limit, one in found if limit is not None]
        return min(due, key=lambda item: item[0], default=None)
