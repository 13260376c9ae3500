"""One sentence for each kind of fact, in zh-CN and English, with holes for what the fact says.

`{agency}` is a hole: whoever tells names its noun, by its id (the log's summary, the command line) or by its name (the
console). `[, reason {reason}]` is said only when its first hole has something to say. Nothing that a person wrote has
a hole: ids, codes and counts only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache

Name = Callable[[str, object], str]
"""Noun and value -> how it is called."""

_RELEASED = (
    "[, 个人信息 {count} 项 ({fields}), 用途: {purpose}]",
    "[, personal data: {fields} ({count}), for: {purpose}]",
)
_WHOM = "{agency}[ {language} 译员]", "{agency}[ (interpreter, {language})]"
_LEG = _WHOM[0] + ": {leg}[, {why}]", _WHOM[1] + ": {leg}[, {why}]"
SENTENCES: Mapping[str, tuple[str, str]] = {
    "CaseOpened": ("{agency} 接报, 渠道 {channel}[, {emergency}]", "{agency} took it, by {channel}[, {emergency}]"),
    "ReportAmended": ("补充报告内容", "The report was supplemented"),
    "CaseClassified": (
        "机器分类为 {category}, {level}[, {emergency}]",
        "Classified by machine: {category}, {level}[, {emergency}]",
    ),
    "CaseClassified/person": (
        "人工分类为 {category}, {level}[, {emergency}]",
        "Classified by a person: {category}, {level}[, {emergency}]",
    ),
    "CaseAnswered": ("当场答复", "Answered on the spot"),
    "CaseRejected": (
        "不予受理[, 理由: {ground}][, 原因 {reason}]",
        "Rejected[, ground: {ground}][, reason: {reason}]",
    ),
    "CaseCancelled": ("撤销[, 原因 {reason}]", "Cancelled[, reason: {reason}]"),
    "CaseMerged": ("并入 {case}", "Merged into {case}"),
    "CaseUnmerged": ("解除并单", "Taken out of the case it was merged into"),
    "ChildJoined": ("{case} 并入本单", "{case} was merged into this case"),
    "ChildLeft": ("{case} 已从本单分出", "{case} left this case"),
    "CaseTransferred": ("转办至 {tasked}[, 预案 {plan}]", "Handed to {tasked}[, by the plan {plan}]"),
    "ReferralReceived": ("{agency} 系统已接收" + _RELEASED[0], "Delivered to {agency}" + _RELEASED[1]),
    "ReferralAccepted": ("{agency} 签收", "{agency} accepted it"),
    "ProgressReported": ("{agency} 反馈进展", "{agency} reported progress"),
    "ProgressReported/arrived": ("{agency} 到达现场", "{agency} is on site"),
    "ReferralSuspended": ("{agency} 挂账[, 由 {by} 提出]", "{agency} may pause[, asked for by {by}]"),
    "SuspensionRequested": ("{agency} 申请挂账", "{agency} asked for a pause"),
    "SuspensionDenied": ("{agency} 的挂账申请未获准", "{agency} may not pause"),
    "ReferralResumed": ("{agency} 恢复办理", "{agency} goes on"),
    "ExtensionRequested": ("{agency} 申请延期", "{agency} asked for more time"),
    "ExtensionDecided/granted": ("{agency} 的延期申请获准", "{agency} got more time"),
    "ExtensionDecided": ("{agency} 的延期申请未获准", "{agency} got no more time"),
    "ReturnRequested": ("{agency} 申请退单[, 原因 {reason}]", "{agency} asked to return it[, reason: {reason}]"),
    "ReturnGranted": ("同意 {agency} 退单, 改派至 {tasked}", "{agency} may return it; handed to {tasked}"),
    "ReturnDenied": ("不同意 {agency} 退单", "{agency} may not return it"),
    "DisputeOpened": ("{agency} 对驳回退单提出管辖争议", "{agency} contests that it may not return it"),
    "DisputeOpened/granted": (
        "再次同意 {agency} 退单, 提请指挥长指定管辖",
        "{agency} may return it, the second one who does; a commander has to decide",
    ),
    "JurisdictionDesignated": ("指定管辖: {tasked}", "Designated: {tasked}"),
    "ReferralResolved": ("{agency} 办结", "{agency} resolved it"),
    "ResolutionSentBack": ("{agency} 的办理结果被退回", "The result of {agency} was sent back"),
    "ResolutionApproved": ("{agency} 的办理结果通过审核", "The result of {agency} was approved"),
    "ReferralRecalled": ("撤回 {agency} 的转办单", "Taken back from {agency}"),
    "ReferralWaived": ("{agency} 免办", "{agency} is not needed any more"),
    "DeliveryFailed": ("{agency} 投递 {count} 次未成功", "Not delivered to {agency} after {count} attempts"),
    "FollowUpRecorded": ("回访未接通", "Followed up: not reached"),
    "FollowUpRecorded/solved": ("已回访, 已解决[, 满意度 {count}]", "Followed up: solved[, satisfied {count} of 5]"),
    "FollowUpRecorded/unsolved": (
        "已回访, 未解决[, 满意度 {count}]",
        "Followed up: not solved[, satisfied {count} of 5]",
    ),
    "CaseClosed": ("归档", "Closed"),
    "CaseClosed/unreachable": ("归档, 多次回访未接通", "Closed: not reached in several follow-ups"),
    "CaseClosed/waived": ("归档, 免回访", "Closed without a follow-up"),
    "CaseReopened": ("重办, 第 {count} 轮, 交 {tasked}", "Reopened, round {count}, handed to {tasked}"),
    "DeadlineWarned": ("{agency} 临近{limit}时限", "The limit of {agency} is near: {limit}"),
    "DeadlineMissed": (
        "{agency} 超过{limit}时限, 督办 {supervision}",
        "{agency} missed a limit: {limit}; watch: {supervision}",
    ),
    "ReferralReminded": ("催办 {agency}", "{agency} was reminded"),
    "SupervisionRaised": ("升级为{supervision}督办", "The watch was raised: {supervision}"),
    "SupervisionLifted": ("解除督办", "The watch was lifted"),
    "SupervisorChanged": ("督办人变更为 {person}", "The duty leader is now {person}"),
    "CaseLinked": ("关联 {case}", "Linked to {case}"),
    "CaseAnnotated": ("{agency} 提出意见", "{agency} added a note"),
    "CallLegChanged": _LEG,
    "CallLegChanged/ringing": (
        f"呼叫 {_WHOM[0]}, 第 {{count}}/{{total}} 个号码",
        f"Rings {_WHOM[1]}, number {{count}} of {{total}}",
    ),
    "CallLegChanged/three_way": (
        f"三方呼叫 {_WHOM[0]}, 第 {{count}}/{{total}} 个号码",
        f"Rings {_WHOM[1]} for three on one line, number {{count}} of {{total}}",
    ),
    "CallLegChanged/pushed": (f"{_LEG[0]}, 改为推送", f"{_LEG[1]}; goes on as a push"),
    "CallLegChanged/call_back": (f"{_LEG[0]}, 须回电", f"{_LEG[1]}; the caller has to be called back"),
    "CallLegChanged/called_back": (
        f"已回电, 接通来电人 ({_WHOM[0]})",
        f"The caller was called back and reached ({_WHOM[1]})",
    ),
    "CallLegChanged/not_reached": ("第 {count} 次回电未接通", "Call-back {count}: not reached"),
    "MediationRecorded": ("{agency} 主持调解", "{agency} mediated"),
    "FindingRecorded": (
        "巡查记录 {rule}, 责任单位 {agency}, 待整改",
        "Record patrol: {rule}; {agency} has to mend it",
    ),
    "FindingRecorded/again": (
        "巡查记录 {rule}, 责任单位 {agency}, 未通过复核, 再次整改",
        "Record patrol: {rule}; not mended, {agency} has to mend it again",
    ),
    "FindingRecorded/rectified": (
        "巡查记录 {rule}, 责任单位 {agency}, 已整改",
        "Record patrol: {rule}; {agency} mended it",
    ),
    "FindingRecorded/verified": (
        "巡查记录 {rule}, 责任单位 {agency}, 已复核",
        "Record patrol: {rule}; mended by {agency}, verified",
    ),
    "PatrolVisited": ("巡查, 查出 {count} 项", "Record patrol: findings {count}"),
    "RepeatAdvanced": ("重复警情核查: {stage}", "Repeat review: {stage}"),
    "RepeatAdvanced/unsettled": ("重复警情核查: {stage}, 未解决", "Repeat review: {stage}, not settled"),
    "RepeatAdvanced/opened": (
        "重复警情 {type}, 第 {count} 次, 开始核查",
        "Repeated: {type}, report {count}; the review begins",
    ),
    "RepeatAdvanced/threat": (
        "重复警情 {type}, 第 {count} 次, 扬言极端, 交 110",
        "Repeated: {type}, report {count}; an extreme act is threatened, 110 leads",
    ),
    "DisclosureRequested": ("{agency} 申请查看 {fields}", "{agency} asked to see: {fields}"),
    "DisclosureDecided": ("{agency} 的查看申请未获准[: {fields}]", "{agency} may not see[: {fields}]"),
    "DisclosureDecided/granted": ("{agency} 的查看申请获准[: {fields}]", "{agency} may see[: {fields}]"),
    "CaseErased": ("已删除个人信息", "Personal data was erased"),
    "DataReleased": ("向 {agency} 补充提供" + _RELEASED[0], "Released to {agency} later" + _RELEASED[1]),
}
_NEWER = "新版事实 {kind}", "A newer fact: {kind}"
_MAYBE = re.compile(r"\[([^\[\]]*)\]")
_HOLE = re.compile(r"\{([a-z]+)\}")


def tell(kind: str, said: Mapping[str, object], name: Name, english: bool = False) -> str:
    """The sentence of a fact of this kind; a kind of a newer version is named as it is.

    `said` holds the nouns, and under "outcome" which of several sentences of the kind it is.
    """
    found = SENTENCES.get(f"{kind}/{said.get('outcome', '')}") or SENTENCES.get(kind)
    if found is None:
        return _NEWER[english].format(kind=kind)
    maybe, spoken = False, []
    for part in _parts(found[english]):
        if not maybe or len(part) == 1 or said.get(part[1]):
            spoken += [name(one, said.get(one)) if place % 2 else one for place, one in enumerate(part)]
        maybe = not maybe
    return "".join(spoken)


@cache
def _parts(sentence: str) -> tuple[tuple[str, ...], ...]:
    """What is always said and what may be, in turn; each as words and nouns in turn, beginning with words."""
    return tuple(tuple(_HOLE.split(part)) for part in _MAYBE.split(sentence))
