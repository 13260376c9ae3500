"""The rounds of a case (二次交办/重办): each with its agencies, results and what the caller said of it.

A round begins with the case or with CaseReopened and ends with the last follow-up in it, or with the end of the case.
"""

from __future__ import annotations

from collections.abc import Sequence

from callmesh.api.v1 import case_pb2
from callmesh.api.v1 import tracking_service_pb2 as api
from callmesh.tracking.items import Change
from callmesh.tracking.words import CODE

_ENDS = {"FollowUpRecorded", "CaseClosed", "CaseAnswered", "CaseCancelled", "CaseRejected", "CaseMerged"}


def rounds(changes: Sequence[Change]) -> list[api.Round]:
    """All rounds, the first one first."""
    found: list[api.Round] = []
    for change in changes:
        if not found or change.event["kind"] == "CaseReopened":
            found.append(_begun(change, len(found) + 1))
        current, kind = found[-1], change.event["kind"]
        if kind in _ENDS:
            current.end_time.CopyFrom(change.record.fact.at)
        elif kind == "ReferralResolved":
            current.results += 1
    for one in found:
        _complete(one, changes[-1].record.case)
    return found


def _begun(change: Change, number: int) -> api.Round:
    made = api.Round(round=number, start_time=change.record.fact.at)
    if change.event["kind"] == "CaseReopened" and CODE.match(change.record.fact.case_reopened.reason):
        made.reason = change.record.fact.case_reopened.reason
    return made


def _complete(made: api.Round, case: case_pb2.Case) -> None:
    """Agencies, and the last follow-up without the words that somebody wrote down."""
    agencies = [one.agency for one in case.referrals if one.round == made.round]
    made.agencies.extend(dict.fromkeys(agencies))
    asked = [one for one in case.follow_ups if max(one.round, 1) == made.round]
    if asked:
        made.follow_up.CopyFrom(asked[-1])
        made.follow_up.ClearField("note")
