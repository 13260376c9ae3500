"""Build hook of the wheel: generates callmesh.api and callmesh.facts before packing."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Generate(BuildHookInterface[Any]):
    """Runs services/generate.py; an editable install gets the generated packages too."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before files are collected."""
        generate = runpy.run_path(str(Path(self.root) / "services" / "generate.py"))
        if generate["main"]() != 0:
            raise RuntimeError("generating code from protos failed")
