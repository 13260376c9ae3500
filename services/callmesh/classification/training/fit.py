"""Fitting a router: character n-grams, sublinear tf-idf, a linear support vector machine, some complement naive Bayes.

The two estimators see the same features and are both linear, so their mixture is one matrix of weights: naive Bayes
knows what a rare category's few texts have in common, the machine where the border of two frequent ones runs. A
vocabulary that would not fit into the file is cut to the n-grams that weigh most in a first fit, and fitted again on
those. The weights are rounded as the file has them before anything is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.naive_bayes import ComplementNB
from sklearn.svm import LinearSVC

from callmesh.classification.training.assemble import Router, coarse

SEED = 20_260
_MOST_CELLS = 2_300_000
_MOST_ROWS = 60_000

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is chosen by cross-validation.

    `longest` n-gram, `least` texts an n-gram occurs in, `strength` C of the machine, `balanced` classes,
    `mixture` share of naive Bayes (0..1).
    """

    longest: int = 3
    least: int = 1
    strength: float = 1.0
    balanced: bool = True
    mixture: float = 0.0

    def __str__(self) -> str:
        classes = "balanced" if self.balanced else "unbalanced"
        return f"char 1..{self.longest}, in >= {self.least} texts, C {self.strength:g}, {classes}, NB {self.mixture:g}"


def vectorizer(recipe: Recipe, vocabulary: Sequence[str] | None = None) -> TfidfVectorizer:
    """The features as scikit-learn makes them; the model's own are held equal by a test."""
    return TfidfVectorizer(
        analyzer="char",
        ngram_range=(1, recipe.longest),
        lowercase=False,
        sublinear_tf=True,
        min_df=recipe.least if vocabulary is None else 1,
        vocabulary=vocabulary,
    )


def weights_of(values: csr_matrix, labels: Labels, count: int, recipe: Recipe) -> tuple[Floats, Floats]:
    """Weights (n-gram x leaf) and bias (leaf) for labels 0..count-1; a leaf without texts is never chosen."""
    machine, bias = _machine(values, labels, count, recipe)
    if not recipe.mixture:
        return machine, bias
    bayes = _bayes(values, labels, count)
    part = recipe.mixture
    return (1 - part) * machine + part * _spread(values, machine) / _spread(values, bayes) * bayes, (1 - part) * bias


def fit_router(texts: Sequence[str], labels: Labels, leaves: tuple[str, ...], recipe: Recipe) -> Router:
    """The router of a recipe, small enough for the file, with its weights rounded."""
    vector = vectorizer(recipe)
    values = vector.fit_transform(texts)
    weights, bias = weights_of(values, labels, len(leaves), recipe)
    grams = vector.get_feature_names_out()
    room = min(_MOST_ROWS, _MOST_CELLS // len(leaves))
    if len(grams) > room:
        kept = np.sort(_heaviest(values, weights, room))
        vector = vectorizer(replace(recipe, least=1), grams[kept].tolist())
        values = vector.fit_transform(texts)
        weights, bias = weights_of(values, labels, len(leaves), recipe)
        grams = grams[kept]
    idf = vector.idf_.astype(np.float32)
    return Router(leaves, tuple(grams.tolist()), idf, coarse(weights), bias.astype(np.float32))


def _machine(values: csr_matrix, labels: Labels, count: int, recipe: Recipe) -> tuple[Floats, Floats]:
    """One machine a leaf; two leaves need one machine, which counts for both."""
    weight = "balanced" if recipe.balanced else None
    estimator = LinearSVC(C=recipe.strength, class_weight=weight, random_state=SEED).fit(values, labels)
    weights, bias = np.zeros((values.shape[1], count)), np.full(count, -2.0)
    if len(estimator.classes_) == 2:
        weights[:, estimator.classes_] = np.stack([-estimator.coef_[0], estimator.coef_[0]], axis=1)
        bias[estimator.classes_] = [-estimator.intercept_[0], estimator.intercept_[0]]
    else:
        weights[:, estimator.classes_] = estimator.coef_.T
        bias[estimator.classes_] = estimator.intercept_
    return weights, bias


def _bayes(values: csr_matrix, labels: Labels, count: int) -> Floats:
    estimator = ComplementNB(alpha=0.3).fit(values, labels)
    weights = np.zeros((values.shape[1], count))
    found = estimator.feature_log_prob_.T
    weights[:, estimator.classes_] = found - found.mean(axis=1, keepdims=True)
    return weights


def _spread(values: csr_matrix, weights: Floats) -> float:
    """How far apart the scores of a text are, on average."""
    return float((values @ weights).std(axis=1).mean()) or 1.0


def _heaviest(values: csr_matrix, weights: Floats, room: int) -> NDArray[np.int64]:
    """The n-grams that move scores most over all the texts."""
    use = np.sqrt(np.asarray(values.multiply(values).sum(axis=0)).ravel())
    heavy: NDArray[np.int64] = np.argsort(-(use * np.abs(weights).max(axis=1)), kind="stable")[:room]
    return heavy
