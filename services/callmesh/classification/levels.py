"""P0 to P3 from the nature of the matter, harm, hazards and scope (性质, 危害, 影响范围).

The catalogue gives a matter its own level. An emergency is at least P1, and P0 when somebody is hurt or nobody knows
what it is; a doubt about danger is at least P1. A fault of a utility that hits many people rises by one step.
"""

from __future__ import annotations

import re

from callmesh.classification.danger import Harm
from callmesh.classification.findings import Findings
from callmesh.domain.directory import Category
from callmesh.domain.words import Level, Verdict

_ORDER = tuple(Level)
_WIDE = re.compile(
    "(?:整个|全|整片|整条|整栋)(?:小区|村|镇|街|城|县|片区|楼|巷|社区)|(?:几|[一二三四五六七八九]|上|好几|数)(?:百|千|万)(?:多|余|来)?(?:户|人|居民)"
    "|\\d{3,}(?:多|余)?(?:户|人)|(?:医院|养老院|敬老院|福利院|幼儿园|学校|透析中心).{0,6}(?:停|断|没|缺)(?:水|电|气|暖)"
)
_UTILITIES = frozenset({"utilities"})


def level_of(verdict: Verdict, matter: Category | None, found: Findings, harm: Harm, danger: bool) -> Level:
    """The level of a report; `danger`: something speaks of danger although the verdict is not EMERGENCY."""
    level = matter.level if matter else Level.P2
    if verdict is Verdict.EMERGENCY:
        grave = harm or matter is None or any("harm" in hit.row.flags for hit in found.live)
        return Level.P0 if grave else graver(level, Level.P1)
    if verdict is Verdict.ASK and (danger or harm):
        return Level.P1
    if matter and matter.group in _UTILITIES and level is Level.P2 and _WIDE.search(found.text.tight):
        return Level.P1
    if verdict is Verdict.ASK and level is Level.P0:
        return Level.P1  # a matter merely guessed does not start the clocks of an emergency
    return level


def graver(one: Level, other: Level) -> Level:
    """The more urgent of two levels."""
    return min(one, other, key=_ORDER.index)
