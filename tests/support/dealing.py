"""How `make test` deals tests to its workers: what shares a mesh goes to one worker, and the longest goes first.

Left to itself pytest-xdist deals by number of tests, so that one worker is still at something long when the others
have ended, and each worker would start the shared meshes anew.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

_ROOT = Path(__file__).resolve().parents[2]
_TOGETHER = ("tests/console/", "tests/e2e/")
_FIRST = (
    *_TOGETHER,
    "tests/faults/test_fault_kills.py",
    "tests/unit/bench/test_bench_command.py",
    "tests/unit/training/",
    "tests/faults/",
    "tests/unit/bench/test_bench_history.py",
    "tests/conform/",
    "tests/contract/api/",
    "tests/integration/",
    "tests/unit/classification/",
    "tests/contract/",
    "tests/unit/domain/",
)


def piece(nodeid: str) -> str:
    """Tests of one piece run one after the other on one worker."""
    file = nodeid.partition("::")[0]
    if _has_its_own_mesh(file):
        return file
    return next((folder for folder in _TOGETHER if file.startswith(folder)), file)


@cache
def _has_its_own_mesh(file: str) -> bool:
    """Another city, other settings or clocks: it shares nothing."""
    return "LocalMesh(" in (_ROOT / file).read_text()


def turn(nodeid: str) -> int:
    """When a test's piece is dealt; lower is earlier."""
    mine = piece(nodeid)
    return next((place for place, begins in enumerate(_FIRST) if mine.startswith(begins)), len(_FIRST))


def beginning(args: Sequence[str]) -> list[str]:
    """The files below these folders, those first that fall to this worker, or `args` where there are no workers.

    What pytest makes of a test file stays on disk for the next who reads it, and takes half of what reading it costs.
    Of a fresh clone each worker makes a part, and finds what the others have made; in step each would make all.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers == 1 or not all(Path(one).is_dir() for one in args):
        return list(args)
    files = sorted(str(file) for one in args for file in Path(one).rglob("test_*.py"))
    begin = len(files) * int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw")) // workers
    return files[begin:] + files[:begin]


class Dealer(LoadScopeScheduling):
    """Deals pieces in the order in which their tests were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return piece(nodeid)
