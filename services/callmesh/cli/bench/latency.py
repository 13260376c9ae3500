"""Section `latency`: from sending TransferCase until the partner's process holds the delivery.

A quiet hour: so many transfers a second, one after the other, bare pipeline and mesh in turn. Both ends read
the machine's monotonic clock, which all processes share. The partner receipts what it gets, as partners do.
"""

from __future__ import annotations

from callmesh.cli.bench.hands import Hand
from callmesh.cli.bench.measure import Figures, median
from callmesh.cli.bench.mesh import TestBed
from callmesh.cli.bench.pipeline import Pipeline, delivered, latency
from callmesh.cli.bench.plan import Plan

WARM = 10


async def measure(plan: Plan, bed: TestBed, pipeline: Pipeline) -> Figures:
    """Paced rounds in turn; quantiles over all samples of each, and the median of the rounds' p50."""
    sizes = [WARM, *[plan.paced] * plan.rounds]
    bare: list[list[float]] = []
    mesh: list[list[float]] = []
    async with bed.clients("receipt") as (operator, partner):
        for size in sizes:
            names = await prepared(plan, bed, operator, size)
            bare.append(await pipeline.paced(size, plan.rate))
            mesh.append(await delivered(operator, partner, names, plan.rate))
    sent = sum(sizes[1:])
    return {"rate": plan.rate, "mesh": _whole(mesh[1:], sent), "bare": _whole(bare[1:], sent)}


async def prepared(plan: Plan, bed: TestBed, operator: Hand, count: int) -> list[str]:
    """Cases that are opened and classified, with nothing left to do for anybody."""
    opening = bed.scene.opening().SerializeToString().hex()
    categories = [way.category for way in bed.scene.ways]
    given = {"opening": opening, "categories": categories, "in_flight": plan.in_flight}
    names: list[str] = (await operator.ask("prepare", count=count, **given))["names"]
    await bed.log.ask("drained", seconds=10)
    return names


def _whole(rounds: list[list[float]], sent: int) -> Figures:
    whole = latency([one for each in rounds for one in each], sent)
    middle = median([latency(each, len(each))["p50_ms"] for each in rounds])
    return {**whole, "p50_ms": middle}
