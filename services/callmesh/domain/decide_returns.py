"""The deciders about returns (退单): an agency asks, a dispatcher or the city's rule grants or denies.

The first granted return of a round sends the case on, the second opens a dispute (`decide_life`), and where the city's
hops are used up whoever gets it keeps it. An emergency goes on at once, whatever the number.
"""

from __future__ import annotations

from callmesh.domain import commands as c
from callmesh.domain import facts as f
from callmesh.domain.case import Case
from callmesh.domain.decide_referral import need_emergency_service, offer
from callmesh.domain.errors import Invalid, NotYours, WrongState, need_text
from callmesh.domain.guards import find_referral, need_referral_state, need_sender, own_referral
from callmesh.domain.oversight import decide_by
from callmesh.domain.referral import Referral
from callmesh.domain.values import replace
from callmesh.domain.words import CaseState, Level, ReferralState, Role

_S = ReferralState


def request_return(case: Case, command: c.RequestReturn, stamp: f.Stamp) -> f.Body:
    """Lead only, within the limit, coded and founded; P0 and P1 respond first."""
    referral = own_referral(case, command.referral, stamp)
    need_text(command.reason, "reason", "退单原因代码")
    need_text(command.basis, "basis", "退单依据")
    need_referral_state(referral, {_S.OFFERED, _S.ACCEPTED, _S.IN_PROGRESS}, "退单", stamp)
    if referral.role != Role.LEAD:
        raise NotYours("a supporting agency cannot return the case", "协办单位不能退单, 请联系主办单位")
    _need_returnable(case, referral, stamp)
    due = decide_by(command.oversight, case, stamp.at)
    return f.ReturnRequested(referral.name, command.reason, command.basis, command.flags, due)


def _need_returnable(case: Case, referral: Referral, stamp: f.Stamp) -> None:
    if case.state == CaseState.DISPUTED:
        raise WrongState(
            "the case is disputed already: a commander decides",
            "事件单争议中, 请等待指挥长指定管辖, 期间继续办理",
            state=case.state.value,
            allowed=("ReportProgress", "ResolveReferral"),
        )
    if referral.binding:
        raise WrongState(
            "this referral is binding and cannot be returned",
            "指定管辖或兜底单位不能退单",
            state="binding",
            allowed=("ReportProgress", "ResolveReferral"),
        )
    if referral.return_due is not None and stamp.at > referral.return_due:
        raise WrongState(
            "the time to return it has passed",
            "已超过退单期限, 请继续办理",
            state="return_expired",
            allowed=("ReportProgress", "ResolveReferral"),
        )
    if case.level in (Level.P0, Level.P1) and referral.feedback_at is None:
        raise WrongState(
            "P0 and P1 need a first response before a return",
            "特急、紧急事件须先行处置并反馈, 方可退单",
            state=referral.state.value,
            allowed=("AcceptReferral", "ReportProgress"),
        )


def grant_return(case: Case, command: c.GrantReturn, stamp: f.Stamp) -> f.Body:
    """The return is granted and the case offered on, in one fact; never to an agency that had it.

    The second one of a round opens a dispute instead, unless it is an emergency or the hops are used up.
    """
    referral = find_referral(case, command.referral)
    need_referral_state(referral, {_S.RETURN_REQUESTED}, "审批退单", stamp)
    need_sender(referral, case, stamp, "审批退单")
    need_text(command.reason, "reason", "审批意见")
    if _returned_before(case) and not case.emergency and not command.spent:
        return f.DisputeOpened(referral.name, command.reason, True, decide_by(command.oversight, case, stamp.at))
    had = {one.agency for one in case.this_round if one.role == Role.LEAD}
    if command.target.agency in had:
        reason = {"agency": "already returned it"}
        raise Invalid("never the same agency again", "不能再次派给已退单的单位", reason)
    need_emergency_service(case, command.target)
    following = offer(case, command.target, stamp, command.calendar, 1)
    return f.ReturnGranted(referral.name, command.reason, (_next_hop(following, referral),))


def _returned_before(case: Case) -> bool:
    return any(one.role == Role.LEAD and one.state == _S.RETURNED for one in case.this_round)


def _next_hop(following: Referral, before: Referral) -> Referral:
    """Who sent it stands behind the next hop too: a rule that grants has no agency, the returning one must not send."""
    return replace(following, hop=before.hop + 1, mode=before.mode, sender=before.sender)


def deny_return(case: Case, command: c.DenyReturn, stamp: f.Stamp) -> f.Body:
    """The agency keeps it."""
    referral = find_referral(case, command.referral)
    need_referral_state(referral, {_S.RETURN_REQUESTED}, "驳回退单", stamp)
    need_sender(referral, case, stamp, "驳回退单")
    need_text(command.reason, "reason", "驳回理由")
    return f.ReturnDenied(referral.name, command.reason)
