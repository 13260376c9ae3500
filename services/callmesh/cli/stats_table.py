"""Figures as tables for people: zh-CN, numerator and denominator beside every rate, window and zone on top.

The whole is one table, a line a figure, and below it the cases by state, channel, ... and the ranking, the ten
largest of each. With groups each figure has a table of its own, a line a group; unless
figures were named, those that answer the daily questions are shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from callmesh.api.v1 import tracking_service_pb2 as pb
from callmesh.cli.stats import DAILY
from callmesh.cli.stats_names import GROUPS_ZH, Names
from callmesh.cli.stats_window import zone_from

_F = pb.Figure
_UNKNOWN = "-"
_TOP = 10
_APART = "cases_by_"
_RANKING = "agency_ranking"


def show(found: pb.GetFiguresResponse, names: Names, ids: Sequence[str], console: Console) -> None:
    """Prints everything that was found."""
    console.print(Text(heading(found), style="bold"))
    compared = found.HasField("previous_start_time")
    if found.figures and found.figures[0].groups:
        _grouped(found.figures, names, ids, compared, console)
    elif found.figures:
        _whole(found.figures, names, compared, console)
    else:
        console.print("此时段没有任何事件单 (no cases in this window)")
    _hotspots(found, names, console)


def heading(found: pb.GetFiguresResponse) -> str:
    """The window, its zone, and what it is compared with."""
    zone = found.zone
    text = f"统计时段 {local(found.start_time, zone)} 至 {local(found.end_time, zone)}, 时区 UTC{zone}"
    if found.HasField("previous_start_time"):
        text += f"\n上年同期 {local(found.previous_start_time, zone)} 至 {local(found.previous_end_time, zone)}"
    return text


def local(stamp: Any, zone: str) -> str:
    """A time in the zone."""
    at = datetime.fromtimestamp(stamp.seconds, UTC).astimezone(zone_from(zone))
    return f"{at:%Y-%m-%d %H:%M:%S}"


def value(one: pb.Figure) -> str:
    """The figure itself."""
    if one.unit == _F.SECONDS:
        return _seconds(one.seconds) if one.numerator else _UNKNOWN
    if one.unit == _F.RANK:
        return f"第 {one.numerator} 名"
    if one.unit == _F.COUNT:
        return f"{one.numerator:,}"
    if not one.HasField("value"):
        return _UNKNOWN
    return f"{100 * one.value:.1f}" if one.unit == _F.SCORE else f"{100 * one.value:.2f} %"


def parts(one: pb.Figure) -> str:
    """What it is made of."""
    if one.unit == _F.COUNT:
        return ""
    if one.unit == _F.SECONDS:
        return f"{one.numerator:,} 次"
    if one.unit == _F.SCORE:
        return f"{one.denominator:,} 次回访"
    if one.unit == _F.RANK:
        return f"{one.numerator}/{one.denominator}, 得分 {100 * one.value:.1f}"
    return f"{one.numerator:,}/{one.denominator:,}"


def before(one: pb.Figure) -> str:
    """The same a year before."""
    if not one.HasField("previous_numerator") or one.unit in (_F.RANK, _F.SCORE):
        return ""
    if one.unit == _F.SECONDS:
        return _seconds(one.previous_seconds) if one.previous_numerator else _UNKNOWN
    if one.unit == _F.COUNT:
        return f"{one.previous_numerator:,}"
    return f"{one.previous_numerator:,}/{one.previous_denominator:,}"


def change(one: pb.Figure) -> str:
    """The signed change."""
    if not one.HasField("change"):
        return ""
    if one.unit == _F.SECONDS:
        return f"{one.change:+.1f} 秒"
    return f"{100 * one.change:+.1f} %" if one.unit == _F.COUNT else f"{100 * one.change:+.1f} 百分点"


def _seconds(length: float) -> str:
    return f"{length:.1f} 秒"


def _whole(found: Iterable[pb.Figure], names: Names, compared: bool, console: Console) -> None:
    """The rates in one table, what is counted by key in tables of its own."""
    apart: dict[str, list[pb.Figure]] = {}
    together = []
    for one in found:
        if one.id.startswith(_APART) or one.id == _RANKING:
            apart.setdefault(one.id, []).append(one)
        else:
            together.append(one)
    if together:
        console.print(_table(("指标",), ((one, (one.zh,)) for one in together), compared))
    for figures in apart.values():
        _largest(figures, names, compared, console)


def _largest(figures: list[pb.Figure], names: Names, compared: bool, console: Console) -> None:
    ranked = figures[0].unit == _F.RANK
    figures.sort(key=lambda one: one.numerator if ranked else -one.numerator)
    rest = f"  (前 {_TOP} 项, 共 {len(figures)} 项)" if len(figures) > _TOP else ""
    console.print(Text(f"\n{figures[0].zh}  {figures[0].id}{rest}", style="bold"))
    rows = ((one, (names.key(one.id, one.key),)) for one in figures[:_TOP])
    console.print(_table(("",), rows, compared, ids=False))


def _grouped(found: Iterable[pb.Figure], names: Names, ids: Sequence[str], compared: bool, console: Console) -> None:
    kinds: dict[tuple[str, str], list[pb.Figure]] = {}
    for one in found:
        shown = one.id in ids if ids else one.id in DAILY
        if shown:
            kinds.setdefault((one.id, "" if one.id == _RANKING else one.key), []).append(one)
    for figures in kinds.values():
        if figures[0].unit == _F.RANK:
            figures.sort(key=lambda one: one.numerator)
        columns = [GROUPS_ZH.get(group.by, "") for group in figures[0].groups]
        rows = ((one, [names.group(group.by, group.key) for group in one.groups]) for one in figures)
        console.print(Text(f"\n{figures[0].zh}  {figures[0].id}", style="bold"))
        console.print(_table(columns, rows, compared, ids=False))


def _table(
    columns: Sequence[str], rows: Iterable[tuple[pb.Figure, Sequence[str]]], compared: bool, ids: bool = True
) -> Table:
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    for name in columns:
        drawn.add_column(name, overflow="fold")
    for name in ("数值", "分子/分母", *(("上年同期", "同比") if compared else ())):
        drawn.add_column(name, justify="right", no_wrap=True)
    if ids:
        drawn.add_column("代码", overflow="fold", style="dim")
    for one, first in rows:
        cells = [*first, value(one), parts(one), *((before(one), change(one)) if compared else ())]
        drawn.add_row(*(Text(cell) for cell in (*cells, *([_id(one)] if ids else []))))
    return drawn


def _id(one: pb.Figure) -> str:
    return f"{one.id} {one.key}".strip()


def _hotspots(found: pb.GetFiguresResponse, names: Names, console: Console) -> None:
    zone = found.zone
    if found.hotspots:
        rows = [(spot, f"{spot.count:,}") for spot in found.hotspots]
        console.print(Text("\n热点 (hotspots)", style="bold"))
        console.print(_places(rows, names, zone, "件数"))
    if found.alerts:
        rows = [(one.hotspot, f"{one.hotspot.count}/{one.threshold}  {one.case}") for one in found.alerts]
        console.print(Text("\n热点预警 (alerts)", style="bold red"))
        console.print(_places(rows, names, zone, "件数/阈值"))


def _places(rows: Iterable[tuple[pb.Hotspot, str]], names: Names, zone: str, last: str) -> Table:
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("时段", "网格 (纬度,经度)", "类别", last):
        drawn.add_column(name, overflow="fold")
    for spot, text in rows:
        drawn.add_row(local(spot.hour, zone), spot.cell, Text(names.group(2, spot.category)), text)
    return drawn
