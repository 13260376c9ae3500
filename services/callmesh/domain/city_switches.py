"""A city's switches: the tables [policy], [supervision] and [figures] of city.toml. Each default is an assumption."""

from __future__ import annotations

from dataclasses import dataclass, field

from callmesh.domain.spans import Span


@dataclass(frozen=True)
class Policy:
    """The city's switches; each default is an assumption that a city may change."""

    emergency_desk: str
    hotline: str
    fallback: str
    max_hops: int = 3
    auto_grant_returns: int = 2
    reopen_days: int = 15
    follow_up_attempts: int = 3
    return_within: Span = field(default_factory=lambda: Span(2, "wd"))
    auto_route: bool = True
    emergency_kinds: tuple[str, ...] = ("police", "fire", "ems", "traffic_police")


@dataclass(frozen=True)
class SupervisionRules:
    """How closely a city watches: who must answer, decide, ask and divert by when (督办规则).

    `urgent` is P0 and P1. Each default is an assumption that a city may change.
    """

    answer_p0: Span = field(default_factory=lambda: Span(30, "m"))
    answer_p1: Span = field(default_factory=lambda: Span(2, "h"))
    answer_p2: Span = field(default_factory=lambda: Span(1, "wd"))
    answer_p3: Span = field(default_factory=lambda: Span(1, "wd"))
    decide_urgent: Span = field(default_factory=lambda: Span(30, "m"))
    decide_within: Span = field(default_factory=lambda: Span(1, "wd"))
    divert_urgent: Span = field(default_factory=lambda: Span(5, "m"))
    divert_within: Span = field(default_factory=lambda: Span(2, "h"))
    follow_up_within: Span = field(default_factory=lambda: Span(2, "wd"))
    extension_ordinary: Span = field(default_factory=lambda: Span(5, "wd"))
    extension_special: Span = field(default_factory=lambda: Span(15, "wd"))
    suspension_most: Span = field(default_factory=lambda: Span(30, "wd"))
    commander_round: int = 3
    commander: str = ""


@dataclass(frozen=True)
class FigureRules:
    """How the city counts (domain.md section 6). Defaults are assumptions that a city may change.

    The three weights make the combined score of an agency out of response, solved and satisfied; they need not
    sum to one.
    `hotspot_threshold`: so many cases of one category in one cell and hour raise an alert; 0 switches it off.
    `police_kinds`: categories led by these kinds of agency are police matters, so they cannot be diverted.
    """

    response_weight: float = 1 / 3
    solved_weight: float = 1 / 3
    satisfied_weight: float = 1 / 3
    hotspot_threshold: int = 10
    police_kinds: tuple[str, ...] = ("police", "traffic_police")
