"""Who held a case, how long, and waiting for what: four waits a referral, out of its history.

Between two facts a referral waits for one thing, told by its state after the first: the network
(not received), somebody to open it (not accepted), the work, or others (suspended, return asked for).
So the waits sum exactly to the time from the offer until the agency said done, or the referral ended,
or now. What comes after the result (review, follow-up) is not the agency's time. Waiting is told by who caused it: the
agency that asked for the pause, or for the return. Clocks of two
services may disagree: time never runs backwards here, a fact before its predecessor counts as simultaneous.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from callmesh.domain.case import Case
from callmesh.domain.referral import WORKING_REFERRAL, Referral
from callmesh.domain.words import PendingKind, ReferralState

_OVER = frozenset(
    {
        ReferralState.RESOLVED,
        ReferralState.CLOSED,
        ReferralState.RETURNED,
        ReferralState.RECALLED,
        ReferralState.WAIVED,
    }
)
Moment = tuple[datetime, Case]
"""When a fact happened, and the case after it."""


class Wait(StrEnum):
    """What a referral waits for."""

    TRANSPORT = "transport"
    UNOPENED = "unopened"
    WORKING = "working"
    WAITING = "waiting"


@dataclass(slots=True)
class Pause:
    """A stretch of waiting for others, and the agency that asked for it."""

    agency: str
    kind: PendingKind
    start: datetime
    length: timedelta = timedelta()


@dataclass(slots=True)
class Hold:
    """One agency's time with a referral."""

    referral: str
    agency: str
    waits: dict[Wait, timedelta] = field(default_factory=lambda: dict.fromkeys(Wait, timedelta()))
    pauses: list[Pause] = field(default_factory=list)

    @property
    def total(self) -> timedelta:
        """From the offer to the end."""
        return sum(self.waits.values(), timedelta())


def holds(moments: Sequence[Moment], now: datetime) -> list[Hold]:
    """The hold of every referral, in the order of their offers; `moments` in the order of the log."""
    found: dict[str, Hold] = {}
    pausing: dict[str, Pause] = {}
    for case, start, length in _stretches(moments, now):
        for one in case.referrals:
            hold = found.setdefault(one.name, Hold(one.name, one.agency))
            wait = waits_for(one)
            if wait:
                hold.waits[wait] += length
            if wait != Wait.WAITING:
                pausing.pop(one.name, None)
            else:
                _paused(hold, pausing, one, start, length)
    return list(found.values())


def slowest(all_holds: Iterable[Hold]) -> Hold | None:
    """The longest hold; the first of equals."""
    return max(all_holds, key=lambda one: one.total, default=None)


def waits_for(one: Referral) -> Wait | None:
    """What it waits for in this state, None when it is over."""
    if one.state in _OVER:
        return None
    if one.state in WORKING_REFERRAL:
        return Wait.WORKING
    if one.state == ReferralState.OFFERED:
        return Wait.UNOPENED if one.received_at else Wait.TRANSPORT
    return Wait.WAITING


def _paused(hold: Hold, pausing: dict[str, Pause], one: Referral, start: datetime, length: timedelta) -> None:
    kind = PendingKind.SUSPENSION if one.state == ReferralState.SUSPENDED else PendingKind.RETURN
    agency = one.suspended_by or one.agency if kind == PendingKind.SUSPENSION else one.agency
    pause = pausing.get(one.name)
    if pause is None or (pause.kind, pause.agency) != (kind, agency):
        pause = pausing[one.name] = Pause(agency, kind, start)
        hold.pauses.append(pause)
    pause.length += length


def _stretches(moments: Sequence[Moment], now: datetime) -> Iterable[tuple[Case, datetime, timedelta]]:
    """Each state of the case with its begin and how long it lasted; the last one lasts until now."""
    times: list[datetime] = []
    for at, _ in moments:
        times.append(max(at, times[-1]) if times else at)
    ends = [*times[1:], max(now, times[-1])] if times else []
    for (_, case), start, end in zip(moments, times, ends, strict=True):
        yield case, start, end - start
