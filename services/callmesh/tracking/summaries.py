"""What a fact says, in ids, codes and counts: `said` takes it out of the fact, and every sentence about it in any
language is made of that and nothing else (domain/telling.py). `summary` is the one in zh-CN that names by id.

Nothing that a person wrote gets in: no narrative, note, result or free reason. A reason is told when it has the form
of a code of the city's data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from callmesh.api.v1 import case_pb2, referral_pb2, tracking_service_pb2
from callmesh.domain.decide_after import UNREACHABLE
from callmesh.domain.telling import tell
from callmesh.tracking.words import CODE, LEVEL, LIMIT, ROLE, SUPERVISION

_ROLES = {"lead": "主办", "support": "协办"}
_LIMITS = {
    "accept": "签收",
    "feedback": "反馈",
    "resolve": "办结",
    "answer": "催办回复",
    "decision": "审批",
    "follow_up": "回访",
    "diversion": "分流",
    "rectify": "整改",
    "call_back": "回电",
}
_COLOURS = {"none": "无", "blue": "蓝色", "yellow": "黄色", "red": "红色"}
_STEPS = {"SORTED": "梳理", "ASSESSED": "研判", "ROUTED": "流转", "SUPERVISED": "督办", "RECHECKED": "复核"}
_STATES = {"RINGING": "响铃", "ANSWERED": "已接通", "CONFERENCE": "三方通话", "ENDED": "已结束", "FAILED": "未接通"}
_NOT_STATED = {"category": "未定类", "level": "未定级", "purpose": "未注明"}
_WHY = {
    "NO_ANSWER": "无人接听",
    "BUSY": "占线",
    "DROPPED": "通话中断",
    "SWITCH_AWAY": "交换机不可用",
    "NO_LINE": "无可用号码",
    "HUNG_UP": "已挂断",
}
Case = case_pb2.Case
Said = dict[str, Any]


def summary(kind: str, body: Any, case: Case) -> str:
    """The sentence in zh-CN for a fact of this kind, by ids; a kind of a newer version is named as it is."""
    return tell(kind, said(kind, body, case), _by_id)


def said(kind: str, body: Any, case: Case) -> Said:
    """What a fact of this kind says; the keys are fields of `Said` in the contract."""
    found = _SAID.get(kind)
    return found(body, case) if found else {}


def said_proto(kind: str, body: Any, case: Case) -> tracking_service_pb2.Said:
    """The same for the API."""
    return tracking_service_pb2.Said(**said(kind, body, case))


def _by_id(noun: str, value: Any) -> str:
    if noun in _NOT_STATED and not value:
        return _NOT_STATED[noun]
    shown = _SHOWN.get(noun)
    return shown(value) if shown else "、".join(value) if isinstance(value, list) else str(value or "")


def _agencies(tasked: Iterable[Mapping[str, Any]] | None) -> str:
    return "、".join(f"{one['agency']}({_ROLES.get(ROLE.word(one['role']), '')})" for one in tasked or ())


_SHOWN: dict[str, Callable[[Any], str]] = {
    "tasked": _agencies,
    "level": lambda number: LEVEL.word(number).upper(),
    "limit": lambda number: _LIMITS.get(LIMIT.word(number or 0), ""),
    "supervision": lambda number: _COLOURS.get(SUPERVISION.word(number or 0), SUPERVISION.word(number or 0)),
    "stage": lambda number: _STEPS.get(case_pb2.Repeat.Stage.Name(number or case_pb2.Repeat.STAGE_UNSPECIFIED), ""),
    "leg": lambda number: _STATES.get(case_pb2.CallLeg.State.Name(number or case_pb2.CallLeg.STATE_UNSPECIFIED), ""),
    "why": lambda number: _WHY.get(case_pb2.CallLeg.Reason.Name(number or case_pb2.CallLeg.REASON_UNSPECIFIED), ""),
    "emergency": lambda _: "紧急",
    "count": lambda number: str(number or 0),
    "total": lambda number: str(number or 0),
}


def _code(reason: str) -> str:
    return reason if CODE.match(reason) else ""


def _tasked(referrals: Iterable[referral_pb2.Referral]) -> list[dict[str, Any]]:
    return [{"agency": one.agency, "role": one.role} for one in referrals]


def _agency(case: Case, referral: str) -> str:
    return next((one.agency for one in case.referrals if one.name == referral), "")


def _of_agency(body: Any, case: Case) -> Said:
    return {"agency": _agency(case, body.referral)}


def _nothing(body: Any, case: Case) -> Said:
    return {}


def _decided(body: Any, case: Case) -> Said:
    return _of_agency(body, case) | {"outcome": "granted" if body.granted else ""}


def _opened(body: Any, case: Case) -> Said:
    return {"agency": body.origin, "channel": body.channel, "emergency": body.emergency}


def _classified(body: Any, case: Case) -> Said:
    found = body.classification
    by = {"outcome": "person"} if found.by_person else {}
    return by | {"category": found.category, "level": found.level, "emergency": body.emergency}


def _released(agency: str, fields: Iterable[str], purpose: str) -> Said:
    listed = list(fields)
    return {"agency": agency, "fields": listed, "count": len(listed), "purpose": purpose}


def _progress(body: Any, case: Case) -> Said:
    return _of_agency(body, case) | {"outcome": "arrived" if body.arrived else ""}


def _suspended(body: Any, case: Case) -> Said:
    agency = _agency(case, body.referral)
    return {"agency": agency, "by": body.asked_by if body.asked_by != agency else ""}


def _followed_up(body: Any, case: Case) -> Said:
    asked = body.follow_up
    if not asked.reached:
        return {}
    return {"outcome": "solved" if asked.solved else "unsolved", "count": asked.satisfied}


def _rejected(body: Any, case: Case) -> Said:
    """The ground; facts of before there was one may have put its code among the words."""
    return {"ground": body.ground} if body.ground else {"reason": _code(body.reason)}


def _closed(body: Any, case: Case) -> Said:
    return {"outcome": "unreachable" if body.waiver == UNREACHABLE else "waived" if body.waiver else ""}


def _missed(body: Any, case: Case) -> Said:
    return {"agency": who_was_late(body, case), "limit": body.limit, "supervision": body.supervision}


def who_was_late(body: Any, case: Case) -> str:
    """Who let a limit pass: the agency, who sent it to them, who has to mend, or who has or opened the case."""
    limit = LIMIT.word(body.limit)
    if limit == "rectify":
        return next((one.agency for one in case.findings if one.overdue and one.due == body.due), "")
    if limit == "decision":
        return next((one.sender for one in case.referrals if one.name == body.referral), "")
    return case.origin if limit in ("follow_up", "call_back") else _agency(case, body.referral) or case.owner


def _finding(body: Any, case: Case) -> Said:
    found = body.finding
    state = case_pb2.Finding.State.Name(found.state).lower()
    outcome = "again" if found.reopened and state == "open" else state
    return {"rule": found.rule, "agency": found.agency, "outcome": outcome}


def _leg(body: Any, case: Case) -> Said:
    leg = body.leg
    said = {"outcome": _leg_outcome(body), "agency": leg.agency, "language": leg.language, "leg": leg.state}
    if said["outcome"] == "not_reached":
        return said | {"count": leg.call_back.attempts}
    return said | {"why": leg.reason, "count": leg.target, "total": leg.targets}


def _leg_outcome(body: Any) -> str:
    """Of the legs' life: rings, answered, three on one line, over and why, and the call-back that a lost one leaves."""
    leg = body.leg
    if leg.call_back.HasField("done_at"):
        return "called_back"
    if leg.call_back.attempts:
        return "not_reached"
    if leg.state == case_pb2.CallLeg.RINGING:
        return "three_way" if leg.conference else "ringing"
    return "call_back" if leg.HasField("call_back") else "pushed" if body.pushed else ""


def _repeat(body: Any, case: Case) -> Said:
    if body.threat or body.type:
        return {"type": body.type, "count": body.count, "outcome": "threat" if body.threat else "opened"}
    stage = body.step.stage
    unsettled = stage == case_pb2.Repeat.RECHECKED and not body.step.settled
    return {"stage": stage, "outcome": "unsettled" if unsettled else ""}


_SAID: dict[str, Callable[[Any, Case], Said]] = {
    "CaseOpened": _opened,
    "ReportAmended": _nothing,
    "CaseClassified": _classified,
    "CaseAnswered": _nothing,
    "CaseRejected": _rejected,
    "CaseCancelled": lambda body, case: {"reason": _code(body.reason)},
    "CaseMerged": lambda body, case: {"case": body.parent},
    "CaseUnmerged": _nothing,
    "ChildJoined": lambda body, case: {"case": body.child},
    "ChildLeft": lambda body, case: {"case": body.child},
    "CaseTransferred": lambda body, case: {"tasked": _tasked(body.referrals), "plan": body.plan},
    "ReferralReceived": lambda body, case: _released(_agency(case, body.referral), body.released, body.purpose),
    "ReferralAccepted": _of_agency,
    "ProgressReported": _progress,
    "ReferralSuspended": _suspended,
    "SuspensionRequested": _of_agency,
    "SuspensionDenied": _of_agency,
    "ReferralResumed": _of_agency,
    "ExtensionRequested": _of_agency,
    "ExtensionDecided": _decided,
    "ReturnRequested": lambda body, case: _of_agency(body, case) | {"reason": _code(body.reason)},
    "ReturnGranted": lambda body, case: _of_agency(body, case) | {"tasked": _tasked(body.referrals)},
    "ReturnDenied": _of_agency,
    "DisputeOpened": _decided,
    "JurisdictionDesignated": lambda body, case: {"tasked": _tasked(body.referrals)},
    "ReferralResolved": _of_agency,
    "ResolutionSentBack": _of_agency,
    "ResolutionApproved": _of_agency,
    "ReferralRecalled": _of_agency,
    "ReferralWaived": _of_agency,
    "DeliveryFailed": lambda body, case: _of_agency(body, case) | {"count": body.attempts},
    "FollowUpRecorded": _followed_up,
    "CaseClosed": _closed,
    "CaseReopened": lambda body, case: {"count": case.round, "tasked": _tasked(body.referrals)},
    "DeadlineWarned": lambda body, case: _of_agency(body, case) | {"limit": body.limit},
    "DeadlineMissed": _missed,
    "ReferralReminded": _of_agency,
    "SupervisionRaised": lambda body, case: {"supervision": body.supervision},
    "SupervisionLifted": _nothing,
    "SupervisorChanged": lambda body, case: {"person": body.supervisor},
    "CaseLinked": lambda body, case: {"case": body.link.case},
    "CaseAnnotated": lambda body, case: {"agency": body.annotation.agency},
    "CallLegChanged": _leg,
    "MediationRecorded": lambda body, case: {"agency": body.mediation.agency},
    "FindingRecorded": _finding,
    "PatrolVisited": lambda body, case: {"count": body.visit.found},
    "RepeatAdvanced": _repeat,
    "DisclosureRequested": lambda body, case: {"agency": body.agency, "fields": list(body.fields)},
    "DisclosureDecided": lambda body, case: (
        {"agency": body.agency, "fields": list(body.fields), "outcome": "granted" if body.granted else ""}
    ),
    "CaseErased": _nothing,
    "DataReleased": lambda body, case: _released(body.agency, body.fields, body.purpose),
}
KNOWN_KINDS = frozenset(_SAID)
