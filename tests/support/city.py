"""The demo city, and how many histories to try."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from callmesh.directory.load import load_city
from callmesh.domain.directory import City

DEMO_CITY = Path(__file__).parent.parent.parent / "deploy" / "city"
HISTORIES = int(os.environ.get("CALLMESH_HISTORIES", "0"))


@cache
def demo_city() -> City:
    """The city in deploy/city, read once a process."""
    return load_city(DEMO_CITY)
