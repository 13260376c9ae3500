"""Ports of a mesh on one machine: the usual ones, or free ones.

Free ones are taken from below the range the system gives to outgoing connections: a client that tries to
reach its dead server every quarter second may be given the server's own port as its source port, connects
to itself, and the server cannot come back. A port stays the same until the mesh stops.

Between choosing a port and listening on it, and while a killed process comes back, nobody listens there, and another
mesh that starts in the same seconds must not take it. So a chosen port is claimed by a datagram socket of the same
number, to which nobody sends: the system lets only one have it, and gives it back however the process ends.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from itertools import chain
from typing import Literal

from callmesh.cli.endpoints import CONSOLE, CONSOLE_PORT, MONITOR_PORT, NATS_PORT, SWITCH, SWITCH_PORT
from callmesh.cli.output import Failure
from callmesh.kernel.config import DEFAULT_PORTS

Ports = Literal["fixed", "free"]
_LOWEST, _HIGHEST = 15000, 32000
_USUAL = DEFAULT_PORTS | {"nats": NATS_PORT, "monitor": MONITOR_PORT, CONSOLE: CONSOLE_PORT, SWITCH: SWITCH_PORT}


def choose(kind: Ports, held: ExitStack) -> dict[str, int]:
    """A port for every service, `nats`, `monitor`, `console` and `switch`; see `free`."""
    return free(_USUAL, held) if kind == "free" else dict(_USUAL)


def free(names: Iterable[str], held: ExitStack) -> dict[str, int]:
    """A free port for each, which nobody else is given until `held` closes; Failure when there are not so many."""
    begin = random.randrange(_LOWEST, _HIGHEST)
    candidates = chain(range(begin, _HIGHEST), range(_LOWEST, begin))
    return {name: _claimed(candidates, held) for name in names}


def _claimed(candidates: Iterator[int], held: ExitStack) -> int:
    for port in candidates:
        claim = socket.socket(type=socket.SOCK_DGRAM)
        try:
            claim.bind(("127.0.0.1", port))
            _bind(port).close()
        except OSError:
            claim.close()
            continue
        held.enter_context(claim)
        return port
    raise Failure(f"there is no free port between {_LOWEST} and {_HIGHEST}; close something first")


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
