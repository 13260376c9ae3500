"""Channels and errors on the client's side: retries of what may be repeated, keepalive, details."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2

from callmesh.kernel import headers, telemetry
from callmesh.kernel.rpc.secure import SecureChannel, Wallet
from callmesh.kernel.rpc.server import MESSAGE_BYTES
from callmesh.kernel.rpc.tls import TlsFiles

Metadata = Sequence[tuple[str, str]]
_SERVICE_CONFIG = json.dumps(
    {
        "loadBalancingConfig": [{"round_robin": {}}],
        "methodConfig": [
            {
                "name": [{}],
                "retryPolicy": {
                    "maxAttempts": 4,
                    "initialBackoff": "0.05s",
                    "maxBackoff": "1s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ],
        "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
    }
)
_OPTIONS = (
    ("grpc.service_config", _SERVICE_CONFIG),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.ping_timeout_ms", 3_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
    ("grpc.max_send_message_length", MESSAGE_BYTES),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)


def channel(address: str, identity: Wallet | TlsFiles | None = None, *, retries: bool = True) -> grpc.aio.Channel:
    """A channel to a service of the mesh. All mutations carry a request_id, so retries are safe.

    With an identity it is mTLS, renewed when the files change; without, plain, for development. `retries`: False for
    who repeats with pauses of its own.
    """
    options = _OPTIONS if retries else (*_OPTIONS, ("grpc.enable_retries", 0))
    if identity is None:
        return grpc.aio.insecure_channel(address, options=options)
    return SecureChannel(address, identity, options)


def identity(agency: str, person: str = "", role: str = "operator") -> Metadata:
    """Metadata that says who calls, with the current trace."""
    said = [(headers.AGENCY, agency), (headers.PERSON, person), (headers.ROLE, role)]
    parent = telemetry.traceparent()
    return (*said, (headers.TRACEPARENT, parent)) if parent else tuple(said)


def status_details(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    """The google.rpc.Status of a failed call; an empty one when the server sent none."""
    for name, value in error.trailing_metadata() or ():
        if name == headers.STATUS_DETAILS:
            return status_pb2.Status.FromString(value if isinstance(value, bytes) else value.encode())
    return status_pb2.Status(code=error.code().value[0], message=error.details() or "")


def detail(status: status_pb2.Status, kind: Any) -> Any:
    """The detail of that kind, or None."""
    for packed in status.details:
        if packed.Is(kind.DESCRIPTOR):
            found = kind()
            packed.Unpack(found)
            return found
    return None


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """The `ErrorInfo.reason` of a failed call, else the name of its code."""
    info = detail(status_details(error), error_details_pb2.ErrorInfo)
    return info.reason if info else error.code().name


def sentence(error: grpc.aio.AioRpcError, language: str = "zh") -> str:
    """What to tell the user: the zh-CN sentence if there is one, else the English one."""
    status = status_details(error)
    local = detail(status, error_details_pb2.LocalizedMessage)
    return local.message if local and language == "zh" else status.message or error.code().name
