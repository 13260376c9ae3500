"""Section `fairness`: what a partner notices while another one floods.

A mesh with the limits that partners have by default. One partner opens cases at half its limit, alone and while
another asks for fifty times its own, in turn; each is a process of its own. What the flooder gets beyond its limit is
refused at the edge, with the time when to come back. Both share the machine's cores, so a flood costs something; the
target says how much the quiet one may notice.
"""

from __future__ import annotations

import asyncio

from callmesh.cli.bench.hands import Hand
from callmesh.cli.bench.measure import Figures, median, times
from callmesh.cli.bench.mesh import TestBed
from callmesh.cli.bench.plan import Plan
from callmesh.kernel.config import Settings

TIMES = 50
_WARM_SECONDS = 1.0


async def measure(plan: Plan, bed: TestBed) -> Figures:
    """Rounds alone and under flood in turn; the quiet partner's times over all rounds of each."""
    limit = Settings().partner_rate
    quiet_agency, flooding_agency = (way.agency for way in bed.scene.ways[:2])
    address, folder = bed.mesh.endpoints.services["intake"], bed.folder / "bench"
    opening = bed.scene.opening().SerializeToString().hex()
    alone: list[float] = []
    flooded: list[float] = []
    floods: list[Figures] = []
    async with (
        Hand("caller", folder, "quiet", address=address, agency=quiet_agency, opening=opening) as quiet,
        Hand("caller", folder, "flood", address=address, agency=flooding_agency, opening=opening) as flood,
    ):
        await quiet.ask("call", rate=limit / 2, seconds=_WARM_SECONDS)
        for _ in range(plan.rounds):
            alone += (await quiet.ask("call", rate=limit / 2, seconds=plan.fair_seconds))["took"]
            calm, storm = await asyncio.gather(
                quiet.ask("call", rate=limit / 2, seconds=plan.fair_seconds),
                flood.ask("call", rate=limit * TIMES, seconds=plan.fair_seconds),
            )
            flooded += calm["took"]
            floods.append(storm | {"quiet_failed": calm["failed"]})
    return {
        "limit": limit,
        "times": TIMES,
        "alone": times(alone),
        "flooded": times(flooded),
        "asked_per_second": median([one["asked_per_second"] for one in floods]),
        "served_per_second": median([len(one["took"]) / plan.fair_seconds for one in floods]),
        "refused": _summed([one["failed"] for one in floods]),
        "quiet_refused": _summed([one["quiet_failed"] for one in floods]),
    }


def _summed(counts: list[dict[str, int]]) -> dict[str, int]:
    return {name: sum(one.get(name, 0) for one in counts) for each in counts for name in each}
