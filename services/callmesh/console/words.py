"""Words for what the mesh says in codes: levels, states, limits, kinds of facts, and how much time is left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from google.protobuf.timestamp_pb2 import Timestamp

from callmesh.api.v1 import case_pb2, common_pb2, referral_pb2, tracking_service_pb2
from callmesh.console import terms
from callmesh.domain.directory import City, RejectionGround, ReturnReason

Pair = tuple[str, str]
_C, _R, _L = case_pb2.Case, referral_pb2.Referral, case_pb2.CallLeg
_S = tracking_service_pb2.TimelineEntry

LEVEL: dict[int, Pair] = {
    common_pb2.LEVEL_UNSPECIFIED: ("未定", "Open"),
    common_pb2.LEVEL_P0: ("特急", "Critical"),
    common_pb2.LEVEL_P1: ("紧急", "Urgent"),
    common_pb2.LEVEL_P2: ("较急", "Soon"),
    common_pb2.LEVEL_P3: ("一般", "Routine"),
}
CASE_STATE: dict[int, Pair] = {
    _C.STATE_UNSPECIFIED: ("未知", "Unknown"),
    _C.RECEIVED: ("已接报", "Received"),
    _C.CLASSIFIED: ("已分类", "Classified"),
    _C.REFERRED: ("已转办", "Referred"),
    _C.DISPUTED: ("争议", "Disputed"),
    _C.FOLLOW_UP: ("待回访", "Follow-up"),
    _C.CLOSED: ("已归档", "Closed"),
    _C.ANSWERED: ("当场答复", "Answered"),
    _C.MERGED: ("已并单", "Merged"),
    _C.CANCELLED: ("已撤销", "Cancelled"),
    _C.REJECTED: ("不予受理", "Rejected"),
}
REFERRAL_STATE: dict[int, Pair] = {
    _R.STATE_UNSPECIFIED: ("未知", "Unknown"),
    _R.OFFERED: ("待签收", "Offered"),
    _R.ACCEPTED: ("已签收", "Accepted"),
    _R.IN_PROGRESS: ("处置中", "Working"),
    _R.SUSPENDED: ("挂账", "Paused"),
    _R.RETURN_REQUESTED: ("申请退单", "Return asked"),
    _R.RETURNED: ("已退单", "Returned"),
    _R.RESOLVED: ("已办结", "Resolved"),
    _R.CLOSED: ("已归档", "Closed"),
    _R.RECALLED: ("已撤回", "Recalled"),
    _R.WAIVED: ("已免办", "Waived"),
}
ROLE: dict[int, Pair] = {0: ("知会", "Told"), _R.LEAD: ("主办", "Lead"), _R.SUPPORT: ("协办", "Support")}
LEG: dict[int, Pair] = {
    _L.STATE_UNSPECIFIED: ("未知", "Unknown"),
    _L.RINGING: ("响铃", "Ringing"),
    _L.ANSWERED: ("已接通", "Answered"),
    _L.CONFERENCE: ("三方通话", "Three-way"),
    _L.ENDED: ("已结束", "Ended"),
    _L.FAILED: ("未接通", "No answer"),
}
LEG_REASON: dict[int, Pair] = {
    _L.REASON_UNSPECIFIED: ("未说明", "not stated"),
    _L.NO_ANSWER: ("无人接听", "nobody answered"),
    _L.BUSY: ("占线", "busy"),
    _L.DROPPED: ("通话中断", "the call broke"),
    _L.SWITCH_AWAY: ("交换机不可用", "no switch"),
    _L.NO_LINE: ("无可用号码", "no number"),
    _L.HUNG_UP: ("已挂断", "hung up"),
}
LIMIT: dict[int, Pair] = {
    common_pb2.LIMIT_UNSPECIFIED: ("时限", "Limit"),
    common_pb2.LIMIT_ACCEPT: ("签收", "Accept"),
    common_pb2.LIMIT_FEEDBACK: ("首次反馈", "Feedback"),
    common_pb2.LIMIT_RESOLVE: ("办结", "Resolve"),
    common_pb2.LIMIT_ANSWER: ("催办回复", "Answer"),
    common_pb2.LIMIT_DECISION: ("审批", "Decide"),
    common_pb2.LIMIT_FOLLOW_UP: ("回访", "Follow up"),
    common_pb2.LIMIT_DIVERSION: ("分流", "Divert"),
    common_pb2.LIMIT_RECTIFY: ("整改", "Mend"),
    common_pb2.LIMIT_CALL_BACK: ("回电", "Call back"),
}
STAGE: dict[int, Pair] = {
    _S.STAGE_UNSPECIFIED: ("其他", "Other"),
    _S.RECEIVE: ("接报", "Receive"),
    _S.ASSIGN: ("指派", "Assign"),
    _S.HANDLE: ("处置", "Handle"),
    _S.SUPERVISE: ("督办", "Supervise"),
    _S.FEEDBACK: ("反馈", "Feedback"),
}
SUPERVISION: dict[int, Pair] = {
    common_pb2.SUPERVISION_UNSPECIFIED: ("未督办", "Not watched"),
    common_pb2.SUPERVISION_NONE: ("未督办", "Not watched"),
    common_pb2.SUPERVISION_BLUE: ("蓝色督办", "Blue watch"),
    common_pb2.SUPERVISION_YELLOW: ("黄色督办", "Yellow watch"),
    common_pb2.SUPERVISION_RED: ("红色督办", "Red watch"),
}
CHANNEL: dict[str, Pair] = {
    "phone": ("电话", "Phone"),
    "video": ("视频", "Video"),
    "sms": ("短信", "SMS"),
    "app": ("客户端", "App"),
    "web": ("网站", "Web"),
    "kiosk": ("自助终端", "Kiosk"),
    "photo": ("随手拍", "Photo"),
    "partner": ("单位", "Agency"),
    "sensor": ("感知设备", "Sensor"),
}
LINK: dict[str, Pair] = {
    "number": ("同号码", "Same number"),
    "person": ("同一人", "Same person"),
    "place": ("同地址", "Same place"),
    "matter": ("同一事项", "Same matter"),
    "merged": ("曾并单", "Was merged"),
}
TONES: dict[int, str] = {1: "p0", 2: "p1", 3: "p2", 4: "p3"}


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one person's language."""

    language: str
    city: City | None = None

    def pick(self, pair: Pair) -> str:
        """Of (zh, en)."""
        return pair[0] if self.language == "zh" else pair[1]

    def level(self, level: int) -> str:
        """特急, 紧急, 较急, 一般."""
        return self.pick(_known(LEVEL, level))

    def tone(self, level: int) -> str:
        """The class of a level's colour: p0 to p3, or "none"."""
        return TONES.get(level, "none")

    def state(self, state: int) -> str:
        """Of a case."""
        return self.pick(_known(CASE_STATE, state))

    def referral_state(self, state: int) -> str:
        """Of a referral."""
        return self.pick(_known(REFERRAL_STATE, state))

    def role(self, role: int) -> str:
        """Lead or support."""
        return self.pick(_known(ROLE, role))

    def leg(self, state: int) -> str:
        """Of a call leg."""
        return self.pick(_known(LEG, state))

    def leg_reason(self, reason: int) -> str:
        """Why a call leg is over."""
        return self.pick(_known(LEG_REASON, reason))

    def leg_stands(self, leg: case_pb2.CallLeg) -> str:
        """Where a call leg stands; of one that came to nothing, why."""
        why = leg.state == _L.FAILED and leg.reason
        return self.leg_reason(leg.reason) if why else self.leg(leg.state)

    def stage(self, stage: int) -> str:
        """接报 指派 处置 督办 反馈."""
        return self.pick(_known(STAGE, stage))

    def limit(self, limit: int) -> str:
        """Of a limit."""
        return self.pick(_known(LIMIT, limit))

    def supervision(self, level: int) -> str:
        """How closely it is watched."""
        return self.pick(_known(SUPERVISION, level))

    def channel(self, code: str) -> str:
        """Of a channel; unknown ones as they are."""
        return self.pick(CHANNEL[code]) if code in CHANNEL else code

    def link(self, kind: str) -> str:
        """How two cases are connected; unknown kinds as they are."""
        return self.pick(LINK[kind]) if kind in LINK else kind

    def agency(self, id: str) -> str:
        """An agency's name in the city's data; the id when there is none."""
        found = self.city.agency.get(id) if self.city else None
        return self.pick((found.name, found.name_en or found.name)) if found else id or "-"

    def category(self, id: str) -> str:
        """A category's name in the city's data; the id when there is none."""
        found = self.city.category.get(id) if self.city else None
        return self.pick((found.zh, found.en or found.zh)) if found else id or "-"

    def division(self, code: str) -> str:
        """A division's name; the code when there is none."""
        found = self.city.division.get(code) if self.city else None
        return self.pick((found.name, found.name_en or found.name)) if found else code or "-"

    def pending(self, kind: int) -> str:
        """What an agency asked for."""
        return self.pick(_known(terms.PENDING, kind))

    def time(self, stamp: Timestamp) -> str:
        """Day and hour in the city's zone, "" when the time is absent."""
        if not stamp.seconds:
            return ""
        offset = self.city.calendar.utc_offset_minutes if self.city else 480
        return stamp.ToDatetime(timezone(timedelta(minutes=offset))).strftime("%m-%d %H:%M")

    def finding(self, state: int) -> str:
        """State of a finding of the record patrol."""
        return self.pick(_known(terms.FINDING, state))

    def patrol_rule(self, id: str) -> str:
        """A rule of the record patrol; the id when the city has none."""
        found = next((one for one in self.city.patrol_rules if one.id == id), None) if self.city else None
        return self.pick((found.zh, found.en)) if found else id

    def repeat_stage(self, stage: int) -> str:
        """How far the review of a repeated matter is."""
        return self.pick(_known(terms.REPEAT_STAGE, stage))

    def repeat_type(self, id: str) -> str:
        """A type of repeated matters; the id when the city has none."""
        found = next((one for one in self.city.repeat_types if one.id == id), None) if self.city else None
        return self.pick((found.zh, found.en)) if found else id

    def act(self, name: str) -> str:
        """What a supervisor does."""
        return self.pick(terms.ACT.get(name, (name, name)))

    def post(self, role: str) -> str:
        """What a person is."""
        return self.pick(terms.POST.get(role, (role, role)))

    def spoken(self, code: str) -> str:
        """A caller's language."""
        return self.pick(terms.LANGUAGE.get(code, (code, code)))

    def field(self, name: str) -> str:
        """A field of the city's data."""
        return self.pick(terms.FIELD.get(name, (name, name)))

    def plan(self, id: str) -> str:
        """A response plan's name."""
        found = next((one for one in self.city.plans if one.id == id), None) if self.city else None
        return self.pick((found.name, found.name_en or found.name)) if found else id

    def return_reason(self, code: str) -> str:
        """A coded reason of a return; unknown ones as they are."""
        return self._coded(self.city.return_reasons if self.city else (), code)

    def ground(self, code: str) -> str:
        """A coded ground of a rejection; unknown ones as they are."""
        return self._coded(self.city.grounds if self.city else (), code)

    def _coded(self, listed: Iterable[ReturnReason | RejectionGround], code: str) -> str:
        found = next((one for one in listed if one.code == code), None)
        return self.pick((found.zh, found.en)) if found else code

    def at(self, seconds: float, reference: float = 0.0) -> str:
        """A moment by the city's clock: `14:05:09`, with the date when that is not the reference's; "" for 0."""
        if not seconds:
            return ""
        zone = timezone(timedelta(minutes=self.city.calendar.utc_offset_minutes if self.city else 480))
        moment, day = datetime.fromtimestamp(seconds, zone), datetime.fromtimestamp(reference or seconds, zone).date()
        return moment.strftime("%H:%M:%S" if reference and moment.date() == day else "%m-%d %H:%M:%S")

    def left(self, seconds: float) -> str:
        """How much time is left, or by how much it is over: `12:34`, `3:05:09`, `2天 4时`, `超 12:34`."""
        whole = abs(int(seconds))
        over = ("超 " if self.language == "zh" else "+") if seconds < 0 else ""
        if whole >= 2 * 86_400:
            days, hours = whole // 86_400, whole % 86_400 // 3_600
            return over + (f"{days}天 {hours}时" if self.language == "zh" else f"{days}d {hours}h")
        hours, minutes, rest = whole // 3_600, whole % 3_600 // 60, whole % 60
        return over + (f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}")


def lamp(seconds: float, near: float = 300.0) -> str:
    """The class of a deadline's lamp: over, near, ok."""
    return "over" if seconds < 0 else "near" if seconds < near else "ok"


def masked(number: str) -> str:
    """A telephone number as a page shows it: 138****5678; short ones are service numbers and stay."""
    return f"{number[:3]}****{number[-4:]}" if len(number) >= 8 else number


def _known(table: dict[int, Pair], key: int) -> Pair:
    return table.get(key, (str(key), str(key)))
