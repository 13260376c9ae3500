"""The one server interceptor: parse guard, identity, admission, span, metrics, error mapping.

A call travels: bytes -> message (or INVALID_ARGUMENT, never UNKNOWN) -> who calls (kernel/rpc/identity.py) -> may it,
and is it too much (`Guard`, which the room that knows the table hangs in) -> span, child of the caller's -> servicer ->
reply, as far as the caller may see it, or the status of the domain error that was raised. Anything else that was raised
is a defect: logged with its trace id, answered INTERNAL without a word about the inside.

Open streams are known here by the peer that opened them: when its certificate expires or is revoked, `end_streams`
ends them with UNAUTHENTICATED.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, Protocol

import grpc
from google.protobuf.message import DecodeError
from google.rpc import status_pb2
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from callmesh.domain.case import Actor
from callmesh.domain.errors import DomainError, NotYours, Overloaded, Unauthenticated
from callmesh.domain.words import ActorKind
from callmesh.kernel import headers, telemetry
from callmesh.kernel.rpc.errors import UNPARSABLE, internal, status_of
from callmesh.kernel.rpc.identity import OPS, FromCertificate, FromMetadata, Peer

_PUBLIC = ("/grpc.health.",)
_INSPECTION = ("/grpc.reflection.", "/grpc.channelz.")
_UNPARSABLE = object()
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


class Guard(Protocol):
    """What stands between the edge and a servicer; raises DomainError."""

    def admit(self, actor: Actor, method: str, request: Any) -> None:
        """May the actor call this now? `request` is None for a stream."""

    def place(self, actor: Actor, request: Any) -> AbstractAsyncContextManager[None]:
        """A place for the time of a unary call."""

    def stream(self, actor: Actor) -> AbstractContextManager[None]:
        """A place for the time of a stream."""

    async def hold(self, actor: Actor) -> None:
        """Called before a refusal of too much goes out: may take a moment."""

    def shown(self, actor: Actor, method: str, reply: Any) -> Any:
        """As much of a unary reply as the actor may see."""


class _Open(AbstractAsyncContextManager[None]):
    """The guard of a server that was given none: only the number of calls at once is bounded."""

    def __init__(self, places: int) -> None:
        self._left = places

    def admit(self, actor: Actor, method: str, request: Any) -> None:
        """Everybody."""

    def place(self, actor: Actor, request: Any) -> AbstractAsyncContextManager[None]:
        """One of the places."""
        return self

    def stream(self, actor: Actor) -> AbstractContextManager[None]:
        """As many as come."""
        return nullcontext()

    async def hold(self, actor: Actor) -> None:
        """No."""

    def shown(self, actor: Actor, method: str, reply: Any) -> Any:
        """All."""
        return reply

    async def __aenter__(self) -> None:
        if self._left == 0:
            raise Overloaded("too many calls at once; try again", "系统繁忙, 请稍后重试")
        self._left -= 1

    async def __aexit__(self, *_: object) -> None:
        self._left += 1


class Edge(grpc.aio.ServerInterceptor):
    """Wraps every method of our services once; health passes untouched, inspection is for those who may."""

    def __init__(self, max_concurrent: int, who: FromMetadata | FromCertificate | None = None) -> None:
        self.who = who or FromMetadata()
        self.guard: Guard = _Open(max_concurrent)
        self._wrapped: dict[str, Any] = {}
        self.streams: dict[asyncio.Task[Any], _Call] = {}

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], details: Any) -> Any:
        """Called for every call; the wrapping is made once a method."""
        method = details.method
        if method.startswith(_PUBLIC):
            return await continuation(details)
        if method not in self._wrapped:
            handler = await continuation(details)
            if handler is None:
                return None  # not remembered: anybody may think up names of methods
            wrap = self._inspecting if method.startswith(_INSPECTION) else self._wrap
            self._wrapped[method] = wrap(method, handler)
        return self._wrapped[method]

    def end_streams(self) -> None:
        """Ends the open streams of peers that are not let in any more."""
        for task, call in list(self.streams.items()):
            if call.peer is not None and not call.ended and self.who.is_out(call.peer):
                call.ended = True
                task.cancel()

    def _wrap(self, method: str, handler: Any) -> Any:
        parse = handler.request_deserializer

        def guarded(data: bytes) -> Any:
            try:
                return parse(data)
            except DecodeError:
                return _UNPARSABLE

        if handler.request_streaming:
            served = self._stream(method, handler.stream_stream)
            return handler._replace(request_deserializer=guarded, stream_stream=served)
        if handler.response_streaming:
            served = self._stream(method, handler.unary_stream)
            return handler._replace(request_deserializer=guarded, unary_stream=served)
        return handler._replace(request_deserializer=guarded, unary_unary=self._unary(method, handler.unary_unary))

    def _inspecting(self, method: str, handler: Any) -> Any:
        """Reflection tells the whole contract, channelz who is connected: for ops only."""
        serve, kind = handler.stream_stream or handler.unary_unary, "stream_stream" if handler.stream_stream else ""

        async def stream(request: Any, context: Any) -> AsyncIterator[Any]:
            if not self.who.may_inspect(context):
                await _abort(context, status_of(_not_for_you()))
            async for one in serve(request, context):
                yield one

        async def unary(request: Any, context: Any) -> Any:
            if not self.who.may_inspect(context):
                await _abort(context, status_of(_not_for_you()))
            return await serve(request, context)

        return handler._replace(stream_stream=stream) if kind else handler._replace(unary_unary=unary)

    async def _admit(self, actor: Actor, method: str, request: Any) -> None:
        try:
            self.guard.admit(actor, method, request)
        except Overloaded:
            await self.guard.hold(actor)
            raise

    def _unary(self, method: str, serve: Callable[[Any, Any], Awaitable[Any]]) -> Any:
        short = method.rpartition("/")[2]

        async def served(request: Any, context: Any) -> Any:
            with _Call(self, method, context) as call:
                try:
                    actor = call.identified(context)
                    _parsable(request)
                    await self._admit(actor, short, request)
                    call.begin()
                    async with self.guard.place(actor, request):
                        return self.guard.shown(actor, short, await serve(request, context))
                except Exception as wrong:
                    status = call.failed(wrong)
            return await _abort(context, status)

        return served

    def _stream(self, method: str, serve: Callable[[Any, Any], AsyncIterator[Any]]) -> Any:
        short = method.rpartition("/")[2]

        async def served(request: Any, context: Any) -> AsyncIterator[Any]:
            task = asyncio.current_task()
            assert task is not None
            with _Call(self, method, context, streaming=True) as call:
                try:
                    actor = call.identified(context)
                    _parsable(request)
                    await self._admit(actor, short, None)
                    self.streams[task] = call
                    with self.guard.stream(actor):
                        async for reply in serve(_parsed(request), context):
                            yield reply
                    return
                except asyncio.CancelledError:
                    if not call.ended:
                        raise
                    task.uncancel()
                    status = call.failed(_shut_out())
                except Exception as wrong:
                    status = call.failed(wrong)
                finally:
                    self.streams.pop(task, None)
            await _abort(context, status)

        return served


def _parsable(request: Any) -> None:
    if request is _UNPARSABLE:
        raise UNPARSABLE.with_traceback(None)  # one for all calls: it must not collect frames


def _parsed(request: Any) -> Any:
    if not hasattr(request, "__aiter__"):
        return request

    async def checked() -> AsyncIterator[Any]:
        async for one in request:
            _parsable(one)
            yield one

    return checked()


def _shut_out() -> Unauthenticated:
    return Unauthenticated("this certificate was revoked or has expired", "证书已过期或已被吊销, 请联系管理员换发")


def _not_for_you() -> NotYours:
    return NotYours("only ops may look into the server", "仅运维人员可以查看服务内部信息")


async def _abort(context: Any, status: status_pb2.Status) -> None:
    code = next(one for one in grpc.StatusCode if one.value[0] == status.code)
    details = ((headers.STATUS_DETAILS, status.SerializeToString()),)
    await context.abort(code, status.message, details)


class _Call:
    """What surrounds one call: identity, span, time. A stream has no long span, only its parts; who is turned away at
    the door has none, so that a flood does not flood the collector as well."""

    def __init__(self, edge: Edge, method: str, context: Any, streaming: bool = False) -> None:
        self.method, self.streaming, self.code = method, streaming, "OK"
        self.span: Span | None = None
        self.peer: Peer | None = None
        self.ended = False
        self._who = edge.who
        self._metadata = dict(context.invocation_metadata() or ())
        producer = None if streaming else telemetry.incoming(self._metadata)
        self.step = telemetry.Step(method.lstrip("/"), SpanKind.SERVER, producer)

    def identified(self, context: Any) -> Actor:
        """Who calls, known to `caller()` from now on; raises Unauthenticated, NotYours."""
        actor = self._who.actor(context, self._metadata)
        if self.streaming:
            self.peer = self._who.peer(context)
        _actor.set(actor)
        return actor

    def begin(self) -> None:
        """The call was let in: its span opens."""
        self.span = self.step.__enter__()
        telemetry.mark(agency=_actor.get().agency)

    def __enter__(self) -> _Call:
        self.started = telemetry.clock()
        _actor.set(_NOBODY)
        return self

    def __exit__(self, *problem: Any) -> None:
        if self.span is not None:
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
            if self.span is not None:
                self.span.set_status(Status(StatusCode.ERROR, type(wrong).__name__))
        self.code = next(one.name for one in grpc.StatusCode if one.value[0] == status.code)
        if self.span is not None:
            self.span.set_attribute("rpc.grpc.status_code", status.code)
        return status
