"""Where an assessed report would go from here and now: categories become agencies through the directory.

The classifier knows matters, never bodies. Place, hours, duty and direction (110 -> 12345 and 12345 -> 110 differ)
enter here. Of a mixed report (fight, injury, gas) every matter's lead is named; the first one leads, the others help.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from callmesh.domain.assessment import Assessment
from callmesh.domain.directory import City
from callmesh.domain.routing import Question, choose
from callmesh.domain.words import Role, Verdict

_MOST, _LIKELY = 5, 0.05
_ENTRY = {"110": "police", "12345": "hotline"}
"""Numbers that a city may not use as an id: the agency of that kind which callers reach."""


@dataclass(frozen=True, slots=True)
class Destination:
    """One agency, for which matter, as lead or support; `score` is the matter's."""

    agency: str
    name: str
    kind: str
    role: Role
    category: str
    basis: str
    score: float


def destinations(city: City, found: Assessment, division: str, origin: str, at: datetime) -> tuple[Destination, ...]:
    """Best first, each agency once. In an emergency all matters of the report, else its likely runners-up."""
    emergency = found.verdict is Verdict.EMERGENCY
    score = {one.category: one.score for one in found.candidates}
    likely = [name for at, (name, chance) in enumerate(score.items()) if at == 0 or chance >= _LIKELY]
    wanted = found.incidents if emergency and found.incidents else tuple(likely[: 1 if emergency else _MOST])
    made: dict[str, Destination] = {}
    for place, category in enumerate(wanted or ("",) * emergency):
        question = Question(category, division, origin, at, emergency)
        for target in choose(city, question):
            agency = city.agency[target.agency]
            lead = target.role == Role.LEAD and (place == 0 or not emergency)
            role, chance = Role.LEAD if lead else Role.SUPPORT, score.get(category, 0.0)
            one = Destination(agency.id, agency.name, agency.kind, role, category, target.basis, chance)
            made.setdefault(agency.id, one)
    return tuple(sorted(made.values(), key=lambda one: one.role != Role.LEAD))


def origin_of(city: City, name: str) -> str:
    """The agency meant by an id, or by the number people dial (110, 12345); "" when the city has none."""
    if name in city.agency:
        return name
    named = [one for one in city.agencies if one.phone == name] + list(
        city.agencies_of_kind.get(_ENTRY.get(name, ""), ())
    )
    entry = sorted(named, key=lambda one: not one.entry)
    return entry[0].id if entry else ""
