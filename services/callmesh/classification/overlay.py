"""What operators taught since the model was trained: a small memory of n-grams and matters, applied after the router.

An operator overrides a suggestion, and the next caller with the same words gets the right one, at once, at the agency
that taught it. A lesson spreads its worth over the n-grams of its text; a text gets the sum over the n-grams it shares,
so a text that shares few is hardly moved (the sum is squared) and one correction repeated word for word decides. The
memory is bounded (n-grams an agency, agencies) and fades: every lesson makes the older ones a little weaker, until a
refit takes them up. It is never stored: the lessons are facts on the log (CaseClassified by a person), `lesson_of`
finds them there, and the same lessons in the same order give the same memory.

What it may do is one-sided. Evidence of an emergency is added freely and never taken away; the conformal set is only
added to. So a lesson can change what is suggested and can stop a report from travelling alone, but cannot send it off.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from callmesh.classification.model import Reading
from callmesh.classification.text import model_text, normalise
from callmesh.domain import facts as f
from callmesh.domain.case import Case
from callmesh.domain.words import Verdict

STEP = 3.0
"""What one lesson adds to the log odds of its matter for a text with the same words: twenty times as likely."""
MOST = 6.0
DECAY = 0.985
GRAMS, AGENCIES = 20_000, 256
_TEXT = 600
_DANGER = "!"
_FEW_GRAMS = 3


@dataclass(frozen=True, slots=True)
class Lesson:
    """One correction: `text` as the model reads it, what the person said it is."""

    agency: str
    text: str
    category: str
    emergency: bool


@dataclass(slots=True)
class _Memory:
    """One agency's: n-gram -> matter -> worth, in units that grow, so that nothing has to be faded one by one.

    The matter _DANGER stands for an emergency.
    """

    worth: dict[str, dict[str, float]] = field(default_factory=dict)
    unit: float = 1.0


class Overlay:
    """The memory of all agencies. Not thread-safe: it belongs to one event loop."""

    def __init__(self) -> None:
        self._of: OrderedDict[str, _Memory] = OrderedDict()

    def learn(self, agency: str, text: str, category: str, emergency: bool) -> None:
        """Take one correction in; a text too short to be recognised teaches nothing. `text` as the model reads it."""
        grams = _grams(text)
        if len(grams) < _FEW_GRAMS:
            return
        memory = self._memory(agency)
        memory.unit /= DECAY
        share = STEP / len(grams) * memory.unit
        taught = [matter for matter in (category, _DANGER * emergency) if matter]
        for gram in sorted(grams):
            own = memory.worth.setdefault(gram, {})
            for matter in taught:
                own[matter] = own.get(matter, 0.0) + share
        _trim(memory)

    def adjust(self, agency: str, text: str, reading: Reading) -> Reading:
        """What the router said, with what the agency taught; the same object when that is nothing."""
        memory = self._of.get(agency)
        if memory is None:
            return reading
        moved = _moved(memory, _grams(text))
        danger = moved.pop(_DANGER, 0.0)
        if not moved and not danger:
            return reading
        probabilities = _shifted(reading.probabilities, moved)
        best = probabilities[0][0]
        conformal = reading.conformal if best in reading.conformal else (best, *reading.conformal)
        raised = 1.0 - (1.0 - reading.emergency) * math.exp(-danger)
        return replace(
            reading,
            probabilities=probabilities,
            conformal=conformal,
            emergency=max(reading.emergency, raised),
        )

    def size(self, agency: str) -> int:
        """How many n-grams are remembered."""
        memory = self._of.get(agency)
        return len(memory.worth) if memory else 0

    def _memory(self, agency: str) -> _Memory:
        memory = self._of.setdefault(agency, _Memory())
        self._of.move_to_end(agency)
        if len(self._of) > AGENCIES:
            self._of.popitem(last=False)
        return memory


def rebuilt(lessons: Iterable[Lesson]) -> Overlay:
    """The memory of these lessons, in their order."""
    overlay = Overlay()
    for one in lessons:
        overlay.learn(one.agency, one.text, one.category, one.emergency)
    return overlay


def lesson_of(case: Case, fact: f.Fact) -> Lesson | None:
    """The lesson in a fact: a person named another matter than the machine, or one that is always an emergency.

    A flag that the case had before, say because the caller was silent, teaches nothing about its words.
    """
    body = fact.body
    if not isinstance(body, f.CaseClassified) or not body.classification.by_person or not body.classification.reason:
        return None
    said = body.classification
    suggested = said.candidates[0].category if said.candidates else ""
    raised = body.emergency and said.verdict == Verdict.EMERGENCY
    if said.category == suggested and not raised:
        return None
    report = case.report
    text = "\n".join([report.narrative, *(one.text for one in report.supplements)])
    return Lesson(fact.stamp.actor.agency, model_text(normalise(text)), said.category, raised)


def _grams(text: str) -> frozenset[str]:
    """The pairs and triples of the text's beginning; single characters say too little."""
    text = text[:_TEXT]
    return frozenset(text[at : at + size] for size in (2, 3) for at in range(len(text) - size + 1))


def _moved(memory: _Memory, grams: frozenset[str]) -> dict[str, float]:
    """What each taught matter gains in log odds; the order of adding is fixed, so that equal memories say the same."""
    sums: dict[str, float] = {}
    for gram in sorted(grams & memory.worth.keys()):
        for matter, worth in memory.worth[gram].items():
            sums[matter] = sums.get(matter, 0.0) + worth
    return {matter: gained for matter, total in sums.items() if (gained := _squared(total / memory.unit)) > 0.01}


def _squared(total: float) -> float:
    """STEP for one whole lesson, a quarter of it for half of one; never more than MOST."""
    return min(MOST, total * total / STEP)


def _shifted(chances: tuple[tuple[str, float], ...], moved: dict[str, float]) -> tuple[tuple[str, float], ...]:
    """Log odds added; a matter that the router did not name starts from the least it named."""
    least = min((chance for _, chance in chances if chance > 0), default=0.01)
    known = dict(chances)
    raised = {
        matter: known.get(matter, least) * math.exp(moved.get(matter, 0.0))
        for matter in dict.fromkeys((*known, *moved))
    }
    total = sum(raised.values()) or 1.0
    before = sum(known.values()) or 1.0
    scaled = [(matter, chance / total * min(1.0, before)) for matter, chance in raised.items()]
    return tuple(sorted(scaled, key=lambda one: (-one[1], one[0])))


def _trim(memory: _Memory) -> None:
    """Keep the heaviest; done rarely, when a tenth too many have come together."""
    if len(memory.worth) > GRAMS * 1.1:
        heavy = sorted(memory.worth.items(), key=lambda one: (-max(one[1].values()), one[0]))[:GRAMS]
        memory.worth = dict(heavy)
    if memory.unit > 1e12:
        memory.worth = {
            gram: {matter: worth / memory.unit for matter, worth in own.items()} for gram, own in memory.worth.items()
        }
        memory.unit = 1.0
