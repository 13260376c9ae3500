"""From what was fitted to the bytes of a model: one vocabulary for all, weights rounded to bytes.

A row of weights is 8-bit numbers with one scale, so rare and common n-grams keep the same relative precision. The order
is that of the sorted vocabulary; nothing in the file depends on time, machine or the order of dictionaries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from callmesh.classification.model_file import Arrays
from callmesh.classification.training.alarm import Alarm

_STEPS = 127


@dataclass(frozen=True, slots=True)
class Router:
    """A fitted linear router: idf and one weight a leaf for each n-gram, rows in the order of `grams`."""

    leaves: tuple[str, ...]
    grams: tuple[str, ...]
    idf: NDArray[np.float32]
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]


def rounded(weights: NDArray[Any]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Weights as bytes, and the scale of each row."""
    scale = (np.abs(weights).max(axis=1) / _STEPS).astype(np.float32)
    scale[scale == 0] = np.float32(1.0)
    return np.rint(weights / scale[:, None]).astype(np.int8), scale


def coarse(weights: NDArray[Any]) -> NDArray[np.float32]:
    """The weights as the model will have them."""
    small, scale = rounded(weights)
    return small.astype(np.float32) * scale[:, None]


def arrays_of(router: Router, alarm: Alarm | None, limits: NDArray[np.float32]) -> tuple[tuple[str, ...], Arrays]:
    """The vocabulary of both, and what stands in the file for it."""
    grams = tuple(sorted({*router.grams, *(alarm.grams if alarm else ())}))
    row = {gram: at for at, gram in enumerate(grams)}
    places = np.array([row[gram] for gram in router.grams], dtype=np.int64)
    small, scale = rounded(router.weights)
    arrays: Arrays = {
        "weights": _spread(small, places, len(grams)),
        "scale": _spread(scale, places, len(grams)),
        "idf": _spread(router.idf.astype(np.float32), places, len(grams)),
        "bias": router.bias.astype(np.float32),
        "conformal": limits.astype(np.float32),
    }
    if alarm:
        heard = np.array([row[gram] for gram in alarm.grams], dtype=np.int64)
        arrays["alarm_idf"] = _spread(alarm.idf, heard, len(grams))
        arrays["alarm_weight"] = _spread(alarm.weights.astype(np.float16).astype(np.float32), heard, len(grams))
    return grams, arrays


def _spread(values: NDArray[Any], places: NDArray[np.int64], size: int) -> NDArray[Any]:
    wide = np.zeros((size, *values.shape[1:]), values.dtype)
    wide[places] = values
    return wide
