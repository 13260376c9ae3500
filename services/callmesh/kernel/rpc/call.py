"""One call: who makes it (`caller()`), its span, its time, and the status when it fails.

A stream has no long span, only its parts; who is turned away at the door has none, so that a flood does not flood the
collector as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import grpc
from google.rpc import status_pb2
from opentelemetry.trace import SpanKind

from callmesh.domain.case import Actor
from callmesh.domain.errors import DomainError, Unauthenticated
from callmesh.domain.words import ActorKind
from callmesh.kernel import headers, telemetry
from callmesh.kernel.rpc.errors import internal, status_of
from callmesh.kernel.rpc.identity import OPS, FromCertificate, FromMetadata, Peer

_NOBODY = Actor(ActorKind.PERSON, "", "", "")
_actor: ContextVar[Actor] = ContextVar("actor")


def caller() -> Actor:
    """Who calls; raises Unauthenticated when the call did not say."""
    actor = _actor.get(None)
    if actor is None or not (actor.agency or actor.role == OPS):
        raise Unauthenticated(
            f"say who you are in the metadata {headers.AGENCY}",
            "请表明单位身份",
        )
    return actor


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """For what did not come by gRPC: `caller()` is this one meanwhile."""
    before = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(before)


class Call:
    """What surrounds one call: identity, span, time. An open stream holds one for hours, so it is kept small."""

    __slots__ = ("_metadata", "_producer", "_who", "code", "ended", "method", "peer", "started", "step", "streaming")

    def __init__(self, who: FromMetadata | FromCertificate, method: str, context: Any, streaming: bool = False) -> None:
        self.method, self.streaming, self.code = method, streaming, "OK"
        self.peer: Peer | None = None
        self.ended = False
        self._who = who
        self._metadata = dict(context.invocation_metadata() or ())
        self._producer = None if streaming else telemetry.incoming(self._metadata)
        self.step: telemetry.Step | None = None

    def identified(self, context: Any) -> Actor:
        """Who calls, known to `caller()` from now on; raises Unauthenticated, NotYours."""
        actor = self._who.actor(context, self._metadata)
        self._metadata = {}
        if self.streaming:
            self.peer = self._who.peer(context)
        _actor.set(actor)
        return actor

    def begin(self) -> None:
        """The call was let in: its span opens."""
        self.step = telemetry.Step(self.method.lstrip("/"), SpanKind.SERVER, self._producer)
        self.step.__enter__()
        telemetry.mark(agency=_actor.get().agency)

    def __enter__(self) -> Call:
        self.started = telemetry.clock()
        _actor.set(_NOBODY)
        return self

    def __exit__(self, *problem: Any) -> None:
        if self.step is not None:
            self.step.__exit__(None, None, None)
        labels = {"method": self.method, "code": self.code}
        telemetry.rpc_seconds.record(telemetry.clock() - self.started, labels)

    def failed(self, wrong: Exception) -> status_pb2.Status:
        """The status for an error; a refusal is the caller's affair, anything else is ours."""
        if isinstance(wrong, DomainError):
            status = status_of(wrong)
        else:
            trace_id = f"{telemetry.current().trace_id:032x}"
            telemetry.log.error("call failed", method=self.method, error=telemetry.fault(wrong))
            status = internal(trace_id)
            if self.step is not None:
                self.step.fail(type(wrong).__name__)
        self.code = next(one.name for one in grpc.StatusCode if one.value[0] == status.code)
        if self.step is not None:
            self.step.said["rpc.grpc.status_code"] = status.code
        return status
