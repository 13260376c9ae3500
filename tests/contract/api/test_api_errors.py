"""Every domain error as the caller gets it: code, reason, sentence in zh-CN, and what to do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2

from callmesh.api.v1 import intake_service_pb2
from callmesh.domain import errors as d
from callmesh.kernel.rpc import client
from callmesh.kernel.rpc.call import caller
from callmesh.kernel.rpc.errors import UNPARSABLE, code_of, status_of
from callmesh.kernel.rpc.server import Server
from support.errors import CHANGED, EXAMPLES, INVALID, NOT_DIVERTIBLE, WRONG_STATE, ZH

CODES = {
    d.Invalid: "INVALID_ARGUMENT",
    d.NotFound: "NOT_FOUND",
    d.WrongState: "FAILED_PRECONDITION",
    d.NotDivertible: "FAILED_PRECONDITION",
    d.Changed: "ABORTED",
    d.NotYours: "PERMISSION_DENIED",
    d.Unauthenticated: "UNAUTHENTICATED",
    d.Reused: "ALREADY_EXISTS",
    d.NoDirectory: "FAILED_PRECONDITION",
    d.Unreachable: "UNAVAILABLE",
    d.Overloaded: "RESOURCE_EXHAUSTED",
}
REASONS = {
    d.Invalid: "INVALID_FIELD",
    d.NotDivertible: "EMERGENCY_NOT_DIVERTIBLE",
    d.Reused: "REQUEST_ID_REUSED",
    d.WrongState: "WRONG_STATE",
}
Method = Callable[[bytes, Any], Any]


@asynccontextmanager
async def served(unary: Method | None = None, stream: Method | None = None) -> AsyncIterator[grpc.aio.Channel]:
    """A server with our edge and one method of each sort; a channel without retries."""
    server = Server()
    methods: dict[str, Any] = {}
    if unary is not None:
        methods["Unary"] = grpc.unary_unary_rpc_method_handler(unary, bytes, bytes)
    if stream is not None:
        methods["Stream"] = grpc.unary_stream_rpc_method_handler(stream, bytes, bytes)
    server.grpc.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Test", methods),))
    port = await server.listen("127.0.0.1", 0)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.grpc.stop(0)


async def failed(channel: grpc.aio.Channel, streaming: bool = False, **more: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as wrong:
        if streaming:
            async for _ in channel.unary_stream("/test.Test/Stream")(b"", timeout=60, **more):
                pass
        else:
            await channel.unary_unary("/test.Test/Unary")(b"", timeout=60, **more)
    return wrong.value


@pytest.mark.parametrize("streaming", [False, True], ids=["unary", "stream"])
@pytest.mark.parametrize("error", EXAMPLES, ids=lambda one: type(one).__name__)
async def test_over_the_wire(error: d.DomainError, streaming: bool) -> None:
    async def unary(request: bytes, context: Any) -> bytes:
        raise error

    async def stream(request: bytes, context: Any) -> AsyncIterator[bytes]:
        yield b"first"
        raise error

    async with served(unary, stream) as channel:
        wrong = await failed(channel, streaming)
    assert (wrong.code().name, wrong.details()) == (CODES[type(error)], error.message)
    assert client.reason_of(wrong) == REASONS.get(type(error), client.reason_of(wrong))
    assert client.sentence(wrong) == ZH
    assert client.sentence(wrong, "en") == error.message
    status = client.status_details(wrong)
    info = client.detail(status, error_details_pb2.ErrorInfo)
    assert info.domain == "callmesh"
    assert client.detail(status, error_details_pb2.LocalizedMessage).locale == "zh-CN"


def details(error: d.DomainError) -> dict[str, Any]:
    names = ("BadRequest", "PreconditionFailure", "RetryInfo", "ErrorInfo", "LocalizedMessage")
    found = {name: client.detail(status_of(error), getattr(error_details_pb2, name)) for name in names}
    return {name: detail for name, detail in found.items() if detail is not None}


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda one: type(one).__name__)
def test_each_says_what_to_do_and_nothing_else(error: d.DomainError) -> None:
    extra = {
        d.Invalid: {"BadRequest"},
        d.WrongState: {"PreconditionFailure"},
        d.NotDivertible: {"PreconditionFailure"},
        d.Unreachable: {"RetryInfo"},
        d.Overloaded: {"RetryInfo"},
    }
    assert set(details(error)) == {"ErrorInfo", "LocalizedMessage"} | extra.get(type(error), set())
    assert code_of(error).name == CODES[type(error)]


def test_bad_request_names_every_field() -> None:
    named = [(one.field, one.description) for one in details(INVALID)["BadRequest"].field_violations]
    assert named == [("report.narrative", "required"), ("channel", "too long")]


@pytest.mark.parametrize("error", [WRONG_STATE, NOT_DIVERTIBLE], ids=["state", "emergency"])
def test_a_precondition_says_where_it_stands_and_what_is_allowed(error: d.WrongState) -> None:
    (violation,) = details(error)["PreconditionFailure"].violations
    assert (violation.type, violation.subject) == ("STATE", error.state)
    assert all(one in violation.description for one in error.allowed)


def test_a_stale_etag_is_answered_with_the_fresh_one() -> None:
    assert dict(details(CHANGED)["ErrorInfo"].metadata) == {"etag": "42"}


def test_retries_are_given_a_delay() -> None:
    assert details(d.Unreachable("x", ZH))["RetryInfo"].retry_delay.seconds > 0


def test_what_does_not_parse_has_a_reason_of_its_own() -> None:
    assert details(UNPARSABLE)["ErrorInfo"].reason == "UNPARSABLE"
    assert details(d.Invalid("x", ZH))["ErrorInfo"].reason == "INVALID_FIELD"


async def test_a_defect_tells_nothing_but_its_trace() -> None:
    async def unary(request: bytes, context: Any) -> bytes:
        raise KeyError("secret of the inside")

    async with served(unary) as channel:
        wrong = await failed(channel)
    assert (wrong.code().name, client.reason_of(wrong)) == ("INTERNAL", "INTERNAL")
    assert "secret" not in str(client.status_details(wrong)) + str(wrong.details())
    assert "追踪号" in client.sentence(wrong)


async def test_who_calls_is_told_by_metadata() -> None:
    async def unary(request: bytes, context: Any) -> bytes:
        actor = caller()
        return f"{actor.agency} {actor.person} {actor.role}".encode()

    async with served(unary) as channel:
        call = channel.unary_unary("/test.Test/Unary")
        assert await call(b"", metadata=client.identity("110", "p-7", "commander")) == b"110 p-7 commander"
        assert await call(b"", metadata=(("callmesh-agency", "110"),)) == b"110  operator"
        assert (await failed(channel)).code().name == "UNAUTHENTICATED"
        assert (await failed(channel, metadata=client.identity(""))).code().name == "UNAUTHENTICATED"


async def test_calls_at_once_do_not_mix_their_callers() -> None:
    gate = asyncio.Barrier(20)

    async def unary(request: bytes, context: Any) -> bytes:
        await gate.wait()
        return caller().agency.encode()

    async with served(unary) as channel:
        call = channel.unary_unary("/test.Test/Unary")
        names = [f"agency-{number}" for number in range(20)]
        said = await asyncio.gather(*(call(b"", metadata=client.identity(one)) for one in names))
    assert [one.decode() for one in said] == names


async def test_bytes_that_do_not_parse_leave_nothing_behind() -> None:
    """The one error object that stands for them must not collect the frames of every call."""

    async def unary(request: Any, context: Any) -> bytes:
        raise AssertionError("served")

    server = Server()
    parse = intake_service_pb2.OpenCaseRequest.FromString
    method = grpc.unary_unary_rpc_method_handler(unary, parse, bytes)
    server.grpc.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Test", {"Unary": method}),))
    port = await server.listen("127.0.0.1", 0)

    def frames() -> int:
        count, here = 0, UNPARSABLE.__traceback__
        while here is not None:
            count, here = count + 1, here.tb_next
        return count

    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary("/test.Test/Unary")
        seen = []
        for _ in range(4):
            with pytest.raises(grpc.aio.AioRpcError) as wrong:
                await call(b"\xff\xff", timeout=60)
            assert client.reason_of(wrong.value) == "UNPARSABLE"
            seen.append(frames())
    await server.grpc.stop(0)
    assert len(set(seen)) == 1
