"""A process's life: listen, come up, serve, drain.

The server listens at once and says NOT_SERVING. In the background the process connects to NATS
(waiting for it as long as it takes), verifies streams and disk settings, runs the service's start
hooks, starts its consumers, and says SERVING. When NATS goes away it says NOT_SERVING and takes it
back by itself. SIGTERM: NOT_SERVING -> consumers stop -> calls finish -> hooks -> NATS drains.
So services may start in any order, and a missing dependency means not ready, never a crash.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import urllib.request
from collections.abc import Awaitable, Callable
from typing import Any

from nats.errors import Error as NatsError

from callmesh.kernel import streams, telemetry
from callmesh.kernel.config import DEFAULT_PORTS, Settings
from callmesh.kernel.connection import Connection
from callmesh.kernel.kek import BadKey, wrapping
from callmesh.kernel.messaging import Consumer, Handler, connect
from callmesh.kernel.publisher import Publisher
from callmesh.kernel.rpc.server import Server
from callmesh.kernel.subjects import Names
from callmesh.kernel.telemetry import log
from callmesh.kernel.vault import Vault

Hook = Callable[[], Awaitable[None]]
WATCH_SECONDS = 0.25
RETRY_SECONDS = 0.5
GRACE_SECONDS = 3.0


class NotDurable(Exception):
    """NATS acknowledges writes before they are on disk."""


class Runtime:
    """What a service's wiring (`app.build`) is given to hang its parts on."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name, self.settings = name, settings
        self.names = Names(settings.region)
        self.client = Connection()
        self.js = self.client.jetstream(timeout=5)
        self.publisher = Publisher(self.client)
        self.vault = Vault(self.client, self.js, self.publisher, self.names)
        self.server = Server(settings)
        self.on_start: list[Hook] = []
        self.on_drain: list[Callable[[], None]] = []
        self.on_stop: list[Hook] = []
        self._consumers: list[Consumer] = []
        self._shards = {settings.shard}
        self._tasks: list[asyncio.Task[None]] = []
        self._watching: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()

    def consume_log(self, durable: str, handle: Handler, linger: float = 0.0, **more: Any) -> None:
        """Adds a durable reader of this process's shard of the log; see Consumer for `linger` and the rest."""
        self.consume_shard(self.settings.shard, durable, handle, linger=linger, **more)

    def consume_shard(self, shard: int, durable: str, handle: Handler, **more: Any) -> None:
        """Adds a durable reader of any shard of the log."""
        self._shards.add(shard)
        self.consume(self.names.log_stream(shard), durable, self.names.log_all(shard), handle, **more)

    def consume(self, stream: str, durable: str, subject: str, handle: Handler, **more: Any) -> None:
        """Adds a durable reader of a stream; see Consumer."""
        self._consumers.append(Consumer(self.client, self.js, self.names, stream, durable, subject, handle, **more))

    def background(self, work: Awaitable[None]) -> None:
        """Runs something beside the calls until the process stops."""
        self._tasks.append(asyncio.ensure_future(work))

    def stop(self) -> None:
        """Asks the process to drain and end."""
        self._stop.set()

    async def run(self) -> None:
        """Serves until SIGTERM or SIGINT."""
        loop = asyncio.get_running_loop()
        for one in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(one, self.stop)
        if self.settings.reflection:
            self.server.reflect()
        port = self.settings.port or DEFAULT_PORTS[self.name]
        bound = await self.server.listen(self.settings.host, port)
        log.info("listening", host=self.settings.host, port=bound)
        if self.settings.secure:
            self._watching = asyncio.create_task(self.server.watch_identities())
        life = asyncio.create_task(self._live())
        await self._stop.wait()
        await self._drain(life)

    async def _live(self) -> None:
        await connect(self.client, self.settings.nats_url, f"callmesh-{self.name}")
        await self._until_verified()
        for hook in self.on_start:
            await self._until_done(hook)
        for consumer in self._consumers:
            self.background(consumer.run())
        told: str | None = None
        while True:
            problem = self.vault.fault if self.client.is_connected else "NATS is away"
            if problem != told:
                await self.server.serving(not problem)
                log.info(f"not serving: {problem}" if problem else "serving")
                told = problem
            await asyncio.sleep(WATCH_SECONDS)

    async def _until_verified(self) -> None:
        told = ""
        while True:
            problem = await self._problem()
            if not problem:
                return
            if problem != told:
                log.warning("not ready", problem=problem)
                told = problem
            await asyncio.sleep(RETRY_SECONDS)

    async def _problem(self) -> str:
        wanted = streams.wanted(self.names, sorted(self._shards), self.settings.replicas)
        try:
            if self.settings.nats_monitor:
                await asyncio.to_thread(check_durable, self.settings.nats_monitor)
            problems = await streams.verify(self.js, wanted)
            await self.vault.start(await asyncio.to_thread(wrapping, self.settings))
            if not self.settings.kek_lost:
                await self.vault.verify()
        except (TimeoutError, NatsError, OSError, NotDurable, BadKey) as wrong:
            return str(wrong) or type(wrong).__name__
        return "; ".join(str(one) for one in problems)

    async def _until_done(self, hook: Hook) -> None:
        while True:
            try:
                return await hook()
            except Exception as wrong:
                log.error("start step failed, trying again", error=telemetry.fault(wrong))
                await asyncio.sleep(RETRY_SECONDS)

    async def _drain(self, life: asyncio.Task[None]) -> None:
        log.info("draining")
        await self.server.serving(False)
        life.cancel()
        if self._watching is not None:
            self._watching.cancel()
        for consumer in self._consumers:
            consumer.stopping.set()
        for end_streams in self.on_drain:
            end_streams()
        await self.server.grpc.stop(GRACE_SECONDS)
        for hook in self.on_stop:
            await hook()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=1)
            for task in late:
                task.cancel()
        with contextlib.suppress(NatsError, OSError, asyncio.TimeoutError):
            await asyncio.wait_for(self.client.close(), GRACE_SECONDS)
        await asyncio.to_thread(telemetry.shutdown)
        log.info("stopped")


def check_durable(monitor: str) -> None:
    """Raises NotDurable unless NATS fsyncs before it acknowledges (`sync_interval: always`)."""
    with urllib.request.urlopen(f"{monitor}/jsz", timeout=2) as answer:
        config = json.load(answer).get("config", {})
    if not config.get("sync_always"):
        raise NotDurable("NATS acknowledges before data is on disk; set jetstream.sync_interval: always")
