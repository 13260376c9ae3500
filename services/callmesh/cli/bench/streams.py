"""Section `streams`: partners that only listen, each with a connection and a stream of its own.

They come all at once, stay a while, hang up all at once and come back all at once, as after a restart of the
gateway. Nobody may be refused. Memory is the gateway's growth divided by the streams.
"""

from __future__ import annotations

import asyncio
import resource
from contextlib import AsyncExitStack

from callmesh.cli.bench.hands import Hand
from callmesh.cli.bench.measure import Figures
from callmesh.cli.bench.mesh import TestBed
from callmesh.cli.bench.plan import Plan

_PROCESSES = 2
_SPARE_FILES = 512


def room(wanted: int) -> int:
    """How many streams the limit on open files lets one process serve; raises the limit first."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = hard if hard != resource.RLIM_INFINITY else max(soft, wanted + _SPARE_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return min(wanted, limit - _SPARE_FILES)


async def measure(plan: Plan, bed: TestBed) -> Figures:
    """Comes, stays, leaves, comes back."""
    count = room(plan.streams) // _PROCESSES
    address = bed.mesh.endpoints.address("gateway")
    agencies = [one.id for one in bed.scene.city.agencies]
    gateway = bed.mesh.process("gateway")
    async with AsyncExitStack() as stack:
        crowd = [
            await stack.enter_async_context(
                Hand("crowd", bed.folder / "bench", f"crowd{number}", address=address, agencies=agencies)
            )
            for number in range(_PROCESSES)
        ]
        await _all(crowd, "come", count=len(agencies))  # every agency's pump exists
        await _all(crowd, "leave")
        await asyncio.sleep(1)
        before = gateway.memory_info().rss
        first = await _all(crowd, "come", count=count)
        await asyncio.sleep(1)
        held = gateway.memory_info().rss - before
        idle = await _idle_percent(bed)
        alive = await _all(crowd, "alive")
        await _all(crowd, "leave")
        again = await _all(crowd, "come", count=count)
        grown = gateway.memory_info().rss - before - held
        await _all(crowd, "leave")
    total = count * _PROCESSES
    return {
        "streams": total,
        "bytes_per_stream": held / max(total, 1),
        "grown_by_return_bytes": grown,
        "idle_cpu_percent": idle,
        "still_open": sum(one["open"] for one in alive),
        "first": _visit(first),
        "return": _visit(again),
    }


async def _all(crowd: list[Hand], do: str, **given: int) -> list[Figures]:
    return list(await asyncio.gather(*(one.ask(do, **given) for one in crowd)))


def _visit(answers: list[Figures]) -> Figures:
    refused: dict[str, int] = {}
    for one in answers:
        for why, times in one["refused"].items():
            refused[why] = refused.get(why, 0) + times
    return {
        "seconds": max(one["seconds"] for one in answers),
        "welcomed": sum(one["count"] for one in answers),
        "refused": sum(refused.values()),
        "why": refused,
        "p50_ms": max(one["p50_ms"] for one in answers),
        "max_ms": max(one["max_ms"] for one in answers),
    }


async def _idle_percent(bed: TestBed) -> float:
    gateway = bed.mesh.process("gateway")
    gateway.cpu_percent()
    await asyncio.sleep(2)
    return float(gateway.cpu_percent())
