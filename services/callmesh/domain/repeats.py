"""What two reports have in common (重复警情): number, person, place, matter; and which review that calls for.

What is compared here are plain texts; whoever keeps them hashes them first. A confidential or silent caller's
number and name are never compared: a link would say who called. A withheld number or a place without a house
number or point tells nothing, and is passed over.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import timedelta

from callmesh.domain.case import Case
from callmesh.domain.city_rules import FoldPlace, FoldRule, LinkKind, RepeatType
from callmesh.domain.directory import City
from callmesh.domain.report import Point
from callmesh.domain.spans import Span

CELL_DEGREES = 0.005
"""Side of a cell of the map, about 500 m."""
_FINE_DEGREES = 0.0005
_NUMBER_DIGITS = 7
_DISTRICT = 6
_NO_NAME = re.compile(r"(某+|先生|女士|小姐|同志|来电人|匿名)$")
_NOISE = re.compile(r"[\s,.;:!?()\-_/·、，。；：！？（）]+")
_UNITS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1), "wd": timedelta(days=1)}


def common_keys(case: Case, kinds: Iterable[LinkKind]) -> list[tuple[LinkKind, str]]:
    """What a report can share with another one, as (kind, text); the number's text is its keyed hash already."""
    caller, found = case.report.caller, []
    open_caller = not (caller.confidential or caller.silent)
    for kind in kinds:
        text = ""
        if kind == LinkKind.NUMBER and open_caller and _is_number(caller.number):
            text = case.caller_key
        elif kind == LinkKind.PERSON and open_caller:
            text = _person(case)
        elif kind == LinkKind.PLACE:
            text = _place(case)
        elif kind == LinkKind.MATTER and case.category:
            text = _matter(case)
        if text:
            found.append((kind, f"{kind}|{text}"))
    return found


def _is_number(number: str) -> bool:
    """A service number or a withheld one (all digits alike) is nobody's."""
    digits = [sign for sign in number if sign.isdigit()]
    return len(digits) >= _NUMBER_DIGITS and len(set(digits)) > 1


def _person(case: Case) -> str:
    """A whole name within a district; 王某 and 王先生 are not one."""
    name = plain(case.report.caller.name)
    return f"{case.division[:_DISTRICT]}|{name}" if len(name) > 1 and not _NO_NAME.search(name) else ""


def _place(case: Case) -> str:
    place = case.report.place
    text = plain(place.text)
    if any(sign.isdigit() for sign in text):
        return f"{case.division[:_DISTRICT]}|{text}"
    return _cell(place.point, _FINE_DEGREES)


def _matter(case: Case) -> str:
    where = _cell(case.report.place.point, CELL_DEGREES) or _place(case)
    return f"{case.category}|{where}" if where else ""


def plain(text: str) -> str:
    """Without spaces, punctuation and forms of the same sign."""
    return _NOISE.sub("", unicodedata.normalize("NFKC", text)).lower()


def _cell(point: Point | None, degrees: float) -> str:
    if point is None:
        return ""
    return f"{int(point.longitude // degrees)}:{int(point.latitude // degrees)}:{degrees}"


def fold_rule(city: City, category: str) -> FoldRule | None:
    """The first rule for a category."""
    return next((one for one in city.fold_rules if category and category in one.categories), None)


def fold_key(case: Case, rule: FoldRule) -> str:
    """What reports that may be folded share; "" when the place is not known well enough."""
    where = case.division if rule.place == FoldPlace.DIVISION else _cell(case.report.place.point, CELL_DEGREES)
    return f"fold|{case.category}|{where}" if where else ""


def reviews(city: City, category: str) -> tuple[RepeatType, ...]:
    """The types of repeated matters that a category counts for, narrow ones before "*"."""
    fitting = [one for one in city.repeat_types if category in one.categories or "*" in one.categories]
    return tuple(sorted(fitting, key=lambda one: "*" in one.categories))


def counts_for(kind: RepeatType, case: Case) -> bool:
    """Whether an earlier report counts for a type."""
    return "*" in kind.categories or case.category in kind.categories


def length(span: Span) -> timedelta:
    """A window; a working day counts as a day here."""
    return span.amount * _UNITS[span.unit]
