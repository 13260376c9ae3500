"""Duplicates: the same matter told again, word for word or nearly so.

A duplicate on both sides of a split makes figures look better than they are. Texts are compared as sets of
three-character pieces; pairs worth comparing are those that share half of their eight smallest piece hashes, so that
the work grows with the number of texts and not with its square. The first of a group stays.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

NEAR = 0.8
_SKETCH, _BUCKET, _PIECE = 8, 40, 3


@dataclass(frozen=True, slots=True)
class Groups:
    """Positions: `kept` stay; `exact` and `near` are (removed, the one it repeats)."""

    kept: tuple[int, ...]
    exact: tuple[tuple[int, int], ...]
    near: tuple[tuple[int, int], ...]


def group(texts: Sequence[str], near: float = NEAR) -> Groups:
    """Find texts that repeat an earlier one; `near` is the share of common pieces (Jaccard)."""
    first: dict[str, int] = {}
    buckets: dict[int, list[int]] = {}
    pieces: dict[int, frozenset[int]] = {}
    kept, exact, similar = [], [], []
    for at, text in enumerate(texts):
        if text in first:
            exact.append((at, first[text]))
            continue
        first[text] = at
        own = _pieces(text)
        sketch = sorted(own)[:_SKETCH]
        twin = _twin(own, sketch, buckets, pieces, near)
        if twin is not None:
            similar.append((at, twin))
            continue
        kept.append(at)
        pieces[at] = own
        for one in sketch:
            buckets.setdefault(one, []).append(at)
    return Groups(tuple(kept), tuple(exact), tuple(similar))


def _twin(
    own: frozenset[int],
    sketch: Sequence[int],
    buckets: dict[int, list[int]],
    pieces: dict[int, frozenset[int]],
    near: float,
) -> int | None:
    """The first kept text that is nearly the same."""
    met = Counter(at for one in sketch for at in buckets.get(one, ())[:_BUCKET])
    for other in sorted(at for at, times in met.items() if 2 * times >= len(sketch)):
        common = len(own & pieces[other])
        if common >= near * (len(own) + len(pieces[other]) - common):
            return other
    return None


def _pieces(text: str) -> frozenset[int]:
    raw = [text[at : at + _PIECE] for at in range(max(1, len(text) - _PIECE + 1))]
    return frozenset(zlib.crc32(piece.encode("utf-8", "surrogatepass")) for piece in raw)
