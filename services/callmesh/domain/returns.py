"""Where a returned case goes: onwards by the city's data, a few hops at most.

A hop is one agency that had the case and gave it back. The city says how many there may be (`max_hops`): who
gets the case when they are used up keeps it, bindingly - the fallback owner (民生110), or an emergency service
when it is an emergency. Before that a second granted return goes to a commander (`decide`).
"""

from __future__ import annotations

from callmesh.domain import commands as c
from callmesh.domain import routing
from callmesh.domain.case import Case
from callmesh.domain.directory import City
from callmesh.domain.oversight import of_city
from callmesh.domain.referral import Referral
from callmesh.domain.routing import Question
from callmesh.domain.values import replace
from callmesh.domain.words import Role

_OTHER_NODE = frozenset({"wrong_division", "not_enough_information", "cannot_verify", "no_capacity"})
"""Reasons that speak of the place or of the body, not of the matter: another one of the same kind may be right."""


def grant(city: City, case: Case, referral: Referral, question: Question, agency: str, reason: str) -> c.GrantReturn:
    """The command that grants a return: to the agency named, else onwards by the city's data; raises Invalid."""
    spent = referral.hop + 1 >= city.policy.max_hops
    target = _target(city, case, referral, question, agency, reason, spent)
    bound = replace(target, binding=target.binding or spent)
    return c.GrantReturn(referral.name, reason, bound, city.calendar, spent, of_city(city))


def _target(
    city: City, case: Case, referral: Referral, question: Question, agency: str, reason: str, spent: bool
) -> c.Target:
    if agency:
        return routing.name_agency(city, question, agency, Role.LEAD, f"改派: {reason}")
    if spent:
        return routing.last_resort(city, question)
    runners_up = [one.category for one in case.classification.candidates] if case.classification else []
    return routing.reassign(city, question, runners_up, referral.return_reason in _OTHER_NODE)
