"""What can be done to a case from the command line: one row an action, one an option.

A row says which RPC carries it out and which of the request's fields are options; `case.py` makes commands of the rows
and `case_calls.py` requests of what was typed. A field that bears another name than its option, or stands
deeper, is given as `option=path.in.the.request`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class On(Enum):
    """What an action is about."""

    NOTHING = 0
    CASE = 1
    REFERRAL = 2


class Kind(Enum):
    """What is typed for an option."""

    TEXT = 0
    LIST = 1
    FLAG = 2
    COUNT = 3
    TIME = 4
    EITHER = 5
    """One of two, `--solved` or `--unsolved`: what is left out would say the second."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option; with `choices` one of these words."""

    help: str
    kind: Kind = Kind.TEXT
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Action:
    """One action: who serves it, what it is called, what may be said with it."""

    service: str
    rpc: str
    on: On
    zh: str
    help: str
    options: str = "reason"
    fixed: Mapping[str, Any] = field(default_factory=dict)

    @property
    def paths(self) -> dict[str, str]:
        """The request's field of each option."""
        pairs = (one.partition("=") for one in self.options.split())
        return {name: path or name.replace("-", "_") for name, _, path in pairs}


OPTIONS = {
    "agency": Option("Agency's id; without it the city's data decides."),
    "arrived": Option("Somebody is on the spot.", Kind.FLAG),
    "basis": Option("What the return rests on: a rule, a list of duties."),
    "category": Option("Category's id; without it the machine decides."),
    "channel": Option("How it came in: phone, sms, app, web, kiosk ... [default: phone]"),
    "contacted": Option("The agency had been in touch with the caller.", Kind.FLAG),
    "conference": Option("Stay on the line when the lead answers: three on one line.", Kind.FLAG),
    "dead": Option("So many are dead.", Kind.COUNT),
    "device": Option("Kiosk or sensor; it fixes the place."),
    "division": Option("Code of the division; without it the place decides."),
    "emergency": Option("Life or crime now: it waits for nothing.", Kind.FLAG),
    "field": Option("Field of the report: name, number, place ...; may be repeated.", Kind.LIST),
    "finding": Option("Number of the finding.", Kind.COUNT),
    "ground": Option(
        "Ground of the rejection, a code of the city's grounds.toml; one that is not listed names them all."
    ),
    "handler": Option("Staff number of who takes it."),
    "injured": Option("So many are hurt.", Kind.COUNT),
    "into": Option("The case to fold it into, by id or name."),
    "language": Option("Language of the interpreter, a code like en."),
    "leg": Option("Id of the call leg; without it the only one that can be meant."),
    "level": Option("Level.", choices=("p0", "p1", "p2", "p3")),
    "lower-emergency": Option("Take the emergency flag away.", Kind.FLAG),
    "method": Option("How the caller was asked.", choices=("phone", "sms", "app", "visit")),
    "mode": Option("Call or push; without it a call while the caller is on the line.", choices=("call", "push")),
    "note": Option("What was said or done."),
    "number": Option("The caller's number."),
    "outcome": Option("What came of the session."),
    "place": Option("Where it is, in words."),
    "plan": Option("Response plan to apply: all its agencies at once."),
    "reason": Option("Why; it stays with the case."),
    "reply": Option("What the caller is told."),
    "result": Option("What was done."),
    "satisfied": Option("1 (very dissatisfied) to 5 (very satisfied).", Kind.COUNT),
    "settled": Option("The parties agreed; of a recheck: the matter is settled.", Kind.FLAG),
    "solved": Option("Whether the caller says solved.", Kind.EITHER),
    "special": Option("A special extension, beside the ordinary one.", Kind.FLAG),
    "stage": Option("Step.", choices=("sorted", "assessed", "routed", "supervised", "rechecked")),
    "started": Option("Work has begun.", Kind.FLAG),
    "supervision": Option("Level to raise to.", choices=("blue", "yellow", "red")),
    "supervisor": Option("Staff number of the duty leader."),
    "support": Option("Agency that helps; may be repeated.", Kind.LIST),
    "text": Option("The words."),
    "trapped": Option("So many are trapped.", Kind.COUNT),
    "with": Option("Agency to bring in; without it the one that leads."),
    "unit": Option("Unit of who takes it."),
    "until": Option("Until when: 2026-11-24T18:00 in the city's time, or with its zone: 2026-11-24T10:00Z.", Kind.TIME),
    "waiver": Option("Why nobody was asked."),
}
_FOLLOW_UP = "contacted=follow_up.contacted method=follow_up.method note=follow_up.note"
_HARM = "trapped=situation.trapped injured=situation.injured dead=situation.dead"
_OPEN = (
    "text=report.narrative number=report.caller.number place=report.place.text channel division device emergency "
    + _HARM
)

ACTIONS = {
    "open": Action("intake", "OpenCase", On.NOTHING, "接报", "Open a case.", _OPEN),
    "amend": Action(
        *("intake", "AmendCase", On.CASE, "补充", "Add words to the report, or counts: they replace all three it has."),
        f"text {_HARM}",
    ),
    "annotate": Action(
        "intake", "AnnotateCase", On.CASE, "会商意见", "Add an advisory note; it moves nothing.", "text"
    ),
    "classify": Action(
        *("classification", "ClassifyCase", On.CASE, "分类", "Classify, or override the machine."),
        "category level lower-emergency reason",
    ),
    "answer": Action(
        *("intake", "AnswerCase", On.CASE, "当场答复", "Answer on the spot and end it."), "result reply=public_reply"
    ),
    "reject": Action("intake", "RejectCase", On.CASE, "不予受理", "Reject on a listed ground.", "ground reason"),
    "cancel": Action("intake", "CancelCase", On.CASE, "撤销", "Cancel; its referrals are recalled."),
    "merge": Action("intake", "MergeCase", On.CASE, "并单", "Fold into another case.", "into=parent reason"),
    "unfold": Action("intake", "UnmergeCase", On.CASE, "解除并单", "Take out of the case it was folded into."),
    "transfer": Action(
        *("transfer", "TransferCase", On.CASE, "一键转接", "Offer to lead and support, or apply a plan."),
        "agency support plan mode conference reason",
    ),
    "designate": Action(
        *("transfer", "DesignateJurisdiction", On.CASE, "指定管辖", "Decide a dispute, bindingly (commander)."),
        "agency reason",
    ),
    "recall": Action("transfer", "RecallReferral", On.REFERRAL, "撤回", "Take back before it is resolved."),
    "waive": Action("transfer", "WaiveReferral", On.REFERRAL, "免办", "Say that a helper is not needed."),
    "conference": Action(
        *("transfer", "ConferenceCase", On.CASE, "三方通话", "Bring an agency or an interpreter on the line."),
        "with=agency language",
    ),
    "leave-call": Action(
        *("transfer", "LeaveCall", On.CASE, "退出通话", "Leave a conference: caller and agency talk on."), "leg"
    ),
    "hang-up": Action("transfer", "EndCallLeg", On.CASE, "挂断", "End a call leg.", "leg"),
    "called-back": Action(
        *("transfer", "RecordCallBack", On.CASE, "已回电", "The caller whose call broke was called back."),
        *("leg", {"reached": True}),
    ),
    "not-reached": Action(
        *("transfer", "RecordCallBack", On.CASE, "回电未通", "Called back, and nobody answered."),
        *("leg", {"reached": False}),
    ),
    "accept": Action(
        *("gateway", "AcceptReferral", On.REFERRAL, "签收", "A person at the agency takes it."), "handler unit"
    ),
    "progress": Action(*("gateway", "ReportProgress", On.REFERRAL, "反馈", "Report progress."), "text arrived started"),
    "resolve": Action(
        *("gateway", "ResolveReferral", On.REFERRAL, "办结", "Say that it is done."), "result reply=public_reply"
    ),
    "return": Action(
        *("gateway", "ReturnReferral", On.REFERRAL, "退单", "Say that it is not ours; reason is a code."),
        "reason basis",
    ),
    "grant-return": Action(
        *("transfer", "DecideReturn", On.REFERRAL, "同意退单", "Grant a return and reassign."),
        *("agency reason", {"granted": True}),
    ),
    "deny-return": Action("transfer", "DecideReturn", On.REFERRAL, "驳回退单", "Deny a return."),
    "contest": Action("gateway", "ContestReturn", On.REFERRAL, "争议", "Contest a denied return: a commander decides."),
    "ask-extension": Action(
        *("gateway", "RequestExtension", On.REFERRAL, "申请延期", "Ask for more time, before it is due."),
        "until special reason",
    ),
    "grant-extension": Action(
        *("supervision", "DecideExtension", On.REFERRAL, "批准延期", "Grant more time."),
        *("until reason", {"granted": True}),
    ),
    "deny-extension": Action("supervision", "DecideExtension", On.REFERRAL, "驳回延期", "Deny more time."),
    "ask-suspension": Action(
        *("gateway", "RequestSuspension", On.REFERRAL, "申请挂账", "Ask for a pause."), "until reason"
    ),
    "suspend": Action(
        *("supervision", "SuspendReferral", On.REFERRAL, "批准挂账", "Approve a pause: clocks stand still."),
        "until reason",
    ),
    "deny-suspension": Action("supervision", "DenySuspension", On.REFERRAL, "驳回挂账", "Deny a pause."),
    "resume": Action("supervision", "ResumeReferral", On.REFERRAL, "恢复办理", "End a pause early."),
    "ask-disclosure": Action(
        *("gateway", "RequestDisclosure", On.REFERRAL, "申请披露", "Ask to be shown more of the report."),
        "field=fields reason",
    ),
    "disclose": Action(
        *("supervision", "GrantDisclosure", On.REFERRAL, "同意披露", "Show more; without --field all that was asked."),
        *("field=fields reason", {"granted": True}),
    ),
    "keep-back": Action("supervision", "GrantDisclosure", On.REFERRAL, "驳回披露", "Show no more."),
    "remind": Action("supervision", "RemindReferral", On.REFERRAL, "催办", "Ask an agency for progress."),
    "raise": Action(
        *("supervision", "RaiseSupervision", On.CASE, "升级督办", "Put under closer watch."), "supervision reason"
    ),
    "lift": Action("supervision", "LiftSupervision", On.CASE, "解除督办", "Lift the watch."),
    "supervisor": Action(
        *("supervision", "ChangeSupervisor", On.CASE, "更换督办人", "Name the duty leader who watches."), "supervisor"
    ),
    "send-back": Action("supervision", "SendBackResolution", On.REFERRAL, "退回重办", "Send a result back."),
    "approve": Action("supervision", "ApproveResolution", On.REFERRAL, "审核通过", "Approve a result."),
    "follow-up": Action(
        *("supervision", "RecordFollowUp", On.CASE, "回访", "Record what the caller said."),
        f"solved=follow_up.solved satisfied=follow_up.satisfied {_FOLLOW_UP}",
        {"follow_up.reached": True},
    ),
    "unreached": Action(
        *("supervision", "RecordFollowUp", On.CASE, "回访未通", "Record that nobody answered."),
        *("method=follow_up.method note=follow_up.note", {"follow_up.reached": False}),
    ),
    "close": Action("supervision", "CloseCase", On.CASE, "归档", "Close it.", "waiver"),
    "reopen": Action("supervision", "ReopenCase", On.CASE, "重办", "Open a new round.", "agency reason"),
    "mediate": Action(
        *("supervision", "RecordMediation", On.CASE, "调解", "Record a mediation session."), "outcome settled"
    ),
    "review": Action(
        *("supervision", "AdvanceRepeat", On.CASE, "重复警情核查", "Move the review of a repeated matter on."),
        "stage text settled",
    ),
    "rectify": Action(
        *("supervision", "RectifyFinding", On.CASE, "整改", "Say that a finding is mended."), "finding note"
    ),
    "verify": Action(
        *("supervision", "VerifyFinding", On.CASE, "复核通过", "Check a mended finding."),
        *("finding note", {"mended": True}),
    ),
    "refuse": Action(
        "supervision", "VerifyFinding", On.CASE, "复核退回", "Open a finding again.", "finding note", {"mended": False}
    ),
}
