"""Ports for what a test starts. They stay claimed while the test lasts, and longer: until many others were chosen."""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack

from callmesh.cli import ports

_MOST = 60
_held: deque[ExitStack] = deque()


def free_ports(*names: str) -> dict[str, int]:
    """One for each name; none that an outgoing connection may be given, and none that another worker has."""
    _held.append(ExitStack())
    if len(_held) > _MOST:
        _held.popleft().close()
    return ports.free(names, _held[-1])
