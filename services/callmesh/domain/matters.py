"""Parts of a case about other cases and about its record: links, the review of a repeated matter,
mediation, the patrol's visit and its findings. Field names equal those of protos/callmesh/api/v1/case.proto.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from callmesh.domain.words import FindingState, RepeatStage

MERGED = "merged"
"""Kind of the link from a case that left another one to that one."""


@dataclass(frozen=True, slots=True)
class Link:
    """A connection to another case; `count` of them, this one included, stand in the city's window."""

    case: str = ""
    kind: str = ""
    count: int = 0


@dataclass(frozen=True, slots=True)
class RepeatStep:
    """One step of the review of a repeated matter."""

    stage: RepeatStage = RepeatStage.OPENED
    text: str = ""
    at: datetime | None = None
    agency: str = ""
    round: int = 0
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Repeat:
    """The matter counts as repeated (重复警情), and how far its review is."""

    type: str = ""
    stage: RepeatStage = RepeatStage.OPENED
    kind: str = ""
    count: int = 0
    threat: bool = False
    steps: tuple[RepeatStep, ...] = ()


@dataclass(frozen=True, slots=True)
class Mediation:
    """A mediation session (调解)."""

    agency: str = ""
    at: datetime | None = None
    outcome: str = ""
    person: str = ""
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Patrol:
    """A visit of the record patrol (巡查) to a closed case."""

    version: str = ""
    at: datetime | None = None
    round: int = 0
    rules: int = 0
    found: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """Something the record patrol found, the agency that has to mend it, and whether it did."""

    rule: str = ""
    agency: str = ""
    due: datetime | None = None
    state: FindingState = FindingState.OPEN
    number: int = 0
    version: str = ""
    round: int = 0
    found_at: datetime | None = None
    rectified_at: datetime | None = None
    rectified_by: str = ""
    verified_at: datetime | None = None
    note: str = ""
    reopened: int = 0
    overdue: bool = False

    @property
    def is_open(self) -> bool:
        """True while nobody has mended it."""
        return self.state == FindingState.OPEN
