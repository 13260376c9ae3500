"""Which matter a report is about: every category the evidence supports, best first.

In an emergency severity decides before score, so that a fight with a leaking gas bottle is
not filed under the shop that complains about it.
"""

from __future__ import annotations

from callmesh.classification.matching import Hit
from callmesh.domain.assessment import Candidate
from callmesh.domain.directory import Category
from callmesh.domain.words import EmergencyRule, Level

_FULL = 4.0
"""Points at which a category counts as certain."""
_MARGIN = 0.8
_PROOF = 2.6
"""Points a category needs before a report may be routed: one decisive term or several usual ones."""
_MOST = 8
_LEVELS = tuple(Level)


class Ranking:
    """Scores categories of one city."""

    def __init__(self, categories: dict[str, Category]) -> None:
        self._categories = categories
        self._order = {name: at for at, name in enumerate(categories)}

    def rank(self, hits: list[Hit], live: list[Hit], alarm: bool) -> tuple[Candidate, ...]:
        """The supported categories. `alarm`: those with a live danger come first, gravest first."""
        scores = self._scores(hits, live)
        grave = {hit.row.target for hit in live if hit.weight >= 2} if alarm else set()
        ordered = sorted(scores, key=lambda name: self._key(name, scores[name], name in grave))
        total = sum(scores.values())
        return tuple(
            Candidate(name, round(scores[name] / total * min(1.0, scores[name] / _FULL), 4)) for name in ordered[:_MOST]
        )

    def clear(self, candidates: tuple[Candidate, ...], hits: list[Hit]) -> bool:
        """True when one matter is meant: named by more than a hint, and no danger is as likely."""
        points = sum(
            _points(hit)
            for hit in hits
            if hit.row.kind == "category" and hit.row.target == candidates[0].category and hit.sure
        )
        if points < _PROOF:
            return False
        if len(candidates) < 2 or candidates[1].score < _MARGIN * candidates[0].score:
            return True
        return self._categories[candidates[1].category].emergency is not EmergencyRule.ALWAYS

    def _key(self, name: str, score: float, grave: bool) -> tuple[bool, int, float, int]:
        level = _LEVELS.index(self._categories[name].level) if grave else 0
        return (not grave, level, -score, self._order[name])

    def _scores(self, hits: list[Hit], live: list[Hit]) -> dict[str, float]:
        """Points by category; a term inside a longer one of the same kind, or met again, adds nothing."""
        scores: dict[str, float] = {}
        seen: set[tuple[str, str]] = set()
        alive = set(live)
        reached = {"trigger": -1, "category": -1}
        for hit in hits:
            kind, target = hit.row.kind, hit.row.target
            if kind not in reached or target not in self._categories or (kind == "trigger" and hit not in alive):
                continue
            inside = hit.end <= reached[kind] and len(hit.heads) == 1
            if not inside and (hit.word, target) not in seen:
                seen.add((hit.word, target))
                scores[target] = scores.get(target, 0.0) + _points(hit)
            if len(hit.heads) == 1 and hit.sure:
                reached[kind] = max(reached[kind], hit.end)
        return scores


def _points(hit: Hit) -> float:
    """A longer word says more; a cry for help says little about the matter."""
    if "generic" in hit.row.flags:
        return 0.2
    longer = 0.1 * (hit.word.count(" ") if hit.word.isascii() else min(len(hit.word), 8))
    return hit.weight + longer + (1.0 if hit.row.kind == "trigger" else 0.0)
