"""A child must not outlive its supervisor, even when that is killed with -9.

Linux: the kernel is asked to kill this process when the thread that started it ends (PR_SET_PDEATHSIG,
which survives exec). Should the supervisor have died before the request, the parent is another one by
now, and the process ends by itself. Elsewhere this does nothing. Run as a script, `python -I -S tether.py
PARENT PROGRAM ARGUMENT...` becomes that program, tethered; so this module imports nothing of callmesh.
"""

from __future__ import annotations

import os
import sys

_PR_SET_PDEATHSIG = 1
_SIGKILL = 9


def tether(parent: int) -> None:
    """Ties this process to its parent; ends it when the parent is gone already."""
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


if __name__ == "__main__":
    tether(int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])
