"""Section `fairness`: what a partner notices while another one floods.

A mesh with the limits that partners have by default. One partner opens cases at half its limit: alone, then while the
same flood goes to a server that is none of the mesh's and knows nothing of it (its client takes a core of this machine,
and the quiet one would notice that anywhere), then while it comes to the mesh: fifty times a partner's limit. All in
turn, each a process of its own; what CPU the flood's client took both times is told, so that nobody has to believe that
they are alike. Each report is another person's, elsewhere: what is measured is a flood of calls, not of repeats. The
target is how much of the notice is the mesh's own doing.
"""

from __future__ import annotations

import asyncio

from callmesh.cli.bench.hands import Hand
from callmesh.cli.bench.measure import Figures, median, times
from callmesh.cli.bench.mesh import TestBed
from callmesh.cli.bench.plan import Plan
from callmesh.directory.load import load_city
from callmesh.domain.access import DESK
from callmesh.kernel.config import Settings

TIMES = 50
_WARM_SECONDS = 1.0


async def measure(plan: Plan, bed: TestBed) -> Figures:
    """Rounds alone and under flood in turn; the quiet partner's times over all rounds of each."""
    limit = Settings().partner_rate
    quiet_agency, flooding_agency = _partners(plan)
    address, folder = bed.mesh.endpoints.services["intake"], bed.folder / "bench"
    opening = bed.scene.opening().SerializeToString().hex()
    took: dict[str, list[float]] = {"alone": [], "elsewhere": [], "flooded": []}
    floods: list[Figures] = []
    elsewhere_cpu: list[float] = []
    sink = bed.sink.started["endpoint"].rpartition("/")[2]
    async with (
        Hand("caller", folder, "quiet", address=address, agency=quiet_agency, opening=opening) as quiet,
        Hand("caller", folder, "elsewhere", address=sink, agency=flooding_agency, opening=opening) as elsewhere,
        Hand("caller", folder, "flood", address=address, agency=flooding_agency, opening=opening) as flood,
    ):
        asks = {"rate": limit / 2, "seconds": plan.fair_seconds}
        storm = {"rate": limit * TIMES, "seconds": plan.fair_seconds}
        await quiet.ask("call", rate=limit / 2, seconds=_WARM_SECONDS)
        for _ in range(plan.rounds):
            took["alone"] += (await quiet.ask("call", **asks))["took"]
            control = await asyncio.gather(quiet.ask("call", **asks), elsewhere.ask("call", **storm))
            took["elsewhere"] += control[0]["took"]
            elsewhere_cpu.append(control[1]["cpu_seconds"])
            calm, told = await asyncio.gather(quiet.ask("call", **asks), flood.ask("call", **storm))
            took["flooded"] += calm["took"]
            floods.append(told | {"quiet_failed": calm["failed"]})
    return {
        "limit": limit,
        "times": TIMES,
        **{name: times(values) for name, values in took.items()},
        "asked_per_second": median([one["asked_per_second"] for one in floods]),
        "served_per_second": median([len(one["took"]) / plan.fair_seconds for one in floods]),
        "flood_cpu_seconds": median([one["cpu_seconds"] for one in floods]),
        "elsewhere_cpu_seconds": median(elsewhere_cpu),
        "refused": _summed([one["failed"] for one in floods]),
        "quiet_refused": _summed([one["quiet_failed"] for one in floods]),
    }


def _partners(plan: Plan) -> list[str]:
    """Two agencies that have a partner's limits."""
    city = load_city(plan.city)
    wide = {city.policy.emergency_desk, city.policy.hotline}
    return [one.id for one in city.agencies if DESK not in one.roles and one.id not in wide][:2]


def _summed(counts: list[dict[str, int]]) -> dict[str, int]:
    return {name: sum(one.get(name, 0) for one in counts) for each in counts for name in each}
