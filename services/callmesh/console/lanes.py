"""A case's time as lanes: a bar an agency, cut into its four waits, limits as marks. Pure geometry for an SVG."""

from __future__ import annotations

import time
from dataclasses import dataclass

from callmesh.api.v1 import common_pb2, referral_pb2, tracking_service_pb2

WIDTH = 1000.0
_PARTS = ("transport", "unopened", "working", "waiting")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a lane: what it was, where it begins, how wide it is, and its seconds."""

    part: str
    x: float
    width: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Mark:
    """A limit on a lane: which, where, and whether it was kept; None while it runs."""

    limit: int
    x: float
    kept: bool | None


@dataclass(frozen=True, slots=True)
class Lane:
    """One referral's lane. `total` is in seconds."""

    referral: referral_pb2.Referral
    pieces: tuple[Piece, ...]
    marks: tuple[Mark, ...]
    total: float
    slowest: bool


def lanes(timeline: tracking_service_pb2.Timeline, now: float | None = None) -> list[Lane]:
    """Lanes of all referrals, oldest first, on one scale from the opening to the end, or to now."""
    case = timeline.case
    begun = case.opened_at.seconds
    end = max(case.closed_at.seconds or (now or time.time()), begun + 1)
    scale = WIDTH / (end - begun)
    holds = {one.referral: one for one in timeline.holds}
    return [_lane(one, holds.get(one.name), begun, scale) for one in case.referrals]


def _lane(one: referral_pb2.Referral, hold: tracking_service_pb2.Hold | None, begun: float, scale: float) -> Lane:
    lengths = [(part, getattr(hold, part).ToNanoseconds() / 1e9 if hold else 0.0) for part in _PARTS]
    pieces, x = [], (one.offered_at.seconds - begun) * scale
    for part, seconds in lengths:
        if seconds > 0:
            pieces.append(Piece(part, round(x, 1), round(max(seconds * scale, 1.0), 1), seconds))
            x += seconds * scale
    total = sum(seconds for _, seconds in lengths)
    return Lane(one, tuple(pieces), tuple(_marks(one, begun, scale)), total, bool(hold and hold.slowest))


def _marks(one: referral_pb2.Referral, begun: float, scale: float) -> list[Mark]:
    limits = (
        (common_pb2.LIMIT_ACCEPT, one.accept_due.seconds, one.accepted_at.seconds),
        (common_pb2.LIMIT_FEEDBACK, one.feedback_due.seconds, one.feedback_at.seconds),
        (common_pb2.LIMIT_RESOLVE, one.resolve_due.seconds, one.resolved_at.seconds),
    )
    return [
        Mark(limit, round((due - begun) * scale, 1), done <= due if done else None)
        for limit, due, done in limits
        if due and 0 <= (due - begun) * scale <= WIDTH
    ]
