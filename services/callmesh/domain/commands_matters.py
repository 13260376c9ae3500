"""Commands about several cases (folding, links, repeats) and about a closed case's record (patrol)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from callmesh.domain.case import Case
from callmesh.domain.directory import Calendar
from callmesh.domain.matters import Link
from callmesh.domain.oversight import Oversight
from callmesh.domain.words import RepeatStage

if TYPE_CHECKING:
    from callmesh.domain.commands import Target


@dataclass(frozen=True, slots=True)
class Merge:
    """Fold the case into `parent`, as loaded beside it."""

    parent: Case
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Unmerge:
    """Take the case out of its parent; with a target because its caller dissents."""

    reason: str
    target: Target | None = None
    calendar: Calendar | None = None
    oversight: Oversight | None = None


@dataclass(frozen=True, slots=True)
class Join:
    """Note on the parent that `child` went into it."""

    child: str


@dataclass(frozen=True, slots=True)
class Leave:
    """Note on the parent that `child` left it."""

    child: str


@dataclass(frozen=True, slots=True)
class CloseChild:
    """Close the case with its parent's result."""

    parent: str
    result: str
    public_reply: str


@dataclass(frozen=True, slots=True)
class LinkTo:
    """Connect the case to an earlier one."""

    link: Link
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenRepeat:
    """Review the matter as a repeated one."""

    type: str
    kind: str
    count: int
    threat: bool = False


@dataclass(frozen=True, slots=True)
class AdvanceRepeat:
    """Move the review on by one step."""

    stage: RepeatStage
    text: str
    settled: bool = False


@dataclass(frozen=True, slots=True)
class RecordMediation:
    """Record a mediation session."""

    outcome: str
    settled: bool = False


@dataclass(frozen=True, slots=True)
class RecordFinding:
    """Note what the patrol found."""

    rule: str
    agency: str
    due: datetime
    version: str
    round: int


@dataclass(frozen=True, slots=True)
class VisitPatrol:
    """Note that the patrol looked at the case."""

    version: str
    round: int
    rules: int
    found: int


@dataclass(frozen=True, slots=True)
class RectifyFinding:
    """Say that a finding is mended."""

    number: int
    note: str


@dataclass(frozen=True, slots=True)
class VerifyFinding:
    """Check a mended finding."""

    number: int
    mended: bool
    note: str = ""


Command = (
    Merge
    | Unmerge
    | Join
    | Leave
    | CloseChild
    | LinkTo
    | OpenRepeat
    | AdvanceRepeat
    | RecordMediation
    | RecordFinding
    | VisitPatrol
    | RectifyFinding
    | VerifyFinding
)
