"""Choosing a recipe by cross-validation, within a bound of time.

Three folds on at most 6,000 texts, drawn alike from all labels: where a label has few texts short n-grams and a small C
win that lose with all of them. First the features, then class balance, then the strength C; the share of naive Bayes
costs nothing more, because both estimators' scores on the folds are kept. The measure is the mean of accuracy and
macro-F1: the second alone would follow the noise of categories with five texts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from callmesh.classification.training.features import Corpus
from callmesh.classification.training.fit import SEED, Floats, Labels, Recipe, bayes, machine, mixed

_MOST, _FOLDS = 6_000, 3
_KINDS = (("char", 2), ("char", 3), ("union", 3), ("word", 1))
_STRENGTHS = (0.15, 0.5, 1.5)
_STEP = 3.0
_MIXTURES = (0.0, 0.15, 0.3, 0.5)
_HEAVY = 400_000
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Tried:
    """One recipe and how it did on texts it had not seen."""

    recipe: Recipe
    accuracy: float
    macro_f1: float

    @property
    def worth(self) -> float:
        """What recipes are compared by."""
        return (self.accuracy + self.macro_f1) / 2


def choose(corpus: Corpus, labels: Labels, count: int, tell: Tell) -> tuple[Recipe, list[Tried]]:
    """The best recipe and everything tried, in order."""
    rows = _sample(labels)
    folds = folds_of(labels[rows], _FOLDS)
    tried: list[Tried] = []

    def attempt(recipes: list[Recipe]) -> None:
        for recipe in recipes:
            if not any(replace(one.recipe, mixture=0.0) == recipe for one in tried):
                found = _try(corpus, labels, rows, folds, count, recipe)
                tried.extend(found)
                best = max(found, key=lambda one: one.worth)
                tell(f"{best.recipe}: accuracy {best.accuracy:.3f}, macro-F1 {best.macro_f1:.3f}")

    def best() -> Recipe:
        return replace(max(tried, key=lambda one: one.worth).recipe, mixture=0.0)

    attempt([Recipe(kind, longest) for kind, longest in _KINDS])
    attempt([replace(best(), balanced=False)])
    attempt([replace(best(), strength=strength) for strength in _STRENGTHS])
    if best().strength in (_STRENGTHS[0], _STRENGTHS[-1]):  # the best may lie beyond the edge
        further = best().strength * (_STEP if best().strength > 1 else 1 / _STEP)
        attempt([replace(best(), strength=round(further, 3))])
    return max(tried, key=lambda one: one.worth).recipe, tried


def folds_of(labels: Labels, wanted: int) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Stratified folds in which a label with a single text is always learned from and never asked."""
    sizes = np.bincount(labels)
    common, single = np.flatnonzero(sizes[labels] >= 2), np.flatnonzero(sizes[labels] < 2)
    if len(common) < 2 * wanted:
        raise ValueError("too few texts: at least six, with labels that occur twice, are needed")
    order = np.random.default_rng(SEED).permutation(len(common))
    by_label = common[order][np.argsort(labels[common][order], kind="stable")]
    number = np.empty(len(labels), np.int64)
    number[by_label] = np.arange(len(by_label)) % wanted
    number[single] = -1
    return [(np.flatnonzero(number != fold), np.flatnonzero(number == fold)) for fold in range(wanted)]


def unseen_scores(values: csr_matrix, labels: Labels, count: int, recipe: Recipe, folds: int) -> Floats:
    """Every text's scores by a fit that did not see it; NaN where a label has one text only."""
    scores = np.full((len(labels), count), np.nan)
    parts = folds_of(labels, folds)
    for (_, held), (first, second) in zip(parts, _fits(values, labels, count, recipe, parts), strict=True):
        part = recipe.mixture
        scores[held] = first if second is None else (1 - part) * first + part * second
    return scores


def _try(
    corpus: Corpus,
    labels: Labels,
    rows: NDArray[np.intp],
    folds: list[tuple[NDArray[np.intp], NDArray[np.intp]]],
    count: int,
    recipe: Recipe,
) -> list[Tried]:
    values = corpus.values(corpus.features(recipe.kind, recipe.longest))[rows]
    held = np.concatenate([part for _, part in folds])
    true = labels[rows][held]
    found = []
    parts = _fits(values, labels[rows], count, replace(recipe, mixture=0.5), folds)
    first = np.concatenate([one for one, _ in parts])
    second = np.concatenate([two for _, two in parts if two is not None])
    for mixture in _MIXTURES:
        guess = ((1 - mixture) * first + mixture * second).argmax(axis=1)
        found.append(Tried(replace(recipe, mixture=mixture), float((guess == true).mean()), macro_f1(true, guess)))
    return found


def _fits(
    values: csr_matrix,
    labels: Labels,
    count: int,
    recipe: Recipe,
    folds: list[tuple[NDArray[np.intp], NDArray[np.intp]]],
) -> list[tuple[Floats, Floats | None]]:
    """Scores of each fold's held texts by both estimators; in two processes when there is much to do."""
    workers = 2 if values.nnz > _HEAVY else 1
    return list(
        Parallel(n_jobs=workers)(
            delayed(_fold)(values[train], values[held], labels[train], count, recipe) for train, held in folds
        )
    )


def _fold(
    seen: csr_matrix, held: csr_matrix, labels: Labels, count: int, recipe: Recipe
) -> tuple[Floats, Floats | None]:
    weights, bias = machine(seen, labels, count, recipe)
    first: Floats = held @ weights + bias
    if not recipe.mixture:
        return first, None
    other = bayes(seen, labels, count)
    same = mixed(weights, other, seen, 1.0)
    return first, held @ same


def macro_f1(true: Labels, guess: Labels) -> float:
    """The mean over labels that occur of 2tp / (2tp + fp + fn)."""
    scores = []
    for label in np.unique(true).tolist():
        hit = float(((true == label) & (guess == label)).sum())
        scores.append(2 * hit / float((true == label).sum() + (guess == label).sum()))
    return float(np.mean(scores))


def _sample(labels: Labels) -> NDArray[np.intp]:
    """At most _MOST rows, the same share of every label, never fewer than ten of one."""
    if len(labels) <= _MOST:
        return np.arange(len(labels))
    order = np.random.default_rng(SEED).permutation(len(labels))
    share = _MOST / len(labels)
    chosen: list[int] = []
    for label in np.unique(labels).tolist():
        own = order[labels[order] == label]
        chosen += own[: max(10, round(share * len(own)))].tolist()
    return np.array(sorted(chosen), dtype=np.intp)


__all__ = ["Tried", "choose", "folds_of", "macro_f1", "unseen_scores"]
