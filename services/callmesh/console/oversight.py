"""What a supervisor or a commander can do about a case: which acts its state allows, and the request each makes.

Nearly every act carries a reason. The mesh decides; here stands only what it would not refuse at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from callmesh.api.v1 import case_pb2, common_pb2, referral_pb2
from callmesh.api.v1 import supervision_service_pb2 as sup
from callmesh.api.v1 import transfer_service_pb2 as tra
from callmesh.console.clients import Acting
from callmesh.console.handling import Typed
from callmesh.states import ENDED, OPEN, asks_to_see

_R, _P, _F = referral_pb2.Referral, referral_pb2.Pending, case_pb2.Finding
_WATCHED = (common_pb2.SUPERVISION_BLUE, common_pb2.SUPERVISION_YELLOW, common_pb2.SUPERVISION_RED)
_DECIDED = {_P.RETURN: "return", _P.EXTENSION: "extension", _P.SUSPENSION: "suspension"}


@dataclass(frozen=True, slots=True)
class Chance:
    """An act on `target`, a case or a referral; `agency` holds it, `number` is a finding's or the next step's."""

    act: str
    target: str
    agency: str = ""
    number: int = 0


def chances(case: case_pb2.Case, commander: bool) -> list[Chance]:
    """Everything that makes sense now, what waits for a decision first."""
    return [*_decisions(case), *_of_case(case, commander), *_of_referrals(case), *_of_findings(case)]


def _decisions(case: case_pb2.Case) -> Iterator[Chance]:
    for one in case.referrals:
        if one.state in OPEN:
            yield from (Chance(_DECIDED[asked.kind], one.name, one.agency) for asked in one.pending if asked.kind)
        if asks_to_see(one):
            yield Chance("disclosure", one.name, one.agency)


def _of_case(case: case_pb2.Case, commander: bool) -> Iterator[Chance]:
    if case.HasField("repeat") and case.repeat.stage < case_pb2.Repeat.RECHECKED:
        yield Chance("repeat", case.name, number=case.repeat.stage + 1)
    if case.state in ENDED:
        return
    if commander:
        yield Chance("designate", case.name)
    if case.supervision != common_pb2.SUPERVISION_RED:
        yield Chance("raise", case.name)
    if case.supervision in _WATCHED:
        yield Chance("lift", case.name)
    yield Chance("supervisor", case.name)


def _of_referrals(case: case_pb2.Case) -> Iterator[Chance]:
    for one in case.referrals:
        if one.state in OPEN:
            yield Chance("remind", one.name, one.agency)
        if one.state == _R.RESOLVED and not one.HasField("approved_at"):
            yield Chance("send_back", one.name, one.agency)
            yield Chance("approve", one.name, one.agency)


def _of_findings(case: case_pb2.Case) -> Iterator[Chance]:
    for one in case.findings:
        if one.state == _F.OPEN:
            yield Chance("rectify", case.name, one.agency, one.number)
        elif one.state == _F.RECTIFIED:
            yield Chance("verify", case.name, one.agency, one.number)


Act = Callable[[Acting, str, Typed], Awaitable[case_pb2.Case]]


def _remind(by: Acting, target: str, typed: Typed) -> Awaitable[case_pb2.Case]:
    return by.do(by.mesh.supervision.RemindReferral, sup.RemindReferralRequest(**_why(target, typed)))


def _raise(by: Acting, target: str, typed: Typed) -> Awaitable[case_pb2.Case]:
    level = cast("common_pb2.Supervision.ValueType", _number(typed["supervision"]))
    return by.do(
        by.mesh.supervision.RaiseSupervision, sup.RaiseSupervisionRequest(**_why(target, typed), supervision=level)
    )


def _lift(by: Acting, target: str, typed: Typed) -> Awaitable[case_pb2.Case]:
    return by.do(by.mesh.supervision.LiftSupervision, sup.LiftSupervisionRequest(**_why(target, typed)))


def _supervisor(by: Acting, target: str, typed: Typed) -> Awaitable[case_pb2.Case]:
    request = sup.ChangeSupervisorRequest(**_head(target, typed), supervisor=typed["supervisor"])
    return by.do(by.mesh.supervision.ChangeSupervisor, request)


def _designate(by: Acting, target: str, typed: Typed) -> Awaitable[case_pb2.Case]:
    request = tra.DesignateJurisdictionRequest(**_why(target, typed), agency=typed["agency"])
    return by.do(by.mesh.transfer.DesignateJurisdiction, request)


def _return(by: Acting, target: str, typed: Typed) -> Awaitable[case_pb2.Case]:
    request = tra.DecideReturnRequest(**_why(target, typed), granted=_granted(typed), agency=typed["agency"])
    return by.do(by.mesh.transfer.DecideReturn, request)


def _extension(by: Acting, target: str, typed: Typed) -> Awaitable[case_pb2.Case]:
    request = sup.DecideExtensionRequest(**_why(target, typed), granted=_granted(typed))
    return by.do(by.mesh.supervision.DecideExtension, request)


def _suspension(by: Acting, target: str, typed: Typed) -> Awaitable[case_pb2.Case]:
    if _granted(typed):
        return by.do(by.mesh.supervision.SuspendReferral, sup.SuspendReferralRequest(**_why(target, typed)))
    return by.do(by.mesh.supervision.DenySuspension, sup.DenySuspensionRequest(**_why(target, typed)))


def _disclosure(by: Acting, target: str, typed: Typed) -> Awaitable[case_pb2.Case]:
    request = sup.GrantDisclosureRequest(**_why(target, typed), granted=_granted(typed))
    return by.do(by.mesh.supervision.GrantDisclosure, request)


def _send_back(by: Acting, target: str, typed: Typed) -> Awaitable[case_pb2.Case]:
    return by.do(by.mesh.supervision.SendBackResolution, sup.SendBackResolutionRequest(**_why(target, typed)))


def _approve(by: Acting, target: str, typed: Typed) -> Awaitable[case_pb2.Case]:
    return by.do(by.mesh.supervision.ApproveResolution, sup.ApproveResolutionRequest(**_why(target, typed)))


def _repeat(by: Acting, target: str, typed: Typed) -> Awaitable[case_pb2.Case]:
    stage = cast("case_pb2.Repeat.Stage.ValueType", _number(typed["number"]))
    told: dict[str, Any] = {"text": typed["reason"], "settled": typed["settled"] == "1"}
    return by.do(
        by.mesh.supervision.AdvanceRepeat, sup.AdvanceRepeatRequest(**_head(target, typed), stage=stage, **told)
    )


def _rectify(by: Acting, target: str, typed: Typed) -> Awaitable[case_pb2.Case]:
    told: dict[str, Any] = {"finding": _number(typed["number"]), "note": typed["reason"]}
    return by.do(by.mesh.supervision.RectifyFinding, sup.RectifyFindingRequest(**_head(target, typed), **told))


def _verify(by: Acting, target: str, typed: Typed) -> Awaitable[case_pb2.Case]:
    told: dict[str, Any] = {"finding": _number(typed["number"]), "note": typed["reason"], "mended": _granted(typed)}
    return by.do(by.mesh.supervision.VerifyFinding, sup.VerifyFindingRequest(**_head(target, typed), **told))


ACTS: dict[str, Act] = {
    "remind": _remind,
    "raise": _raise,
    "lift": _lift,
    "supervisor": _supervisor,
    "designate": _designate,
    "return": _return,
    "extension": _extension,
    "suspension": _suspension,
    "disclosure": _disclosure,
    "send_back": _send_back,
    "approve": _approve,
    "repeat": _repeat,
    "rectify": _rectify,
    "verify": _verify,
}


def _head(target: str, typed: Typed) -> dict[str, Any]:
    return {"request_id": typed["request_id"], "name": target}


def _why(target: str, typed: Typed) -> dict[str, Any]:
    return {**_head(target, typed), "reason": typed["reason"]}


def _granted(typed: Typed) -> bool:
    return typed["granted"] == "1"


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 6 else 0
