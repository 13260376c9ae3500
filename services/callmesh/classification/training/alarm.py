"""The emergency scorer: does a stretch of text report danger now?

It learns from our own texts, where dangerous and everyday ones are of the same style and hand: trained on the orders
of 110 against those of 12345 it would learn house style. A long everyday letter holds many stretches and one of them
always sounds worst; so its worst stretch is fed back as a harmless example, twice, and a long dangerous text counts by
its worst one too. Margins are calibrated on folds the scorer has not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from callmesh.classification.model import WINDOWS

SEED = 20_260
_ROUNDS, _FOLDS = 2, 4
_STRENGTH = 30.0

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Alarm:
    """A fitted scorer: one idf and one weight an n-gram; probability = 1 / (1 + exp(-(slope * margin + offset)))."""

    grams: tuple[str, ...]
    idf: NDArray[np.float32]
    weights: NDArray[np.float32]
    bias: float
    slope: float
    offset: float


def fit_alarm(texts: Sequence[str], dangerous: Flags, longest: int = 3, least: int = 2) -> Alarm:
    """Learn from normalised texts; raises ValueError when there are not both kinds."""
    counter = CountVectorizer(analyzer="char", ngram_range=(1, longest), lowercase=False, min_df=least)
    counts = counter.fit_transform(texts)
    idf = _idf(counts)
    estimator, margins = _mined(texts, dangerous, counter, idf)
    slope, offset = _sigmoid(margins, dangerous)
    grams = tuple(counter.get_feature_names_out().tolist())
    weights = estimator.coef_[0].astype(np.float32)
    return Alarm(grams, idf.astype(np.float32), weights, float(estimator.intercept_[0]), slope, offset)


def _mined(
    texts: Sequence[str], dangerous: Flags, counter: CountVectorizer, idf: NDArray[np.float64]
) -> tuple[LogisticRegression, NDArray[np.float64]]:
    """The estimator after mining, and margins of texts that each fold did not see."""
    folds = StratifiedKFold(_folds(dangerous), shuffle=True, random_state=SEED)
    unseen = np.zeros(len(texts))
    for train, held in folds.split(np.zeros(len(texts)), dangerous):
        estimator = _rounds([texts[at] for at in train.tolist()], dangerous[train], counter, idf)
        unseen[held] = worst(estimator, [texts[at] for at in held.tolist()], counter, idf)[0]
    return _rounds(texts, dangerous, counter, idf), unseen


def _rounds(
    texts: Sequence[str], dangerous: Flags, counter: CountVectorizer, idf: NDArray[np.float64]
) -> LogisticRegression:
    """Fit on short texts first, then on every long text's worst stretch."""
    short = np.array([len(text) <= WINDOWS[-1] for text in texts])
    if len(set(dangerous[short].tolist())) < 2:
        short[:] = True
    estimator = _fitted(
        weigh(counter.transform([texts[at] for at in np.flatnonzero(short).tolist()]), idf), dangerous[short]
    )
    for _ in range(_ROUNDS):
        stretches = worst(estimator, texts, counter, idf)[1]
        both = weigh(counter.transform([*texts, *stretches]), idf)
        estimator = _fitted(both, np.concatenate([dangerous, dangerous]))
    return estimator


def _fitted(values: csr_matrix, dangerous: Flags) -> LogisticRegression:
    estimator = LogisticRegression(C=_STRENGTH, class_weight="balanced", solver="liblinear", random_state=SEED)
    return estimator.fit(values, dangerous)


def worst(
    estimator: LogisticRegression, texts: Sequence[str], counter: CountVectorizer, idf: NDArray[np.float64]
) -> tuple[NDArray[np.float64], list[str]]:
    """Of each text the highest margin and the stretch that has it."""
    stretches, owner = [], []
    for at, text in enumerate(texts):
        cut = _cut(text)
        stretches += cut
        owner += [at] * len(cut)
    margins = estimator.decision_function(weigh(counter.transform(stretches), idf))
    best = np.full(len(texts), -np.inf)
    chosen = [""] * len(texts)
    for margin, stretch, at in zip(margins.tolist(), stretches, owner, strict=True):
        if margin > best[at]:
            best[at], chosen[at] = margin, stretch
    return best, chosen


def weigh(counts: csr_matrix, idf: NDArray[np.float64]) -> csr_matrix:
    """What the model computes: occurrences * idf, over the length of all occurrences."""
    square = counts @ (idf**2)
    scale = 1.0 / np.sqrt(np.maximum(square, 1e-9))
    return csr_matrix(counts.multiply(idf[None, :]).multiply(scale[:, None]))


def _idf(counts: csr_matrix) -> NDArray[np.float64]:
    seen = np.asarray((counts > 0).sum(axis=0)).ravel()
    idf: NDArray[np.float64] = np.log((1 + counts.shape[0]) / (1 + seen)) + 1.0
    return idf


def _cut(text: str) -> list[str]:
    """The stretches of every width, a few characters apart."""
    step = 4 if len(text) < 400 else 7
    widths = [width for width in WINDOWS if width < len(text)] or [len(text)]
    cut = [text[start : start + width] for width in widths for start in range(0, len(text) - width + 1, step)]
    whole = [text] if widths[0] < len(text) <= WINDOWS[-1] else []
    return [*cut, *whole]


def _folds(dangerous: Flags) -> int:
    least = int(min(dangerous.sum(), (~dangerous).sum()))
    if least < 2:
        raise ValueError("an emergency scorer needs at least two dangerous and two everyday texts")
    return min(_FOLDS, least)


def _sigmoid(margins: NDArray[np.float64], dangerous: Flags) -> tuple[float, float]:
    """Platt's scaling: margin -> probability."""
    fitted = LogisticRegression(C=1e3, solver="liblinear", random_state=SEED).fit(margins[:, None], dangerous)
    return float(max(fitted.coef_[0][0], 1e-3)), float(fitted.intercept_[0])
