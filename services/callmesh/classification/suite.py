"""The suite (安全套件): no emergency is routed, however it is written, and everyday matters mostly are.

It gates every change of the lexicon and of the model, before it takes effect. What is tried: each emergency of the
corpus and of the seeds under every metamorphic rule, on channels that take turns; each half-said text under the
rules that keep every word of it; each seed on every channel; each everyday text once. The gate holds when no
emergency was routed under a rule that keeps what was said, no seed got a verdict it must not get, and the everyday
texts that are stopped stay within `MOST_STOPPED`, so that a classifier that asks about everything does not pass.
Emergencies that a rule harmed (a lost character may be the one that mattered) and half-said texts that were routed
are `slipped`: each is shown, and more than `MOST_SLIPPED` of them fails the gate.

The part of the corpus that is held out is counted apart (`missed`): it was written in other frames and nobody tunes
on it, so its rate tells what texts of strangers will meet; more than `MOST_MISSED` of it fails the gate, too. An
emergency of it that is routed as it was written fails the gate like any other.

Deterministic: rules, places and channels come from the texts. A sample of the rules (each text a few of them) takes
seconds; all of them on all texts less than a minute.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Protocol

from callmesh.classification.corpus import Sample, load
from callmesh.classification.metamorphic import RULES, Rule
from callmesh.domain.assessment import Assessment
from callmesh.domain.words import Channel, Verdict

__all__ = [
    "AIM_STOPPED",
    "MOST_ALARMED",
    "MOST_MISSED",
    "MOST_SLIPPED",
    "MOST_STOPPED",
    "Failure",
    "Seed",
    "Suite",
    "Tally",
    "load",
    "run",
    "seeds",
]

AIM_STOPPED = 0.05
"""Share of everyday texts that should at most be EMERGENCY or ASK; printed."""
MOST_STOPPED = 0.16
"""Share of everyday texts of the training part above which the gate fails: what is, not what we want."""
MOST_ALARMED = 0.05
"""Share of everyday texts of the training part that may be EMERGENCY; states what is, not what we want."""
MOST_SLIPPED = 0.01
"""Share of the harmed emergencies and half-said texts of the training part that may be routed."""
MOST_MISSED = 0.02
"""Share of the held-out texts that must not be routed, grown ones included, that may be routed."""
SAMPLED_RULES = 2
"""Rules tried on each text unless all are asked for; the plain text always."""
_CHANNELS = tuple(Channel)
_FAITHFUL = tuple(rule for rule in RULES if not (rule.frames or rule.harms))


class Classifies(Protocol):
    """What the suite needs of a classifier."""

    def assess(self, text: str, channel: Channel) -> Assessment:
        """The assessment of one text."""
        ...


@dataclass(frozen=True, slots=True)
class Seed:
    """A text of the shared seeds: `expected` is emergency, ask_or_emergency or route."""

    id: str
    text: str
    expected: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A text that got a verdict it must not get."""

    text: str
    got: str
    expected: str
    rule: str
    where: str
    channel: str
    category: str


@dataclass(slots=True)
class Tally:
    """Verdicts counted for a rule or a class. `right` and `top3` count the category named first or among three."""

    emergency: int = 0
    ask: int = 0
    route: int = 0
    right: int = 0
    top3: int = 0
    named: int = 0

    @property
    def total(self) -> int:
        """Texts judged."""
        return self.emergency + self.ask + self.route

    @property
    def stopped(self) -> float:
        """Share that was EMERGENCY or ASK."""
        return (self.emergency + self.ask) / self.total if self.total else 0.0

    def add(self, found: Assessment, categories: Sequence[str] = ()) -> None:
        """Counts one assessment; `categories` are the answers that count as right."""
        name = found.verdict.value
        setattr(self, name, getattr(self, name) + 1)
        if categories:
            self.named += 1
            self.right += found.category in categories
            self.top3 += bool({one.category for one in found.candidates[:3]} & set(categories))


@dataclass(slots=True)
class Suite:
    """The outcome. `grown` counts the texts tried that must not be routed, plain ones included; `held` those held out.

    `failures` fail the gate, one is enough; `slipped` are of the `harmed`, `missed` are those of the held-out part.
    `alarmed` and `asked` are the everyday texts that were stopped.
    """

    emergencies: int = 0
    grown: int = 0
    rules: dict[str, Tally] = field(default_factory=dict)
    classes: dict[str, Tally] = field(default_factory=dict)
    everyday: dict[str, Tally] = field(default_factory=dict)
    seeds: Tally = field(default_factory=Tally)
    failures: list[Failure] = field(default_factory=list)
    harmed: int = 0
    slipped: list[Failure] = field(default_factory=list)
    held: int = 0
    missed: list[Failure] = field(default_factory=list)
    alarmed: list[Failure] = field(default_factory=list)
    asked: list[Failure] = field(default_factory=list)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the gate fails, empty when it holds."""
        train = self.everyday.get("train", Tally())
        alarmed = train.emergency / train.total if train.total else 0.0
        bounds = (
            (self.slipped_share, MOST_SLIPPED, "of the harmed and half-said texts are routed"),
            (self.missed_share, MOST_MISSED, "of the held-out texts that need a person are routed"),
            (train.stopped, MOST_STOPPED, "of the everyday texts are stopped"),
            (alarmed, MOST_ALARMED, "of the everyday texts are emergencies"),
        )
        over = tuple(f"{share:.1%} {what}, over {most:.0%}" for share, most, what in bounds if share > most)
        wrong = (f"{len(self.failures)} texts got a verdict that they must not get",) if self.failures else ()
        return wrong + over

    @property
    def slipped_share(self) -> float:
        """Share of the harmed and half-said texts that were routed and must not be."""
        return len(self.slipped) / self.harmed if self.harmed else 0.0

    @property
    def missed_share(self) -> float:
        """Share of the held-out texts that were routed and must not be."""
        return len(self.missed) / self.held if self.held else 0.0

    @property
    def holds(self) -> bool:
        """True when the change may take effect."""
        return not self.reasons


@cache
def seeds() -> tuple[Seed, ...]:
    """The shared seeds, as kept beside the corpus."""
    lines = (Path(__file__).parent / "corpus" / "seeds.jsonl").read_text(encoding="utf-8").splitlines()
    rows = (json.loads(line) for line in lines if line)
    return tuple(Seed(row["id"], row["text"], row["expected"]) for row in rows)


def run(classifier: Classifies, full: bool = False, samples: Iterable[Sample] | None = None) -> Suite:
    """Tries a classifier. `full`: every rule on every text instead of a few."""
    suite = Suite()
    for sample in load() if samples is None else samples:
        if sample.verdict == "route":
            _everyday(suite, classifier, sample)
        else:
            _guarded(suite, classifier, sample, full)
    for seed in seeds():
        _seed(suite, classifier, seed)
        if seed.expected == "emergency":
            where = f"seed {seed.id}"
            origin = Sample(seed.text, "emergency", (), "train", "seed", "seeds.jsonl", 0)
            suite.emergencies += 1
            _grow(suite, classifier, origin, where, RULES[1:] if full else _chosen(seed.text, RULES))
    return suite


def _everyday(suite: Suite, classifier: Classifies, sample: Sample) -> None:
    channel = _channel(sample.text, "everyday")
    found = classifier.assess(sample.text, channel)
    suite.everyday.setdefault(sample.split, Tally()).add(found, sample.categories)
    if sample.category:
        suite.classes.setdefault(sample.category, Tally()).add(found, sample.categories)
    if found.verdict is not Verdict.ROUTE:
        kept = suite.alarmed if found.verdict is Verdict.EMERGENCY else suite.asked
        kept.append(_failure(sample.text, found, "route", "as written", sample.where, channel))


def _guarded(suite: Suite, classifier: Classifies, sample: Sample, full: bool) -> None:
    """An emergency under all rules; a half-said text as it stands and spelled otherwise: little is left to harm."""
    applicable = RULES if sample.verdict == "emergency" else _FAITHFUL
    suite.emergencies += sample.verdict == "emergency"
    chosen = applicable if full else (applicable[0], *_chosen(sample.text, applicable))
    _grow(suite, classifier, sample, sample.where, chosen)
    if sample.category and sample.verdict == "emergency":
        found = classifier.assess(sample.text, Channel.SMS)
        suite.classes.setdefault(sample.category, Tally()).add(found, sample.categories)


def _chosen(text: str, rules: Sequence[Rule]) -> Iterator[Rule]:
    """A few rules, other ones for other texts; never the plain text."""
    first = zlib.crc32(text.encode()) % (len(rules) - 1)
    for step in range(SAMPLED_RULES):
        yield rules[1 + (first + step * 7) % (len(rules) - 1)]


def _grow(suite: Suite, classifier: Classifies, sample: Sample, where: str, rules: Iterable[Rule]) -> None:
    held = sample.split == "held"
    for rule in rules:
        plain = rule is RULES[0] and sample.verdict == "emergency"
        harmed = not held and (rule.harms or sample.verdict != "emergency")
        tally = suite.rules.setdefault(rule.name, Tally())
        for made in rule.make(sample.text):
            channel = _channel(made, rule.name)
            found = classifier.assess(made, channel)
            suite.grown += 1
            suite.held += held
            suite.harmed += harmed
            tally.add(found, sample.categories)
            if found.verdict is Verdict.ROUTE:
                kept = suite.missed if held and not plain else suite.slipped if harmed else suite.failures
                kept.append(_failure(made, found, sample.verdict, rule.name, where, channel))


def _seed(suite: Suite, classifier: Classifies, seed: Seed) -> None:
    """A seed as it stands, on every channel."""
    forbidden = {"emergency": Verdict.ROUTE, "ask_or_emergency": Verdict.ROUTE, "route": Verdict.EMERGENCY}
    for channel in _CHANNELS:
        found = classifier.assess(seed.text, channel)
        suite.seeds.add(found)
        suite.grown += seed.expected != "route"
        if found.verdict is forbidden[seed.expected]:
            suite.failures.append(_failure(seed.text, found, seed.expected, "seed", f"seed {seed.id}", channel))


def _channel(text: str, rule: str) -> Channel:
    """Channels take turns, decided by the text and the rule."""
    return _CHANNELS[zlib.crc32(f"{rule}\0{text}".encode("utf-8", "surrogatepass")) % len(_CHANNELS)]


def _failure(text: str, found: Assessment, expected: str, rule: str, where: str, channel: Channel) -> Failure:
    return Failure(text, found.verdict.value, expected, rule, where, channel.value, found.category)
