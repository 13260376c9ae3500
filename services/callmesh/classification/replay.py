"""Replay (回放): recorded cases against a draft catalogue, lexicon or model, and every destination that would change.

Both sides judge the same words on the same channel at the hour the case was opened. Nothing is written anywhere. The
same cases and the same drafts give the same list, changed emergencies first: of those a person has to look at each.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from callmesh.classification.destinations import destinations, origin_of
from callmesh.classification.recorded import Recorded
from callmesh.classification.verdict import Classifier
from callmesh.domain.directory import City
from callmesh.domain.words import Channel, Verdict


@dataclass(frozen=True, slots=True)
class Side:
    """A classifier and the city whose directory it is asked with."""

    engine: Classifier
    city: City


@dataclass(frozen=True, slots=True)
class Said:
    """What one side makes of a case; `agencies` best first."""

    verdict: str
    category: str
    agencies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A case that would go elsewhere, or with another verdict. `emergency` when either side, or the record, says so."""

    id: str
    emergency: bool
    before: Said
    after: Said


@dataclass(frozen=True, slots=True)
class Replayed:
    """`changes`, emergencies first; `lowered` of them were emergencies and are none in the draft."""

    cases: int
    changes: tuple[Change, ...]

    @property
    def emergencies(self) -> int:
        """Changed destinations of emergencies."""
        return sum(one.emergency for one in self.changes)

    @property
    def lowered(self) -> int:
        """Emergencies that the draft does not see."""
        return sum(
            one.before.verdict == Verdict.EMERGENCY and one.after.verdict != Verdict.EMERGENCY for one in self.changes
        )


def replay(cases: Iterable[Recorded], before: Side, after: Side) -> Replayed:
    """Judge every case twice. Pure: no clock, no randomness."""
    changes, count = [], 0
    for case in cases:
        count += 1
        was, would = said(before, case), said(after, case)
        if was != would:
            grave = case.emergency or Verdict.EMERGENCY in (was.verdict, would.verdict)
            changes.append(Change(case.id, grave, was, would))
    ordered = sorted(changes, key=lambda one: (not one.emergency, one.after.verdict == Verdict.EMERGENCY))
    return Replayed(count, tuple(ordered))


def said(side: Side, case: Recorded) -> Said:
    """Verdict, matter and where it would go."""
    channel = Channel(case.channel) if case.channel in list(Channel) else Channel.WEB
    found = side.engine.assess(case.text, channel)
    origin = origin_of(side.city, case.origin)
    towards = destinations(side.city, found, case.division, origin, case.at)
    first = [one.agency for one in towards[: len(towards) if found.verdict is Verdict.EMERGENCY else 1]]
    return Said(found.verdict.value, found.category, tuple(first))
