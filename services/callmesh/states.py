"""The domain's groups of states as the contract's numbers, for who reads cases as the contract shows them.

They are made from the domain's own, so a state that joins a group does so once.
"""

from __future__ import annotations

from callmesh.api.v1 import case_pb2, referral_pb2
from callmesh.domain.calls import LIVE_LEG
from callmesh.domain.case import ENDED_CASE
from callmesh.domain.referral import OPEN_REFERRAL, WORKING_REFERRAL

_Case, _Referral, _Leg = case_pb2.Case.State, referral_pb2.Referral.State, case_pb2.CallLeg.State
ENDED = frozenset(_Case.Value(one.name) for one in ENDED_CASE)
"""Of a case: nothing is left to do."""
OPEN = frozenset(_Referral.Value(one.name) for one in OPEN_REFERRAL)
"""Of a referral: its agency has it."""
WORKING = frozenset(_Referral.Value(one.name) for one in WORKING_REFERRAL)
"""Of a referral: a person there took it and has not ended it."""
LIVE = frozenset(_Leg.Value(one.name) for one in LIVE_LEG)
"""Of a call leg: it rings, or people talk."""


def is_owed(leg: case_pb2.CallLeg) -> bool:
    """Whether somebody has to call back because of it."""
    return leg.HasField("call_back") and not leg.call_back.HasField("done_at")
