"""States and limits of a case as the contract shows it, for who reads cases and does not decide on them.

The groups of states are the domain's own as the contract's numbers, so a state that joins a group does so once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp

from callmesh.api.v1 import case_pb2, common_pb2, referral_pb2
from callmesh.domain.calls import LIVE_LEG
from callmesh.domain.case import ENDED_CASE
from callmesh.domain.referral import OPEN_REFERRAL, WORKING_REFERRAL
from callmesh.domain.watch import NOT_OFFERED
from callmesh.domain.watch import UNDECIDED as UNDECIDED_CASE

_Undecided = referral_pb2.Pending | referral_pb2.Disclosure
_Case, _Referral, _Leg = case_pb2.Case.State, referral_pb2.Referral.State, case_pb2.CallLeg.State
ENDED = frozenset(_Case.Value(one.name) for one in ENDED_CASE)
"""Of a case: nothing is left to do."""
OPEN = frozenset(_Referral.Value(one.name) for one in OPEN_REFERRAL)
"""Of a referral: its agency has it."""
WORKING = frozenset(_Referral.Value(one.name) for one in WORKING_REFERRAL)
"""Of a referral: a person there took it and has not ended it."""
WAITING = frozenset(_Case.Value(one.name) for one in NOT_OFFERED)
"""Of a case: nobody was asked to take it yet."""
UNDECIDED = frozenset(_Case.Value(one.name) for one in UNDECIDED_CASE)
"""Of a case: somebody has to say whom it goes to."""
LIVE = frozenset(_Leg.Value(one.name) for one in LIVE_LEG)
"""Of a call leg: it rings, or people talk."""


def asks_to_see(one: referral_pb2.Referral) -> referral_pb2.Disclosure | None:
    """What more of the report its agency waits to be shown, None if nothing."""
    return next((asked for asked in one.disclosures if asked.state == referral_pb2.Disclosure.ASKED), None)


def is_owed(leg: case_pb2.CallLeg) -> bool:
    """Whether somebody has to call back because of it."""
    return leg.HasField("call_back") and not leg.call_back.HasField("done_at")


class Due(NamedTuple):
    """A limit that runs: which, until when, and the agency it binds."""

    limit: int
    at: Timestamp
    agency: str


def dues(case: case_pb2.Case) -> Iterator[Due]:
    """Every limit of the case that runs and that nobody has met yet."""
    if case.state in ENDED:
        return
    for one in case.referrals:
        yield from referral_dues(one)
    if case.state in WAITING and case.HasField("diversion_due"):
        yield Due(common_pb2.LIMIT_DIVERSION, case.diversion_due, case.owner)
    if case.state == _Case.FOLLOW_UP and case.HasField("follow_up_due"):
        yield Due(common_pb2.LIMIT_FOLLOW_UP, case.follow_up_due, case.origin)
    yield from _decisions(case)
    for leg in case.call_legs:
        if is_owed(leg):
            yield Due(common_pb2.LIMIT_CALL_BACK, leg.call_back.due, leg.call_back.agency)


def _decisions(case: case_pb2.Case) -> Iterator[Due]:
    """Where the case goes, or who leads; and what an agency asked for."""
    if case.state in UNDECIDED and case.HasField("decision_due"):
        yield Due(common_pb2.LIMIT_DECISION, case.decision_due, case.owner)
    for one in case.referrals:
        undecided: list[_Undecided] = [*one.pending, *one.disclosures] if one.state in OPEN else []
        for asked in undecided:
            if asked.HasField("decision_due"):
                yield Due(common_pb2.LIMIT_DECISION, asked.decision_due, one.sender)


def referral_dues(one: referral_pb2.Referral) -> Iterator[Due]:
    """The same of a referral; a pause stops them all, an undecided return does not."""
    if one.state not in OPEN or one.state == _Referral.SUSPENDED:
        return
    if one.state == _Referral.OFFERED and one.HasField("accept_due"):
        yield Due(common_pb2.LIMIT_ACCEPT, one.accept_due, one.agency)
    if one.state in WORKING and one.HasField("feedback_due") and not one.HasField("feedback_at"):
        yield Due(common_pb2.LIMIT_FEEDBACK, one.feedback_due, one.agency)
    if one.HasField("resolve_due"):
        yield Due(common_pb2.LIMIT_RESOLVE, one.resolve_due, one.agency)
    if one.HasField("answer_due"):
        yield Due(common_pb2.LIMIT_ANSWER, one.answer_due, one.agency)
