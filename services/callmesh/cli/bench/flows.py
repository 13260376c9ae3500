"""Section `flows`: whole lives of cases with many in flight, then the log is read and every case counted.

One round: so many cases are opened, classified, transferred, received, accepted, worked on, resolved,
followed up and closed, 16 of them going on at once, the desk in one client process and the partners on their
streams in another; then every consumer finishes what it has (tracking too). CPU is that of all processes
from the first call until then, per fact stored. Bare-pipeline rounds alternate with these.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from callmesh.cli.bench.hands import Hand
from callmesh.cli.bench.measure import Figures, cpu, median_of, times
from callmesh.cli.bench.mesh import TestBed
from callmesh.cli.bench.pipeline import Pipeline
from callmesh.cli.bench.plan import Plan
from callmesh.cli.bench.samples import FACTS

DRAIN_SECONDS = 20.0
EXPORT_SECONDS = 6.0  # services export what is queued every five


async def measure(plan: Plan, bed: TestBed, pipeline: Pipeline) -> Figures:
    """Rounds of the bare pipeline and of flows in turn; the first of each only warms up."""
    bare, mesh = [], []
    async with bed.clients("work") as (operator, partner):
        rounds = _Rounds(plan, bed, operator, partner)
        warm = await rounds.one(plan.flows)
        for _ in range(plan.rounds):
            bare.append(await pipeline.saturated(plan.floor_seconds, plan.in_flight))
            mesh.append(await rounds.one(plan.flows))
    if not plan.quick:
        await asyncio.sleep(EXPORT_SECONDS)
    spans = (await bed.sink.ask("counted"))["spans"] - warm["spans_before"]
    counted = {name: sum(one["counted"][name] for one in mesh) for name in COUNTED}
    return {
        **median_of([one["load"] for one in mesh]),
        "spans_per_flow": spans / (plan.flows * (len(mesh) + 1)),
        "rounds": len(mesh),
        "facts_per_flow": len(FACTS),
        "commands": _commands([one["took"] for one in mesh]),
        "counted": counted | {"failed": _sum([one["failed"] for one in mesh])},
        "odd": {name: life for one in mesh for name, life in one["odd"].items()},
        "bare": median_of(bare),
    }


COUNTED = ("opened", "whole", "lost", "doubled", "strangers", "delivered_twice", "undrained")


class _Rounds:
    """What stays the same from round to round."""

    def __init__(self, plan: Plan, bed: TestBed, operator: Hand, partner: Hand) -> None:
        self._plan, self._bed, self._operator, self._partner = plan, bed, operator, partner
        self._pids = bed.processes(operator=operator, partner=partner)
        self._sink = {"sink": bed.sink.pid}
        self._given = {
            "opening": bed.scene.opening().SerializeToString().hex(),
            "categories": [way.category for way in bed.scene.ways],
            "in_flight": plan.in_flight,
        }

    async def one(self, count: int) -> Figures:
        """One round, and what the log holds of it."""
        await self._partner.ask("clear")
        first = (await self._bed.log.ask("state"))["last"]
        spans = (await self._bed.sink.ask("counted"))["spans"]
        before, sink = cpu(self._pids), cpu(self._sink)
        done = await self._operator.ask("flows", count=count, **self._given)
        left = (await self._bed.log.ask("drained", seconds=DRAIN_SECONDS))["left"]
        after, sink_after = cpu(self._pids), cpu(self._sink)
        facts = (await self._bed.log.ask("state"))["last"] - first
        told = await self._partner.ask("told")
        census = await self._bed.log.ask("census", after=first, names=done["names"])
        return {
            "spans_before": spans,
            "load": {
                "flows_per_second": count / done["seconds"],
                "facts_per_second": facts / done["seconds"],
                "drained_after_seconds": after.at - before.at - done["seconds"],
                "sink_cpu_us": sink.until(sink_after, facts)["cpu_us"],
                **before.until(after, facts),
            },
            "took": done["took"] | told["took"] | {"delivered": _between(done["sent"], told["arrived"])},
            "failed": _sum([done["failed"], told["refused"]]),
            "counted": {
                "opened": len(done["names"]),
                "delivered_twice": told["doubled"],
                "undrained": sum(left.values()),
                **{name: census[name] for name in ("whole", "lost", "doubled", "strangers")},
            },
            "odd": census["odd"],
        }


def _between(sent: Mapping[str, float], arrived: Mapping[str, float]) -> list[float]:
    return [arrived[name] - at for name, at in sent.items() if name in arrived]


def _commands(rounds: Sequence[Mapping[str, Sequence[float]]]) -> Figures:
    """Quantiles of each command over all rounds."""
    together: dict[str, list[float]] = defaultdict(list)
    for one in rounds:
        for name, values in one.items():
            together[name] += values
    return {name: times(values) for name, values in together.items()}


def _sum(counts: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for one in counts:
        for name, count in one.items():
            found[name] += int(count)
    return dict(found)
