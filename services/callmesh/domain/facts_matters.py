"""Facts about several cases (folding, links, repeats) and about a closed case's record (patrol)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from callmesh.domain.matters import Finding, Link, Mediation, Patrol, RepeatStep
from callmesh.domain.referral import Referral


@dataclass(frozen=True, slots=True)
class CaseMerged:
    """Went into `parent`; its open referrals are recalled."""

    parent: str
    reason: str = ""
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CaseUnmerged:
    """Came out of `parent`; with referrals it is a round of its own, because its caller dissents.

    Without any it waits for an operator, until `decision_due`.
    """

    reason: str
    parent: str
    referrals: tuple[Referral, ...] = ()
    decision_due: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChildJoined:
    """`child` went into this case."""

    child: str


@dataclass(frozen=True, slots=True)
class ChildLeft:
    """`child` left this case again."""

    child: str


@dataclass(frozen=True, slots=True)
class CaseLinked:
    """Connected to an earlier case."""

    link: Link
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RepeatAdvanced:
    """The matter counts as repeated, or its review moved on. All but `step` is said once, when it is opened."""

    step: RepeatStep
    type: str = ""
    kind: str = ""
    count: int = 0
    threat: bool = False


@dataclass(frozen=True, slots=True)
class MediationRecorded:
    """A mediation session was held."""

    mediation: Mediation


@dataclass(frozen=True, slots=True)
class FindingRecorded:
    """The patrol found something, or the finding moved on: the finding as it is now."""

    finding: Finding


@dataclass(frozen=True, slots=True)
class PatrolVisited:
    """The patrol looked at the closed case; its findings stand in facts before this one."""

    visit: Patrol


Body = (
    CaseMerged
    | CaseUnmerged
    | ChildJoined
    | ChildLeft
    | CaseLinked
    | RepeatAdvanced
    | MediationRecorded
    | FindingRecorded
    | PatrolVisited
)
MAY_IGNORE = (PatrolVisited,)
"""Facts that a reader of an older version may skip: the case beside them is whole all the same."""
