"""Section `growth`: does a case cost more when the log holds many?

Two NATS servers, both syncing before they acknowledge: one with a nearly empty log, one with the wanted number
of cases. Heads are read and records appended under the guard on both in turn. Then the read model is built
from the large log from nothing, twice: the second must equal the first. The logs are filled beforehand by a
server that does not sync, for speed; what is measured afterwards does.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from callmesh.cli.bench.hands import Hand, Nats
from callmesh.cli.bench.measure import Figures, median_of
from callmesh.cli.bench.mesh import services
from callmesh.cli.bench.plan import Plan
from callmesh.cli.bench.samples import Scene
from callmesh.cli.output import Failure

EMPTY_CASES = 200


async def measure(plan: Plan, folder: Path, scene: Scene) -> Figures:
    """Fill, compare, follow, rebuild."""
    records = [one.SerializeToString().hex() for one in scene.life]
    life = [*records[: plan.facts_per_case - 1], records[-1]]
    filled = await _fill(folder / "full", plan.cases, life)
    await _fill(folder / "empty", min(EMPTY_CASES, plan.cases), life)
    found: Figures = {"cases": plan.cases, "fill": filled}
    async with AsyncExitStack() as stack:
        servers = {name: await stack.enter_async_context(Nats(folder / name)) for name in ("empty", "full")}
        found |= await _compare(plan, folder, servers)
        if "tracking" in services():
            found["tracking"] = await _build(folder / "full", servers["full"].url)
    return found


async def _fill(folder: Path, cases: int, life: list[str]) -> Figures:
    async with Nats(folder, durable=False) as nats, Hand("log", folder, url=nats.url, furnish=True) as log:
        filled = await log.ask("fill", cases=cases, life=life)
    if filled["stored"] != filled["facts"]:
        raise Failure(f"bench: {filled['facts']} facts were written, {filled['stored']} are in the log")
    return filled


async def _compare(plan: Plan, folder: Path, servers: dict[str, Nats]) -> Figures:
    """Empty, full, empty, full; the first of each only warms up."""
    cases = {"empty": min(EMPTY_CASES, plan.cases), "full": plan.cases}
    found: dict[str, list[Figures]] = {name: [] for name in servers}
    async with AsyncExitStack() as stack:
        logs = {
            name: await stack.enter_async_context(Hand("log", folder / name, url=one.url))
            for name, one in servers.items()
        }
        for number in range(plan.rounds + 1):
            for name, log in logs.items():
                probed = await log.ask("probe", cases=cases[name], count=plan.probes)
                if number:
                    found[name].append(probed)
    return {name: median_of(rounds) for name, rounds in found.items()}


async def _build(folder: Path, url: str) -> Figures:
    """As the log grew, and after the model was lost."""
    async with Hand("model", folder, url=url) as model:
        first = await model.ask("follow")
        again = await model.ask("build")
    return {"follow": first, "rebuild": again, "equal": first["digest"] == again["digest"]}
