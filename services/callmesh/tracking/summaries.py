"""One sentence in zh-CN for each kind of fact, from ids, codes and counts only.

Nothing that a person wrote gets in: no narrative, note, result or free reason. A reason is shown
when it has the form of a code of the city's data.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from callmesh.api.v1 import case_pb2, referral_pb2
from callmesh.domain.decide_after import UNREACHABLE
from callmesh.tracking.words import LEVEL, LIMIT, ROLE, SUPERVISION

_CODE = re.compile(r"^[A-Za-z0-9_.-]{1,40}$")
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
_FOUND = {"OPEN": "待整改", "RECTIFIED": "已整改", "VERIFIED": "已复核"}
_STEPS = {"SORTED": "梳理", "ASSESSED": "研判", "ROUTED": "流转", "SUPERVISED": "督办", "RECHECKED": "复核"}
_LEGS = {"ANSWERED": "已接通", "CONFERENCE": "三方通话", "ENDED": "通话结束", "FAILED": "未接通"}
_WHY = {
    "NO_ANSWER": ": 无人接听",
    "BUSY": ": 占线",
    "DROPPED": ": 通话中断",
    "SWITCH_AWAY": ": 交换机不可用",
    "NO_LINE": ": 无可用号码",
}
Case = case_pb2.Case


def summary(kind: str, body: Any, case: Case) -> str:
    """The sentence for a fact of this kind; a kind of a newer version is named as it is."""
    sentence = _SENTENCES.get(kind)
    return sentence(body, case) if sentence else f"新版事实 {kind}"


def _code(reason: str) -> str:
    return f", 原因 {reason}" if _CODE.match(reason) else ""


def _agencies(referrals: Iterable[referral_pb2.Referral]) -> str:
    return "、".join(f"{one.agency}({_ROLES.get(ROLE.word(one.role), '')})" for one in referrals)


def _agency(case: Case, referral: str) -> str:
    return next((one.agency for one in case.referrals if one.name == referral), "")


def _opened(body: Any, case: Case) -> str:
    return f"{body.origin} 接报, 渠道 {body.channel}" + (", 紧急" if body.emergency else "")


def _classified(body: Any, case: Case) -> str:
    found = body.classification
    by = "人工" if found.by_person else "机器"
    level = LEVEL.word(found.level).upper() or "未定级"
    return f"{by}分类为 {found.category or '未定类'}, {level}" + (", 紧急" if body.emergency else "")


def _transferred(body: Any, case: Case) -> str:
    plan = f", 预案 {body.plan}" if body.plan else ""
    return f"转办至 {_agencies(body.referrals)}{plan}"


def _extension(body: Any, case: Case) -> str:
    return f"{_agency(case, body.referral)} 的延期申请{'获准' if body.granted else '未获准'}"


def _of(fields: Sequence[str]) -> str:
    return f": {'、'.join(fields)}" if fields else ""


def _given(fields: Sequence[str], purpose: str) -> str:
    return f", 个人信息 {len(fields)} 项 ({'、'.join(fields)}), 用途: {purpose or '未注明'}" if fields else ""


def _progress(body: Any, case: Case) -> str:
    return f"{_agency(case, body.referral)} {'到达现场' if body.arrived else '反馈进展'}"


def _return_asked(body: Any, case: Case) -> str:
    return f"{_agency(case, body.referral)} 申请退单{_code(body.reason)}"


def _return_granted(body: Any, case: Case) -> str:
    return f"同意 {_agency(case, body.referral)} 退单, 改派至 {_agencies(body.referrals)}"


def _followed_up(body: Any, case: Case) -> str:
    asked = body.follow_up
    if not asked.reached:
        return "回访未接通"
    satisfied = f", 满意度 {asked.satisfied}" if asked.satisfied else ""
    return f"已回访, {'已解决' if asked.solved else '未解决'}{satisfied}"


def _disputed(body: Any, case: Case) -> str:
    agency = _agency(case, body.referral)
    return f"再次同意 {agency} 退单, 提请指挥长指定管辖" if body.granted else f"{agency} 对驳回退单提出管辖争议"


def _closed(body: Any, case: Case) -> str:
    if body.waiver == UNREACHABLE:
        return "归档, 多次回访未接通"
    return "归档, 免回访" if body.waiver else "归档"


def _missed(body: Any, case: Case) -> str:
    limit, colour = _LIMITS.get(LIMIT.word(body.limit), ""), SUPERVISION.word(body.supervision)
    return f"{who_was_late(body, case)} 超过{limit}时限, 督办 {_COLOURS.get(colour, colour)}"


def who_was_late(body: Any, case: Case) -> str:
    """Who let a limit pass: the agency, who sent it to them, who has to mend, or who has or opened the case."""
    limit = LIMIT.word(body.limit)
    if limit == "rectify":
        return next((one.agency for one in case.findings if one.overdue and one.due == body.due), "")
    if limit == "decision":
        return next((one.sender for one in case.referrals if one.name == body.referral), "")
    return case.origin if limit in ("follow_up", "call_back") else _agency(case, body.referral) or case.owner


def _asked_by(body: Any, case: Case) -> str:
    asked = body.asked_by
    return f", 由 {asked} 提出" if asked and asked != _agency(case, body.referral) else ""


def _warned(body: Any, case: Case) -> str:
    return f"{_agency(case, body.referral)} 临近{_LIMITS.get(LIMIT.word(body.limit), '')}时限"


def _raised(body: Any, case: Case) -> str:
    colour = SUPERVISION.word(body.supervision)
    return f"升级为{_COLOURS.get(colour, colour)}督办"


def _finding(body: Any, case: Case) -> str:
    found = body.finding
    done = _FOUND.get(case_pb2.Finding.State.Name(found.state), "")
    again = "未通过复核, 再次整改" if found.reopened and done == "待整改" else done
    return f"巡查记录 {found.rule}, 责任单位 {found.agency}, {again}"


def _leg(body: Any, case: Case) -> str:
    """Of the legs' life: rings, answered, three on one line, over and why, and the call-back that a lost one leaves."""
    leg = body.leg
    whom = f"{leg.agency} {leg.language} 译员" if leg.language else leg.agency
    back = leg.call_back
    if back.HasField("done_at") or back.attempts:
        return f"已回电, 接通来电人 ({whom})" if back.HasField("done_at") else f"第 {back.attempts} 次回电未接通"
    state = case_pb2.CallLeg.State.Name(leg.state)
    if state == "RINGING":
        return f"{'三方' if leg.conference else ''}呼叫 {whom}, 第 {leg.target}/{leg.targets} 个号码"
    why = _WHY.get(case_pb2.CallLeg.Reason.Name(leg.reason), "")
    then = ", 须回电" if leg.HasField("call_back") else ", 改为推送" if body.pushed else ""
    return f"{whom} {_LEGS.get(state, '')}{why}{then}"


def _repeat(body: Any, case: Case) -> str:
    if body.threat:
        return f"重复警情 {body.type}, 第 {body.count} 次, 扬言极端, 交 110"
    if body.type:
        return f"重复警情 {body.type}, 第 {body.count} 次, 开始核查"
    step = _STEPS.get(case_pb2.Repeat.Stage.Name(body.step.stage), "")
    return f"重复警情核查: {step}" + ("" if step != "复核" or body.step.settled else ", 未解决")


def _of_agency(words: str) -> Callable[[Any, Case], str]:
    return lambda body, case: words.format(_agency(case, body.referral))


def _plain(words: str) -> Callable[[Any, Case], str]:
    return lambda body, case: words


_SENTENCES: dict[str, Callable[[Any, Case], str]] = {
    "CaseOpened": _opened,
    "ReportAmended": _plain("补充报告内容"),
    "CaseClassified": _classified,
    "CaseAnswered": _plain("当场答复"),
    "CaseRejected": lambda body, case: f"不予受理{_code(body.reason)}",
    "CaseCancelled": lambda body, case: f"撤销{_code(body.reason)}",
    "CaseMerged": lambda body, case: f"并入 {body.parent}",
    "CaseUnmerged": _plain("解除并单"),
    "ChildJoined": lambda body, case: f"{body.child} 并入本单",
    "ChildLeft": lambda body, case: f"{body.child} 已从本单分出",
    "CaseTransferred": _transferred,
    "ReferralReceived": lambda body, case: (
        f"{_agency(case, body.referral)} 系统已接收{_given(body.released, body.purpose)}"
    ),
    "ReferralAccepted": _of_agency("{} 签收"),
    "ProgressReported": _progress,
    "ReferralSuspended": lambda body, case: f"{_agency(case, body.referral)} 挂账{_asked_by(body, case)}",
    "SuspensionRequested": _of_agency("{} 申请挂账"),
    "SuspensionDenied": _of_agency("{} 的挂账申请未获准"),
    "ReferralResumed": _of_agency("{} 恢复办理"),
    "ExtensionRequested": _of_agency("{} 申请延期"),
    "ExtensionDecided": _extension,
    "ReturnRequested": _return_asked,
    "ReturnGranted": _return_granted,
    "ReturnDenied": _of_agency("不同意 {} 退单"),
    "DisputeOpened": _disputed,
    "JurisdictionDesignated": lambda body, case: f"指定管辖: {_agencies(body.referrals)}",
    "ReferralResolved": _of_agency("{} 办结"),
    "ResolutionSentBack": _of_agency("{} 的办理结果被退回"),
    "ResolutionApproved": _of_agency("{} 的办理结果通过审核"),
    "ReferralRecalled": _of_agency("撤回 {} 的转办单"),
    "ReferralWaived": _of_agency("{} 免办"),
    "DeliveryFailed": lambda body, case: f"{_agency(case, body.referral)} 投递 {body.attempts} 次未成功",
    "FollowUpRecorded": _followed_up,
    "CaseClosed": _closed,
    "CaseReopened": lambda body, case: f"重办, 第 {case.round} 轮, 交 {_agencies(body.referrals)}",
    "DeadlineWarned": _warned,
    "DeadlineMissed": _missed,
    "ReferralReminded": _of_agency("催办 {}"),
    "SupervisionRaised": _raised,
    "SupervisionLifted": _plain("解除督办"),
    "SupervisorChanged": lambda body, case: f"督办人变更为 {body.supervisor}",
    "CaseLinked": lambda body, case: f"关联 {body.link.case}",
    "CaseAnnotated": lambda body, case: f"{body.annotation.agency} 提出意见",
    "CallLegChanged": _leg,
    "MediationRecorded": lambda body, case: f"{body.mediation.agency} 主持调解",
    "FindingRecorded": _finding,
    "PatrolVisited": lambda body, case: f"巡查, 查出 {body.visit.found} 项",
    "RepeatAdvanced": _repeat,
    "DisclosureRequested": lambda body, case: f"{body.agency} 申请查看 {'、'.join(body.fields)}",
    "DisclosureDecided": lambda body, case: (
        f"{body.agency} 的查看申请{'获准' if body.granted else '未获准'}{_of(body.fields)}"
    ),
    "CaseErased": _plain("已删除个人信息"),
    "DataReleased": lambda body, case: f"向 {body.agency} 补充提供{_given(body.fields, body.purpose)}",
}
KNOWN_KINDS = frozenset(_SENTENCES)
