"""Cases as rows of a list: what is due next comes first."""

from __future__ import annotations

import time
from dataclasses import dataclass

from callmesh.api.v1 import case_pb2, common_pb2, referral_pb2
from callmesh.states import ENDED

_C, _R = case_pb2.Case, referral_pb2.Referral
OPEN_STATES = tuple(one for one in _C.State.values() if one and one not in ENDED)
_AT_WORK = (_R.ACCEPTED, _R.IN_PROGRESS, _R.RETURN_REQUESTED)


@dataclass(frozen=True, slots=True)
class Due:
    """The next limit of a case: seconds since 1970, which limit, and the agency it binds."""

    at: float
    limit: int
    agency: str

    @property
    def left(self) -> float:
        """Seconds until then."""
        return self.at - time.time()


def next_due(case: case_pb2.Case) -> Due | None:
    """The earliest limit that runs; None when nothing is waited for."""
    found = [due for one in case.referrals for due in referral_dues(one)]
    if case.HasField("follow_up_due") and case.state == _C.FOLLOW_UP:
        found.append(Due(case.follow_up_due.seconds, common_pb2.LIMIT_FOLLOW_UP, case.owner))
    if case.HasField("diversion_due"):
        found.append(Due(case.diversion_due.seconds, common_pb2.LIMIT_DIVERSION, case.owner))
    return min(found, key=lambda one: one.at, default=None)


def referral_dues(one: referral_pb2.Referral) -> list[Due]:
    """Limits of one referral that run now; a pause stops them all."""
    if one.state == _R.OFFERED:
        running = [(one.accept_due, common_pb2.LIMIT_ACCEPT)]
    elif one.state in _AT_WORK:
        running = [(one.answer_due, common_pb2.LIMIT_ANSWER), (one.resolve_due, common_pb2.LIMIT_RESOLVE)]
        if not one.HasField("feedback_at"):
            running.append((one.feedback_due, common_pb2.LIMIT_FEEDBACK))
    else:
        return []
    return [Due(due.seconds, limit, one.agency) for due, limit in running if due.seconds]


@dataclass(frozen=True, slots=True)
class Row:
    """A case in a list."""

    case: case_pb2.Case
    due: Due | None

    @property
    def lead(self) -> str:
        """Who works on it: the lead of this round, else the owner."""
        leads = [one.agency for one in self.case.referrals if one.role == _R.LEAD and one.round == self.case.round]
        return leads[-1] if leads else self.case.owner


def rows(found: list[case_pb2.Case]) -> list[Row]:
    """Rows, those due first at the top."""
    made = [Row(one, next_due(one)) for one in found]
    return sorted(made, key=lambda row: row.due.at if row.due else float("inf"))
