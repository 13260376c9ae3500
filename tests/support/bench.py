"""The benchmark as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from callmesh.cli.bench.measure import Figures

_ROOT = Path(__file__).resolve().parents[2]


def bench(*arguments: str) -> Figures:
    """One run with these arguments; its figures."""
    done = subprocess.run(
        [sys.executable, "-m", "callmesh", "bench", "--json", *arguments],
        env=os.environ | {"PYTHONPATH": str(_ROOT / "services")},
        capture_output=True,
        text=True,
        timeout=900,  # no bound: what is slow is measured elsewhere
        check=False,
    )
    assert done.returncode == 0, f"{done.stderr}\n{done.stdout}"
    found: Figures = json.loads(done.stdout)
    return found
