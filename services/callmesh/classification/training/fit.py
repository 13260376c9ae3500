"""Fitting a router: a linear support vector machine and some complement naive Bayes on the same features.

Both are linear, so their mixture is one matrix of weights: naive Bayes knows what a rare category's few texts have in
common, the machine where the border of two frequent ones runs. A vocabulary that would not fit into the file is cut to
the n-grams that weigh most in a first fit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.naive_bayes import ComplementNB
from sklearn.svm import LinearSVC

from callmesh.classification.training.features import Corpus, Features

SEED = 20_260
_MOST_CELLS = 2_300_000
_MOST_ROWS = 60_000
_SAID = re.compile(
    r"(?:characters 1\.\.(\d+)( and words)?|words), C ([\d.e+-]+), "
    r"classes (balanced|as they are), naive Bayes ([\d.e+-]+)"
)

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What cross-validation chooses.

    `kind` of features, `longest` n-gram of characters, `strength` C of the machine, `balanced` classes,
    `mixture` share of naive Bayes (0..1).
    """

    kind: str = "char"
    longest: int = 3
    strength: float = 0.5
    balanced: bool = True
    mixture: float = 0.0

    def __str__(self) -> str:
        what = "words" if self.kind == "word" else f"characters 1..{self.longest}"
        classes = "balanced" if self.balanced else "as they are"
        with_words = " and words" if self.kind == "union" else ""
        return f"{what}{with_words}, C {self.strength:g}, classes {classes}, naive Bayes {self.mixture:g}"

    @staticmethod
    def read(said: str) -> Recipe | None:
        """The recipe that a model's header states in words; None when they are no recipe."""
        found = _SAID.fullmatch(said)
        if not found:
            return None
        longest, union, strength, classes, mixture = found.groups()
        kind = "union" if union else "char" if longest else "word"
        return Recipe(kind, int(longest or 1), float(strength), classes == "balanced", float(mixture))


def weights_of(values: csr_matrix, labels: Labels, count: int, recipe: Recipe) -> tuple[Floats, Floats]:
    """Weights (n-gram x leaf) and bias (leaf) for labels 0..count-1; a leaf without texts is never chosen."""
    weights, bias = machine(values, labels, count, recipe)
    if not recipe.mixture:
        return weights, bias
    other = bayes(values, labels, count)
    return mixed(weights, other, values, recipe.mixture), (1 - recipe.mixture) * bias


def mixed(weights: Floats, other: Floats, values: csr_matrix, part: float) -> Floats:
    """Both with the same spread of scores, `part` of the second."""
    blend: Floats = (1 - part) * weights + part * _spread(values, weights) / _spread(values, other) * other
    return blend


def trimmed(corpus: Corpus, labels: Labels, leaves: tuple[str, ...], recipe: Recipe) -> tuple[Features, csr_matrix]:
    """Features of the recipe that fit into the file, and the texts in them."""
    features = corpus.features(recipe.kind, recipe.longest)
    values = corpus.values(features)
    room = min(_MOST_ROWS, _MOST_CELLS // len(leaves))
    if len(features.grams) > room:
        weights, _ = machine(values, labels, len(leaves), recipe)
        features = features.narrowed(np.sort(_heaviest(values, weights, room)))
        values = corpus.values(features)
    return features, values


def machine(values: csr_matrix, labels: Labels, count: int, recipe: Recipe) -> tuple[Floats, Floats]:
    """One support vector machine a leaf; two leaves need one machine, which counts for both."""
    weight = "balanced" if recipe.balanced else None
    estimator = LinearSVC(C=recipe.strength, class_weight=weight, random_state=SEED, max_iter=400, tol=1e-3)
    estimator.fit(values, labels)
    weights, bias = np.zeros((values.shape[1], count)), np.full(count, -2.0)
    if len(estimator.classes_) == 2:
        weights[:, estimator.classes_] = np.stack([-estimator.coef_[0], estimator.coef_[0]], axis=1)
        bias[estimator.classes_] = [-estimator.intercept_[0], estimator.intercept_[0]]
    else:
        weights[:, estimator.classes_] = estimator.coef_.T
        bias[estimator.classes_] = estimator.intercept_
    return weights, bias


def bayes(values: csr_matrix, labels: Labels, count: int) -> Floats:
    """Complement naive Bayes as weights."""
    estimator = ComplementNB(alpha=0.3).fit(values, labels)
    weights = np.zeros((values.shape[1], count))
    found = estimator.feature_log_prob_.T
    weights[:, estimator.classes_] = found - found.mean(axis=1, keepdims=True)
    return weights


def _spread(values: csr_matrix, weights: Floats) -> float:
    """How far apart the scores of a text are, on average."""
    return float((values @ weights).std(axis=1).mean()) or 1.0


def _heaviest(values: csr_matrix, weights: Floats, room: int) -> NDArray[np.intp]:
    """The n-grams that move scores most over all the texts."""
    use = np.sqrt(np.asarray(values.multiply(values).sum(axis=0)).ravel())
    return np.argsort(-(use * np.abs(weights).max(axis=1)), kind="stable")[:room]
