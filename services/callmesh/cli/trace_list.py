"""Several cases of one number, the newest first, to choose from. Nothing of a report is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from rich import box
from rich.console import Console
from rich.table import Table

from callmesh.api.v1 import case_pb2
from callmesh.cli import wording
from callmesh.cli.timeline_more import local


def show(cases: Sequence[case_pb2.Case], console: Console, zone: tzinfo | None = None) -> None:
    """One line a case, its time in the zone; None is this machine's."""
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    drawn.add_column("#", justify="right", no_wrap=True)
    for name in ("接报 opened", "状态 state", "类别 category", "责任单位 owner"):
        drawn.add_column(name, overflow="fold", no_wrap=name.startswith("类别"))
    drawn.add_column("编号 case", overflow="fold", min_width=37, no_wrap=True)
    for number, one in enumerate(cases, 1):
        opened = local(one.opened_at, zone)
        about = [one.classification.category or "-", one.owner, one.name]
        drawn.add_row(str(number), f"{opened:%m-%d %H:%M}", wording.state_zh(one), *about)
    console.print(drawn)
