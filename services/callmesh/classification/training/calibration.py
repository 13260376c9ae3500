"""Calibration: scores become probabilities that mean what they say, and limits for what cannot be excluded.

All from texts the scores were not fitted on; none of it changes the best leaf. A leaf is kept in the conformal set of a
text when its probability reaches a limit that at least 1 - alpha of the unseen texts' true leaves reach; a leaf with
enough unseen texts of its own may only lower the limit for itself, never raise it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from callmesh.classification.chances import probabilities, traits

ALPHA = 0.02
_ENOUGH = 100
_MANY = 150

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


def temperature(scores: Floats, labels: Labels) -> float:
    """The divisor of scores with the smallest log loss; found by halving, the loss has one valley."""
    low, high = -4.0, 2.5
    for _ in range(40):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        if log_loss(scores, labels, float(np.exp(left))) < log_loss(scores, labels, float(np.exp(right))):
            high = right
        else:
            low = left
    return round(float(np.exp((low + high) / 2)), 5)


def log_loss(scores: Floats, labels: Labels, divisor: float) -> float:
    """Mean negative log probability of the true leaves."""
    chances = probabilities(scores, divisor)
    return float(-np.log(np.maximum(chances[np.arange(len(labels)), labels], 1e-12)).mean())


def confidence(scores: Floats, labels: Labels, divisor: float) -> list[float] | None:
    """Coefficients for the probability of the best leaf; None of too few texts, or when all or none are right."""
    right = scores.argmax(axis=1) == labels
    if len(labels) < _MANY or not right.any() or right.all():
        return None
    told = traits(scores, probabilities(scores, divisor))
    fitted = LogisticRegression(C=10.0, fit_intercept=False, solver="liblinear", random_state=0).fit(told, right)
    return [round(float(one), 5) for one in fitted.coef_[0]]


def limits(chances: Floats, labels: Labels, alpha: float = ALPHA) -> Floats:
    """For each leaf the probability from which it stays in the set."""
    true = chances[np.arange(len(labels)), labels]
    common = _limit(true, alpha)
    found = np.full(chances.shape[1], common)
    for leaf in range(chances.shape[1]):
        own = true[labels == leaf]
        if len(own) >= _ENOUGH:
            found[leaf] = min(common, _limit(own, alpha))
    return found


def _limit(true: Floats, alpha: float) -> float:
    """The value that 1 - alpha of the true leaves reach, with the finite-sample correction; 0 of too few."""
    place = int(np.floor(alpha * (len(true) + 1))) - 1
    return 0.0 if place < 0 else float(np.sort(true)[place])
