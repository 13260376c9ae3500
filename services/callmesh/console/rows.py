"""Cases as rows of a list: what is due next comes first."""

from __future__ import annotations

import time
from dataclasses import dataclass

from callmesh import states
from callmesh.api.v1 import case_pb2, common_pb2, referral_pb2
from callmesh.states import ENDED, dues, referral_dues

_C, _R = case_pb2.Case, referral_pb2.Referral
OPEN_STATES = tuple(one for one in _C.State.values() if one and one not in ENDED)


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
    found = [_due(one) for one in dues(case)]
    found += [_mending(one) for one in case.findings if one.state == case_pb2.Finding.OPEN and one.HasField("due")]
    return min(found, key=lambda one: one.at, default=None)


def next_of(one: referral_pb2.Referral) -> Due | None:
    """The same of one referral."""
    return min(map(_due, referral_dues(one)), key=lambda due: due.at, default=None)


def _due(one: states.Due) -> Due:
    return Due(one.at.seconds, one.limit, one.agency)


def _mending(one: case_pb2.Finding) -> Due:
    return Due(one.due.seconds, common_pb2.LIMIT_RECTIFY, one.agency)


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
