"""What about a case calls for a person, and when its next limit ends: the two things `CaseFilter` asks of a desk.

Both are functions of the case as the API shows it, so the SQL columns, the watch and a rebuild agree by themselves.
Attention is a number of bits, one for each value of `CaseFilter.Attention`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from callmesh.api.v1 import case_pb2, common_pb2, referral_pb2
from callmesh.api.v1.tracking_service_pb2 import CaseFilter
from callmesh.domain.watch import LATE
from callmesh.states import ENDED, LIVE, OPEN, asks_to_see, dues, is_owed
from callmesh.tracking.words import micros

_Case, _Referral, _Repeat = case_pb2.Case, referral_pb2.Referral, case_pb2.Repeat
_RETURNING = frozenset({_Referral.RETURNED, _Referral.RETURN_REQUESTED})
_TWICE = 2


def bit(attention: int) -> int:
    """The bit of a value of `CaseFilter.Attention`."""
    return 1 << attention


def attention(case: case_pb2.Case) -> int:
    """Everything about the case that calls for somebody, as bits."""
    return sum(bit(one) for one in _calls(case))


def next_due(case: case_pb2.Case) -> int | None:
    """When the next limit ends, in microseconds since 1970; a missed one is past, so it counts until it is met."""
    return min((micros(one.at) for one in dues(case)), default=None)


def is_late(case: case_pb2.Case) -> bool:
    """Whether a limit was missed: a referral's, or one of who offers, decides, asks, answers or mends."""
    return any(one.missed for one in case.referrals) or not LATE.isdisjoint(case.flags)


def _calls(case: case_pb2.Case) -> Iterator["CaseFilter.Attention.ValueType"]:
    if any(one.state != case_pb2.Finding.VERIFIED for one in case.findings):
        yield CaseFilter.FINDING
    if case.state in ENDED:
        return
    if sum(one.state in _RETURNING for one in _this_round(case)) >= _TWICE:
        yield CaseFilter.RETURNED_TWICE
    if case.state == _Case.DISPUTED:
        yield CaseFilter.DISPUTED
    if case.HasField("repeat") and case.repeat.stage != _Repeat.RECHECKED:
        yield CaseFilter.REPEATED
    if any(one.pending or asks_to_see(one) for one in case.referrals if one.state in OPEN):
        yield CaseFilter.PENDING
    if case.supervision in (common_pb2.SUPERVISION_YELLOW, common_pb2.SUPERVISION_RED):
        yield CaseFilter.WATCHED
    if any(one.state in LIVE for one in case.call_legs):
        yield CaseFilter.ON_CALL
    if any(is_owed(one) for one in case.call_legs):
        yield CaseFilter.CALL_BACK


def _this_round(case: case_pb2.Case) -> Iterable[referral_pb2.Referral]:
    return (one for one in case.referrals if one.round == case.round)
