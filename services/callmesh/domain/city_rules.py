"""What a city states about repeats, folding and the record patrol: repeats.toml and patrol.toml.

Windows count back from a report's opening, in wall time. Nothing here looks at a case: `domain.repeats`
and `domain.patrol` do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from callmesh.domain.spans import Span
from callmesh.domain.words import Level, Limit


class LinkKind(StrEnum):
    """What two reports may have in common."""

    NUMBER = "number"
    PERSON = "person"
    PLACE = "place"
    MATTER = "matter"


class FoldMode(StrEnum):
    """Who folds: always a person; the mesh for unattended reports; the mesh once a person folded the first."""

    SUGGEST = "suggest"
    UNATTENDED = "unattended"
    CONFIRMED = "confirmed"


class FoldPlace(StrEnum):
    """What counts as the same place: a cell of the map, or the division."""

    CELL = "cell"
    DIVISION = "division"


class PatrolCheck(StrEnum):
    """What the record patrol can look for; each is a function of `domain.patrol`."""

    NO_REPLY = "no_reply"
    NO_FOLLOW_UP = "no_follow_up"
    NEEDLESS_WAIVER = "needless_waiver"
    CLOSED_UNSOLVED = "closed_unsolved"
    RESOLVED_TOO_FAST = "resolved_too_fast"
    RETURN_WITHOUT_BASIS = "return_without_basis"
    OFFERED_LATE = "offered_late"
    ARRIVED_LATE = "arrived_late"
    LIMIT_MISSED = "limit_missed"
    TOO_MANY_HOPS = "too_many_hops"


class Responsible(StrEnum):
    """Who has to mend a finding."""

    LEAD = "lead"
    ORIGIN = "origin"


@dataclass(frozen=True)
class Linking:
    """Which kinds of connection are looked for, and how far back."""

    kinds: tuple[LinkKind, ...] = ()
    window: Span = field(default_factory=lambda: Span(720, "h"))


@dataclass(frozen=True)
class RepeatType:
    """A kind of repeated matter (重复警情类型): from the `count`-th report on it is reviewed.

    `categories` are those that count ("*" is any), `kinds` what the reports have in common; a report or an
    earlier one of these `threats` makes the review an emergency of 110.
    """

    id: str
    zh: str
    en: str
    categories: tuple[str, ...]
    kinds: tuple[LinkKind, ...]
    count: int
    window: Span
    threats: tuple[str, ...] = ()


@dataclass(frozen=True)
class FoldRule:
    """From the `count`-th report of these categories at one place inside `window` on, reports are folded."""

    categories: tuple[str, ...]
    place: FoldPlace
    count: int
    window: Span
    mode: FoldMode


@dataclass(frozen=True)
class PatrolRule:
    """One rule of the record patrol. Which of the parameters a check takes says `domain.patrol.PARAMETERS`."""

    id: str
    zh: str
    en: str
    check: PatrolCheck
    due: Span
    responsible: Responsible = Responsible.LEAD
    levels: tuple[Level, ...] = ()
    categories: tuple[str, ...] = ()
    within: Span | None = None
    least: int = 0
    most: int = 0
    limits: tuple[Limit, ...] = ()
