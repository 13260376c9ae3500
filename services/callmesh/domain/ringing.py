"""Whom to ring: the city's numbers of an agency or of a language's interpreter, in order."""

from __future__ import annotations

from callmesh.domain.calls import CallLeg
from callmesh.domain.commands_calls import Ring
from callmesh.domain.decide_calls import NO_INTERPRETER, UNSUPPORTED_LANGUAGE
from callmesh.domain.directory import City


def agency(city: City, id: str, referral: str = "", conference: bool = False) -> Ring:
    """The agency's first number; without any the command has no targets."""
    return Ring(id, city.calls, len(city.numbers(id)), referral=referral, conference=conference)


def is_foreign(city: City, language: str) -> bool:
    """Whether a caller of this language needs an interpreter; "" is the city's own."""
    return bool(language) and _base(language) not in city.calls.own_languages


def interpreter(city: City, language: str) -> Ring:
    """Who interprets the language; for one that has nobody the city's fallback, and the case says so."""
    own = city.interpreter(_base(language))
    found = own or city.interpreter(city.calls.fallback_language)
    flags = () if own else (UNSUPPORTED_LANGUAGE,)
    if found is None:
        alone = (*flags, NO_INTERPRETER)
        return Ring(city.policy.hotline, city.calls, 0, language=_base(language), conference=True, flags=alone)
    rung = len(found.numbers)
    return Ring(found.agency, city.calls, rung, language=found.language, conference=True, flags=flags)


def following(city: City, leg: CallLeg) -> Ring:
    """The next number after a leg that came to nothing."""
    return Ring(
        leg.agency,
        city.calls,
        leg.targets,
        target=leg.target + 1,
        referral=leg.referral,
        language=leg.language,
        conference=leg.conference,
    )


def number(city: City, leg: CallLeg) -> str:
    """What the switch dials; "" when the city has no such number any more."""
    found = city.interpreter(leg.language) if leg.language else None
    numbers = found.numbers if found else city.numbers(leg.agency)
    return numbers[leg.target - 1] if 0 < leg.target <= len(numbers) else ""


def _base(language: str) -> str:
    """`en` of `en-GB`."""
    return language.partition("-")[0].lower()
