"""The verdict: from the rules a report met and from the learned scorer to EMERGENCY, ASK or ROUTE.

Danger is a sum of voices: words of the lexicon, patterns of words, and the learned scorer, which may add danger and
never takes it away. ROUTE needs positive proof, all of it (proof.py). Everything else is ASK, and so is everything this
module did not foresee: an error inside is ASK, never a ROUTE.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter

from callmesh.classification.danger import harm_in, points_of
from callmesh.classification.findings import Findings, evidence, find
from callmesh.classification.fusion import Reading, Scorer, danger_of, fuse
from callmesh.classification.levels import level_of
from callmesh.classification.matching import Matcher
from callmesh.classification.proof import SUSPECTED, missing_proof
from callmesh.classification.ranking import incidents_of, points_by_category
from callmesh.classification.text import Text, model_text, normalise
from callmesh.classification.thresholds import Limits, Thresholds
from callmesh.classification.wording import reason_for
from callmesh.domain.assessment import Assessment, Candidate
from callmesh.domain.directory import Category
from callmesh.domain.words import Channel, EmergencyRule, Verdict

Adjust = Callable[[str, Reading], Reading]
_DECISIVE = 3
_SUSPECTS = 4
_LEAST, _ALWAYS = 0.05, 1
"""A candidate less probable than this is named only when it is the best: who returns a case gets the next one."""
_COURTESY = re.compile("(?:非常|十分)?(?:谢谢|多谢|感谢|你好|您好|辛苦|麻烦|拜托)(?:了|啦|你们|你|您|各位|大家|领导)*")
"""Says nothing, and heard alone sounds of anything: 谢谢 would stop every polite letter."""


class Classifier:
    """Assesses reports for one city. Immutable: a new lexicon, model or catalogue is a new classifier."""

    def __init__(
        self,
        matcher: Matcher,
        categories: Iterable[Category],
        scorer: Scorer | None = None,
        thresholds: Thresholds | None = None,
    ) -> None:
        self._scorer = scorer
        self._thresholds = thresholds or Thresholds.load()
        self._matcher = matcher
        self._categories = {one.id: one for one in categories}
        self._urgent = {name for name, one in self._categories.items() if one.emergency is EmergencyRule.ALWAYS}
        model = scorer.version if scorer else "no-model"
        self.version = f"{matcher.version}+{model}+{self._thresholds.version}"

    def assess(self, text: str, channel: Channel, adjust: Adjust | None = None) -> Assessment:
        """Read one report. Pure and bounded: the same text always gives the same answer.

        `adjust` is what an agency taught since the model was trained: it gets the text as the scorer read it and the
        reading, and gives the reading to judge by.
        """
        folded = normalise(text)
        reading, danger = self._read(model_text(folded), adjust)
        return self._judge(folded, self._thresholds.of(channel), reading, danger)

    def _read(self, text: str, adjust: Adjust | None) -> tuple[Reading | None, float]:
        """What the learned scorer makes of a text, and its danger, which lessons only raise; None without one."""
        if self._scorer is None:
            return None, 0.0
        reading = self._scorer.read(text)
        danger = danger_of(reading, self._urgent, self._categories)
        if adjust:
            reading = adjust(text, reading)
            danger = max(danger, danger_of(reading, self._urgent, self._categories))
        return reading, danger

    def _judge(self, text: Text, limits: Limits, reading: Reading | None, danger: float) -> Assessment:
        found = find(self._matcher, text)
        alarm = _alarm(found, danger, limits)
        chances = self._chances(found, reading, limits)
        lacking = "" if alarm else missing_proof(found, danger if reading else None, chances, self._categories, limits)
        if not alarm and not lacking and self._apart(text) >= limits.doubt_proven:
            lacking = SUSPECTED
        verdict = Verdict.EMERGENCY if alarm else Verdict.ASK if lacking else Verdict.ROUTE
        incidents = incidents_of(found.live, chances, self._categories) if alarm else ()
        return self._told(found, verdict, chances, incidents, reading, danger, lacking)

    def _apart(self, text: Text) -> float:
        """Learned danger of the sentence that sounds worst, read alone. What the others prove, they prove of
        themselves: a complaint of three lines may hold one cry, and would drown it."""
        sentences = text.sentences()
        said = [one for one in sentences if not _COURTESY.fullmatch(one)]
        if self._scorer is None or len(sentences) < 2 or not said:
            return 0.0
        alarms = zip(self._scorer.alarms(said), said, strict=True)
        worst = heapq.nlargest(_SUSPECTS, alarms, key=itemgetter(0))
        return max(danger_of(self._scorer.read(one), self._urgent, self._categories) for _, one in worst)

    def _chances(self, found: Findings, reading: Reading | None, limits: Limits) -> dict[str, float]:
        points = points_by_category(found.hits, found.live, self._categories)
        learned = reading.probabilities if reading else ()
        return fuse(points, learned, self._categories, limits.hint)

    def _told(
        self,
        found: Findings,
        verdict: Verdict,
        chances: Mapping[str, float],
        incidents: tuple[str, ...],
        reading: Reading | None,
        danger: float,
        lacking: str,
    ) -> Assessment:
        likely = [name for at, (name, chance) in enumerate(chances.items()) if chance >= _LEAST or at < _ALWAYS]
        ordered = dict.fromkeys((*incidents, *likely))
        candidates = tuple(Candidate(name, round(chances.get(name, 0.0), 4)) for name in ordered)
        primary = next(iter(ordered), "")
        matter = self._categories.get(primary)
        doubtful = bool(found.live or found.lowered) or lacking == SUSPECTED
        shown = evidence(found, reading.grams if reading else (), self._scorer.version if self._scorer else "")
        return Assessment(
            verdict=verdict,
            level=level_of(verdict, matter, found, harm_in(found.text.tight), doubtful),
            category=primary,
            candidates=candidates,
            evidence=shown,
            reason=reason_for(verdict, matter.zh if matter else "", found, lacking),
            version=self.version,
            incidents=incidents,
            danger=round(danger, 4),
        )


def _alarm(found: Findings, danger: float, limits: Limits) -> bool:
    """An emergency by the words, or by the learned scorer where nothing was denied, past or rehearsed."""
    if points_of(found.live, limits.together) >= limits.alarm_points:
        return True
    if any(hit.weight >= _DECISIVE for hit in found.live):
        return True
    return danger >= limits.emergency and not found.lowered
