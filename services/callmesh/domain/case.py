"""A case and its parts as frozen values. Field names equal those of protos/callmesh/api/v1.

What a field means is said there, once. `None` stands for "not stated". The sequence number that
guards a change (etag) belongs to the ledger, not to the case.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from callmesh.domain.assessment import Candidate, Evidence
from callmesh.domain.calls import CallLeg
from callmesh.domain.matters import Finding, Link, Mediation, Patrol, Repeat
from callmesh.domain.referral import OPEN_REFERRAL, Referral
from callmesh.domain.report import ExternalId, Report, Situation
from callmesh.domain.words import (
    ActorKind,
    CaseState,
    FollowUpMethod,
    Level,
    Limit,
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
    ground: str = ""
    call_legs: tuple[CallLeg, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    follow_up_due: datetime | None = None
    diversion_due: datetime | None = None
    decision_due: datetime | None = None
    missed: tuple[Limit, ...] = ()
    """Which of the three limits before ran out before anybody met it; one that is set anew counts anew."""
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
