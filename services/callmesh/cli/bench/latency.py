"""Section `latency`: from sending TransferCase until the partner's process holds the delivery.

A quiet hour: so many transfers a second, one after the other, bare pipeline and mesh in turn. Both ends read
the machine's monotonic clock, which all processes share. The partner receipts what it gets, as partners do.
"""

from __future__ import annotations

from callmesh.cli.bench.measure import Figures, median
from callmesh.cli.bench.mesh import TestBed
from callmesh.cli.bench.pipeline import Pipeline, delivered, latency
from callmesh.cli.bench.plan import Plan

WARM = 10


async def measure(plan: Plan, bed: TestBed, pipeline: Pipeline) -> Figures:
    """Paced rounds in turn; quantiles over all samples of each, and the median of the rounds' p50."""
    operator, partner = await bed.clients("receipt")
    opening = bed.scene.opening().SerializeToString().hex()
    categories = [way.category for way in bed.scene.ways]
    sizes = [WARM, *[plan.paced] * plan.rounds]
    bare: list[list[float]] = []
    mesh: list[list[float]] = []
    for size in sizes:
        prepared = await operator.ask(
            "prepare", count=size, opening=opening, categories=categories, in_flight=plan.in_flight
        )
        await bed.log.ask("drained", seconds=10)
        bare.append(await pipeline.paced(size, plan.rate))
        mesh.append(await delivered(operator, partner, prepared["names"], plan.rate))
    sent = sum(sizes[1:])
    return {"rate": plan.rate, "mesh": _whole(mesh[1:], sent), "bare": _whole(bare[1:], sent)}


def _whole(rounds: list[list[float]], sent: int) -> Figures:
    whole = latency([one for each in rounds for one in each], sent)
    middle = median([latency(each, len(each))["p50_ms"] for each in rounds])
    return {**whole, "p50_ms": middle}
