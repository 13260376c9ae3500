"""The referrals that were offered, and what may be done to each: as much of the mesh's rules as a partner can feel.

The same request id with the same content changes nothing again; with other content it is refused, as the mesh does.
The full rules stand in the domain; here are those of the partner's guide (protos/README.md).
"""

from __future__ import annotations

from typing import Any

from callmesh.api.v1.referral_pb2 import Feedback, Referral
from callmesh.domain.errors import DomainError, Invalid, NotFound, Reused, WrongState, missing
from callmesh.domain.names import case_of_referral

REQUEST_ID_LENGTH = 64
TEXT_LENGTH = 4_000
KINDS = (
    "acknowledge", "accept", "progress", "return_referral", "resolve", "contest", "request_extension",
    "request_suspension",
)  # fmt: skip
_R = Referral.State
_WORKING = frozenset({_R.ACCEPTED, _R.IN_PROGRESS})
_OPEN = _WORKING | {_R.OFFERED}
_FROM = {
    "accept": _OPEN,
    "progress": _WORKING,
    "return_referral": _OPEN,
    "resolve": _WORKING,
    "contest": _OPEN,
    "request_extension": _OPEN,
    "request_suspension": _WORKING,
}
_TO = {"return_referral": _R.RETURN_REQUESTED, "progress": _R.IN_PROGRESS, "resolve": _R.RESOLVED}
_NEEDED = {
    "accept": ("handler",),
    "return_referral": ("reason", "basis"),
    "resolve": ("result",),
    "contest": ("reason",),
    "request_extension": ("reason",),
    "request_suspension": ("reason",),
}
_TEXTS = ("text", "basis", "reason", "result", "public_reply")


class Book:
    """One run's referrals, by name."""

    def __init__(self) -> None:
        self.referrals: dict[str, Referral] = {}
        self.supported: set[str] = set()
        """Leads whose support is still open."""
        self._done: dict[tuple[str, str], bytes] = {}

    def enter(self, referral: Referral) -> None:
        """As it stands now."""
        self.referrals.setdefault(referral.name, Referral()).CopyFrom(referral)

    def apply(self, kind: str, request: Any, request_id: str) -> Referral:
        """The referral after an action; raises DomainError as the mesh would."""
        case = case_of_referral(request.name)
        referral = self.referrals.get(request.name)
        if referral is None:
            raise NotFound("no such referral", "没有这个转办单, 请核对编号")
        if kind == "acknowledge" or self._repeated(case, kind, request, request_id):
            return referral
        _well_formed(kind, request, referral)
        if referral.state not in _FROM[kind]:
            raise _wrong_state(referral, kind)
        if kind == "resolve" and request.name in self.supported:
            raise WrongState("supporting agencies are still at work", "协办单位尚未办结", "support_open")
        _change(referral, kind, request)
        if request_id:
            self._done[(case, request_id)] = _content(kind, request)
        return referral

    def _repeated(self, case: str, kind: str, request: Any, request_id: str) -> bool:
        if len(request_id) > REQUEST_ID_LENGTH or not request_id.isprintable() or " " in request_id:
            reason = {"request_id": f"1 to {REQUEST_ID_LENGTH} printable characters without spaces"}
            raise Invalid("request_id is malformed", "请求编号格式不正确 (1 至 64 个字符, 无空格)", reason)
        before = self._done.get((case, request_id)) if request_id else None
        if before is not None and before != _content(kind, request):
            raise Reused("this request_id was used before with other content", "该请求编号已用于其他内容")
        return before is not None


def _well_formed(kind: str, request: Any, referral: Referral) -> None:
    for name in _NEEDED.get(kind, ()):
        if not getattr(request, name):
            raise missing(name, "必填项")
    if kind == "progress" and not (request.text or request.arrived or request.started):
        raise missing("text", "处置情况")
    if kind == "resolve" and referral.role == Referral.LEAD and not request.public_reply:
        raise missing("public_reply", "答复内容")
    long = [name for name in _TEXTS if len(getattr(request, name, "")) > TEXT_LENGTH]
    if long:
        raise Invalid(f"too long: {', '.join(long)}", "内容过长", dict.fromkeys(long, f"at most {TEXT_LENGTH}"))


def _wrong_state(referral: Referral, kind: str) -> DomainError:
    state = _R.Name(referral.state)
    allowed = tuple(one for one, states in _FROM.items() if referral.state in states)
    return WrongState(f"{kind} is not allowed in state {state}", f"当前状态不能执行此操作: {state}", state, allowed)


def _change(referral: Referral, kind: str, request: Any) -> None:
    if kind == "accept":
        referral.handler, referral.unit = request.handler, request.unit
        referral.state = _R.ACCEPTED if referral.state == _R.OFFERED else referral.state
    elif kind == "progress" and request.text:
        referral.feedback.append(Feedback(text=request.text, arrived=request.arrived))
    elif kind == "resolve":
        referral.result, referral.public_reply = request.result, request.public_reply
    referral.state = _TO.get(kind, referral.state)


def _content(kind: str, request: Any) -> bytes:
    plain = type(request).FromString(request.SerializeToString())
    plain.ClearField("request_id")
    return kind.encode() + b" " + bytes(plain.SerializeToString(deterministic=True))
