"""Where the mesh is: addresses of the services, NATS and its monitoring port.

`callmesh up` writes them to endpoints.json in its folder when everything serves, and takes the file away
at the end. Whoever wants to talk to a mesh looks, in this order, at the file named by CALLMESH_ENDPOINTS,
at endpoints.json in CALLMESH_DATA_DIR (.callmesh), and at last at the default ports; but never at another
mesh than the one that was named. A NATS address in the environment wins over the file's.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from callmesh.cli.output import BadInput, Failure
from callmesh.kernel.config import DEFAULT_PORTS, Settings, from_environment

if TYPE_CHECKING:
    import grpc
    from nats.js import JetStreamContext

    from callmesh.kernel.connection import Connection
    from callmesh.kernel.rpc.secure import Wallet

FILE = "endpoints.json"
NATS_PORT, MONITOR_PORT = 7422, 7423
CONSOLE, CONSOLE_PORT = "console", 7400
SWITCH, SWITCH_PORT = "switch", 7424
_CONNECT_SECONDS, _TAKEN_SECONDS = 5.0, 1.0
_NATS_DEFAULT = 4222
_ANSWER_SECONDS = 30.0  # everything is on disk before it is acknowledged, and disks are busy at times


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """Addresses of one mesh. `pids` has `supervisor`, `nats` and the services when it runs here.

    `console` and `switch` are the addresses of the web desk and of the telephone switch, "" when there is none.
    `identities` is the folder with certificates to call with (kernel/rpc/secure.py), "" when the mesh has no mTLS.
    """

    services: Mapping[str, str]
    nats_url: str
    nats_monitor: str
    pids: Mapping[str, int] = field(default_factory=dict)
    data_dir: str = ""
    identities: str = ""
    console: str = ""
    switch: str = ""

    @property
    def wallet(self) -> Wallet | None:
        """Certificates to call with."""
        from callmesh.kernel.rpc.secure import Wallet

        return Wallet(Path(self.identities)) if self.identities else None

    def address(self, service: str) -> str:
        """host:port of a service."""
        try:
            return self.services[service]
        except KeyError:
            raise Failure(f"this mesh has no service {service}; it has {', '.join(self.services)}") from None

    def save(self, path: Path) -> None:
        """Writes the file as a whole, so that nobody reads half of it."""
        draft = path.with_suffix(".new")
        draft.write_text(json.dumps(asdict(self), indent=2) + "\n")
        draft.replace(path)


def default() -> Endpoints:
    """The default ports on this machine."""
    return Endpoints(
        services={name: f"127.0.0.1:{port}" for name, port in DEFAULT_PORTS.items()},
        nats_url=f"nats://127.0.0.1:{NATS_PORT}",
        nats_monitor=f"http://127.0.0.1:{MONITOR_PORT}",
    )


def read(path: Path) -> Endpoints:
    """The file's addresses; BadInput when it is none of ours."""
    try:
        return Endpoints(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError) as wrong:
        raise BadInput(f"{path} does not say where a mesh is ({wrong}); callmesh up writes such a file") from None


def find(environment: Mapping[str, str] | None = None) -> Endpoints:
    """Where the mesh is, by environment, file or default."""
    source = os.environ if environment is None else environment
    found = _of(source)
    if "CALLMESH_NATS_URL" in source:
        monitor = source.get("CALLMESH_NATS_MONITOR", "")
        found = replace(found, nats_url=source["CALLMESH_NATS_URL"], nats_monitor=monitor)
    return found


def _of(source: Mapping[str, str]) -> Endpoints:
    found = _addresses(source)
    identities, switch = source.get("CALLMESH_IDENTITIES", ""), source.get("CALLMESH_SWITCH", "")
    return replace(found, identities=identities or found.identities, switch=switch or found.switch)


def _addresses(source: Mapping[str, str]) -> Endpoints:
    named, folder = source.get("CALLMESH_ENDPOINTS", ""), Path(source.get("CALLMESH_DATA_DIR", ".callmesh"))
    if named:
        return read(Path(named))
    if (folder / FILE).exists():
        return read(folder / FILE)
    if "CALLMESH_DATA_DIR" in source and "CALLMESH_NATS_URL" not in source:
        raise Failure(f"no mesh runs in {folder}; start one with: callmesh up --data {folder}")
    return default()


def own_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment; BadInput names the variable that is wrong."""
    try:
        return from_environment(environment)
    except ValueError as wrong:
        raise BadInput(str(wrong)) from None


def at(where: Endpoints) -> Settings:
    """Those settings with the folder of that mesh."""
    settings = own_settings()
    return replace(settings, data_dir=where.data_dir or settings.data_dir)


class Away(Failure):
    """Nothing answers there."""


def no_mesh(address: str) -> Away:
    """What a user is told when nothing answers."""
    return Away(f"no mesh answers at {address}; start one with: callmesh up")


class Hangs(Away):
    """It takes connections there and says nothing."""


def hangs(address: str) -> Hangs:
    """What a user is told of a server that is there and stands still: starting another one would not help."""
    return Hangs(f"NATS takes connections at {address} but does not answer: it hangs, or its disk does")


def nats_servers(urls: str) -> dict[str, str]:
    """Every server of a cluster, by the name it is told with."""
    found = [urlsplit(one) for one in urls.split(",")]
    names = ["NATS"] if len(found) == 1 else [f"NATS {number}" for number in range(1, len(found) + 1)]
    return {name: f"{one.hostname}:{one.port or _NATS_DEFAULT}" for name, one in zip(names, found, strict=True)}


async def answers_at(address: str) -> bool:
    """Does anything accept a connection?"""
    import asyncio

    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(_TAKEN_SECONDS):
            _, writer = await asyncio.open_connection(host, int(port))
    except (OSError, TimeoutError, ValueError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


async def _listens(url: str) -> bool:
    """Does any of these servers take a connection?"""
    import asyncio

    return any(await asyncio.gather(*map(answers_at, nats_servers(url).values())))


@contextlib.asynccontextmanager
async def jetstream(where: Endpoints) -> AsyncIterator[JetStreamContext]:
    """JetStream for one command; Failure when nothing answers."""
    async with connected(where) as (_, js):
        yield js


@contextlib.asynccontextmanager
async def connected(where: Endpoints) -> AsyncIterator[tuple[Connection, JetStreamContext]]:
    """The same beside its connection."""
    from nats.errors import Error as NatsError

    from callmesh.kernel.connection import Connection

    async def quiet(_: Exception) -> None:
        return None

    client = Connection()
    try:
        await client.connect(
            where.nats_url.split(","),
            name="callmesh-cli",
            connect_timeout=_CONNECT_SECONDS,  # type: ignore[arg-type]
            allow_reconnect=False,
            max_reconnect_attempts=1,  # else the first connection is tried for two minutes
            reconnect_time_wait=0.05,  # type: ignore[arg-type]
            error_cb=quiet,
        )
    except (OSError, NatsError, TimeoutError):
        await client.close()  # one that hangs took the connection
        raise (hangs if await _listens(where.nats_url) else no_mesh)(where.nats_url) from None
    try:
        yield client, client.jetstream(timeout=_ANSWER_SECONDS)
    finally:
        await client.close()


@contextlib.asynccontextmanager
async def channel(where: Endpoints, service: str) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to a service that answers; Failure when nothing does."""
    import asyncio

    from callmesh.kernel.rpc import client

    address = where.address(service)
    async with client.channel(address, where.wallet) as opened:
        try:
            await asyncio.wait_for(opened.channel_ready(), _CONNECT_SECONDS)
        except TimeoutError:
            raise no_mesh(address) from None
        yield opened
