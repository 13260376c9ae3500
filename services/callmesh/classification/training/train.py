"""Training from end to end: clean rows in, a model and its report out.

A fifth of every label is put aside first. The recipe is chosen and a model fitted without it; the report's figures are
those of that model on the fifth. The model that is handed over is then fitted on all rows with the same recipe and
calibrated on folds: it is at least as good as the one that was measured.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from callmesh.classification.chances import probabilities
from callmesh.classification.model import Model
from callmesh.classification.training import build
from callmesh.classification.training.alarm import Alarm
from callmesh.classification.training.choice import Tried, choose, folds_of
from callmesh.classification.training.cleaning import Account, Sample
from callmesh.classification.training.features import Corpus
from callmesh.classification.training.figures import Figures, measure
from callmesh.classification.training.fit import Floats, Labels, Recipe

ASIDE = 5
_SMALL = 40


@dataclass(frozen=True, slots=True)
class Result:
    """What training leads to. `held` are figures on the fifth put aside, `crossed` of all texts by unseen folds.

    `agencies` (share right, texts) when the table named agencies: the label's usual agency against the row's.
    """

    built: build.Built
    fitted: build.Fitted
    header: dict[str, Any]
    recipe: Recipe
    tried: tuple[Tried, ...]
    held: Figures
    crossed: Figures
    account: Account
    data_hash: str
    agencies: tuple[float, int] | None = None


def train(
    samples: Sequence[Sample],
    account: Account,
    tell: Callable[[str], None],
    *,
    recipe: Recipe | None = None,
    alarm: Alarm | None = None,
    more: dict[str, Any] | None = None,
) -> Result:
    """Raises ValueError when there is too little to learn from."""
    leaves, labels = build.numbered([one.label for one in samples])
    if len(leaves) < 2:
        raise ValueError("there is one label only: nothing to tell apart")
    texts = [one.text for one in samples]
    tell(f"{len(texts)} texts, {len(leaves)} labels")
    seen, aside = _split(labels)
    corpus = Corpus([texts[at] for at in seen.tolist()], _least(len(seen)))
    tried: list[Tried] = []
    if recipe is None:
        recipe, tried = choose(corpus, labels[seen], len(leaves), tell)
    tell(f"chosen: {recipe}")
    trial = build.assembled(build.fit(corpus, leaves, labels[seen], recipe)).model
    held = figures_of(trial, [texts[at] for at in aside.tolist()], labels[aside])
    tell(f"held out: accuracy {held.accuracy:.3f}, macro-F1 {held.macro_f1:.3f}, ECE {held.ece:.3f}")
    whole = build.fit(Corpus(texts, _least(len(texts))), leaves, labels, recipe)
    digest = hash_of(samples)
    crossed = _crossed(whole, labels, leaves)
    told = {**(more or {}), "training": _header(samples, digest, recipe, held, crossed)}
    built = build.assembled(whole, alarm, told)
    agencies = _agencies(trial, [samples[at] for at in aside.tolist()], samples)
    return Result(built, whole, told, recipe, tuple(tried), held, crossed, account, digest, agencies)


def with_header(result: Result, alarm: Alarm | None, more: dict[str, Any]) -> Result:
    """The same model with more in its header."""
    return replace(result, built=build.assembled(result.fitted, alarm, {**result.header, **more}))


def figures_of(model: Model, texts: Sequence[str], labels: Labels) -> Figures:
    """Figures of a model on normalised texts; a label -1 is one it does not know."""
    scores = np.array([model.scores(text) for text in texts], dtype=np.float32)
    return measure(model.chances(scores).astype(np.float64), labels, model.leaves, model.limits.astype(np.float64))


def hash_of(samples: Sequence[Sample]) -> str:
    """SHA-256 over what is learned from, whatever the order of the rows."""
    rows = sorted(json.dumps([one.text, one.label], ensure_ascii=False) for one in samples)
    return hashlib.sha256("\n".join(rows).encode("utf-8", "surrogatepass")).hexdigest()


def _split(labels: Labels) -> tuple[Any, Any]:
    """Positions learned from, and a stratified fifth put aside."""
    return folds_of(labels, ASIDE if len(labels) >= _SMALL else 3)[0]


def _least(texts: int) -> int:
    """In how many texts an n-gram must occur."""
    return 2 if texts >= _SMALL else 1


def _crossed(fitted: build.Fitted, labels: Labels, leaves: tuple[str, ...]) -> Figures:
    known = np.isfinite(fitted.unseen[:, 0])
    chances: Floats = probabilities(fitted.unseen[known], fitted.temperature, fitted.confidence)
    return measure(chances, labels[known], leaves, fitted.limits)


def _header(samples: Sequence[Sample], digest: str, recipe: Recipe, held: Figures, crossed: Figures) -> dict[str, Any]:
    named = [one for one in samples if one.agency and one.agency != one.label]
    return {
        "data": digest,
        "texts": len(samples),
        "recipe": str(recipe),
        "held_out": _short(held),
        "cross_validated": _short(crossed),
        "agencies": usual_agencies(named),
    }


def _short(figures: Figures) -> dict[str, float]:
    names = ("texts", "accuracy", "macro_f1", "top_3", "ece")
    return {name: round(float(getattr(figures, name)), 4) for name in names}


def usual_agencies(samples: Sequence[Sample]) -> dict[str, str]:
    """For each label the agency that most of its rows went to."""
    counts: dict[str, dict[str, int]] = {}
    for one in samples:
        own = counts.setdefault(one.label, {})
        own[one.agency] = own.get(one.agency, 0) + 1
    return {label: min(own, key=lambda name: (-own[name], name)) for label, own in sorted(counts.items())}


def _agencies(model: Model, aside: Sequence[Sample], samples: Sequence[Sample]) -> tuple[float, int] | None:
    usual = usual_agencies([one for one in samples if one.agency and one.agency != one.label])
    asked = [one for one in aside if one.agency and one.label in usual]
    if not asked or not usual:
        return None
    right = sum(usual.get(model.read(one.text).probabilities[0][0]) == one.agency for one in asked)
    return right / len(asked), len(asked)
