"""What was measured on what: machine, versions, durability. Figures without these say nothing."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from callmesh.cli import nats_server
from callmesh.cli.bench.mesh import MANY_CALLS, services
from callmesh.cli.bench.plan import Plan
from callmesh.kernel.config import SERVICES

_PACKAGES = ("grpcio", "protobuf", "nats-py", "uvloop", "opentelemetry-sdk", "sqlalchemy")


def describe(plan: Plan, folder: Path) -> dict[str, Any]:
    """Everything a reader needs to compare with another run."""
    import datetime

    return {
        "when": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": _machine(folder),
        "versions": _versions(),
        "durability": {
            "sync_interval": "always (every acknowledged fact is on disk)",
            "replicas": 1,
            "storage": "file",
        },
        "mesh": {
            "services": list(services()),
            "missing": [name for name in SERVICES if name not in services()],
            "tracing": "every span recorded and exported over OTLP/gRPC to a sink",
            "max_concurrent": MANY_CALLS,
        },
        "plan": {
            "sections": list(plan.sections),
            "in_flight": plan.in_flight,
            "rate": plan.rate,
            "flows": plan.flows,
            "rounds": plan.rounds,
            "cases": plan.cases,
            "facts_per_case": plan.facts_per_case,
            "streams": plan.streams,
            "quick": plan.quick,
            "city": str(plan.city),
        },
    }


def _machine(folder: Path) -> dict[str, Any]:
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "load_before": round(os.getloadavg()[0], 2),
        "folder": str(folder),
        "file_system": _file_system(folder),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _file_system(folder: Path) -> str:
    """The kind that the folder lies on; tmpfs would make every fsync free."""
    mounts = [one for one in psutil.disk_partitions(all=True) if folder.resolve().is_relative_to(one.mountpoint)]
    return max(mounts, key=lambda one: len(one.mountpoint)).fstype if mounts else "unknown"


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    found["nats-server"] = nats_server.version(nats_server.require_binary())
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "-"
    return found
