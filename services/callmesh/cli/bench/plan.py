"""What a run does: sections and sizes. `--quick` makes everything small; nothing else differs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SECTIONS = ("floors", "start", "flows", "latency", "streams", "fairness", "growth", "classify")
HISTORY = "history"  # takes minutes, so only when it is asked for
MEANINGS = {
    "floors": "gRPC echo, JetStream publish and fetch, and the bare pipeline of them",
    "start": "from nothing to every service SERVING, and the idle mesh's memory",
    "flows": "whole lives of cases: throughput, time of each command, CPU per fact, nothing lost",
    "latency": "from the transfer call until the partner holds it, beside the bare pipeline's",
    "streams": "many idle partner streams: memory each, and all coming back at once",
    "classify": "CPU of a verdict, a letter, and the model beside scikit-learn's pipeline",
    "fairness": "what a partner notices while another one asks for fifty times its limit",
    "growth": "a log of many cases: reads and appends, filling and rebuilding the read model",
    "history": "two meshes, one with a past of closed cases: transfers and deadlines (only with --history)",
}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The sizes of one run."""

    city: Path
    sections: tuple[str, ...] = SECTIONS
    in_flight: int = 16
    rate: float = 20.0
    flows: int = 600
    cases: int = 200_000
    streams: int = 5_000
    rounds: int = 5
    floor_seconds: float = 1.5
    paced: int = 100
    probes: int = 200
    starts: int = 3
    facts_per_case: int = 2
    fair_seconds: float = 6.0
    quick: bool = False


def quick(plan: Plan) -> Plan:
    """The same in less than a minute: that it works, and loses nothing; too few of everything to judge how fast."""
    from dataclasses import replace

    return replace(
        plan,
        flows=min(plan.flows, 16),
        cases=min(plan.cases, 60),
        streams=min(plan.streams, 20),
        rounds=1,
        floor_seconds=0.2,
        paced=8,
        probes=10,
        starts=1,
        fair_seconds=1.0,
        quick=True,
    )
