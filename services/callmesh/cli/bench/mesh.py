"""The mesh under test with its clients around it: full tracing into a sink, real city, processes by name.

Nothing is switched off to look better: every service runs, every span is recorded and exported, NATS syncs
before it acknowledges. The sink's own CPU is shown but not counted, since a collector is the site's affair.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from callmesh.cli.bench.hands import Hand
from callmesh.cli.bench.plan import Plan
from callmesh.cli.bench.samples import Scene
from callmesh.cli.mesh import LocalMesh
from callmesh.kernel.config import PREFIX, SERVICES

MANY_CALLS = 20_000


def services() -> tuple[str, ...]:
    """Those that this installation has."""
    return tuple(name for name in SERVICES if find_spec(f"callmesh.{name}.app"))


class TestBed:
    """A fresh mesh, its trace sink, and a hand on its log."""

    __test__ = False  # not a test, whatever pytest thinks of the name

    def __init__(self, plan: Plan, folder: Path, scene: Scene, *, wide: bool = True) -> None:
        self.plan, self.folder, self.scene, self._wide = plan, folder, scene, wide
        self._stack = AsyncExitStack()
        self.mesh: LocalMesh
        self.sink: Hand
        self.log: Hand

    async def __aenter__(self) -> TestBed:
        enter = self._stack.enter_async_context
        try:
            self.sink = await enter(Hand("sink", self.folder / "bench"))
            self.mesh = await enter(local_mesh(self.plan, self.folder / "mesh", self.sink, self._wide))
            self.log = await enter(Hand("log", self.mesh.data_dir, url=self.mesh.nats_url))
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @contextlib.asynccontextmanager
    async def clients(self, manner: str) -> AsyncIterator[tuple[Hand, Hand]]:
        """An operator's process and a partners' process; they hang up at the end, or they would share the offers."""
        scene, addresses, folder = self.scene, self.mesh.endpoints.services, self.folder / "bench"
        where: dict[str, Any] = {
            "address": addresses["gateway"],
            "agencies": [way.agency for way in scene.ways],
            "manner": manner,
        }
        async with (
            Hand("operator", folder, addresses=dict(addresses), origin=scene.origin) as operator,
            Hand("partner", folder, **where, desk=operator.started["port"]) as partner,
        ):
            yield operator, partner

    def processes(self, **more: Hand) -> dict[str, int]:
        """NATS, the services and these clients: name -> pid."""
        names = ("nats", *self.mesh.services)
        pids = {name: self.mesh.process(name).pid for name in names}
        return pids | {name: hand.pid for name, hand in more.items()}


def local_mesh(plan: Plan, folder: Path, sink: Hand, wide: bool = True) -> LocalMesh:
    """A fresh one that exports every span; a `wide` one lets every agency do as much as it can and takes a crowd."""
    env = {
        f"{PREFIX}OTLP_ENDPOINT": sink.started["endpoint"],
        "GRPC_VERBOSITY": "ERROR",
    }
    if wide:
        kinds = [
            f"{PREFIX}{kind}_{what}" for kind in ("PARTNER", "DESK") for what in ("RATE", "BURST", "AT_ONCE", "STREAMS")
        ]
        env |= {name: str(MANY_CALLS) for name in (f"{PREFIX}MAX_CONCURRENT", *kinds)}
    return LocalMesh(folder, ports="free", city=plan.city, services=services(), env=env)
