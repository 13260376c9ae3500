"""Checks that several deciders share; each raises the error that tells the asker what is allowed."""

from __future__ import annotations

from collections.abc import Iterable

from callmesh.domain.access import COMMANDER, OVERSEERS, SUPERVISOR
from callmesh.domain.case import ENDED_CASE, Actor, Case
from callmesh.domain.errors import NotFound, NotYours, WrongState, no_case
from callmesh.domain.facts import Stamp
from callmesh.domain.referral import Referral
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
_CASE_MOVES: dict[CaseState, tuple[str, ...]] = {
    CaseState.RECEIVED: (
        *("ClassifyCase", "TransferCase", "AnswerCase", "RejectCase"),
        *("CancelCase", "AmendCase", "DesignateJurisdiction"),
    ),
    CaseState.CLASSIFIED: (
        *("TransferCase", "AnswerCase", "RejectCase", "CancelCase"),
        *("ClassifyCase", "AmendCase", "DesignateJurisdiction"),
    ),
    CaseState.REFERRED: (
        *("AmendCase", "TransferCase", "RecallReferral", "CancelCase"),
        *("ClassifyCase", "DesignateJurisdiction"),
    ),
    CaseState.DISPUTED: (
        *("DesignateJurisdiction", "TransferCase", "AmendCase", "CancelCase"),
        *("ClassifyCase", "RecallReferral"),
    ),
    CaseState.FOLLOW_UP: (
        *("RecordFollowUp", "CloseCase", "ReopenCase", "SendBackResolution"),
        *("ApproveResolution", "AmendCase", "ClassifyCase", "CancelCase"),
    ),
    CaseState.CLOSED: ("ReopenCase", "RecordFollowUp"),
    CaseState.ANSWERED: (),
    CaseState.MERGED: ("RecordFollowUp", "UnmergeCase"),
    CaseState.CANCELLED: (),
    CaseState.REJECTED: (),
}
"""What may be done next; nothing where a case has ended for good: the matter wants a new case."""
_REFERRAL_MOVES: dict[ReferralState, tuple[str, ...]] = {
    ReferralState.OFFERED: ("AcceptReferral", "ReturnReferral", "RecallReferral"),
    ReferralState.ACCEPTED: ("ReportProgress", "ReturnReferral", "ResolveReferral", "RecallReferral"),
    ReferralState.IN_PROGRESS: ("ReportProgress", "ReturnReferral", "ResolveReferral", "RecallReferral"),
    ReferralState.SUSPENDED: ("ResumeReferral", "RecallReferral"),
    ReferralState.RETURN_REQUESTED: ("DecideReturn", "RecallReferral"),
    ReferralState.RESOLVED: ("SendBackResolution", "ApproveResolution"),
    ReferralState.RETURNED: (),
    ReferralState.CLOSED: (),
    ReferralState.RECALLED: (),
    ReferralState.WAIVED: (),
}
_FOR_HOLDERS = frozenset({"AcceptReferral", "ReportProgress", "ReturnReferral", "ResolveReferral", "ResumeReferral"})
_MOVES_ZH = {
    "AcceptReferral": "签收",
    "AmendCase": "补充",
    "AnswerCase": "当场答复",
    "ApproveResolution": "审核通过",
    "CancelCase": "撤销",
    "ClassifyCase": "分类",
    "CloseCase": "归档",
    "DecideReturn": "审批退单",
    "DesignateJurisdiction": "指定管辖 (由指挥长)",
    "RecallReferral": "撤回",
    "RecordFollowUp": "回访",
    "RejectCase": "不予受理",
    "ReopenCase": "重办",
    "ReportProgress": "反馈",
    "ResolveReferral": "办结",
    "ReturnReferral": "退单",
    "SendBackResolution": "退回重办",
    "TransferCase": "转接",
    "ResumeReferral": "恢复办理",
    "UnmergeCase": "解除并单",
}


def _now_zh(moves: tuple[str, ...], otherwise: str) -> str:
    """What may be done, as the operator calls it."""
    return f"现在可以: {'、'.join(_MOVES_ZH.get(one, one) for one in moves)}" if moves else otherwise


def need_state(case: Case, allowed: Iterable[CaseState], action: str) -> None:
    """The case must stand in one of `allowed`."""
    if case.state in allowed:
        return
    moves = _CASE_MOVES.get(case.state, ())
    raise WrongState(
        f"the case is {case.state}; allowed now: {', '.join(moves) or 'nothing'}",
        f"事件单{CASE_ZH[case.state]}, 不能{action}; {_now_zh(moves, '如需处理请另开新单')}",
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


def need_referral_state(referral: Referral, allowed: Iterable[ReferralState], action: str, stamp: Stamp) -> None:
    """The referral must stand in one of `allowed`. Else whoever sent it is told all that may be done now, the agency
    that has it what it may do by itself."""
    if referral.state in allowed:
        return
    every = _REFERRAL_MOVES.get(referral.state, ())
    holds = stamp.actor.agency == referral.agency != referral.sender
    moves = tuple(one for one in every if one in _FOR_HOLDERS) if holds else every
    waits = "请等待派单单位或审核人处理" if every else "该转办单已结束"
    raise WrongState(
        f"the referral is {referral.state}; allowed now: {', '.join(moves) or 'nothing'}",
        f"转办单{REFERRAL_ZH[referral.state]}, 不能{action}; {_now_zh(moves, waits)}",
        state=referral.state.value,
        allowed=moves,
    )


def need_sender(referral: Referral, case: Case, stamp: Stamp, action: str) -> None:
    """Only who sent the referral or owns the case may do this; policy and commanders always."""
    actor = stamp.actor
    if actor.kind != ActorKind.PERSON or actor.role == COMMANDER:
        return
    owner = case.owner if case.owner != referral.agency else ""  # nobody decides on its own referral
    if actor.agency not in (referral.sender, owner, case.origin):
        raise NotYours(f"only {referral.sender} may do this", f"只有派单单位 {referral.sender} 可以{action}")


def need_part(case: Case, stamp: Stamp, action: str, *roles: str) -> None:
    """Only who answers for the case may do this: origin, owner, lead, senders; policy, commanders, supervisors always.

    An agency that helps is told so; to any other the case looks as if it were not there. `roles` may do it too.
    """
    need_part_of(case, stamp.actor, action, *roles)


def need_part_of(case: Case, actor: Actor, action: str, *roles: str) -> None:
    """The same, before there is a stamp: ahead of checks that would tell a stranger where the case stands."""
    if actor.kind != ActorKind.PERSON or actor.role == COMMANDER:
        return
    lead = case.lead
    if actor.agency in (case.origin, case.owner, lead.agency if lead else ""):
        return
    sent = any(one.sender == actor.agency for one in case.this_round)
    if (sent or actor.role in (SUPERVISOR, *roles)) and not _helps(case, actor):
        return
    raise _not_yours(case, actor, action)


def _helps(case: Case, actor: Actor) -> bool:
    """An agency that only supports decides nothing, whoever of it asks; nor when it called others to an emergency."""
    return any(one.agency == actor.agency and one.role == Role.SUPPORT for one in case.this_round)


def need_reviewer(referral: Referral, case: Case, stamp: Stamp, action: str) -> None:
    """Only who sent the referral, the first receiver or a supervisor judges a result; nobody its own."""
    actor = stamp.actor
    if actor.kind != ActorKind.PERSON or actor.role in OVERSEERS:
        return
    if actor.agency == referral.agency:
        raise NotYours("nobody reviews its own result", f"不能对本单位的结果{action}, 请由派单单位或督办人审核")
    if actor.agency not in (referral.sender, case.origin):
        raise _not_yours(case, actor, action)


_GONE = (ReferralState.RETURNED, ReferralState.RECALLED)


def _not_yours(case: Case, actor: Actor, action: str) -> NotFound | NotYours:
    """What an agency is told that may not: the truth if it has a part in the case, else nothing."""
    if any(one.agency == actor.agency and one.state not in _GONE for one in case.this_round):
        return NotYours("a supporting agency may not do this", f"协办单位不能{action}, 请联系主办单位")
    return no_case()
