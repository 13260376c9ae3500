"""Checks of sense: somebody is there for every emergency, limits and hours mean something."""

from __future__ import annotations

from typing import Any

from callmesh.directory.china import public_holidays
from callmesh.directory.located import Row
from callmesh.directory.problems import Report
from callmesh.directory.tables import Draft, Item
from callmesh.domain.access import GRANTABLE
from callmesh.domain.directory import Agency, Policy
from callmesh.domain.hours import parse
from callmesh.domain.words import EmergencyRule, Role

_ALWAYS = "24h"
_NOBODY = "-"
_HALF_DAY = 12 * 60
_SATURDAY = 5
_MOST_EAST = 14 * 60


def check(draft: Draft, report: Report) -> None:
    """All checks of sense."""
    for agency in draft.agencies.items:
        _hours(agency, report)
        _serves(agency, draft, report)
        _roles(agency, report)
    _listed(draft, report)
    _guides(draft, report)
    _plans(draft, report)
    _calendar(draft, report)
    _limits(draft, report)
    _figures(draft, report)
    if draft.policy is not None:
        _numbers(draft.policy, report)
        _always_open(draft.policy, draft, report)
        _emergencies(draft.policy.value, draft, report)


def _hours(agency: Item[Agency], report: Report) -> None:
    """Beyond the form: a range that no time falls into would close the agency for ever."""
    if agency.value.hours == _ALWAYS:
        return
    try:
        ranges = parse(agency.value.hours)
    except ValueError as wrong:
        report.about(agency.row, f"hours: {wrong}", "hours")
        return
    for days, start, end in ranges:
        if start.tzinfo or end.tzinfo:
            report.about(agency.row, "hours: times carry no zone", "hours")
        elif not days or start >= end:
            reason = "hours: days and times run forwards; split what passes Sunday or midnight in two"
            report.about(agency.row, reason, "hours")


def _serves(agency: Item[Agency], draft: Draft, report: Report) -> None:
    """A front door takes what comes from anywhere, so it must serve the whole city."""
    if not agency.value.divisions:
        report.about(agency.row, "divisions is empty", "divisions")
    roots = [one.value.code for one in draft.divisions.items if not one.value.parent]
    if agency.value.entry and roots and roots[0] not in agency.value.divisions:
        report.about(agency.row, f'an entry agency must serve the whole city "{roots[0]}"', "divisions")


def _roles(agency: Item[Agency], report: Report) -> None:
    unknown = [one for one in agency.value.roles if one not in GRANTABLE]
    if unknown:
        report.about(agency.row, f'roles: "{unknown[0]}" is none of {", ".join(sorted(GRANTABLE))}', "roles")


def _listed(draft: Draft, report: Report) -> None:
    for release in draft.releases.items:
        for key in ("kinds", "categories"):
            if not getattr(release.value, key):
                report.about(release.row, f'{key} is empty; "*" means any', key)


def _guides(draft: Draft, report: Report) -> None:
    """What is said in English is the same as in Chinese, line by line."""
    for guide in draft.guides.items:
        for key in ("ask", "tell"):
            lines, english = getattr(guide.value, key), getattr(guide.value, f"{key}_en")
            if english and len(english) != len(lines):
                report.about(guide.row, f"{key}_en has {len(english)} lines, {key} has {len(lines)}", f"{key}_en")


def _plans(draft: Draft, report: Report) -> None:
    for plan in draft.plans.items:
        leads = sum(task.role == Role.LEAD for task in plan.value.tasks)
        if leads != 1:
            report.about(plan.row, f'plan "{plan.value.id}" has {leads} leads, it needs exactly one', "id")


def _limits(draft: Draft, report: Report) -> None:
    """Warnings come within their limit; a commander's round is not the first."""
    for profile in draft.profiles.items:
        if not 0 <= profile.value.warn_percent < 100:
            report.about(profile.row, "warn_percent is not 0 to 99", "warn_percent")
    rules = draft.supervision
    if rules is not None and rules.value.commander_round < 2:
        report.about(rules.row, "commander_round is less than 2", "commander_round")


def _calendar(draft: Draft, report: Report) -> None:
    if draft.calendar is None:
        return
    calendar, row = draft.calendar.value, draft.calendar.row
    if calendar.opens >= calendar.closes:
        report.about(row, "closes is not after opens", "closes")
    if not -_HALF_DAY <= calendar.utc_offset_minutes <= _MOST_EAST:
        report.about(row, "utc_offset_minutes is no zone on Earth", "utc_offset_minutes")
    for day in sorted(calendar.holidays & calendar.make_up_days):
        report.about(row, f"{day} is a holiday and a make-up day", "make_up_days")
    _days(row, report)


def _days(row: Row, report: Report) -> None:
    """What the file itself lists: a day given twice, or a make-up day that works anyhow, is a typing mistake."""
    off: set[Any] = set(row.values.get("holidays", ()))  # type: ignore[call-overload]
    off |= public_holidays() if row.values.get("base") else set()
    for key in ("holidays", "make_up_days"):
        listed: list[Any] = list(row.values.get(key, ()))  # type: ignore[call-overload]
        for index, day in enumerate(listed):
            if day in listed[:index]:
                report.about(row, f"{day} is given twice", key, index)
            elif key == "make_up_days" and day.weekday() < _SATURDAY and day not in off:
                report.about(row, f"{day} works anyhow: it is no weekend day and no holiday", key, index)


def _figures(draft: Draft, report: Report) -> None:
    """Weights that a score can be made of, and a threshold that can be reached."""
    if draft.figures is None:
        return
    rules, row = draft.figures.value, draft.figures.row
    weights = {key: getattr(rules, key) for key in ("response_weight", "solved_weight", "satisfied_weight")}
    for key, weight in weights.items():
        if not 0 <= weight < float("inf"):
            report.about(row, f"{key} is less than 0 or no number", key)
    if not any(weights.values()):
        report.about(row, "all three weights are 0, so nothing can be scored", "response_weight")
    if rules.hotspot_threshold < 0:
        report.about(row, "hotspot_threshold is less than 0; 0 raises no alert", "hotspot_threshold")


def _numbers(policy: Item[Policy], report: Report) -> None:
    least_of = {"max_hops": 1, "auto_grant_returns": 0, "reopen_days": 0, "follow_up_attempts": 1}
    for key, least in least_of.items():
        if getattr(policy.value, key) < least:
            report.about(policy.row, f"{key} is less than {least}", key)


def _always_open(policy: Item[Policy], draft: Draft, report: Report) -> None:
    """What nobody else takes ends at these two at any hour."""
    awake = {one.value.id for one in draft.agencies.items if one.value.hours == _ALWAYS}
    closing = {one.value.id for one in draft.agencies.items} - awake
    for key in ("emergency_desk", "fallback"):
        agency = getattr(policy.value, key)
        if agency in closing:
            report.about(policy.row, f'{key} "{agency}" is not open 24h', key)


def _emergencies(policy: Policy, draft: Draft, report: Report) -> None:
    """Whoever leads an emergency is an emergency service, or at least is never closed."""
    at_once = [one for one in draft.categories.items if one.value.emergency == EmergencyRule.ALWAYS]
    for category in at_once:
        _awake(category.value.lead, category.row, policy, draft, report)
    ids = {one.value.id for one in at_once}
    for route in draft.routes.items:
        if route.value.category in ids:
            _awake(route.value.lead, route.row, policy, draft, report)


def _awake(kind: str, row: Row, policy: Policy, draft: Draft, report: Report) -> None:
    """Says nothing about a kind that no readable agency has: that is an unknown name, or reported there."""
    agencies = [one.value for one in draft.agencies.items if one.value.kind == kind]
    awake = kind in policy.emergency_kinds or any(one.hours == _ALWAYS for one in agencies)
    if kind == _NOBODY or (agencies and not awake):
        report.about(row, f'emergency is led by "{kind}", no emergency kind and nobody there 24h', "lead")
