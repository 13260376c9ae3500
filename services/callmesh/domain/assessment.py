"""What the classifier says about a text: a verdict, a category with runners-up, and why."""

from __future__ import annotations

from dataclasses import dataclass

from callmesh.domain.words import Level, Verdict


@dataclass(frozen=True, slots=True)
class Evidence:
    """A span of the *original* text (code point offsets, end exclusive) and the rule it met.

    `rule` is the identity of a lexicon row, never the caller's words. `kind` is "trigger"
    (danger), "category", "mask" (a homograph taken out of play) or "modifier" (negation, past,
    hypothetical, drill, question, joke), or "gram" (letters that spoke for the category in the
    learned model; the rule then names the model).
    """

    start: int
    end: int
    rule: str
    kind: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A category that the text supports, with a score in 0..1; candidates come best first."""

    category: str
    score: float


@dataclass(frozen=True, slots=True)
class Assessment:
    """The classifier's answer. `category` is "" when nothing fits; `reason` is one zh-CN sentence.

    `incidents` are all matters of an emergency, gravest first (a fight with an injury and a gas leak has three);
    () of anything else. `danger` is the learned probability of an emergency, 0 without a model.
    """

    verdict: Verdict
    level: Level
    category: str
    candidates: tuple[Candidate, ...]
    evidence: tuple[Evidence, ...]
    reason: str
    version: str
    incidents: tuple[str, ...] = ()
    danger: float = 0.0
