"""What the figures must be: each target by name, with figure, floor, ratio and whether it holds.

A target is either a ratio to a floor of the same run (so it holds on any machine) or an absolute number that
the requirement states for two cores; such a number may have a floor beside it all the same, which tells what was
possible in this run and judges nothing. A target whose section did not run is left out; a `--quick` run shows
them all, but its rounds are too short to judge by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from callmesh.cli.bench.measure import ratio

Run = Mapping[str, Any]
_MIB, _KIB = 1024**2, 1024


@dataclass(frozen=True)
class Target:
    """`limit` bounds the ratio to the `floor`, else (or if `absolute`) the figure; from above unless `at_least`."""

    name: str
    section: str
    says: str
    unit: str
    limit: float
    figure: Callable[[Run], float]
    floor: Callable[[Run], float] | None = None
    floor_says: str = ""
    at_least: bool = False
    absolute: bool = False

    @property
    def bounds_ratio(self) -> bool:
        """Whether it is the ratio that is judged."""
        return self.floor is not None and not self.absolute


@dataclass(frozen=True)
class Judged:
    """A target beside what was measured."""

    target: Target
    figure: float
    floor: float | None
    ratio: float | None

    @property
    def ok(self) -> bool:
        """Whether it holds."""
        judged = self.ratio if self.target.bounds_ratio else self.figure
        if judged is None:
            return False
        return judged >= self.target.limit if self.target.at_least else judged <= self.target.limit

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        target = self.target
        return {
            "figure": self.figure,
            "floor": self.floor,
            "floor_is": target.floor_says,
            "ratio": self.ratio,
            "limit": target.limit,
            "bound": "at_least" if target.at_least else "at_most",
            "unit": target.unit,
            "ok": self.ok,
        }


TARGETS = (
    Target(
        "cpu_per_fact",
        "flows",
        "CPU of all processes per fact stored, everything on",
        "us",
        2.5,
        lambda run: float(run["flows"]["cpu_us"]),
        lambda run: float(run["flows"]["bare"]["cpu_us"]),
        "bare pipeline, per message",
    ),
    Target(
        "transfer_to_partner_p50",
        "latency",
        "transfer call -> partner holds it, p50, unloaded",
        "ms",
        2.0,
        lambda run: float(run["latency"]["mesh"]["p50_ms"]),
        lambda run: float(run["latency"]["bare"]["p50_ms"]),
        "bare pipeline, p50",
    ),
    Target(
        "transfer_to_partner_p99",
        "latency",
        "transfer call -> partner holds it, p99, unloaded",
        "ms",
        4.0,
        lambda run: float(run["latency"]["mesh"]["p99_ms"]),
        lambda run: float(run["latency"]["bare"]["p99_ms"]),
        "bare pipeline, p99",
    ),
    Target(
        "flows_per_second",
        "flows",
        "whole flows a second",
        "/s",
        150,
        lambda run: float(run["flows"]["flows_per_second"]),
        lambda run: float(run["flows"]["bare"]["per_second"] / run["flows"]["facts_per_flow"]),
        "bare pipeline, a message a fact",
        at_least=True,
        absolute=True,
    ),
    Target(
        "lost_or_doubled",
        "flows",
        "cases lost, doubled or refused, deliveries doubled",
        "",
        0,
        lambda run: float(sum(faults(run["flows"]["counted"]).values())),
    ),
    Target("start_seconds", "start", "empty folder -> all SERVING", "s", 5, lambda run: float(run["start"]["seconds"])),
    Target(
        "idle_memory",
        "start",
        "resident memory of the idle mesh",
        "MiB",
        600,
        lambda run: run["start"]["resident_bytes"] / _MIB,
    ),
    Target(
        "memory_per_stream",
        "streams",
        "gateway memory per idle partner stream",
        "KiB",
        45,
        lambda run: run["streams"]["bytes_per_stream"] / _KIB,
    ),
    Target(
        "streams_refused",
        "streams",
        "streams refused, first and when all return at once",
        "",
        0,
        lambda run: float(run["streams"]["first"]["refused"] + run["streams"]["return"]["refused"]),
    ),
    Target(
        "fairness",
        "fairness",
        "a partner's OpenCase while another floods the mesh, p99",
        "ms",
        1.5,
        lambda run: float(run["fairness"]["flooded"]["p99_ms"]),
        lambda run: float(run["fairness"]["elsewhere"]["p99_ms"]),
        "while it floods something else",
    ),
    Target(
        "head_read_grown",
        "growth",
        "read of a case's head, full log, p50",
        "ms",
        1.5,
        lambda run: float(run["growth"]["full"]["read"]["p50_ms"]),
        lambda run: float(run["growth"]["empty"]["read"]["p50_ms"]),
        "empty log",
    ),
    Target(
        "append_grown",
        "growth",
        "guarded append, full log, p50",
        "ms",
        1.5,
        lambda run: float(run["growth"]["full"]["append"]["p50_ms"]),
        lambda run: float(run["growth"]["empty"]["append"]["p50_ms"]),
        "empty log",
    ),
    Target(
        "transfer_past",
        "history",
        "transfer call -> partner holds it, p99, log with a past",
        "ms",
        1.3,
        lambda run: float(run["history"]["full"]["transfer"]["p99_ms"]),
        lambda run: float(run["history"]["empty"]["transfer"]["p99_ms"]),
        "empty log",
    ),
    Target(
        "lateness_past",
        "history",
        "missed limit -> fact, p99, log with a past",
        "ms",
        1.3,
        lambda run: float(run["history"]["full"]["lateness"]["p99_ms"]),
        lambda run: float(run["history"]["empty"]["lateness"]["p99_ms"]),
        "empty log",
    ),
    Target(
        "projection",
        "growth",
        "facts into the read model a second (SQLite)",
        "/s",
        5_000,
        lambda run: float(run["growth"]["tracking"]["rebuild"]["facts_per_second"]),
        at_least=True,
    ),
    Target(
        "note_p50", "classify", "verdict of a note, CPU, p50", "ms", 0.2, lambda run: run["classify"]["note"]["p50_ms"]
    ),
    Target(
        "note_p99", "classify", "verdict of a note, CPU, p99", "ms", 1.0, lambda run: run["classify"]["note"]["p99_ms"]
    ),
    Target(
        "letter_p99", "classify", "verdict of a letter, p99", "ms", 5.0, lambda run: run["classify"]["letter"]["p99_ms"]
    ),
    Target("model_load", "classify", "model loaded", "ms", 150, lambda run: float(run["classify"]["model_load_ms"])),
    Target("model_size", "classify", "model", "MiB", 3, lambda run: run["classify"]["model_bytes"] / _MIB),
)


def faults(counted: Mapping[str, Any]) -> dict[str, int]:
    """What should be none and is not, refusals by their reason."""
    names = ("lost", "doubled", "strangers", "delivered_twice", "undrained")
    refused = {f"refused {reason}": int(count) for reason, count in counted["failed"].items()}
    return {what: count for what, count in {**{one: int(counted[one]) for one in names}, **refused}.items() if count}


def judge(run: Run) -> Iterator[Judged]:
    """Every target whose section ran."""
    for target in TARGETS:
        if target.section not in run:
            continue
        try:
            figure = target.figure(run)
        except KeyError:
            continue  # a part of the section that this installation lacks
        floor = target.floor(run) if target.floor else None
        yield Judged(target, figure, floor, ratio(figure, floor) if floor is not None else None)
