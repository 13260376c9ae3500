"""Section `floors`: what gRPC, JetStream and the bare pipeline cost on this machine, in this run.

Everything is measured with messages of the mesh's real sizes. A floor is what nobody can go below with these
parts; the mesh's figures are judged as multiples of it.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from callmesh.cli.bench.hands import Hand
from callmesh.cli.bench.measure import Figures, cpu, median_of
from callmesh.cli.bench.pipeline import CASE, Pipeline
from callmesh.cli.bench.plan import Plan
from callmesh.cli.bench.samples import FACTS, Scene

BATCH = 64


async def measure(plan: Plan, folder: Path, scene: Scene, pipeline: Pipeline) -> Figures:
    """Echo, publish, fetch, pipeline; each alone on the machine."""
    return {
        "echo": await _echo(plan, folder / "echo", scene),
        **await _stream(plan, folder / "stream", scene, pipeline),
        "pipeline": await _pipeline(plan, pipeline),
    }


async def _echo(plan: Plan, folder: Path, scene: Scene) -> Figures:
    """grpc.aio echo of TransferCase, 1 and many in flight."""
    async with AsyncExitStack() as stack:
        case = scene.case.SerializeToString().hex()
        server = await stack.enter_async_context(Hand("echo", folder, case=case))
        addresses = {"transfer": server.started["address"]}
        client = await stack.enter_async_context(Hand("operator", folder, addresses=addresses, origin=scene.origin))
        pids = {"server": server.pid, "client": client.pid}
        return {
            "one": await _rounds(plan, client, pids, "transfers", name=CASE, in_flight=1),
            "many": await _rounds(plan, client, pids, "transfers", name=CASE, in_flight=plan.in_flight),
        }


async def _stream(plan: Plan, folder: Path, scene: Scene, pipeline: Pipeline) -> Figures:
    """Publish with acknowledgement, then fetch and acknowledge what was published."""
    payload = scene.life[FACTS.index("case_transferred")].SerializeToString().hex()
    async with Hand("stream", folder, url=pipeline.nats.url, payload=payload) as hand:
        pids = {"client": hand.pid, "nats": pipeline.nats.pid}
        return {
            "publish": {
                "one": await _rounds(plan, hand, pids, "publish", in_flight=1),
                "many": await _rounds(plan, hand, pids, "publish", in_flight=plan.in_flight),
            },
            "fetch": await _rounds(plan, hand, pids, "fetch", batch=BATCH, share=plan.rounds + 1),
        }


async def _rounds(plan: Plan, hand: Hand, pids: dict[str, int], do: str, **given: object) -> Figures:
    """The median of several rounds, the first of which only warms up."""
    found = []
    for number in range(plan.rounds + 1):
        if "share" in given:  # what was published is fetched in equal parts, one a round
            given["share"] = plan.rounds + 1 - number
        before = cpu(pids)
        figures = await hand.ask(do, seconds=plan.floor_seconds, **given)
        used = before.until(cpu(pids), figures["count"])
        if number and figures["count"]:
            found.append({name: one for name, one in figures.items() if name != "failed"} | used)
    return median_of(found) if found else {}


async def _pipeline(plan: Plan, pipeline: Pipeline) -> Figures:
    """Saturated with one in flight; the other two kinds of round alternate with the mesh's later."""
    await pipeline.saturated(plan.floor_seconds, plan.in_flight)  # warms up
    many = [await pipeline.saturated(plan.floor_seconds, plan.in_flight) for _ in range(plan.rounds)]
    one = [await pipeline.saturated(plan.floor_seconds, 1) for _ in range(plan.rounds)]
    return {"one": median_of(one), "many": median_of(many)}
