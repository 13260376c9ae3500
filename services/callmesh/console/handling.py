"""What an agency does with its referral: which acts its state allows, and the request that a form makes.

The mesh decides what is allowed; what is offered here is only what it would not refuse at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timezone
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from callmesh.api.v1 import case_pb2, referral_pb2, report_pb2
from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.console.clients import Acting
from callmesh.domain.release import FIELDS, IDENTITY
from callmesh.states import asks_to_see

_R, _P = referral_pb2.Referral, referral_pb2.Pending
_WORKING = (_R.ACCEPTED, _R.IN_PROGRESS)


@dataclass(frozen=True, slots=True)
class Typed:
    """A form as it was sent: its texts, and the pictures that came with it."""

    texts: Mapping[str, str] = field(default_factory=dict)
    pictures: Sequence[report_pb2.Attachment] = ()

    def __getitem__(self, name: str) -> str:
        return self.texts.get(name, "").strip()


def offered_acts(one: referral_pb2.Referral) -> list[str]:
    """Names of the acts that make sense now, the likeliest first."""
    if one.state == _R.OFFERED:
        return ["accept"] + ["return"] * (not one.binding)
    if one.state not in _WORKING:
        return []
    asked = {pending.kind for pending in one.pending}
    found = ["progress", "resolve"]
    if not one.HasField("arrived_at"):
        found.insert(0, "arrived")
    if _P.EXTENSION not in asked:
        found.append("extension")
    if _P.SUSPENSION not in asked and not one.wall_time:
        found.append("suspension")
    if not asks_to_see(one):
        found.append("disclosure")
    if one.role == _R.LEAD and not one.binding:
        found += ["return"] if not one.return_count else ["return", "contest"]
    return found


_METHODS = {
    "accept": "AcceptReferral",
    "arrived": "ReportProgress",
    "progress": "ReportProgress",
    "resolve": "ResolveReferral",
    "return": "ReturnReferral",
    "contest": "ContestReturn",
    "extension": "RequestExtension",
    "suspension": "RequestSuspension",
    "disclosure": "RequestDisclosure",
}


def kept_back(case: case_pb2.Case, one: referral_pb2.Referral) -> list[str]:
    """Personal fields that the agency was not given and may ask for; who must not be known nobody asks for."""
    caller = case.report.caller
    never = IDENTITY if caller.confidential or caller.silent else frozenset[str]()
    return [name for name in FIELDS if name not in one.released and name not in never]


async def carry_out(by: Acting, act: str, name: str, typed: Typed, zone: timezone) -> referral_pb2.Referral:
    """One act; raises grpc.aio.AioRpcError, KeyError for an act there is not."""
    method = _METHODS[act]
    fields = _fields(act, typed, zone) | ({"handler": by.account.person} if act == "accept" else {})
    request = getattr(pb, f"{method}Request")(request_id=typed["request_id"], name=name, **fields)
    found: referral_pb2.Referral = await by.do(getattr(by.mesh.gateway, method), request)
    return found


def _fields(act: str, typed: Typed, zone: timezone) -> dict[str, Any]:
    """What the form of an act says, as its request calls it."""
    match act:
        case "arrived" | "progress":
            return {"text": typed["text"], "arrived": act == "arrived", "attachments": typed.pictures}
        case "resolve":
            return {"result": typed["result"], "public_reply": typed["public_reply"]}
        case "return":
            return {"reason": typed["reason"], "basis": typed["basis"]}
        case "extension":
            special = typed["special"] == "1"
            return {"reason": typed["reason"], "special": special, "until": moment(typed["until"], zone)}
        case "suspension":
            return {"reason": typed["reason"], "until": moment(typed["until"], zone)}
        case "disclosure":
            return {"reason": typed["reason"], "fields": [one for one in FIELDS if typed[f"field-{one}"]]}
        case "contest":
            return {"reason": typed["reason"]}
    return {"unit": typed["unit"]}


def moment(text: str, zone: timezone) -> Timestamp | None:
    """What a field of date and time says, in the city's zone; None when it is empty or says nothing."""
    try:
        found = datetime.fromisoformat(text).replace(tzinfo=zone)
    except ValueError:
        return None
    made = Timestamp()
    made.FromDatetime(found.astimezone(UTC))
    return made
