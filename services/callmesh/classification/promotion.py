"""The gate before a model takes effect (上线关口): suite and held-out reports, beside the model in force.

A refit learns from what operators corrected; it may also unlearn. So it is put in force only when no emergency of the
suite is lost, nothing new fails, everyday texts are not stopped more often, and the reports nobody learned from are not
read worse. A model that passes carries the suite's report inside, and is signed anew by whoever promotes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from callmesh.classification import corpus, model_file
from callmesh.classification.engine import open_engine
from callmesh.classification.model import Model
from callmesh.classification.suite import Suite, Tally, run
from callmesh.classification.text import model_text, normalise
from callmesh.domain.directory import Category

SLACK = 0.005
"""A share may be worse by this much and still count as equal: one text in two hundred."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a model does. `failed` names each failure of the suite; shares are 0..1; `right` of the held-out reports."""

    version: str
    failed: frozenset[str]
    reasons: tuple[str, ...]
    missed: float
    stopped: float
    right: float
    scores_emergencies: bool = True
    unknown: tuple[str, ...] = ()


def standing(
    path: Path | None, categories: Iterable[Category], samples: Iterable[corpus.Sample] | None = None
) -> Standing:
    """Run the suite and the held-out reports with a model; raises Refused or ModelRefused."""
    rows = tuple(corpus.load() if samples is None else samples)
    known = tuple(categories)
    model = Model.load(path)
    suite = run(open_engine(known, model=path), samples=rows)
    return Standing(
        version=model.version,
        failed=frozenset(f"{one.where} ({one.rule})" for one in suite.failures),
        reasons=suite.reasons,
        missed=suite.missed_share,
        stopped=suite.everyday.get("train", Tally()).stopped,
        right=_right(model, rows),
        scores_emergencies=model.scores_emergencies,
        unknown=tuple(sorted(set(model.leaves) - {one.id for one in known})),
    )


def refusals(before: Standing, after: Standing, slack: float = SLACK) -> tuple[str, ...]:
    """Why the second may not take the place of the first; empty when it may."""
    new = sorted(after.failed - before.failed)
    told = [f"the suite: {reason}" for reason in after.reasons]
    if new:
        told.append(f"{len(new)} texts of the suite fail that did not, first {', '.join(new[:5])}")
    if not after.scores_emergencies:
        told.append("it has no emergency scorer")
    if after.unknown:
        told.append(f"the city knows no category {', '.join(after.unknown[:5])}")
    for name, was, would, sign in (
        ("held-out texts that are routed and must not be", before.missed, after.missed, 1),
        ("everyday texts that are stopped", before.stopped, after.stopped, 1),
        ("held-out reports that are read right", before.right, after.right, -1),
    ):
        if sign * (would - was) > slack:
            told.append(f"{name}: {was:.1%} before, {would:.1%} now")
    return tuple(told)


def checked(path: Path, suite: dict[str, Any]) -> bytes:
    """The body of a model with the suite's report inside; raises ModelRefused."""
    contents = model_file.read(path)
    return model_file.body_of({**contents.header, "suite": suite}, contents.grams, contents.arrays)


def report_of(after: Standing) -> dict[str, Any]:
    """What a model carries of its suite."""
    return {
        "failures": len(after.failed),
        "missed": round(after.missed, 5),
        "stopped": round(after.stopped, 5),
        "held_right": round(after.right, 5),
    }


def suite_report(suite: Suite) -> dict[str, Any]:
    """The same for a model that has just been trained."""
    stopped = suite.everyday.get("train", Tally()).stopped
    told = {"failures": len(suite.failures), "missed": round(suite.missed_share, 5), "stopped": round(stopped, 5)}
    return {**told, "emergencies": suite.emergencies, "grown": suite.grown}


def _right(model: Model, rows: Iterable[corpus.Sample]) -> float:
    """Share of the held-out reports whose first leaf is one of theirs."""
    held = [one for one in rows if one.split == "held" and one.categories]
    right = sum(model.read(model_text(normalise(one.text))).probabilities[0][0] in one.categories for one in held)
    return right / len(held) if held else 0.0
