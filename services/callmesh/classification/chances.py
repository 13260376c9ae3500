"""From scores to probabilities that mean what they say.

A temperature turns scores into a distribution. Over many leaves that alone is not honest about the best one: whether it
is right also depends on how well it fits by itself (its raw score) and how far the next one is. So the probability of
the best leaf comes from a small logistic model of these, fitted on texts the scores had not seen, and the others share
the rest as before. The order never changes. Used by the running model and by the trainer alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MOST = 0.9995
_LEAST = 1e-6

Floats = NDArray[Any]


def softmax(scores: Floats) -> Floats:
    """Probabilities of rows of scores."""
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    chances: Floats = raised / raised.sum(axis=-1, keepdims=True)
    return chances


def probabilities(scores: Floats, temperature: float, confidence: Sequence[float] | None = None) -> Floats:
    """Probabilities of rows of scores (text x leaf); `confidence` holds the coefficients for `traits`."""
    chances = softmax(scores / temperature)
    if confidence is None or scores.shape[1] < 2:
        return chances
    told = traits(scores, chances)
    sure = 1.0 / (1.0 + np.exp(-np.clip(told @ np.asarray(confidence), -30, 30)))
    return _with_best(chances, sure)


def of_one(scores: Floats, temperature: float, confidence: Sequence[float] | None) -> tuple[Floats, Floats]:
    """The same for one text, at a third of the price: probabilities, and the leaves best first."""
    scaled = scores / temperature
    raised = np.exp(scaled - np.maximum.reduce(scaled))
    chances = raised / np.add.reduce(raised)
    order = (-chances).argsort(kind="stable")
    if confidence is None or len(scores) < 2:
        return chances, order
    first, second = order[:2].tolist()
    best = min(max(float(chances[first]), _LEAST), 1 - _LEAST)
    score, lead = float(scores[first]), float(scores[first] - scores[second])
    told = (math.log(best), -math.log1p(-best), score, lead, 1.0)
    doubt = sum(part * weight for part, weight in zip(told, confidence, strict=True))
    next_ = float(chances[second]) / (1 - best)
    sure = 1.0 / (1.0 + math.exp(-min(30.0, max(-30.0, doubt))))
    sure = min(_MOST, max(sure, min(next_ / (1 + next_) + _LEAST, _MOST)))
    chances = chances * ((1 - sure) / (1 - best))
    chances[first] = sure
    return chances, order


def traits(scores: Floats, chances: Floats) -> Floats:
    """What tells whether the best leaf is right: two shapes of its probability, its score, its lead, and one."""
    best = np.clip(chances.max(axis=1), _LEAST, 1 - _LEAST)
    two = np.partition(scores, -2, axis=1)[:, -2:]
    told: Floats = np.stack(
        [np.log(best), -np.log1p(-best), two[:, 1], two[:, 1] - two[:, 0], np.ones(len(best))], axis=1
    )
    return told


def _with_best(chances: Floats, sure: Floats) -> Floats:
    """The best leaf at `sure`, but never below the next one; the others keep their proportions."""
    two = np.partition(chances, -2, axis=1)[:, -2:]
    best = np.clip(two[:, 1], _LEAST, 1 - _LEAST)
    next_ = two[:, 0] / (1 - best)
    sure = np.clip(sure, np.minimum(next_ / (1 + next_) + _LEAST, _MOST), _MOST)
    spread: Floats = chances * ((1 - sure) / (1 - best))[:, None]
    spread[np.arange(len(spread)), chances.argmax(axis=1)] = sure
    return spread
