"""The one server interceptor: parse guard, identity, admission, span, metrics, error mapping.

A call travels: bytes -> message (or INVALID_ARGUMENT, never UNKNOWN) -> who calls (kernel/rpc/identity.py) -> may it,
and is it too much (kernel/rpc/guard.py) -> span, child of the caller's (kernel/rpc/call.py) -> servicer -> reply, as
far as the caller may see it, or the status of the domain error that was raised. Anything else that was raised is a
defect: logged with its trace id, answered INTERNAL without a word about the inside.

Open streams are known here by the peer that opened them: when its certificate expires or is revoked, `end_streams`
ends them with UNAUTHENTICATED.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from google.rpc import status_pb2

from callmesh.domain.case import Actor
from callmesh.domain.errors import NotYours, Overloaded, Unauthenticated
from callmesh.kernel import headers
from callmesh.kernel.rpc.call import Call
from callmesh.kernel.rpc.errors import UNPARSABLE, status_of
from callmesh.kernel.rpc.guard import Guard, Open
from callmesh.kernel.rpc.identity import FromCertificate, FromMetadata

_PUBLIC = ("/grpc.health.",)
_INSPECTION = ("/grpc.reflection.", "/grpc.channelz.")
_UNPARSABLE = object()
Serve = Callable[[Any, Any], Awaitable[None]]


class Edge(grpc.aio.ServerInterceptor):
    """Wraps every method of our services once; health passes untouched, inspection is for those who may."""

    def __init__(self, max_concurrent: int, who: FromMetadata | FromCertificate | None = None) -> None:
        self.who = who or FromMetadata()
        self.guard: Guard = Open(max_concurrent)
        self._wrapped: dict[str, Any] = {}
        self.streams: dict[asyncio.Task[Any], Call] = {}

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
            served = self._stream(method, handler.stream_stream, Requests)
            return handler._replace(request_deserializer=guarded, stream_stream=served)
        if handler.response_streaming:
            served = self._stream(method, _writing(handler.unary_stream), _one)
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

    async def _let_in(self, actor: Actor, method: str, request: Any) -> AbstractContextManager[None]:
        """A place for a call, or for a stream (`request` is None); who asks for too much waits for the refusal."""
        try:
            self.guard.admit(actor, method, request)
            return self.guard.stream(actor) if request is None else await self.guard.place(actor, request)
        except Overloaded:
            await self.guard.hold(actor)
            raise

    def _unary(self, method: str, serve: Callable[[Any, Any], Awaitable[Any]]) -> Any:
        short = method.rpartition("/")[2]

        async def served(request: Any, context: Any) -> Any:
            with Call(self.who, method, context) as call:
                try:
                    actor = call.identified(context)
                    _parsable(request)
                    with await self._let_in(actor, short, request):
                        call.begin()
                        return self.guard.shown(actor, short, await serve(request, context))
                except Exception as wrong:
                    status = call.failed(wrong)
            return await _abort(context, status)

        return served

    def _stream(self, method: str, serve: Serve, given: Callable[[Any, Any], Any]) -> Any:
        """Coroutines that read and write: as generators each layer would hold half a KiB more of every open stream."""
        short = method.rpartition("/")[2]

        async def served(request: Any, context: Any) -> None:
            task = asyncio.current_task()
            assert task is not None
            with Call(self.who, method, context, streaming=True) as call:
                try:
                    actor = call.identified(context)
                    asked = given(request, context)
                    with await self._let_in(actor, short, None):
                        self.streams[task] = call
                        await serve(asked, context)
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


class Requests:
    """What a client sends on a stream, one at a time."""

    __slots__ = ("_context",)

    def __init__(self, _: Any, context: Any) -> None:
        self._context = context

    async def read(self) -> Any:
        """The next message, None when the client is done; raises what an unparsable one is told."""
        request = await self._context.read()
        if request is grpc.aio.EOF:
            return None
        _parsable(request)
        return request


def _one(request: Any, _: Any) -> Any:
    _parsable(request)
    return request


def _writing(serve: Callable[[Any, Any], AsyncIterator[Any]]) -> Serve:
    """Sends what a generator yields."""

    async def written(request: Any, context: Any) -> None:
        async for reply in serve(request, context):
            await context.write(reply)

    return written


def _parsable(request: Any) -> None:
    if request is _UNPARSABLE:
        raise UNPARSABLE.with_traceback(None)  # one for all calls: it must not collect frames


def _shut_out() -> Unauthenticated:
    return Unauthenticated("this certificate was revoked or has expired", "证书已过期或已被吊销, 请联系管理员换发")


def _not_for_you() -> NotYours:
    return NotYours("only ops may look into the server", "仅运维人员可以查看服务内部信息")


async def _abort(context: Any, status: status_pb2.Status) -> None:
    code = next(one for one in grpc.StatusCode if one.value[0] == status.code)
    details = ((headers.STATUS_DETAILS, status.SerializeToString()),)
    await context.abort(code, status.message, details)
