"""Two voices about the matter, the lexicon's and the learned router's, made one distribution.

The router gives probabilities, the lexicon points; a point multiplies the odds. A category only the lexicon knows
starts from next to nothing, one the city does not know is left out. Without a router the points speak alone.

Two learned voices about danger, too: the emergency scorer hears danger in any half sentence, and alone it hears it in
every third complaint; the router knows what the whole report is about. Neither errs where the other does, so their log
odds are added, with weights fitted on folds of the corpus that neither had seen. The lexicon has no part in this: its
words of danger count by themselves, and none of its everyday words may talk a danger down.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

_UNHEARD = 0.01
"""What the router is taken to have said about a matter that it did not name."""
_MOST_POINTS = 6.0
_MOST = 8
_SCORER, _ROUTER, _START = 0.574, 0.82, 1.0
"""How much the log odds of the emergency scorer and of the router's emergency matters count, and where they start."""
_SURE = 1e-4
_SPEAKS = 0.5


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
    @property
    def stretch(self) -> tuple[tuple[str, float], ...]: ...  # noqa: D102


class Scorer(Protocol):
    """A learned scorer."""

    @property
    def version(self) -> str: ...  # noqa: D102

    def read(self, text: str) -> Reading:
        """Read one `model_text`."""

    def alarms(self, texts: Sequence[str]) -> list[float]:
        """`Reading.emergency` of each, none empty, which costs a fraction of the whole readings."""


def fuse(
    points: Mapping[str, float], learned: Iterable[tuple[str, float]], known: Collection[str], hint: float
) -> dict[str, float]:
    """Probability by category, best first, at most eight; sums to 1 over all of them."""
    weights = {name: max(chance, _UNHEARD) for name, chance in learned if name in known}
    for name, worth in points.items():
        if name in known:
            weights[name] = weights.get(name, _UNHEARD) * math.exp(hint * min(worth, _MOST_POINTS))
    total = sum(weights.values()) or 1.0
    ordered = sorted(weights.items(), key=lambda one: (-one[1], one[0]))
    return {name: weight / total for name, weight in ordered[:_MOST]}


def danger_of(reading: Reading, urgent: Collection[str], known: Collection[str]) -> float:
    """Probability of an emergency by both learned voices; `urgent` are the matters that always are one.

    A router with other labels than the city's matters cannot tell: then the scorer speaks alone.
    """
    if _share(reading.probabilities, known) < _SPEAKS:
        return reading.emergency
    grave = max(_share(reading.probabilities, urgent), _share(reading.stretch, urgent))
    odds = _SCORER * _log_odds(reading.emergency) + _ROUTER * _log_odds(grave) + _START
    return 1.0 / (1.0 + math.exp(-odds))


def _share(chances: Iterable[tuple[str, float]], names: Collection[str]) -> float:
    return sum([chance for name, chance in chances if name in names])


def _log_odds(chance: float) -> float:
    return math.log((chance + _SURE) / (1.0 - min(chance, 1.0) + _SURE))
