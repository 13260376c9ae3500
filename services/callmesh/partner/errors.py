"""What a partner's program is told when something is refused, and when nothing answers.

    try:
        await referral.resolve("阀门已更换", "供水已恢复")
    except WrongState as wrong:
        show(wrong.zh)              # "协办单位尚未办结, ..."
        wrong.state, wrong.allowed  # "support_open", what may be done instead

What passes by itself (the mesh is out of reach, or overloaded) never comes here: the client asks again, with the same
request id, until its patience ends; then it is `Unanswered`.
"""

from __future__ import annotations

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from callmesh.domain import errors
from callmesh.kernel.rpc import client
from callmesh.kernel.rpc.errors import status_of


class PartnerError(Exception):
    """Everything that this package raises about the mesh."""


class Stopped(PartnerError):
    """The partner was stopped before the answer came; whether it was done is not known."""


class Unanswered(PartnerError):
    """No answer in time. It may have been done: repeat it with the same `request_id`, and it is done once."""

    def __init__(self, request_id: str, seconds: float) -> None:
        super().__init__(f"no answer to {request_id} in {seconds:g} s; repeat it with the same request id")
        self.request_id = request_id


class Refused(PartnerError):
    """The mesh says no. Decide by the class or by `reason` (errors.proto), show `zh` to the person.

    `code`: gRPC's; `english`: the same sentence in English; `retry_after`: seconds, 0.0 when it is not worth trying
    again; `details`: the whole google.rpc.Status.
    """

    def __init__(self, status: status_pb2.Status) -> None:
        info = client.detail(status, error_details_pb2.ErrorInfo)
        local = client.detail(status, error_details_pb2.LocalizedMessage)
        self.details = status
        self.code = next((one for one in grpc.StatusCode if one.value[0] == status.code), grpc.StatusCode.UNKNOWN)
        self.reason: str = info.reason if info else self.code.name
        self.english: str = status.message or self.code.name
        self.zh: str = local.message if local else self.english
        self.retry_after = _retry_after(status)
        self.etag: str = info.metadata.get("etag", "") if info else ""
        super().__init__(f"{self.english} ({self.reason})")


class Invalid(Refused):
    """A field is wrong; `fields` says which, and what it must be."""

    def __init__(self, status: status_pb2.Status) -> None:
        super().__init__(status)
        bad = client.detail(status, error_details_pb2.BadRequest)
        self.fields = {one.field: one.description for one in bad.field_violations} if bad else {}


class WrongState(Refused):
    """Not in this state: `state` is what it is, `allowed` says what may be done instead."""

    def __init__(self, status: status_pb2.Status) -> None:
        super().__init__(status)
        failure = client.detail(status, error_details_pb2.PreconditionFailure)
        self.state: str = failure.violations[0].subject if failure else ""
        self.allowed: str = failure.violations[0].description.removeprefix("allowed: ") if failure else ""


class NotAdmitted(Refused):
    """The certificate does not count: expired, revoked, or not one of this mesh."""


class NotYours(Refused):
    """Agency or role may not do this."""


class NotFound(Refused):
    """No such case or referral, or none of yours."""


class Changed(Refused):
    """The case changed meanwhile; `etag` is the new one. Look again, then decide."""


class RequestIdReused(Refused):
    """The same request id with other content: take a new id for a new intention."""


class Defect(Refused):
    """A fault of the mesh; the sentence names a trace for its operators."""


_KINDS: dict[str, type[Refused]] = {
    "INVALID_FIELD": Invalid,
    "UNPARSABLE": Invalid,
    "WRONG_STATE": WrongState,
    "EMERGENCY_NOT_DIVERTIBLE": WrongState,
    "UNAUTHENTICATED": NotAdmitted,
    "NOT_YOURS": NotYours,
    "NOT_FOUND": NotFound,
    "CHANGED": Changed,
    "REQUEST_ID_REUSED": RequestIdReused,
    "INTERNAL": Defect,
}


def refusal(status: status_pb2.Status) -> Refused:
    """The error of a status, of the class that its reason stands for."""
    plain = Refused(status)
    kind = _KINDS.get(plain.reason, Refused)
    return plain if kind is Refused else kind(status)


def need_small(request: Message, most: int) -> None:
    """Raises Invalid for what takes more than `most` bytes: sent, it would end the stream, after each break again."""
    if request.ByteSize() > most:
        why = {"action": f"at most {most} bytes"}
        raise refusal(status_of(errors.Invalid(f"more than {most} bytes", f"内容过大, 最多 {most} 字节", why)))


def refusal_of(error: grpc.aio.AioRpcError) -> Refused:
    """The same of a failed call."""
    return refusal(client.status_details(error))


def _retry_after(status: status_pb2.Status) -> float:
    found = client.detail(status, error_details_pb2.RetryInfo)
    return found.retry_delay.ToNanoseconds() / 1e9 if found else 0.0
