"""The read model, built from the log by the product's own `rebuild`, in a process of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil

from callmesh.kernel.config import Settings


class Model:
    """Rebuilds an embedded read model as often as it is told to, in the folder with the log's key-encryption key."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def start(self, url: str) -> dict[str, Any]:
        """Says where the log is."""
        self._settings = Settings(nats_url=url, data_dir=str(self._folder))
        return {}

    async def build(self) -> dict[str, Any]:
        """Drops the model and reads the whole log; the digest tells whether two models are equal."""
        from callmesh.tracking.rebuild import rebuild

        done = await rebuild(self._settings)
        return {
            "facts": done.count,
            "seconds": done.seconds,
            "facts_per_second": done.count / done.seconds,
            "digest": done.digest,
            "resident_bytes": psutil.Process().memory_info().rss,
        }
