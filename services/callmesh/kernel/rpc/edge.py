"""The one server interceptor: parse guard, identity, span, metrics, error mapping.

A call travels: bytes -> message (or INVALID_ARGUMENT, never UNKNOWN) -> who calls (from metadata
until certificates tell) -> span, child of the caller's -> servicer -> reply, or the status of the
domain error it raised. Anything else it raised is a defect: logged with its trace id, answered
INTERNAL without a word about the inside.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from google.rpc import status_pb2
from opentelemetry.trace import SpanKind, Status, StatusCode

from callmesh.domain.case import Actor
from callmesh.domain.errors import DomainError, Overloaded, Unauthenticated
from callmesh.domain.words import ActorKind
from callmesh.kernel import headers, telemetry
from callmesh.kernel.rpc.errors import UNPARSABLE, internal, status_of

_PUBLIC = ("/grpc.health.", "/grpc.reflection.")
_UNPARSABLE = object()
_actor: ContextVar[Actor] = ContextVar("actor")


def caller() -> Actor:
    """Who calls; raises Unauthenticated when the call did not say."""
    actor = _actor.get(None)
    if actor is None or not actor.agency:
        raise Unauthenticated(
            f"say who you are in the metadata {headers.AGENCY}",
            "请表明单位身份",
        )
    return actor


class Edge(grpc.aio.ServerInterceptor):
    """Wraps every method of our services once; health and reflection pass untouched."""

    def __init__(self, max_concurrent: int) -> None:
        self._wrapped: dict[str, Any] = {}
        self._room = _Room(max_concurrent)

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], details: Any) -> Any:
        """Called for every call; the wrapping is made once a method."""
        method = details.method
        if method.startswith(_PUBLIC):
            return await continuation(details)
        if method not in self._wrapped:
            handler = await continuation(details)
            self._wrapped[method] = handler and _wrap(method, handler, self._room)
        return self._wrapped[method]


def _wrap(method: str, handler: Any, room: _Room) -> Any:
    parse = handler.request_deserializer

    def guarded(data: bytes) -> Any:
        try:
            return parse(data)
        except DecodeError:
            return _UNPARSABLE

    if handler.request_streaming:
        return handler._replace(request_deserializer=guarded, stream_stream=_stream(method, handler.stream_stream))
    if handler.response_streaming:
        return handler._replace(request_deserializer=guarded, unary_stream=_stream(method, handler.unary_stream))
    return handler._replace(request_deserializer=guarded, unary_unary=_unary(method, handler.unary_unary, room))


class _Room:
    """Places for unary calls; streams have bounds of their own. A full house refuses, so memory stays flat."""

    def __init__(self, places: int) -> None:
        self._left = places

    def __enter__(self) -> None:
        if self._left == 0:
            raise Overloaded("too many calls at once; try again", "系统繁忙, 请稍后重试")
        self._left -= 1

    def __exit__(self, *_: object) -> None:
        self._left += 1


def _unary(method: str, serve: Callable[[Any, Any], Awaitable[Any]], room: _Room) -> Any:
    async def served(request: Any, context: Any) -> Any:
        with _Call(method, context) as call:
            try:
                if request is _UNPARSABLE:
                    raise UNPARSABLE.with_traceback(None)  # one for all calls: it must not collect frames
                with room:
                    return await serve(request, context)
            except Exception as wrong:
                status = call.failed(wrong)
        return await _abort(context, status)

    return served


def _stream(method: str, serve: Callable[[Any, Any], AsyncIterator[Any]]) -> Any:
    async def served(request: Any, context: Any) -> AsyncIterator[Any]:
        with _Call(method, context, streaming=True) as call:
            try:
                if request is _UNPARSABLE:
                    raise UNPARSABLE.with_traceback(None)  # one for all calls: it must not collect frames
                async for reply in serve(_parsed(request), context):
                    yield reply
                return
            except Exception as wrong:
                status = call.failed(wrong)
        await _abort(context, status)

    return served


def _parsed(request: Any) -> Any:
    if not hasattr(request, "__aiter__"):
        return request

    async def checked() -> AsyncIterator[Any]:
        async for one in request:
            if one is _UNPARSABLE:
                raise UNPARSABLE.with_traceback(None)  # one for all calls: it must not collect frames
            yield one

    return checked()


async def _abort(context: Any, status: status_pb2.Status) -> None:
    code = next(one for one in grpc.StatusCode if one.value[0] == status.code)
    details = ((headers.STATUS_DETAILS, status.SerializeToString()),)
    await context.abort(code, status.message, details)


class _Call:
    """What surrounds one call: identity, span, time. A stream has no long span, only its parts."""

    def __init__(self, method: str, context: Any, streaming: bool = False) -> None:
        self.method, self.streaming, self.code = method, streaming, "OK"
        metadata = dict(context.invocation_metadata() or ())
        agency = str(metadata.get(headers.AGENCY, ""))
        person, role = metadata.get(headers.PERSON, ""), metadata.get(headers.ROLE, "operator")
        self.actor = Actor(ActorKind.PERSON, agency, str(person), str(role))
        producer = None if streaming else telemetry.incoming(metadata)
        name = method.lstrip("/")
        self.step = telemetry.Step(name, SpanKind.SERVER, producer)

    def __enter__(self) -> _Call:
        self.started = telemetry.clock()
        self.token = _actor.set(self.actor)
        if not self.streaming:
            self.span = self.step.__enter__()
            telemetry.mark(agency=self.actor.agency)
        return self

    def __exit__(self, *problem: Any) -> None:
        if not self.streaming:
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
            if not self.streaming:
                self.span.set_status(Status(StatusCode.ERROR, type(wrong).__name__))
        self.code = next(one.name for one in grpc.StatusCode if one.value[0] == status.code)
        if not self.streaming:
            self.span.set_attribute("rpc.grpc.status_code", status.code)
        return status
