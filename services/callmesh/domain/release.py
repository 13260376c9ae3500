"""Least disclosure: the case as one agency may see it (domain.md invariant 9).

Release policies are data: the first entry whose kind and category match names the personal
fields that go out. Everything else personal is left empty, other agencies' referrals are left
out, and a confidential or silent caller is never exposed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from callmesh.domain.case import Annotation, Caller, Case, Place, Report
from callmesh.domain.directory import City

_CALLER = ("name", "number", "contact_number", "sex", "language")
FIELDS = (*_CALLER, "narrative", "supplements", "place", "point", "landmark", "attachments", "plates")


def view(case: Case, agency: str, city: City) -> Case:
    """What `agency` may know of the case."""
    return _part(case, agency, _report(case.report, allowed_fields(case, agency, city)))


def bare(case: Case, agency: str) -> Case:
    """What an agency that had a part in the case may know of it: no report."""
    return _part(case, agency, Report())


def _part(case: Case, agency: str, report: Report) -> Case:
    own = tuple(one for one in case.referrals if one.agency == agency)
    return replace(
        case,
        report=report,
        referrals=own,
        caller_key="",
        follow_ups=(),
        annotations=_advice(case, agency),
        operator="",
        **_of_other_cases(case, agency),
    )


def _of_other_cases(case: Case, agency: str) -> dict[str, Any]:
    """Who else called, what others agreed on and what others have to mend is not this agency's; how many it is."""
    repeat = replace(case.repeat, steps=()) if case.repeat else None
    return {
        "parent": "",
        "children": (),
        "links": (),
        "mediations": tuple(one for one in case.mediations if one.agency == agency),
        "findings": tuple(one for one in case.findings if one.agency == agency),
        "repeat": repeat,
        "patrol": None,
    }


def allowed_fields(case: Case, agency: str, city: City) -> frozenset[str]:
    """Personal fields that the first matching policy releases; () when none matches."""
    known = city.agency.get(agency)
    kind = known.kind if known else ""
    for policy in city.releases:
        if _in(kind, policy.kinds) and _in(case.category, policy.categories):
            return frozenset(policy.fields)
    return frozenset()


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
    if caller.confidential or caller.silent:
        return replace(kept, language=caller.language)
    return replace(kept, **{name: getattr(caller, name) for name in _CALLER if name in allowed})
