"""One run: the sections in order, each with what it needs started and ended around it.

`latency` and `flows` share a mesh, and the bare pipeline is up beside it, because their rounds alternate with its
own. `start` and `streams` share a fresh one that has done nothing yet. What a section yields stands under its
name in the result.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from callmesh.cli.bench import (
    classify,
    environment,
    fairness,
    floors,
    flows,
    growth,
    history,
    latency,
    start,
    streams,
    targets,
)
from callmesh.cli.bench.mesh import TestBed
from callmesh.cli.bench.pipeline import Pipeline
from callmesh.cli.bench.plan import HISTORY, MEANINGS, Plan
from callmesh.cli.bench.samples import Scene, scene

Tell = Callable[[str], None]


async def run(plan: Plan, folder: Path, tell: Tell) -> dict[str, Any]:
    """Every figure of the run, and the targets judged."""
    streams.room(plan.streams)  # children inherit the raised limit on open files
    found: dict[str, Any] = {"schema": 1, "environment": environment.describe(plan, folder)}
    await _Run(plan, folder, scene(plan.city), tell, found).all()
    found["targets"] = {one.target.name: one.as_json() for one in targets.judge(found)}
    return found


class _Run:
    """The parts that sections share."""

    def __init__(self, plan: Plan, folder: Path, stage: Scene, tell: Tell, found: dict[str, Any]) -> None:
        self._plan, self._folder, self._stage, self._tell, self._found = plan, folder, stage, tell, found

    async def all(self) -> None:
        """Floors first: then nothing of the mesh runs yet."""
        async with AsyncExitStack() as stack:
            if self._wants("floors", "flows", "latency"):
                pipeline = await stack.enter_async_context(Pipeline(self._folder / "bare", self._stage))
                if self._begins("floors"):
                    measured = await floors.measure(self._plan, self._folder / "floors", self._stage, pipeline)
                    self._found["floors"] = measured
                await self._beside(pipeline)
        if self._wants("start", "streams"):
            async with self._bed("alone") as bed:
                await self._alone(bed)
        if self._begins("fairness"):
            async with TestBed(self._plan, self._folder / "fair", self._stage, wide=False) as bed:
                self._found["fairness"] = await fairness.measure(self._plan, bed)
        if self._begins(HISTORY):
            self._found[HISTORY] = await history.measure(self._plan, self._folder / HISTORY)
        if self._begins("classify"):
            self._found["classify"] = classify.measure(self._plan)
        if self._begins("growth"):
            self._found["growth"] = await growth.measure(self._plan, self._folder / "growth", self._stage)

    async def _beside(self, pipeline: Pipeline) -> None:
        """What is measured in turn with the bare pipeline."""
        if not self._wants("latency", "flows"):
            return
        async with self._bed("loaded") as bed:
            if self._begins("latency"):
                self._found["latency"] = await latency.measure(self._plan, bed, pipeline)
            if self._begins("flows"):
                self._found["flows"] = await flows.measure(self._plan, bed, pipeline)

    async def _alone(self, bed: TestBed) -> None:
        """What is measured on a mesh that has done nothing yet."""
        if self._begins("start"):
            self._found["start"] = await start.measure(self._plan, self._folder / "start", self._stage, bed)
        if self._begins("streams"):
            self._found["streams"] = await streams.measure(self._plan, bed)

    def _bed(self, name: str) -> TestBed:
        return TestBed(self._plan, self._folder / name, self._stage)

    def _wants(self, *names: str) -> bool:
        return bool(set(names) & set(self._plan.sections))

    def _begins(self, name: str) -> bool:
        """Whether it is wanted; says so to the user."""
        if wanted := self._wants(name):
            self._tell(f"{name:8} {MEANINGS[name]}")
        return wanted
