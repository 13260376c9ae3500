"""Least disclosure: the case as one agency may see it (domain.md invariant 9).

Release policies are data: the first entry whose kind and category match names the personal fields that go out, and
what for; what was granted to the agency of a referral comes on top. Everything else personal is left empty, for the
owner of record too, who sees what everybody does about the case; others see no referrals but their own. A confidential
or silent caller is never exposed. A caller's name or number that is kept back is masked where it stands in the text
beside it: people tell who they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import is_dataclass
from functools import cache, cached_property
from operator import attrgetter, is_
from types import NoneType
from typing import Any, TypeVar, get_args, get_type_hints

from callmesh.domain.case import Annotation, Case
from callmesh.domain.directory import City
from callmesh.domain.numbers import dialled
from callmesh.domain.report import Caller, Place, Report
from callmesh.domain.values import replace
from callmesh.domain.words import DisclosureState, ReferralState

_CALLER = ("name", "number", "contact_number", "sex", "language")
_VALUES: dict[str, Callable[[Report], Any]] = {
    **{name: attrgetter(f"caller.{name}") for name in _CALLER},
    "narrative": attrgetter("narrative"),
    "supplements": attrgetter("supplements"),
    "place": attrgetter("place.text"),
    "point": attrgetter("place.point"),
    "landmark": attrgetter("place.landmark"),
    "attachments": attrgetter("attachments"),
    "plates": attrgetter("plates"),
}
FIELDS = tuple(_VALUES)
IDENTITY = frozenset(_CALLER) - {"language"}
"""Who a caller is: of a confidential or silent one it goes to nobody."""
MASK = "***"
_NAME, _NUMBER = 2, 5
"""Shorter ones are no name or number that could be told from other text."""
_WORDS = frozenset(
    {
        *("narrative", "text", "landmark", "basis", "task", "result", "public_reply", "return_basis", "reason"),
        *("remind_reason", "decision_reason", "outcome", "note", "waiver"),
    }
)
"""Fields of somebody's words; ids and codes are no text to be changed."""
_OVER = frozenset({ReferralState.RETURNED, ReferralState.RECALLED, ReferralState.WAIVED})
T = TypeVar("T")


def view(case: Case, agency: str, city: City) -> Case:
    """What `agency` may know of the case."""
    allowed = allowed_fields(case, agency, city)
    return _part(case, agency, _report(case.report, allowed), _Mask(case.report.caller, allowed))


def answering(case: Case, agency: str, city: City) -> Case:
    """What the owner of record may know: what everybody does about the case, of the report what its policy allows."""
    allowed = allowed_fields(case, agency, city)
    mask = _Mask(case.report.caller, allowed)
    return mask(replace(case, report=_report(case.report, allowed), caller_key="", operator=""))


def shielded(case: Case) -> Case:
    """What whoever watches over the city's cases may know: all, but who a confidential or silent caller is."""
    caller = case.report.caller
    if not is_shielded(caller):
        return case
    kept = replace(caller, number="", subscriber="", name="", sex="", contact_number="")
    masked: Case = _Mask(caller, frozenset())(case)
    return replace(masked, report=replace(masked.report, caller=kept), caller_key="")


def is_shielded(caller: Caller) -> bool:
    """Whether nobody may learn who called."""
    return caller.confidential or caller.silent


def bare(case: Case, agency: str) -> Case:
    """What an agency that had a part in the case may know of it: no report."""
    return _part(case, agency, Report(), _Mask(case.report.caller, frozenset()))


def mask_for(case: Case, agency: str, city: City | None) -> Callable[[T], T]:
    """Takes what the agency may not know of the caller out of texts; without the city that is everything."""
    return _Mask(case.report.caller, allowed_fields(case, agency, city) if city else frozenset())


def _part(case: Case, agency: str, report: Report, mask: _Mask) -> Case:
    own = tuple(one for one in case.referrals if one.agency == agency)
    shown = replace(
        case,
        report=report,
        referrals=own,
        caller_key="",
        follow_ups=(),
        annotations=_advice(case, agency),
        operator="",
        **_of_other_cases(case, agency),
    )
    return mask(shown)


def _of_other_cases(case: Case, agency: str) -> dict[str, Any]:
    """Who else called, what others agreed on and what others have to mend is not this agency's; how many it is."""
    repeat = replace(case.repeat, steps=()) if case.repeat else None
    return {
        "parent": "",
        "children": (),
        "links": (),
        "call_legs": tuple(one for one in case.call_legs if one.agency == agency),
        "mediations": tuple(one for one in case.mediations if one.agency == agency),
        "findings": tuple(one for one in case.findings if one.agency == agency),
        "repeat": repeat,
        "patrol": None,
    }


def allowed_fields(case: Case, agency: str, city: City) -> frozenset[str]:
    """Personal fields that the first matching policy releases, and those granted; () when there are none."""
    found = frozenset(_policy(case, agency, city)[0]) | _granted(case, agency)
    return found - IDENTITY if is_shielded(case.report.caller) else found


def released(case: Case, agency: str, city: City) -> tuple[tuple[str, ...], str]:
    """The personal fields that `view` really holds, and what for."""
    seen = _report(case.report, allowed_fields(case, agency, city))
    return fields_in(seen), _policy(case, agency, city)[1]


def fields_in(report: Report) -> tuple[str, ...]:
    """The personal fields that a report holds, as release policies name them."""
    return tuple(name for name, value in _VALUES.items() if value(report))


def _policy(case: Case, agency: str, city: City) -> tuple[tuple[str, ...], str]:
    known = city.agency.get(agency)
    kind = known.kind if known else ""
    for policy in city.releases:
        if _in(kind, policy.kinds) and _in(case.category, policy.categories):
            return policy.fields, policy.purpose
    return (), ""


def _granted(case: Case, agency: str) -> frozenset[str]:
    """What the agency asked for and got, while it has the referral."""
    return frozenset(
        name
        for referral in case.referrals
        if referral.agency == agency and referral.state not in _OVER
        for asked in referral.disclosures
        if asked.state == DisclosureState.GRANTED
        for name in asked.fields
    )


def _advice(case: Case, agency: str) -> tuple[Annotation, ...]:
    """Notes go to who leads; others see their own."""
    leads = case.lead is not None and case.lead.agency == agency
    return tuple(one for one in case.annotations if leads or one.agency == agency)


def _in(value: str, listed: tuple[str, ...]) -> bool:
    return "*" in listed or value in listed


def _report(report: Report, allowed: frozenset[str]) -> Report:
    return Report(
        caller=_caller(report.caller, allowed),
        narrative=report.narrative if "narrative" in allowed else "",
        supplements=report.supplements if "supplements" in allowed else (),
        place=Place(
            text=report.place.text if "place" in allowed else "",
            point=report.place.point if "point" in allowed else None,
            landmark=report.place.landmark if "landmark" in allowed else "",
        ),
        attachments=report.attachments if "attachments" in allowed else (),
        plates=report.plates if "plates" in allowed else (),
    )


def _caller(caller: Caller, allowed: frozenset[str]) -> Caller:
    kept = Caller(confidential=caller.confidential, silent=caller.silent, consent=caller.consent)
    if is_shielded(caller):
        return replace(kept, language=caller.language)
    return replace(kept, **{name: getattr(caller, name) for name in _CALLER if name in allowed})


class _Mask:
    """Takes a caller's name and numbers, as far as they are kept back, out of every text of a value."""

    def __init__(self, caller: Caller, allowed: frozenset[str]) -> None:
        shown = {getattr(caller, name) for name in ("name", "number", "contact_number") if name in allowed}
        words = {caller.name, caller.subscriber} - shown
        numbers = _written({caller.number, caller.contact_number}) - _written(shown)
        self._words = sorted((one for one in words if len(one) >= _NAME), key=len, reverse=True)
        self._numbers = [one for one in numbers if len(one) >= _NUMBER]

    def __call__(self, value: T) -> T:
        """The same value, or a copy with other texts."""
        found: T = self._masked(value) if self._words or self._numbers else value
        return found

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile("|".join([*map(re.escape, self._words), *map(_spaced, self._numbers)]))

    def _masked(self, value: Any) -> Any:
        words, below = _places(value.__class__)
        changed = {name: self._text(text) for name in words if (text := getattr(value, name))}
        changed |= {name: self._parts(part) for name in below if (part := getattr(value, name))}
        fresh = {name: after for name, after in changed.items() if after is not getattr(value, name)}
        return replace(value, **fresh) if fresh else value

    def _parts(self, value: Any) -> Any:
        if not isinstance(value, tuple):
            return self._masked(value)
        after = tuple(map(self._masked, value))
        return value if all(map(is_, after, value)) else after

    def _text(self, text: str) -> str:
        """The very same text when there is nothing to take out."""
        return self._pattern.sub(MASK, text) if self._may_stand(text) else text

    def _may_stand(self, text: str) -> bool:
        """Most texts name nobody, and to compile a pattern costs more than all else that is done about a case."""
        run = _unspaced(text)
        return any(one in text for one in self._words) or any(_unspaced(one) in run for one in self._numbers)


@cache
def _places(kind: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Fields of a dataclass with somebody's words, and those that have such fields below; found once for each class."""
    hints = get_type_hints(kind)
    inner: dict[str, Any] = {name: _inner(hint) for name, hint in hints.items()}
    below = (name for name, one in inner.items() if is_dataclass(one) and _has_words(one))
    words = (name for name in hints if name in _WORDS and hints[name] is str)  # a code is no text, whatever its name
    return tuple(words), tuple(below)


def _has_words(kind: Any) -> bool:
    return any(_places(kind))


def _inner(hint: Any) -> Any:
    """X of X | None and of tuple[X, ...]."""
    args = [one for one in get_args(hint) if one not in (NoneType, ...)]
    return _inner(args[0]) if args else hint


def _spaced(number: str) -> str:
    """A number as people write it, with spaces or dashes."""
    return r"[\s-]*".join(map(re.escape, number))


def _written(numbers: set[str]) -> set[str]:
    """Numbers as they were written and as they are dialled: people say one and the other."""
    return numbers | {dialled(one) for one in numbers}


def _unspaced(text: str) -> str:
    return "".join(text.split()).replace("-", "")
