"""A process's life: listening, ready, not ready, ready again, drained."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from nats.aio.msg import Msg

from callmesh.kernel import runtime as life
from callmesh.kernel.runtime import NotDurable, Runtime, check_durable
from support.nats_server import NatsServer, jetstream
from support.service import NAMES, lay_out, running, settings
from support.waiting import PATIENCE, until


def nothing(_: Runtime) -> None:
    """A service without parts."""


async def test_ready_only_while_everything_is_there(tmp_path: Path) -> None:
    """No NATS, then NATS without streams, then all, then NATS gone and back: never a crash."""
    server = NatsServer(tmp_path / "nats")
    server.start()
    server.stop()
    async with running("intake", settings(server), nothing) as one:
        try:
            await one.until_health("NOT_SERVING")
            server.start()
            await until(lambda: one.runtime.client.is_connected, "the connection")
            assert await one.health() == "NOT_SERVING"
            await lay_out(server)
            await one.until_health("SERVING")
            server.kill()
            await one.until_health("NOT_SERVING")
            server.start()
            await one.until_health("SERVING")
        finally:
            server.kill()
    assert one.life.exception() is None


async def test_nats_that_forgets_what_it_acknowledged_is_not_good_enough(tmp_path: Path) -> None:
    server = NatsServer(tmp_path / "nats", sync="2m")
    server.start()
    try:
        await lay_out(server)
        with pytest.raises(NotDurable, match="sync_interval"):
            await asyncio.to_thread(check_durable, server.monitor)
        problems: list[str] = []
        async with running("intake", settings(server), nothing) as one:
            ask = one.runtime._problem

            async def told() -> str:
                problems.append(await ask())
                return problems[-1]

            one.runtime._problem = told  # type: ignore[method-assign]
            await until(lambda: len(problems) > 1, "two looks at NATS")
            assert all("sync_interval: always" in problem for problem in problems)
            assert await one.health() == "NOT_SERVING"
    finally:
        server.kill()


async def test_a_tampered_log_is_not_served(nats: NatsServer) -> None:
    await lay_out(nats)
    async with jetstream(nats) as js:
        held = (await js.stream_info(NAMES.log_stream(0))).config
        await js.delete_stream(NAMES.log_stream(0))
        held.deny_purge = False
        await js.add_stream(held)
    async with running("intake", settings(nats), nothing) as one:
        await until(lambda: one.runtime.client.is_connected, "the connection")
        assert "LOG_r1_0" in await one.runtime._problem()
        assert await one.health() == "NOT_SERVING"
        async with jetstream(nats) as js:
            await js.delete_stream(NAMES.log_stream(0))
        await lay_out(nats)
        await one.until_health("SERVING")


async def test_parts_start_in_order_and_are_tried_until_they_do(nats: NatsServer) -> None:
    await lay_out(nats)
    order: list[str] = []

    async def reluctant() -> None:
        order.append("first")
        if len(order) < 2:
            raise TimeoutError

    async def second() -> None:
        order.append("second")

    async def ended() -> None:
        order.append("ended")

    def build(runtime: Runtime) -> None:
        runtime.on_start += [reluctant, second]
        runtime.on_stop.append(ended)

    async with running("intake", settings(nats), build) as one:
        await one.until_health("SERVING")
        assert order == ["first", "first", "second"]
    assert order[-1] == "ended"


async def test_consumers_read_the_log_of_the_shard(nats: NatsServer) -> None:
    await lay_out(nats)
    seen: list[bytes] = []

    async def handle(messages: Sequence[Msg]) -> None:
        seen.extend(message.data for message in messages)

    async with running("intake", settings(nats), lambda runtime: runtime.consume_log("reader", handle)) as one:
        await one.until_health("SERVING")
        async with jetstream(nats) as js:
            await js.publish("ev.r1.0.x", b"fact")
        await until(lambda: seen, "the fact")
        assert seen == [b"fact"]


class Slow(grpc.GenericRpcHandler):
    """One method that takes as long as it is told."""

    def __init__(self) -> None:
        self.begun, self.may_end = asyncio.Event(), asyncio.Event()

    def service(self, details: Any) -> Any:
        if details.method != "/test.Slow/Wait":
            return None

        async def wait(request: bytes, context: Any) -> bytes:
            self.begun.set()
            await self.may_end.wait()
            return b"done"

        return grpc.unary_unary_rpc_method_handler(wait, bytes, bytes)


async def test_draining_finishes_what_runs_and_takes_nothing_new(
    nats: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(life, "GRACE_SECONDS", PATIENCE)  # what runs is finished, however slow the machine
    await lay_out(nats)
    slow = Slow()

    def build(runtime: Runtime) -> None:
        runtime.server.grpc.add_generic_rpc_handlers((slow,))

    async with running("intake", settings(nats), build) as one:
        await one.until_health("SERVING")
        watch = health_pb2_grpc.HealthStub(one.channel).Watch(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        wait = one.channel.unary_unary("/test.Slow/Wait")
        call = wait(b"", timeout=20)
        await slow.begun.wait()
        one.runtime.stop()
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watch.cancel()

        async def refused() -> bool:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{one.runtime.settings.port}") as later:
                try:
                    await later.unary_unary("/test.Slow/Wait")(b"", timeout=1)
                except grpc.aio.AioRpcError as wrong:
                    return wrong.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
            return False

        await until(refused, "new calls to be refused")
        assert not one.life.done()
        slow.may_end.set()
        assert await call == b"done"
        await asyncio.wait_for(one.life, PATIENCE)
        assert one.runtime.client.is_closed


async def test_two_processes_do_not_share_a_port(nats: NatsServer) -> None:
    await lay_out(nats)
    its = settings(nats)
    async with running("intake", its, nothing) as one:
        await one.until_health("SERVING")
        with pytest.raises(RuntimeError, match="bind"):
            await Runtime("intake", its).run()
