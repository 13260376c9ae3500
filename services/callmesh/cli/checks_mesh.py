"""The checks of a running mesh: NATS and its settings, streams, city, services, clock.

All that they need is loaded with this module: what loads during a check lets the time run out of those beside it.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from nats.errors import Error as NatsError

from callmesh.cli import checks_certificates, health, monitor
from callmesh.cli.checks import Check, Look, listening
from callmesh.cli.directory import describe
from callmesh.cli.endpoints import Endpoints, Hangs, answers_at, jetstream, own_settings
from callmesh.cli.output import Failure, size
from callmesh.directory.store import fetch
from callmesh.kernel.config import SERVICES
from callmesh.kernel.streams import verify, wanted
from callmesh.kernel.subjects import Names

_HANGS = "look at its log, its disk, and whether it was stopped (SIGSTOP); then restart it"
_STOPPED = "look at its log and its certificate, and whether it was stopped (SIGSTOP); then restart it"
_START = "callmesh up, or set CALLMESH_NATS_URL"
_DISK_SHARE = 0.95
_CLOCK_SECONDS = 2.0


async def nats(where: Endpoints) -> Check:
    """Does it answer, and how fast?"""
    try:
        async with jetstream(where) as js:
            begun = time.monotonic()
            account = await js.account_info()
            took = (time.monotonic() - begun) * 1000
    except Hangs as wrong:
        return Check("NATS", "FAIL", wrong.message, _HANGS)
    except Failure:
        return Check("NATS", "FAIL", f"nothing answers at {where.nats_url}", _START)
    except NatsError as wrong:
        return Check("NATS", "FAIL", f"no JetStream: {wrong}", "switch JetStream on in NATS's settings")
    return Check("NATS", "ok", f"{where.nats_url}, {account.streams} streams, answers in {took:.1f} ms")


async def durable(where: Endpoints) -> Check:
    """Is acknowledged on disk?"""
    config = (await monitor.get(where.nats_monitor, "/jsz")).get("config", {})
    if config.get("sync_always"):
        return Check("acknowledged is on disk", "ok", "sync_interval: always")
    lost = "NATS acknowledges before data is on disk; a power cut would lose facts"
    return Check("acknowledged is on disk", "FAIL", lost, "set jetstream.sync_interval: always and restart NATS")


async def store(where: Endpoints) -> Check:
    """Does the store end before the disk does? Only seen when NATS runs on this machine."""
    config = (await monitor.get(where.nats_monitor, "/jsz")).get("config", {})
    limit, disk = int(config.get("max_storage", 0)), _disk(str(config.get("store_dir", "")))
    if disk is None:
        return Check("file store", "ok", f"limit {size(limit)}; on another machine, compare with its disk there")
    found = f"limit {size(limit)} of a disk of {size(disk)}"
    if limit > disk * _DISK_SHARE:
        return Check("file store", "FAIL", found, "set jetstream.max_file_store to at most 70 % of the disk")
    return Check("file store", "ok", found)


def _disk(folder: str) -> int | None:
    """Size of the disk a folder is on; None when the folder is not here."""
    return shutil.disk_usage(folder).total if folder and Path(folder).exists() else None


async def clock(where: Endpoints) -> Check:
    """Do this machine and NATS agree on the time?"""
    said = str((await monitor.get(where.nats_monitor, "/varz"))["now"])
    theirs = datetime.fromisoformat(said[:19]).replace(tzinfo=UTC)
    apart = abs((datetime.now(UTC) - theirs).total_seconds())
    found = f"{apart:.0f} s from NATS's"
    if apart > _CLOCK_SECONDS:
        return Check("clock", "warn", found, "synchronise both clocks (chrony, ntpd): deadlines depend on them")
    return Check("clock", "ok", f"within {_CLOCK_SECONDS:.0f} s of NATS's")


async def streams(where: Endpoints) -> Check:
    """As this version wants them?"""
    settings = own_settings()
    configs = wanted(Names(settings.region), range(settings.shards), settings.replicas)
    async with jetstream(where) as js:
        problems = await verify(js, configs)
    if problems:
        said = "; ".join(f"{one.stream}: {one.reason}" for one in problems)
        return Check("streams", "FAIL", said, "callmesh streams apply")
    return Check("streams", "ok", ", ".join(one.name or "" for one in configs))


async def directory(where: Endpoints) -> Check:
    """Is a city in force?"""
    async with jetstream(where) as js:
        city = await fetch(js)
    if city is None:
        return Check(
            "directory", "warn", "no city is in force: no case can be routed", "callmesh directory apply FOLDER"
        )
    return Check("directory", "ok", describe(city))


async def certificates(where: Endpoints) -> Check:
    """Do they last for two weeks more? Services' last a day and are renewed every day: half a day there."""
    return checks_certificates.look(where)


def service(name: str) -> Look:
    """Is it SERVING?"""

    async def look(where: Endpoints) -> Check:
        address = where.services.get(name, "")
        found = await health.status(address, identity=where.wallet) if address else ""
        if found == "SERVING":
            return Check(name, "ok", f"SERVING at {address}")
        if found:
            return Check(
                name,
                "FAIL",
                f"{found} at {address}",
                "it waits for NATS or its streams; see the lines above and its log",
            )
        if address and await answers_at(address):
            return Check(name, "FAIL", f"takes a connection at {address}, and does not answer", _STOPPED)
        return Check(name, "FAIL", f"nothing answers at {address}", f"callmesh serve {name}, or all: callmesh up")

    return look


async def console(where: Endpoints) -> Check:
    """Is the web desk of this mesh there? One that runs elsewhere is not known here."""
    if not where.console:
        return Check("web desk", "ok", "none is part of this mesh")
    try:
        await monitor.get(where.console, "/healthz")
    except monitor.Silent:
        return Check("web desk", "FAIL", f"takes a connection at {where.console}, and does not answer", _STOPPED)
    except ConnectionError:
        advice = "callmesh serve console, and see its log"
        return Check("web desk", "FAIL", f"nothing answers at {where.console}", advice)
    except OSError as wrong:
        return Check("web desk", "FAIL", str(wrong), "it waits for tracking and the city; see the lines above")
    return Check("web desk", "ok", f"answers at {where.console}")


async def switch(where: Endpoints) -> Check:
    """Can agencies be rung?"""
    if not where.switch:
        return Check("telephone switch", "ok", "none: data goes without a call (CALLMESH_SWITCH)")
    if await answers_at(where.switch):
        return Check("telephone switch", "ok", f"answers at {where.switch}")
    advice = "start it: until then every call fails, the data goes alone and the caller is owed a call-back"
    return Check("telephone switch", "FAIL", f"nothing answers at {where.switch}", advice)


def looks() -> Sequence[tuple[str, Look]]:
    """The checks by name, in the order they are printed."""
    return (
        ("ports", listening),
        ("NATS", nats),
        ("acknowledged is on disk", durable),
        ("file store", store),
        ("clock", clock),
        ("streams", streams),
        ("directory", directory),
        ("certificates", certificates),
        *((name, service(name)) for name in SERVICES),
        ("web desk", console),
        ("telephone switch", switch),
    )
