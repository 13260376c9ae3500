"""Section `start`: a mesh from an empty folder to all SERVING, and what it holds in memory when idle.

Resident memory counts a page once for every process that maps it; the proportional set size shares it out,
so it is the honest sum. The target is checked on resident memory, which is never smaller.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil

from callmesh.cli.bench.measure import Figures, median
from callmesh.cli.bench.mesh import TestBed
from callmesh.cli.bench.plan import Plan
from callmesh.cli.bench.samples import Scene

_IDLE_SECONDS = 2.0


async def measure(plan: Plan, folder: Path, scene: Scene, bed: TestBed) -> Figures:
    """Memory and idle CPU of the mesh that just started; its start is one, the others follow beside it idling."""
    idle, seconds = await _idle(bed), [bed.mesh.started_in]
    for number in range(plan.starts - 1):
        async with TestBed(plan, folder / str(number), scene) as another:
            seconds.append(another.mesh.started_in)
    return {"seconds": median(seconds), "slowest_seconds": max(seconds), **idle}


async def _idle(bed: TestBed) -> Figures:
    processes = {name: psutil.Process(pid) for name, pid in bed.processes().items()}
    for one in processes.values():
        one.cpu_percent()
    await asyncio.sleep(_IDLE_SECONDS)
    resident = {name: one.memory_info().rss for name, one in processes.items()}
    return {
        "resident_bytes": sum(resident.values()),
        "proportional_bytes": sum(proportional(one) for one in processes.values()),
        "resident_by_process": resident,
        "idle_cpu_percent": sum(one.cpu_percent() for one in processes.values()),
    }


def proportional(process: psutil.Process) -> int:
    """Proportional set size; the resident one where the system does not tell."""
    full = process.memory_full_info()
    return int(getattr(full, "pss", full.rss))
