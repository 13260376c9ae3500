"""The verdict: from the rules a report met to EMERGENCY, ASK or ROUTE.

ROUTE needs proof, all of it: no live danger, enough said, one clear everyday matter, a language we read,
somebody who speaks. Everything else is ASK, and so is everything this module did not foresee.
The learned scorer will join here as one more voice: it may add danger, never take it away.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from callmesh.classification.lexicon import Lexicon
from callmesh.classification.matching import PLAIN, Hit, Matcher
from callmesh.classification.modifiers import Context, Standing
from callmesh.classification.ranking import Ranking
from callmesh.classification.text import Text, normalise
from callmesh.classification.wording import reason_for
from callmesh.domain.assessment import Assessment, Candidate, Evidence
from callmesh.domain.directory import Category
from callmesh.domain.words import Channel, EmergencyRule, Level, Verdict

_ALARM = 4
"""Danger points that make an emergency together; a word of weight 3 makes one alone."""
_DOUBT = 2
_TOGETHER = 60
_ENOUGH = 6
_DECISIVE = 3
_PHRASE = 4
_LONG, _FEW = 200, 20
_PEOPLE = frozenset({"child", "elder", "vulnerable", "person", "faller"})
_NEVER_ROUTED = frozenset({"silent_misdial", "prank_abuse"})
_MOST_EVIDENCE = 40
_LEVELS = tuple(Level)


@dataclass(frozen=True, slots=True)
class Findings:
    """What a report amounts to before the verdict."""

    text: Text
    hits: list[Hit]
    live: list[Hit]
    lowered: list[Hit]
    discounted: list[Hit]
    modifiers: set[Hit]


class Classifier:
    """Assesses reports for one city. Immutable: a new lexicon or catalogue is a new classifier."""

    def __init__(self, lexicon: Lexicon, categories: Iterable[Category]) -> None:
        self._version = lexicon.version
        self._matcher = Matcher(lexicon)
        self._categories = {one.id: one for one in categories}
        self._ranking = Ranking(self._categories)

    def assess(self, text: str, channel: Channel) -> Assessment:
        """Read one report. Pure and bounded: the same text always gives the same answer."""
        found = self._read(normalise(text))
        danger = _danger(found.live)
        alarm = danger >= _ALARM or any(hit.weight >= 3 for hit in found.live)
        candidates = self._ranking.rank(found.hits, found.live, alarm)
        verdict = Verdict.EMERGENCY if alarm else self._calm(found, danger, candidates, channel)
        primary = self._primary(verdict, candidates)
        return Assessment(
            verdict=verdict,
            level=self._level(verdict, primary, found),
            category=primary,
            candidates=candidates,
            evidence=_evidence(found),
            reason=reason_for(verdict, self._name(primary), found.live, found.lowered, found.hits),
            version=self._version,
        )

    def _read(self, text: Text) -> Findings:
        hits = self._matcher.find(text)
        context = Context(text, hits)
        sorted_out: dict[Standing, list[Hit]] = {standing: [] for standing in Standing}
        for hit in hits:
            if hit.row.kind == "trigger":
                sorted_out[context.standing(hit)].append(hit)
        return Findings(
            text, hits, sorted_out[Standing.LIVE], sorted_out[Standing.LOWERED], sorted_out[Standing.DISCOUNTED],
            context.used,
        )  # fmt: skip

    def _calm(self, found: Findings, danger: int, candidates: tuple[Candidate, ...], channel: Channel) -> Verdict:
        """ROUTE when everything speaks for it, else ASK."""
        doubt = danger >= _DOUBT or any(hit.weight >= _DOUBT for hit in found.lowered)
        if doubt or not candidates or candidates[0].category in _NEVER_ROUTED:
            return Verdict.ASK
        best = self._categories[candidates[0].category]
        if best.emergency is EmergencyRule.ALWAYS or not self._ranking.clear(candidates, found.hits):
            return Verdict.ASK
        return Verdict.ROUTE if _enough(found, best.id) else Verdict.ASK

    @staticmethod
    def _primary(verdict: Verdict, candidates: tuple[Candidate, ...]) -> str:
        return candidates[0].category if candidates else ""

    def _name(self, category: str) -> str:
        return self._categories[category].zh if category in self._categories else ""

    def _level(self, verdict: Verdict, primary: str, found: Findings) -> Level:
        """The category's level, raised by the verdict and by words of harm."""
        level = self._categories[primary].level if primary in self._categories else Level.P2
        if verdict is Verdict.EMERGENCY:
            level = min(level, Level.P1, key=_LEVELS.index)
            return Level.P0 if any("harm" in hit.row.flags for hit in found.live) or not primary else level
        if verdict is Verdict.ASK and (found.live or found.lowered):
            return max(Level.P1, min(level, Level.P1, key=_LEVELS.index), key=_LEVELS.index)
        return level


def _danger(live: list[Hit]) -> int:
    """The most danger points within reach of each other; words that overlap count once."""
    points: list[tuple[int, int]] = []
    reached = -1
    seen: set[str] = set()
    for hit in sorted(live, key=lambda one: (one.start, -one.weight)):
        if hit.start >= reached and hit.word not in seen:
            points.append((hit.start, hit.weight))
            reached = hit.end if len(hit.heads) == 1 else hit.heads[0] + 1
            seen.add(hit.word)
    return max((_sum_from(points, at) for at in range(len(points))), default=0)


def _sum_from(points: list[tuple[int, int]], first: int) -> int:
    total = 0
    for start, weight in points[first : first + 32]:
        if start - points[first][0] > _TOGETHER:
            break
        total += weight
    return total


def _enough(found: Findings, category: str) -> bool:
    """Enough said in a script we read: about six characters, or a term that decides alone.

    A thing named is no matter yet: 水缸 or 茶叶店 may just be where somebody lies. Something must be
    asked for, complained of, broken or owed (class `plain`), else a person asks.
    """
    tight = found.text.tight
    known = sum("一" <= char <= "鿿" or char.isascii() for char in tight[:2000])
    if known < 0.8 * min(len(tight), 2000) or not found.text.complete or _babble(tight):
        return False
    mine = [hit for hit in found.hits if hit.row.target == category and hit.sure]
    if not _everyday(found.hits, mine):
        return False
    decisive = any(hit.row.weight >= _DECISIVE for hit in mine)
    return decisive or sum(not char.isdigit() for char in tight) >= _ENOUGH


def _babble(tight: str) -> bool:
    """The same few characters over and over: a stuck key or a script, no report."""
    return len(tight) > _LONG and len(set(tight)) < _FEW


def _everyday(hits: list[Hit], mine: list[Hit]) -> bool:
    """Is it told what the matter is, rather than a thing near which something happens?"""
    if any(hit.row.target == PLAIN for hit in hits):
        return True
    people = any(hit.row.kind == "class" and hit.row.target in _PEOPLE for hit in hits)
    phrases = [hit for hit in mine if hit.row.weight >= _DECISIVE and len(hit.word) >= _PHRASE]
    return bool(phrases) or (not people and len({hit.word for hit in mine}) > 1)


def _evidence(found: Findings) -> tuple[Evidence, ...]:
    """What was met, as spans of the original text; class words show only as part of their pattern."""
    shown: dict[Evidence, None] = {}
    for hit in found.hits:
        kind = hit.row.kind
        if kind == "class" or (kind == "modifier" and hit not in found.modifiers) or len(shown) >= _MOST_EVIDENCE:
            continue
        start, end = found.text.span(hit.start, hit.end)
        shown[Evidence(start, end, f"{kind}/{hit.row.target or '-'}/{hit.word}", kind)] = None
    return tuple(shown)
