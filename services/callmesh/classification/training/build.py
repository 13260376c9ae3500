"""From samples to the body of a model: fit, calibrate on folds that did not see the text, assemble."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from callmesh.classification import model_file
from callmesh.classification.chances import probabilities
from callmesh.classification.model import Model
from callmesh.classification.model_file import Contents
from callmesh.classification.training import calibration
from callmesh.classification.training.alarm import Alarm
from callmesh.classification.training.assemble import Router, arrays_of, coarse
from callmesh.classification.training.choice import unseen_scores
from callmesh.classification.training.features import Corpus
from callmesh.classification.training.fit import Labels, Recipe, trimmed, weights_of

FORMAT, FOLDS = 1, 5


@dataclass(frozen=True, slots=True)
class Built:
    """A model before it is a file.

    `body` is what is signed; `unseen` every text's scores by a fit that did not see it (NaN for a label's only text).
    """

    model: Model
    body: bytes
    unseen: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A router with its calibration; becomes a file with `assembled`."""

    router: Router
    temperature: float
    confidence: list[float] | None
    limits: NDArray[np.float64]
    unseen: NDArray[np.float64]


def numbered(labels: Sequence[str]) -> tuple[tuple[str, ...], Labels]:
    """The leaves in order, and the labels as their places."""
    leaves = tuple(sorted(set(labels)))
    place = {leaf: at for at, leaf in enumerate(leaves)}
    return leaves, np.array([place[label] for label in labels], dtype=np.int64)


def fit(corpus: Corpus, leaves: tuple[str, ...], labels: Labels, recipe: Recipe) -> Fitted:
    """Train and calibrate. Raises ValueError when there is too little to learn from."""
    if len(leaves) < 2:
        raise ValueError("there is one label only: nothing to tell apart")
    features, values = trimmed(corpus, labels, leaves, recipe)
    unseen = unseen_scores(values, labels, len(leaves), recipe, FOLDS)
    known = np.isfinite(unseen[:, 0])
    divisor = calibration.temperature(unseen[known], labels[known])
    confidence = calibration.confidence(unseen[known], labels[known], divisor)
    limits = calibration.limits(probabilities(unseen[known], divisor, confidence), labels[known])
    weights, bias = weights_of(values, labels, len(leaves), recipe)
    idf = features.idf.astype(np.float32)
    router = Router(leaves, features.grams, idf, coarse(weights), bias.astype(np.float32))
    return Fitted(router, divisor, confidence, limits, unseen)


def assembled(fitted: Fitted, alarm: Alarm | None = None, more: dict[str, Any] | None = None) -> Built:
    """The model and its bytes. `more` goes into the header: report, suite, where the data came from."""
    grams, arrays = arrays_of(fitted.router, alarm, fitted.limits.astype(np.float32))
    header = {
        **(more or {}),
        "format": FORMAT,
        "leaves": list(fitted.router.leaves),
        "longest": max((len(gram) for gram in grams), default=1),
        "temperature": fitted.temperature,
        "confidence": fitted.confidence,
        "alpha": calibration.ALPHA,
        "emergency": _described(alarm),
    }
    body = model_file.body_of(header, grams, arrays)
    contents = Contents(header, grams, arrays, hashlib.sha256(body).hexdigest())
    return Built(Model(contents), body, fitted.unseen)


def _described(alarm: Alarm | None) -> dict[str, float] | None:
    if alarm is None:
        return None
    return {"slope": round(alarm.slope, 6), "offset": round(alarm.offset, 6), "bias": round(alarm.bias, 6)}
