"""What a case is watched for: the next moment at which somebody must be warned, escalated, or a pause ends.

Everything that has a time stands in the case, put there by the fact that began it; so what comes next is a
function of the case alone, and the timer that fires (supervision/clocks.py) only asks it. An alarm that was raised
leaves a mark in the case (`warned`, `missed`, `overdue`), so it is raised once; the due time stays, for what is late is
waited for still. A warning lapses when its limit has run out: late warnings help nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from callmesh.domain.case import ENDED_CASE, Case
from callmesh.domain.referral import OPEN_REFERRAL, Referral
from callmesh.domain.words import CaseState, Limit, ReferralState, Supervision

AGENCY_LIMITS = frozenset({Limit.ACCEPT, Limit.FEEDBACK, Limit.RESOLVE, Limit.ANSWER})
"""What the agency that has the referral must keep; the others bind who sends, decides or asks."""
LATE_DIVERSION = "late_diversion"
LATE_DECISION = "late_decision"
FLAG_OF = {
    Limit.DIVERSION: LATE_DIVERSION,
    Limit.FOLLOW_UP: "late_follow_up",
    Limit.DECISION: LATE_DECISION,
    Limit.ANSWER: "reminder_unanswered",
    Limit.RECTIFY: "late_rectification",
    Limit.CALL_BACK: "late_call_back",
}
LATE = frozenset(FLAG_OF.values())
"""Flags of a case that missed a limit which is not one of its referrals' own; they stay."""
FOR_COMMANDER = "for_commander"
"""Flag of a case that a commander has to watch."""
NOT_OFFERED = frozenset({CaseState.RECEIVED, CaseState.CLASSIFIED})
UNDECIDED = NOT_OFFERED | {CaseState.DISPUTED}
"""Somebody has to say whom it goes to."""


class Alarm(StrEnum):
    """What happens at the moment."""

    RESUME = "resume"
    WARN = "warn"
    MISS = "miss"
    LAPSE = "lapse"


class Watch(NamedTuple):
    """One moment to come. `referral` is "" for the case as a whole, or a call's leg; `agency` is who is watched."""

    at: datetime
    alarm: Alarm
    agency: str
    referral: str = ""
    limit: Limit | None = None
    lapses: datetime | None = None


def next_watch(case: Case, now: datetime) -> Watch | None:
    """The earliest moment that still means something at `now`; it may have passed already."""
    live = (one for one in watches(case) if one.lapses is None or one.lapses > now)
    return min(live, key=lambda one: one.at, default=None)


def watches(case: Case) -> Iterator[Watch]:
    """Every moment the case is watched for; what the patrol found is watched after the end too."""
    for found in case.findings:
        if found.due and found.is_open and not found.overdue:
            yield Watch(found.due, Alarm.MISS, found.agency, limit=Limit.RECTIFY)
    yield from _of_calls(case)
    if case.state in ENDED_CASE:
        return
    for one in case.referrals:
        if one.state in OPEN_REFERRAL:
            yield from _of_referral(one)
    for limit, due, agency in _of_case(case):
        if limit not in case.missed:
            yield Watch(due, Alarm.MISS, agency, limit=limit)


def next_limit(case: Case) -> Watch | None:
    """The earliest limit that runs, of an agency or of who decides, asks, diverts or mends; None when none does."""
    return min((one for one in watches(case) if one.alarm == Alarm.MISS), key=lambda one: one.at, default=None)


def missed(case: Case, referral: str, limit: Limit) -> Watch | None:
    """The moment at which that limit runs out, None when it does not run."""
    found = (one for one in watches(case) if (one.alarm, one.referral, one.limit) == (Alarm.MISS, referral, limit))
    return min(found, key=lambda one: one.at, default=None)


def warned(case: Case, referral: str, limit: Limit) -> Watch | None:
    """The moment at which that limit is warned of, None when it is not to be."""
    found = (one for one in watches(case) if (one.alarm, one.referral, one.limit) == (Alarm.WARN, referral, limit))
    return next(found, None)


def level_after(case: Case, limit: Limit) -> Supervision:
    """The watch after a missed limit: red for the result, one closer for an open reminder or dispute, else yellow."""
    if limit == Limit.RESOLVE:
        return Supervision.RED
    closer = list(Supervision)[min(case.supervision.rank + 1, Supervision.RED.rank)]
    silence = limit == Limit.ANSWER or (limit == Limit.DECISION and case.state == CaseState.DISPUTED)
    return higher(Supervision.YELLOW, closer if silence else case.supervision)


def level_warned(case: Case, limit: Limit) -> Supervision:
    """The watch after a warning: yellow for the result, blue for what comes before it."""
    return higher(Supervision.YELLOW if limit == Limit.RESOLVE else Supervision.BLUE, case.supervision)


def higher(one: Supervision, other: Supervision) -> Supervision:
    """The closer of two."""
    return max(one, other, key=lambda level: level.rank)


def _of_calls(case: Case) -> Iterator[Watch]:
    """A phone that rings, a call that lasts; and, until the case ends, who has to be called back."""
    for leg in case.call_legs:
        back = leg.call_back
        if leg.due and leg.is_live:
            yield Watch(leg.due, Alarm.LAPSE, leg.agency, leg.leg)
        if back and back.due and back.is_open and not back.overdue and case.state not in ENDED_CASE:
            yield Watch(back.due, Alarm.MISS, back.agency, limit=Limit.CALL_BACK)


def _of_case(case: Case) -> Iterator[tuple[Limit, datetime, str]]:
    """The limits of the case itself that run: until when, and whom they bind."""
    if case.diversion_due and case.state in NOT_OFFERED:
        yield Limit.DIVERSION, case.diversion_due, case.owner
    if case.decision_due and case.state in UNDECIDED:
        yield Limit.DECISION, case.decision_due, case.owner
    if case.follow_up_due and case.state == CaseState.FOLLOW_UP:
        yield Limit.FOLLOW_UP, case.follow_up_due, case.origin


def _of_referral(one: Referral) -> Iterator[Watch]:
    if one.state == ReferralState.SUSPENDED:
        if one.suspended_until:
            yield Watch(one.suspended_until, Alarm.RESUME, one.suspended_by, one.name)
    else:
        yield from _limits(one)
        if one.answer_due and not one.answer_overdue:
            yield Watch(one.answer_due, Alarm.MISS, one.agency, one.name, Limit.ANSWER)
    for asked in one.undecided:
        if asked.decision_due and not asked.overdue:
            yield Watch(asked.decision_due, Alarm.MISS, one.sender, one.name, Limit.DECISION)


def _limits(one: Referral) -> Iterator[Watch]:
    for limit, due, warn in one.running_limits():
        yield Watch(due, Alarm.MISS, one.agency, one.name, limit)
        if warn and warn < due and limit not in one.warned:
            yield Watch(warn, Alarm.WARN, one.agency, one.name, limit, lapses=due)
