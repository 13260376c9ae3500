"""From samples to the bytes of a model: fit, calibrate on unseen folds, assemble, sign."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from callmesh.classification import model_file
from callmesh.classification.model import Model
from callmesh.classification.model_file import Contents
from callmesh.classification.training import calibration
from callmesh.classification.training.alarm import Alarm
from callmesh.classification.training.assemble import Router, arrays_of
from callmesh.classification.training.fit import SEED, Recipe, fit_router, vectorizer, weights_of

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Built:
    """A model before it is a file: `body` is what is signed, `unseen` the scores by folds that did not see the text."""

    model: Model
    body: bytes
    unseen: NDArray[np.float64]
    temperature: float


def build(
    texts: Sequence[str],
    labels: Sequence[str],
    recipe: Recipe,
    alarm: Alarm | None = None,
    more: dict[str, Any] | None = None,
) -> Built:
    """Train on normalised texts. `more` goes into the header (report, suite, where the data came from)."""
    leaves = tuple(sorted(set(labels)))
    place = {leaf: at for at, leaf in enumerate(leaves)}
    numbers = np.array([place[label] for label in labels], dtype=np.int64)
    unseen = unseen_scores(texts, numbers, len(leaves), recipe)
    known = np.isfinite(unseen[:, 0])
    divisor = calibration.temperature(unseen[known], numbers[known])
    limits = calibration.limits(calibration.probabilities(unseen[known], divisor), numbers[known])
    router = fit_router(texts, numbers, leaves, recipe)
    return _assembled(router, alarm, limits, divisor, unseen, more or {})


def _assembled(
    router: Router,
    alarm: Alarm | None,
    limits: NDArray[np.float64],
    divisor: float,
    unseen: NDArray[np.float64],
    more: dict[str, Any],
) -> Built:
    grams, arrays = arrays_of(router, alarm, limits.astype(np.float32))
    header = {
        **more,
        "format": FORMAT,
        "leaves": list(router.leaves),
        "longest": max((len(gram) for gram in grams), default=1),
        "temperature": divisor,
        "alpha": calibration.ALPHA,
        "emergency": _described(alarm),
    }
    body = model_file.body_of(header, grams, arrays)
    contents = Contents(header, grams, arrays, hashlib.sha256(body).hexdigest())
    return Built(Model(contents), body, unseen, divisor)


def unseen_scores(texts: Sequence[str], labels: NDArray[np.int64], count: int, recipe: Recipe) -> NDArray[np.float64]:
    """Scores of every text by a fit that did not see it; NaN for leaves too rare to be left out."""
    values = vectorizer(recipe).fit_transform(texts)
    sizes = np.bincount(labels, minlength=count)
    common = np.flatnonzero(sizes[labels] >= 2)
    scores = np.full((len(texts), count), np.nan)
    folds = int(min(5, max(2, sizes[sizes >= 2].min(initial=5))))
    for train, held in StratifiedKFold(folds, shuffle=True, random_state=SEED).split(common, labels[common]):
        seen = np.union1d(common[train], np.flatnonzero(sizes[labels] < 2))
        weights, bias = weights_of(values[seen], labels[seen], count, recipe)
        scores[common[held]] = values[common[held]] @ weights + bias
    return scores


def _described(alarm: Alarm | None) -> dict[str, float] | None:
    if alarm is None:
        return None
    return {"slope": round(alarm.slope, 6), "offset": round(alarm.offset, 6), "bias": round(alarm.bias, 6)}
