"""The figures of a report: how often right, for which labels, how honest, how much may go by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 15
PRECISIONS = (0.99, 0.98, 0.95, 0.9)
_MOST_CONFUSED = 20

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class OfLabel:
    """One label: `texts` that have it, `precision` of the times it was said, `recall` of the times it was true."""

    label: str
    texts: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything measured on texts with a known label. All shares are 0..1.

    `coverage`: for each wanted precision the largest share of texts, surest first, that are right so often, and the
    probability from which; `bins`: (texts, mean probability, share right) by probability of the best leaf; `curve`:
    (share of texts, precision); `confused`: (true, said, times), `matrix` the same for all; `conformal`: share of texts
    whose set holds the true label, and its mean size.
    """

    texts: int
    accuracy: float
    macro_f1: float
    top_3: float
    ece: float
    labels: tuple[OfLabel, ...]
    coverage: tuple[tuple[float, float, float], ...]
    bins: tuple[tuple[int, float, float], ...]
    curve: tuple[tuple[float, float], ...]
    confused: tuple[tuple[str, str, int], ...]
    matrix: tuple[tuple[int, ...], ...]
    conformal: tuple[float, float]

    def as_json(self) -> dict[str, Any]:
        """Plain values, rounded."""
        rounded: dict[str, Any] = _rounded(asdict(self))
        return rounded


def measure(chances: Floats, true: Labels, leaves: Sequence[str], limits: Floats) -> Figures:
    """Figures of probabilities (text x leaf); `true` -1 for a label the model does not know, which is always wrong."""
    order = np.argsort(-chances, axis=1, kind="stable")
    said, sure = order[:, 0], chances.max(axis=1)
    right = said == true
    labels = _labels(true, said, leaves)
    kept = (chances >= limits) | (chances == sure[:, None])
    inside = np.array([at >= 0 and kept[row, at] for row, at in enumerate(true.tolist())])
    known = [one.f1 for one in labels if one.texts]
    unknown = 1 if (true < 0).any() else 0
    bins = _bins(sure, right)
    return Figures(
        texts=len(true),
        accuracy=float(right.mean()),
        macro_f1=float(sum(known) / max(1, len(known) + unknown)),
        top_3=float((order[:, :3] == true[:, None]).any(axis=1).mean()),
        ece=sum(count * abs(mean - share) for count, mean, share in bins) / len(true),
        labels=labels,
        coverage=tuple(_coverage(sure, right, wanted) for wanted in PRECISIONS),
        bins=bins,
        curve=_curve(sure, right),
        confused=_confused(true, said, leaves),
        matrix=_matrix(true, said, len(leaves)),
        conformal=(float(inside.mean()), float(kept.sum(axis=1).mean())),
    )


def _labels(true: Labels, said: Labels, leaves: Sequence[str]) -> tuple[OfLabel, ...]:
    found = []
    for at, leaf in enumerate(leaves):
        texts, times = int((true == at).sum()), int((said == at).sum())
        hit = int(((true == at) & (said == at)).sum())
        f1 = 2 * hit / (texts + times) if texts + times else 0.0
        found.append(OfLabel(leaf, texts, hit / times if times else 0.0, hit / texts if texts else 0.0, f1))
    return tuple(found)


def _coverage(sure: Floats, right: NDArray[np.bool_], wanted: float) -> tuple[float, float, float]:
    """(precision, share of texts, probability from which)."""
    order = np.argsort(-sure, kind="stable")
    share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(share >= wanted)
    if not enough.size:
        return wanted, 0.0, 1.0
    last = int(enough[-1])
    return wanted, (last + 1) / len(order), float(sure[order[last]])


def _bins(sure: Floats, right: NDArray[np.bool_]) -> tuple[tuple[int, float, float], ...]:
    place = np.minimum((sure * BINS).astype(int), BINS - 1)
    found = []
    for at in range(BINS):
        own = place == at
        if own.any():
            found.append((int(own.sum()), float(sure[own].mean()), float(right[own].mean())))
    return tuple(found)


def _curve(sure: Floats, right: NDArray[np.bool_]) -> tuple[tuple[float, float], ...]:
    """Share of texts against precision, in fifty steps."""
    order = np.argsort(-sure, kind="stable")
    share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    places = np.unique(np.linspace(1, len(order), 51).astype(int)[1:]) - 1
    return tuple(((int(at) + 1) / len(order), float(share[at])) for at in places)


def _confused(true: Labels, said: Labels, leaves: Sequence[str]) -> tuple[tuple[str, str, int], ...]:
    wrong = [(int(a), int(b)) for a, b in zip(true, said, strict=True) if a != b and a >= 0]
    pairs, counts = np.unique(np.array(wrong, dtype=np.int64).reshape(-1, 2), axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:_MOST_CONFUSED]
    return tuple((leaves[pairs[at][0]], leaves[pairs[at][1]], int(counts[at])) for at in order.tolist())


def _matrix(true: Labels, said: Labels, count: int) -> tuple[tuple[int, ...], ...]:
    """Rows: true label, columns: what was said."""
    cells = np.zeros((count, count), dtype=np.int64)
    known = true >= 0
    np.add.at(cells, (true[known], said[known]), 1)
    return tuple(tuple(row) for row in cells.tolist())


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 5)
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(one) for one in value]
    return value
