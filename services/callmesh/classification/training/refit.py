"""A refit: the project's own reports and what operators corrected, trained together.

A correction counts like any other report, redacted first; one about a category that nobody else has a report of is
learned when it was made at least twice. The same text corrected twice counts once, as the later person said.

The recipe is the shipped model's: chosen anew, it would follow the noise of a few texts more (C 0.5 or 4.5 for three
corrections), and everything would be read a little differently although next to nothing was learned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from callmesh.classification.model import Model
from callmesh.classification.recorded import Recorded
from callmesh.classification.training.cleaning import Account, Sample, tidied
from callmesh.classification.training.fit import Recipe
from callmesh.classification.training.own import own_samples


def with_corrections(cases: Iterable[Recorded]) -> tuple[list[Sample], Account, int]:
    """Samples, account, and how many corrections are among them; a correction beats our own report of the same text."""
    own, account = own_samples()
    said = {text: one.category for one in cases if one.category and len(text := tidied(one.text)) > 1}
    often = Counter(said.values())
    known = {one.label for one in own}
    taken = {text: label for text, label in said.items() if label in known or often[label] > 1}
    samples = [one for one in own if one.text not in taken]
    first = len(own) + 1
    samples += [Sample(first + at, text, label) for at, (text, label) in enumerate(sorted(taken.items()))]
    account.rows += len(said)
    account.used = len(samples)
    return samples, account, len(taken)


def shipped_recipe() -> Recipe | None:
    """The recipe of the shipped model; None, so that one is chosen, when it states none. Raises ModelRefused."""
    return Recipe.read(str(Model.load().info.get("training", {}).get("recipe", "")))
