"""What counts about a case and a referral, packed into one number each: its marks.

Every rate of domain.md section 6 is a question about one case or one referral (was it closed, taken in
time, ...). The answers that the log alone gives are bits, set when the row is written. So the database only
groups rows by their marks, a few hundred different ones however many rows, and the formulas (measures.py)
are plain functions of a number. What depends on the moment or on the city's data (did a limit pass by now,
is the category a police matter) is added by the query (tallies.py).
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

from callmesh.api.v1 import case_pb2, common_pb2, referral_pb2
from callmesh.domain.watch import LATE_DIVERSION
from callmesh.tracking.words import SECOND, micros

_MINUTE, _HOUR = 60 * SECOND, 3600 * SECOND
_SATISFIED = 4
_LEFT = "merged"  # a link to a case that this one was folded into by mistake
_CLOSED_STATES = frozenset((case_pb2.Case.State.CLOSED, case_pb2.Case.State.ANSWERED))
_DONE = frozenset((case_pb2.Finding.State.RECTIFIED, case_pb2.Finding.State.VERIFIED))
_LEAD, _RETURNED = int(referral_pb2.Referral.LEAD), int(referral_pb2.Referral.RETURNED)
_TAKEN_BACK = frozenset((referral_pb2.Referral.RECALLED, referral_pb2.Referral.WAIVED))

CLASSIFIED, EMERGENCY, DIVERTED, CLOSED = 1 << 0, 1 << 1, 1 << 2, 1 << 3
ASKED, REACHED, CONTACTED, SOLVED, RATED, SATISFIED = 1 << 4, 1 << 5, 1 << 6, 1 << 7, 1 << 8, 1 << 9
REPEAT, REOPENED, VISITED = 1 << 10, 1 << 11, 1 << 12
POLICE, LATE = 1 << 13, 1 << 14  # the first is added by the query
_BUCKET, _FINDINGS, _RECTIFIED, _STATE = 16, 20, 24, 28  # numbers of three and four bits
_MOST = 15
BUCKETS = (("1h", 1), ("4h", 4), ("24h", 24), ("72h", 72), ("7d", 168), ("more", 0))

_LIMITS = [hours * _HOUR for _, hours in BUCKETS[:-1]]

LEAD, AGAIN, ACCEPTED, ON_TIME, PASSED, MEASURED = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 4, 1 << 5
RETURN_ASKED, RETURNED, RECALLED, RESOLVED = 1 << 6, 1 << 7, 1 << 8, 1 << 9
ARRIVED, ARRIVED_5, ARRIVED_10 = 1 << 10, 1 << 11, 1 << 12
MISSED_ACCEPT, MISSED_FEEDBACK, MISSED_RESOLVE = 1 << 13, 1 << 14, 1 << 15
IN_TIME = 1 << 16  # the result came by its due time
_OVER = _TAKEN_BACK | {_RETURNED, referral_pb2.Referral.RESOLVED, referral_pb2.Referral.CLOSED}


def of_case(case: case_pb2.Case, diverted: bool) -> int:
    """The marks of a case."""
    state = case.state
    closed = state in _CLOSED_STATES
    marks = state << _STATE
    marks |= CLASSIFIED if case.classification.category else 0
    marks |= EMERGENCY if case.emergency else 0
    marks |= DIVERTED if diverted else 0
    marks |= LATE if LATE_DIVERSION in case.flags else 0
    marks |= REPEAT if case.links and any(one.kind != _LEFT for one in case.links) else 0
    marks |= REOPENED if case.round > 1 else 0
    if closed:
        marks |= CLOSED | _bucket(micros(case.closed_at) - micros(case.opened_at)) << _BUCKET
    if case.follow_ups:
        marks |= _asked(case)
    if case.findings:
        marks |= _found(case)
    return marks | (VISITED if _visited(case) else 0)


def bucket(marks: int) -> int:
    """Which of BUCKETS a closed case falls into."""
    return marks >> _BUCKET & 7


def findings(marks: int) -> int:
    """Findings of the record patrol, at most 15 a case."""
    return marks >> _FINDINGS & _MOST


def rectified(marks: int) -> int:
    """Of them rectified or verified."""
    return marks >> _RECTIFIED & _MOST


def state(marks: int) -> int:
    """The case's state, as the proto numbers it."""
    return marks >> _STATE & _MOST


def _bucket(length: int) -> int:
    """The first bucket that holds the time; the last one holds all the rest."""
    return bisect_left(_LIMITS, length)


def _asked(case: case_pb2.Case) -> int:
    """The last answered follow-up counts."""
    last = next((one for one in reversed(case.follow_ups) if one.reached), None)
    if last is None:
        return ASKED
    marks = ASKED | REACHED
    marks |= CONTACTED if last.contacted else 0
    marks |= SOLVED if last.solved else 0
    marks |= RATED if last.satisfied > 0 else 0
    return marks | (SATISFIED if last.satisfied >= _SATISFIED else 0)


def _visited(case: Any) -> bool:
    """By the patrol's own note of its visit in this round."""
    return case.HasField("patrol") and case.patrol.round in (0, case.round)


def _found(case: case_pb2.Case) -> int:
    done = sum(one.state in _DONE for one in case.findings)
    return min(len(case.findings), _MOST) << _FINDINGS | min(done, _MOST) << _RECTIFIED


def of_referral(one: referral_pb2.Referral, again: bool) -> int:
    """The marks of a referral; `again`: its agency held the case before."""
    state, missed = one.state, one.missed
    marks = LEAD if one.role == _LEAD else 0
    marks |= AGAIN if again else 0
    marks |= RETURN_ASKED if one.return_count else 0
    marks |= RETURNED if state == _RETURNED else 0
    marks |= RECALLED if state in _TAKEN_BACK else 0
    marks |= _accepted(one) | _resolved(one)
    if missed:
        marks |= MISSED_ACCEPT if common_pb2.LIMIT_ACCEPT in missed else 0
        marks |= MISSED_FEEDBACK if common_pb2.LIMIT_FEEDBACK in missed else 0
        marks |= MISSED_RESOLVE if common_pb2.LIMIT_RESOLVE in missed else 0
    if one.HasField("arrived_at") and one.HasField("received_at"):
        marks |= _arrived(micros(one.arrived_at) - micros(one.received_at))
    return marks


def waits_until(one: referral_pb2.Referral) -> int | None:
    """Until when it must be accepted, while nobody has accepted it and it has not ended."""
    open_ = not one.HasField("accepted_at") and not one.HasField("ended_at") and one.state not in _OVER
    return micros(one.accept_due) if open_ and one.HasField("accept_due") else None


def _accepted(one: referral_pb2.Referral) -> int:
    due = micros(one.accept_due) if one.HasField("accept_due") else None
    if one.HasField("accepted_at"):
        on_time = due is None or micros(one.accepted_at) <= due
        return ACCEPTED | (ON_TIME if on_time else 0) | (MEASURED if one.HasField("received_at") else 0)
    passed = due is not None and one.HasField("ended_at") and due < micros(one.ended_at)
    return PASSED if passed else 0


def _resolved(one: referral_pb2.Referral) -> int:
    if not one.HasField("resolved_at"):
        return 0
    in_time = one.HasField("resolve_due") and micros(one.resolved_at) <= micros(one.resolve_due)
    return RESOLVED | (IN_TIME if in_time else 0)


def _arrived(took: int) -> int:
    marks = ARRIVED | (ARRIVED_10 if took <= 10 * _MINUTE else 0)
    return marks | (ARRIVED_5 if took <= 5 * _MINUTE else 0)
