"""Ports of a mesh on one machine: the usual ones, or free ones.

Free ones are taken from below the range the system gives to outgoing connections: a client that tries to
reach its dead server every quarter second may be given the server's own port as its source port, connects
to itself, and the server cannot come back. A port stays the same until the mesh stops.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Literal

from callmesh.cli.endpoints import CONSOLE, CONSOLE_PORT, MONITOR_PORT, NATS_PORT, SWITCH, SWITCH_PORT
from callmesh.cli.output import Failure
from callmesh.kernel.config import DEFAULT_PORTS

Ports = Literal["fixed", "free"]
_LOWEST, _HIGHEST = 15000, 32000
_USUAL = DEFAULT_PORTS | {"nats": NATS_PORT, "monitor": MONITOR_PORT, CONSOLE: CONSOLE_PORT, SWITCH: SWITCH_PORT}


def choose(kind: Ports) -> dict[str, int]:
    """A port for every service, `nats`, `monitor`, `console` and `switch`."""
    return _free(list(_USUAL)) if kind == "free" else dict(_USUAL)


def require_free(ports: Mapping[str, int]) -> None:
    """Failure names the first that is taken."""
    for name, port in ports.items():
        if not is_free(port):
            raise Failure(
                f"port {port} ({name}) is taken; stop what listens there (another callmesh up?) or use --ports free"
            )


def is_free(port: int) -> bool:
    """Can it be listened on?"""
    try:
        _bind(port).close()
    except OSError:
        return False
    return True


def _bind(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


def _free(names: list[str]) -> dict[str, int]:
    """All are held until all are found, so that no two are the same."""
    found: dict[str, int] = {}
    with ExitStack() as held:
        for port in random.sample(range(_LOWEST, _HIGHEST), _HIGHEST - _LOWEST):
            if len(found) == len(names):
                return found
            try:
                held.enter_context(_bind(port))
            except OSError:
                continue
            found[names[len(found)]] = port
    raise Failure(f"there are no {len(names)} free ports between {_LOWEST} and {_HIGHEST}; close something first")
