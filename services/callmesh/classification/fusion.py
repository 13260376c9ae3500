"""Two voices about the matter, the lexicon's and the learned router's, made one distribution.

The router gives probabilities, the lexicon points; a point multiplies the odds. A category only the lexicon knows
starts from next to nothing, one the city does not know is left out. Without a router the points speak alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Protocol

_UNHEARD = 0.01
"""What the router is taken to have said about a matter that it did not name."""
_MOST_POINTS = 6.0
_MOST = 8


class Reading(Protocol):
    """What a learned scorer made of a text (see model.py)."""

    @property
    def probabilities(self) -> tuple[tuple[str, float], ...]: ...  # noqa: D102
    @property
    def conformal(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def emergency(self) -> float: ...  # noqa: D102
    @property
    def grams(self) -> tuple[tuple[int, int, float], ...]: ...  # noqa: D102


class Scorer(Protocol):
    """A learned scorer."""

    @property
    def version(self) -> str: ...  # noqa: D102

    def read(self, text: str) -> Reading:
        """Read one `model_text`."""


def fuse(
    points: Mapping[str, float], learned: Iterable[tuple[str, float]], known: Iterable[str], hint: float
) -> dict[str, float]:
    """Probability by category, best first, at most eight; sums to 1 over all of them."""
    heard = dict(learned)
    known = frozenset(known)
    weights = {
        name: max(heard.get(name, 0.0), _UNHEARD) * math.exp(hint * min(points.get(name, 0.0), _MOST_POINTS))
        for name in (*heard, *points)
        if name in known
    }
    total = sum(weights.values()) or 1.0
    ordered = sorted(weights.items(), key=lambda one: (-one[1], one[0]))
    return {name: weight / total for name, weight in ordered[:_MOST]}
