"""How far somebody is in each shard's log, as a text that a browser keeps: `r1-0:60,r1-1:41`.

It is the id of each server-sent event. Of two texts static/live.js tells which one is ahead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

Heads = Mapping[str, int]
"""Region and shard -> sequence on its log."""
_ONE = r"[a-z0-9]{1,32}-[0-9]{1,4}:[0-9]{1,18}"
_TEXT = re.compile(f"{_ONE}(,{_ONE}){{0,63}}")


def text(heads: Heads) -> str:
    """As it is written; "" of nothing."""
    return ",".join(f"{shard}:{seq}" for shard, seq in sorted(heads.items()))


def read(given: str) -> dict[str, int]:
    """What the text says, if it is one."""
    if not _TEXT.fullmatch(given):
        return {}
    return {shard: int(seq) for shard, _, seq in (one.partition(":") for one in given.split(","))}
