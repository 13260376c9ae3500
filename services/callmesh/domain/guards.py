"""Checks that several deciders share; each raises the error that tells the asker what is allowed."""

from __future__ import annotations

from collections.abc import Iterable

from callmesh.domain.case import ENDED_CASE, Case, Referral
from callmesh.domain.errors import NotFound, NotYours, WrongState
from callmesh.domain.facts import Stamp
from callmesh.domain.words import ActorKind, CaseState, ReferralState, Role

CASE_ZH = {
    CaseState.RECEIVED: "已接报",
    CaseState.CLASSIFIED: "已分类",
    CaseState.REFERRED: "已转办",
    CaseState.DISPUTED: "争议中",
    CaseState.FOLLOW_UP: "待回访",
    CaseState.CLOSED: "已归档",
    CaseState.ANSWERED: "已当场答复",
    CaseState.MERGED: "已并单",
    CaseState.CANCELLED: "已撤销",
    CaseState.REJECTED: "不予受理",
}
REFERRAL_ZH = {
    ReferralState.OFFERED: "已派单",
    ReferralState.ACCEPTED: "已签收",
    ReferralState.IN_PROGRESS: "处置中",
    ReferralState.SUSPENDED: "挂账",
    ReferralState.RETURN_REQUESTED: "申请退单",
    ReferralState.RETURNED: "已退单",
    ReferralState.RESOLVED: "已办结",
    ReferralState.CLOSED: "已归档",
    ReferralState.RECALLED: "已撤回",
    ReferralState.WAIVED: "已免办",
}
_CASE_MOVES = {
    CaseState.RECEIVED: ("ClassifyCase", "TransferCase", "AnswerCase", "RejectCase", "CancelCase"),
    CaseState.CLASSIFIED: ("TransferCase", "AnswerCase", "RejectCase", "CancelCase"),
    CaseState.REFERRED: ("AmendCase", "TransferCase", "RecallReferral", "CancelCase"),
    CaseState.FOLLOW_UP: ("RecordFollowUp", "CloseCase", "ReopenCase"),
    CaseState.CLOSED: ("ReopenCase",),
    CaseState.MERGED: ("RecordFollowUp", "UnmergeCase"),
}
_REFERRAL_MOVES = {
    ReferralState.OFFERED: ("AcceptReferral", "ReturnReferral"),
    ReferralState.ACCEPTED: ("ReportProgress", "ReturnReferral", "ResolveReferral"),
    ReferralState.IN_PROGRESS: ("ReportProgress", "ReturnReferral", "ResolveReferral"),
    ReferralState.RETURN_REQUESTED: ("DecideReturn",),
}


def need_state(case: Case, allowed: Iterable[CaseState], action: str) -> None:
    """The case must stand in one of `allowed`."""
    if case.state in allowed:
        return
    moves = _CASE_MOVES.get(case.state, ())
    raise WrongState(
        f"the case is {case.state}; allowed now: {', '.join(moves) or 'nothing'}",
        f"事件单{CASE_ZH[case.state]}, 不能{action}",
        state=case.state.value,
        allowed=moves,
    )


def at_least_open(case: Case, action: str) -> None:
    """The case must not have ended."""
    need_state(case, set(CaseState) - ENDED_CASE, action)


def find_referral(case: Case, name: str) -> Referral:
    """The referral of that name, or NotFound."""
    found = case.referral(name)
    if found is None:
        raise NotFound("no such referral", "没有这个转办单, 请核对编号")
    return found


def own_referral(case: Case, name: str, stamp: Stamp) -> Referral:
    """The referral of that name if it is the acting agency's; others look as if they were not there."""
    found = find_referral(case, name)
    if stamp.actor.kind == ActorKind.PERSON and stamp.actor.agency != found.agency:
        raise NotFound("no such referral", "没有这个转办单, 请核对编号")
    return found


def need_referral_state(referral: Referral, allowed: Iterable[ReferralState], action: str) -> None:
    """The referral must stand in one of `allowed`."""
    if referral.state in allowed:
        return
    moves = _REFERRAL_MOVES.get(referral.state, ())
    raise WrongState(
        f"the referral is {referral.state}; allowed now: {', '.join(moves) or 'nothing'}",
        f"转办单{REFERRAL_ZH[referral.state]}, 不能{action}",
        state=referral.state.value,
        allowed=moves,
    )


def need_sender(referral: Referral, case: Case, stamp: Stamp, action: str) -> None:
    """Only who sent the referral or owns the case may do this; policy and commanders always."""
    actor = stamp.actor
    if actor.kind != ActorKind.PERSON or actor.role == "commander":
        return
    owner = case.owner if case.owner != referral.agency else ""  # nobody decides on its own referral
    if actor.agency not in (referral.sender, owner, case.origin):
        raise NotYours(f"only {referral.sender} may do this", f"只有派单单位 {referral.sender} 可以{action}")


def need_not_support(case: Case, stamp: Stamp, action: str) -> None:
    """An agency that only helps may not do this."""
    actor = stamp.actor
    if actor.kind != ActorKind.PERSON or actor.agency in (case.origin, case.owner):
        return
    if any(one.agency == actor.agency and one.role == Role.SUPPORT for one in case.this_round):
        raise NotYours("a supporting agency may not do this", f"协办单位不能{action}, 请联系主办单位")
