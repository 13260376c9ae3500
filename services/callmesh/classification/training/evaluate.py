"""A model on other data: the same figures as in training, and which labels of the table it does not know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from callmesh.classification.model import Model
from callmesh.classification.training.cleaning import Sample
from callmesh.classification.training.figures import Figures
from callmesh.classification.training.train import figures_of


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Figures over all texts, and the unknown labels with how many texts have them."""

    figures: Figures
    unknown: dict[str, int]


def evaluate(model: Model, samples: Sequence[Sample]) -> Evaluated:
    """A text with an unknown label counts as wrong; raises ValueError without any text."""
    if not samples:
        raise ValueError("there is no text to measure on")
    place = {leaf: at for at, leaf in enumerate(model.leaves)}
    labels = np.array([place.get(one.label, -1) for one in samples], dtype=np.int64)
    unknown: dict[str, int] = {}
    for one in samples:
        if one.label not in place:
            unknown[one.label] = unknown.get(one.label, 0) + 1
    return Evaluated(figures_of(model, [one.text for one in samples], labels), unknown)
