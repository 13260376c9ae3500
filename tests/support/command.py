"""`callmesh` as typed, in this process: what it loads is loaded once."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from click.testing import CliRunner, Result

from callmesh.cli.endpoints import FILE
from callmesh.cli.main import main


async def callmesh(folder: Path, *words: str) -> Result:
    """What a command said to the mesh that runs in the folder: `exit_code`, `stdout`, `stderr`."""
    env = {"CALLMESH_ENDPOINTS": os.fspath(folder / FILE), "CALLMESH_DATA_DIR": os.fspath(folder)}
    return await asyncio.to_thread(CliRunner().invoke, main, words, env=env)
