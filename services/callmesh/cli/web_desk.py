"""The web desk as part of a mesh on this machine: is it installed, and how one gets in."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from callmesh.cli import nats_server
from callmesh.cli.child import Child
from callmesh.cli.endpoints import CONSOLE, Endpoints
from callmesh.cli.keeper import Keeper, Tell
from callmesh.kernel.config import PREFIX

_NEEDED = ("uvicorn", "starlette", "jinja2", "babel", "argon2", "multipart")


def installed() -> bool:
    """Whether the extra `console` is there."""
    return all(find_spec(one) for one in _NEEDED)


def welcome(url: str) -> Iterator[str]:
    """Lines for people: the address, and the accounts that a mesh outside production has."""
    from callmesh.console.accounts import DEMO_PASSWORD, SEEDS

    yield f"web desk: {url}   (password of all accounts: {DEMO_PASSWORD})"
    yield "  " + "   ".join(f"{one.id} {one.name}" for one in SEEDS)


def keeper(where: Endpoints, environment: Mapping[str, str], tell: Tell, changed: Callable[[], None]) -> Keeper:
    """The console of a mesh as a kept process: told where the services are, ready when it knows the city in force."""
    address = where.console.removeprefix("http://")
    services = ",".join(f"{name}={one}" for name, one in where.services.items())
    own = {
        "PORT": address.rpartition(":")[2],
        "CONSOLE_SERVICES": services,
        "CONSOLE_IDENTITIES": where.identities,
    }

    async def ready(seconds: float | None) -> None:
        await nats_server.until_healthy(where.console, seconds)

    command = [sys.executable, "-P", "-m", "callmesh", "serve", CONSOLE]
    given = {**environment, **{PREFIX + name: value for name, value in own.items()}}
    log = Path(where.data_dir) / "logs" / f"{CONSOLE}.log"
    return Keeper(Child(CONSOLE, command, given, log), address, ready, tell, changed)
