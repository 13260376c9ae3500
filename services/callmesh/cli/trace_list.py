"""Several cases of one number, the newest first, to choose from. Nothing of a report is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from rich import box
from rich.console import Console
from rich.table import Table

from callmesh.api.v1 import case_pb2
from callmesh.cli import wording


def show(cases: Sequence[case_pb2.Case], console: Console) -> None:
    """One line a case."""
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    drawn.add_column("#", justify="right", no_wrap=True)
    for name in ("接报 opened", "状态 state", "类别 category", "责任单位 owner"):
        drawn.add_column(name, overflow="fold", no_wrap=name.startswith("类别"))
    drawn.add_column("编号 case", overflow="fold", min_width=37, no_wrap=True)
    for number, one in enumerate(cases, 1):
        opened = datetime.fromtimestamp(one.opened_at.seconds, UTC).astimezone()
        about = [one.classification.category or "-", one.owner, one.name]
        drawn.add_row(str(number), f"{opened:%m-%d %H:%M}", wording.state_zh(one), *about)
    console.print(drawn)
