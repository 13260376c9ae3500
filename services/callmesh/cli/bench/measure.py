"""Numbers: quantiles, CPU by process, and the two kinds of load.

A closed load keeps `in_flight` works going and says what a system can do. A paced load starts one every
1/rate seconds, whether the last has ended or not, and says what a caller feels. Figures are taken in several
short rounds and the median round counts, since a machine's bad second should not decide.
"""

from __future__ import annotations

import asyncio
import math
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Figures = dict[str, Any]
Work = Callable[[int], Awaitable[None]]


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of them do not exceed; 0 of nothing."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def median(values: Sequence[float]) -> float:
    """The middle; 0 of nothing."""
    return float(statistics.median(values)) if values else 0.0


def times(seconds: Sequence[float]) -> Figures:
    """Count, p50, p99 and the longest, in milliseconds."""
    return {
        "count": len(seconds),
        "p50_ms": quantile(seconds, 0.5) * 1e3,
        "p99_ms": quantile(seconds, 0.99) * 1e3,
        "max_ms": max(seconds, default=0.0) * 1e3,
    }


def median_of(rounds: Sequence[Mapping[str, Any]]) -> Figures:
    """One set of figures from several: the median of each number, also of numbers inside."""
    found: Figures = {}
    for name, first in rounds[0].items():
        values = [one[name] for one in rounds if name in one]
        if isinstance(first, Mapping):
            found[name] = median_of(values)
        elif isinstance(first, (int, float)) and not isinstance(first, bool):
            found[name] = median(values)
        else:
            found[name] = first
    return found


def ratio(figure: float, floor: float) -> float | None:
    """figure / floor; None without a floor."""
    return figure / floor if floor else None


@dataclass(frozen=True)
class Snapshot:
    """CPU seconds of each process at one moment."""

    at: float
    seconds: Mapping[str, float]

    def until(self, later: Snapshot, count: int) -> Figures:
        """CPU microseconds per thing done, by process and in sum, and cores in use, since this moment."""
        used = {name: later.seconds[name] - before for name, before in self.seconds.items()}
        total, wall = sum(used.values()), later.at - self.at
        by_process = {name: one / max(count, 1) * 1e6 for name, one in used.items()}
        return {
            "cpu_us": total / max(count, 1) * 1e6,
            "cpu_us_by_process": by_process,
            "cores": total / wall if wall else 0.0,
        }


def cpu(processes: Mapping[str, int]) -> Snapshot:
    """CPU used so far, user and system, all threads; `processes` is name -> pid."""
    import psutil

    seconds = {name: sum(psutil.Process(pid).cpu_times()[:2]) for name, pid in processes.items()}
    return Snapshot(time.monotonic(), seconds)


async def closed(count: int, in_flight: int, work: Work) -> float:
    """Does `work(0..count-1)` with `in_flight` at once; the seconds it took."""
    numbers = iter(range(count))

    async def one_after_another() -> None:
        for number in numbers:
            await work(number)

    begun = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for _ in range(min(in_flight, count)):
            group.create_task(one_after_another())
    return time.monotonic() - begun


async def closed_for(seconds: float, in_flight: int, work: Work) -> tuple[int, float]:
    """The same for a stretch of time; how many were done, and the seconds it really took."""
    done = 0
    begun = time.monotonic()

    async def one_after_another() -> None:
        nonlocal done
        while time.monotonic() - begun < seconds:
            number = done
            done += 1
            await work(number)

    async with asyncio.TaskGroup() as group:
        for _ in range(in_flight):
            group.create_task(one_after_another())
    return done, time.monotonic() - begun


async def paced(count: int, rate: float, work: Work) -> None:
    """Starts one every 1/rate seconds, however long each takes."""
    begun = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            await asyncio.sleep(max(begun + number / rate - time.monotonic(), 0))
            group.create_task(work(number))  # type: ignore[arg-type]
