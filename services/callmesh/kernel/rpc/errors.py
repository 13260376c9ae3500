"""Domain errors -> gRPC statuses with google.rpc details, once (table: protos/README.md)."""

from __future__ import annotations

import grpc
from google.protobuf.any_pb2 import Any as AnyProto
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from callmesh.api.v1 import errors_pb2 as e
from callmesh.domain import errors as d

DOMAIN = "callmesh"
RETRY_SECONDS = 1
_CODES: dict[type[d.DomainError], tuple[grpc.StatusCode, "e.ErrorReason.ValueType"]] = {
    d.Invalid: (grpc.StatusCode.INVALID_ARGUMENT, e.ERROR_REASON_INVALID_FIELD),
    d.NotFound: (grpc.StatusCode.NOT_FOUND, e.ERROR_REASON_NOT_FOUND),
    d.WrongState: (grpc.StatusCode.FAILED_PRECONDITION, e.ERROR_REASON_WRONG_STATE),
    d.NotDivertible: (grpc.StatusCode.FAILED_PRECONDITION, e.ERROR_REASON_EMERGENCY_NOT_DIVERTIBLE),
    d.Changed: (grpc.StatusCode.ABORTED, e.ERROR_REASON_CHANGED),
    d.NotYours: (grpc.StatusCode.PERMISSION_DENIED, e.ERROR_REASON_NOT_YOURS),
    d.Unauthenticated: (grpc.StatusCode.UNAUTHENTICATED, e.ERROR_REASON_UNAUTHENTICATED),
    d.Reused: (grpc.StatusCode.ALREADY_EXISTS, e.ERROR_REASON_REQUEST_ID_REUSED),
    d.NoDirectory: (grpc.StatusCode.FAILED_PRECONDITION, e.ERROR_REASON_NO_DIRECTORY),
    d.Unreachable: (grpc.StatusCode.UNAVAILABLE, e.ERROR_REASON_UNREACHABLE),
    d.Overloaded: (grpc.StatusCode.RESOURCE_EXHAUSTED, e.ERROR_REASON_OVERLOADED),
}
UNPARSABLE = d.Invalid("the bytes are not this message", "请求格式无法识别")
INTERNAL_ZH = "系统内部错误, 未完成操作; 请把追踪号报给运维"


def code_of(error: d.DomainError) -> grpc.StatusCode:
    """The status code of a domain error."""
    return _CODES[type(error)][0]


def status_of(error: d.DomainError) -> status_pb2.Status:
    """The full status: reason, sentence for the operator, and what to do."""
    code, reason = _CODES[type(error)]
    if error is UNPARSABLE:
        reason = e.ERROR_REASON_UNPARSABLE
    status = status_pb2.Status(code=code.value[0], message=error.message)
    metadata = _metadata(error)
    name = e.ErrorReason.Name(reason).removeprefix("ERROR_REASON_")
    _add(status, error_details_pb2.ErrorInfo(reason=name, domain=DOMAIN, metadata=metadata))
    _add(status, error_details_pb2.LocalizedMessage(locale="zh-CN", message=error.zh))
    for detail in _details(error):
        _add(status, detail)
    return status


def internal(trace_id: str) -> status_pb2.Status:
    """A defect of ours: nothing about it leaves but the trace id."""
    status = status_pb2.Status(code=grpc.StatusCode.INTERNAL.value[0], message=f"internal error, trace {trace_id}")
    _add(status, error_details_pb2.ErrorInfo(reason="INTERNAL", domain=DOMAIN))
    _add(status, error_details_pb2.LocalizedMessage(locale="zh-CN", message=f"{INTERNAL_ZH} {trace_id}"))
    return status


def _metadata(error: d.DomainError) -> dict[str, str]:
    """What a program decides by, so that it need not read sentences."""
    if isinstance(error, d.Changed):
        return {"etag": error.etag}
    if isinstance(error, d.WrongState):
        return {"state": error.state, "allowed": ",".join(error.allowed)}
    return {}


def _details(error: d.DomainError) -> list[Message]:
    if isinstance(error, d.Invalid) and error.violations:
        fields = [
            error_details_pb2.BadRequest.FieldViolation(field=name, description=why)
            for name, why in error.violations.items()
        ]
        return [error_details_pb2.BadRequest(field_violations=fields)]
    if isinstance(error, d.WrongState):
        violation = error_details_pb2.PreconditionFailure.Violation(
            type="STATE", subject=error.state, description=f"allowed: {', '.join(error.allowed)}"
        )
        return [error_details_pb2.PreconditionFailure(violations=[violation])]
    if isinstance(error, (d.Unreachable, d.Overloaded)):
        delay = Duration()
        delay.FromNanoseconds(int(1e9 * (getattr(error, "after", 0.0) or RETRY_SECONDS)))
        return [error_details_pb2.RetryInfo(retry_delay=delay)]
    return []


def _add(status: status_pb2.Status, detail: Message) -> None:
    packed = AnyProto()
    packed.Pack(detail)
    status.details.append(packed)
