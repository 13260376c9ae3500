"""What calls for a supervisor, and the end of the next limit, of single cases."""

from __future__ import annotations

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from callmesh.api.v1 import case_pb2, common_pb2, referral_pb2
from callmesh.api.v1.tracking_service_pb2 import CaseFilter
from callmesh.tracking.attention import attention, bit, is_late, next_due

C, R, F, D = case_pb2.Case, referral_pb2.Referral, CaseFilter, referral_pb2.Disclosure


def at(seconds: int) -> Timestamp:
    return Timestamp(seconds=seconds)


def case(*referrals: R, state: "C.State.ValueType" = C.REFERRED, **more: object) -> C:
    return C(state=state, round=1, referrals=referrals, **more)  # type: ignore[arg-type]


GIVEN_BACK = R(round=1, state=R.RETURNED)
ASKED_BACK = R(round=1, state=R.RETURN_REQUESTED, pending=[referral_pb2.Pending(kind=referral_pb2.Pending.RETURN)])
FOUND = case_pb2.Finding(state=case_pb2.Finding.OPEN)
MENDED = case_pb2.Finding(state=case_pb2.Finding.VERIFIED)
L = case_pb2.CallLeg
OWED = case_pb2.CallBack(due=at(6))
CALLED = case_pb2.CallBack(due=at(6), done_at=at(5))


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (case(), []),
        (case(GIVEN_BACK), []),
        (case(GIVEN_BACK, ASKED_BACK), [F.RETURNED_TWICE, F.PENDING]),
        (case(R(round=0, state=R.RETURNED), GIVEN_BACK), []),
        (case(state=C.DISPUTED), [F.DISPUTED]),
        (case(R(state=R.ACCEPTED, disclosures=[D(state=D.ASKED)])), [F.PENDING]),
        (case(R(state=R.ACCEPTED, disclosures=[D(state=D.GRANTED)])), []),
        (case(repeat=case_pb2.Repeat(stage=case_pb2.Repeat.SORTED)), [F.REPEATED]),
        (case(repeat=case_pb2.Repeat(stage=case_pb2.Repeat.RECHECKED)), []),
        (case(supervision=common_pb2.SUPERVISION_RED), [F.WATCHED]),
        (case(supervision=common_pb2.SUPERVISION_BLUE), []),
        (case(GIVEN_BACK, ASKED_BACK, state=C.CLOSED, findings=[FOUND]), [F.FINDING]),
        (case(findings=[MENDED]), []),
        (case(call_legs=[L(state=L.RINGING), L(state=L.FAILED)]), [F.ON_CALL]),
        (case(call_legs=[L(state=L.FAILED, call_back=OWED)]), [F.CALL_BACK]),
        (case(call_legs=[L(state=L.FAILED, call_back=CALLED)]), []),
        (case(state=C.CLOSED, call_legs=[L(state=L.FAILED, call_back=OWED)]), []),
    ],
)
def test_what_calls_for_somebody(given: C, wanted: list[int]) -> None:
    assert attention(given) == sum(bit(one) for one in wanted)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (case(), None),
        (case(R(state=R.OFFERED, accept_due=at(5), feedback_due=at(4), resolve_due=at(9))), 5),
        (case(R(state=R.ACCEPTED, accept_due=at(5), feedback_due=at(7), resolve_due=at(9))), 7),
        (case(R(state=R.ACCEPTED, feedback_at=at(1), feedback_due=at(7), resolve_due=at(9))), 9),
        (case(R(state=R.ACCEPTED, feedback_at=at(1), resolve_due=at(9), answer_due=at(3))), 3),
        (case(R(state=R.SUSPENDED, resolve_due=at(9))), None),
        (case(R(state=R.RESOLVED, resolve_due=at(9))), None),
        (case(R(state=R.OFFERED, resolve_due=at(9)), state=C.CLOSED), None),
        (case(state=C.CLASSIFIED, diversion_due=at(2)), 2),
        (case(state=C.FOLLOW_UP, follow_up_due=at(8)), 8),
        (case(state=C.DISPUTED, decision_due=at(3)), 3),
        (case(state=C.REFERRED, decision_due=at(3)), None),
        (case(R(state=R.RETURN_REQUESTED, resolve_due=at(9), pending=[referral_pb2.Pending(decision_due=at(4))])), 4),
        (case(R(state=R.OFFERED, resolve_due=at(9), disclosures=[D(state=D.ASKED, decision_due=at(4))])), 4),
        (case(R(state=R.RETURNED, resolve_due=at(9), pending=[referral_pb2.Pending(decision_due=at(4))])), None),
        (case(call_legs=[L(state=L.RINGING, due=at(2)), L(state=L.FAILED, call_back=OWED)]), 6),
        (case(call_legs=[L(state=L.FAILED, call_back=CALLED)]), None),
    ],
)
def test_when_the_next_limit_ends(given: C, wanted: int | None) -> None:
    assert next_due(given) == (None if wanted is None else wanted * 1_000_000)


@pytest.mark.parametrize(
    ("given", "late"),
    [
        (case(R(state=R.OFFERED)), False),
        (case(R(state=R.OFFERED, missed=[common_pb2.LIMIT_ACCEPT])), True),
        (case(state=C.CLASSIFIED, flags=["late_diversion"]), True),
        (case(R(state=R.CLOSED), state=C.CLOSED, flags=["reminder_unanswered"]), True),
        (case(flags=["fold_confirmed"]), False),
    ],
)
def test_a_missed_limit_is_one_whomever_it_binds(given: C, late: bool) -> None:
    assert is_late(given) is late
