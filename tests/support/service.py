"""A service of the mesh in this process, on a free port, in front of a real NATS with the demo city in force."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from callmesh.directory import store
from callmesh.domain.directory import City
from callmesh.kernel import streams
from callmesh.kernel.config import Settings
from callmesh.kernel.runtime import Runtime
from callmesh.kernel.subjects import Names
from support.free_ports import free_ports
from support.nats_server import NatsServer, jetstream
from support.waiting import PATIENCE, until

NAMES = Names("r1")
KEK = b"a key for tests only".ljust(32)
KEK_COMMAND = f"echo {base64.b64encode(KEK).decode()}"


def free_port() -> int:
    """A port that is free now, and that nobody else is given meanwhile."""
    return free_ports("any")["any"]


async def lay_out(server: NatsServer, city: City | None = None) -> None:
    """The streams of a region, and the city in force."""
    async with jetstream(server) as js:
        await streams.apply(js, streams.wanted(NAMES, range(1), 1))
        if city is not None:
            await store.publish(js, city)


def settings(server: NatsServer, **more: Any) -> Settings:
    """Settings of a service beside this server."""
    given = {"nats_url": server.url, "nats_monitor": server.monitor, "port": free_port(), "log_level": "error"}
    given["kek_command"] = KEK_COMMAND
    return Settings(**(given | more))


@dataclass
class Running:
    """A runtime that runs, and a plain channel to it (no retries)."""

    runtime: Runtime
    channel: grpc.aio.Channel
    life: asyncio.Task[None]

    async def health(self, service: str = "") -> str:
        """SERVING, NOT_SERVING, or the code of the refused call."""
        stub = health_pb2_grpc.HealthStub(self.channel)
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=PATIENCE)
        except grpc.aio.AioRpcError as wrong:
            return wrong.code().name
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))

    async def until_health(self, wanted: str) -> None:
        """Waits for that answer."""

        async def is_wanted() -> bool:
            return await self.health() == wanted

        await until(is_wanted, f"health {wanted}")

    async def stop(self) -> None:
        """Drains and ends."""
        self.runtime.stop()
        await self.life


@asynccontextmanager
async def running(
    name: str, its_settings: Settings, build: Callable[[Runtime], None] | None = None
) -> AsyncIterator[Running]:
    """The service `name`, listening; `build` stands in for its own wiring."""
    runtime = Runtime(name, its_settings)
    (build or import_module(f"callmesh.{name}.app").build)(runtime)
    life = asyncio.create_task(runtime.run())
    async with grpc.aio.insecure_channel(f"127.0.0.1:{its_settings.port}") as channel:
        one = Running(runtime, channel, life)
        try:
            yield one
        finally:
            await one.stop()


@asynccontextmanager
async def serving(name: str, server: NatsServer, city: City, folder: Path) -> AsyncIterator[Running]:
    """The service `name` with streams and city in place, SERVING."""
    await lay_out(server, city)
    async with running(name, settings(server, data_dir=str(folder))) as one:
        await one.until_health("SERVING")
        yield one
