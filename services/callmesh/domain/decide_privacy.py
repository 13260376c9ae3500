"""The deciders about personal data: asking to see more, the answer, what went out, erasing.

Who a confidential or silent caller is goes to nobody, whoever asks and whoever would grant it. An erased case takes no
more words: nothing may be kept of it, so what a person wants to do to it is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from callmesh.domain import commands_privacy as c
from callmesh.domain import facts as f
from callmesh.domain import facts_privacy as p
from callmesh.domain.case import ENDED_CASE, Case
from callmesh.domain.decide_watch import need_overseer
from callmesh.domain.errors import Invalid, WrongState, need_text
from callmesh.domain.guards import CASE_ZH, find_referral, need_referral_state, own_referral
from callmesh.domain.oversight import decide_by
from callmesh.domain.referral import WORKING_REFERRAL, Disclosure, Referral
from callmesh.domain.release import FIELDS, IDENTITY, is_shielded
from callmesh.domain.words import ActorKind, DisclosureState, ReferralState

_ASKING = (ReferralState.OFFERED, *sorted(WORKING_REFERRAL), ReferralState.RETURN_REQUESTED, ReferralState.SUSPENDED)


def need_unerased(case: Case, command: object, stamp: f.Stamp) -> None:
    """A person may do nothing more to an erased case than receipt what was on its way, or ask for the same again."""
    passing = isinstance(command, (c.Erase, c.RecordRelease)) or type(command).__name__ == "Receive"
    if case.erased_at is not None and stamp.actor.kind == ActorKind.PERSON and not passing:
        zh = "该事件单的个人信息已删除, 不能再办理; 如需处理请另开新单"
        raise WrongState("the case's personal data was erased; open a new case", zh, state="erased")


def request(case: Case, command: c.RequestDisclosure, stamp: f.Stamp) -> p.DisclosureRequested:
    """By the agency that has the referral, while it has to do something about it."""
    referral = own_referral(case, command.referral, stamp)
    need_referral_state(referral, _ASKING, "申请查看", stamp)
    unknown = [one for one in command.fields if one not in FIELDS]
    if unknown or not command.fields:
        raise Invalid("unknown fields", "请填写要查看的信息项", {"fields": f"one or more of {', '.join(FIELDS)}"})
    need_text(command.reason, "reason", "查看理由")
    _need_unshielded(case, command.fields)
    if _open(referral) is not None:
        zh = "已有查看申请待审批, 请等待答复"
        raise WrongState("a request waits for its answer already", zh, referral.state.value, ("GrantDisclosure",))
    beyond = tuple(dict.fromkeys(one for one in command.fields if one not in command.allowed))
    if not beyond:
        reason = {"fields": "all of them are in the case already"}
        raise Invalid("nothing is kept back of these fields", "所申请的信息已在工单中提供", reason)
    due = decide_by(command.oversight, case, stamp.at)
    return p.DisclosureRequested(referral.name, referral.agency, beyond, command.reason, due)


def decide(case: Case, command: c.DecideDisclosure, stamp: f.Stamp) -> p.DisclosureDecided:
    """By who sent it or supervises it; never more than was asked for."""
    referral = find_referral(case, command.referral)
    need_overseer(case, referral, stamp, "审批查看申请")
    asked = _open(referral)
    if asked is None:
        zh = "没有待审批的查看申请"
        raise WrongState("nothing was asked for", zh, referral.state.value, ("RequestDisclosure",))
    need_text(command.reason, "reason", "审批意见")
    if not command.granted:
        return p.DisclosureDecided(referral.name, referral.agency, False, (), command.reason)
    fields = command.fields or asked.fields
    if any(one not in asked.fields for one in fields):
        raise Invalid("more than was asked for", "不能超出申请范围", {"fields": f"of {', '.join(asked.fields)}"})
    _need_unshielded(case, fields)
    return p.DisclosureDecided(referral.name, referral.agency, True, fields, command.reason)


def record_release(case: Case, command: c.RecordRelease, stamp: f.Stamp) -> p.DataReleased | None:
    """Each field of a referral once."""
    referral = own_referral(case, command.referral, stamp)
    fresh = tuple(one for one in command.fields if one not in referral.released)
    return p.DataReleased(referral.name, referral.agency, fresh, command.purpose) if fresh else None


def erase(case: Case, command: c.Erase, stamp: f.Stamp) -> p.CaseErased | None:
    """Only of what has ended: who still works on a case needs it. A second time changes nothing."""
    if case.erased_at is not None:
        return None
    if case.state not in ENDED_CASE:
        zh = f"事件单{CASE_ZH[case.state]}, 尚在办理, 不能删除个人信息; 请先归档或撤销, 再删除"
        why = f"the case is {case.state}: who works on it needs it; close or cancel it first, then erase it"
        raise WrongState(why, zh, case.state.value, ("CloseCase", "CancelCase"))
    need_text(command.reason, "reason", "删除依据")
    return p.CaseErased(command.reason)


def _open(referral: Referral) -> Disclosure | None:
    return next((one for one in referral.disclosures if one.state == DisclosureState.ASKED), None)


def _need_unshielded(case: Case, fields: tuple[str, ...]) -> None:
    if is_shielded(case.report.caller) and IDENTITY & set(fields):
        zh = "来电人要求保密或为静默报警, 其身份不得提供"
        raise WrongState("who this caller is stays with the first receiver", zh, state="shielded")


DECIDERS: dict[type, Callable[[Case, Any, f.Stamp], f.Body | None]] = {
    c.RequestDisclosure: request,
    c.DecideDisclosure: decide,
    c.RecordRelease: record_release,
    c.Erase: erase,
}
