"""Who should get a case: category x place x direction x hours -> lead and support (派单目录).

The way of a choice: the catalogue row (or the route that overrides it for this origin and
division) names *kinds* of agency; of each kind the node is taken that serves the place, is
open, has not refused the case before, and is the lowest capable one, except that a kind with a
front door (`entry`) is entered there by everybody outside it. Nobody fits -> the fallback owner,
so nothing ends unrouted. Every choice says in zh-CN how it was made.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from callmesh.domain.case import Case
from callmesh.domain.commands import Target
from callmesh.domain.directory import Agency, City, LimitProfile, Plan, Route, Span
from callmesh.domain.errors import Invalid
from callmesh.domain.hours import is_open
from callmesh.domain.values import replace
from callmesh.domain.words import EmergencyRule, Role

NOBODY = "-"
_EMERGENCY_PROFILE = "L0"
_LAST_RESORT = LimitProfile("default", Span(30, "m"), Span(2, "h"), Span(24, "h"))


@dataclass(frozen=True, slots=True)
class Question:
    """What routing looks at. `tried` are agencies that had the case already in this round."""

    category: str
    division: str
    origin: str
    at: datetime
    emergency: bool = False
    tried: frozenset[str] = frozenset()


def choose(city: City, question: Question) -> tuple[Target, ...]:
    """Lead first, then support; () only when the category is for nobody ("-") and no emergency."""
    lead_kind, support_kinds, why = _kinds(city, question)
    if lead_kind == NOBODY and not question.emergency:
        return ()
    lead = _lead(city, question, lead_kind, why)
    found = [lead]
    if lead_kind not in (NOBODY, city.agency[lead.agency].kind):
        support_kinds = (lead_kind, *support_kinds)  # the emergency desk leads, who knows the matter helps
    for kind in support_kinds:
        agency = find(city, question, kind)
        if agency and agency.id not in {question.origin, *(one.agency for one in found)}:
            found.append(_target(city, question, agency, Role.SUPPORT, f"{why}; 协办 {kind}"))
    return tuple(found)


def diverts(city: City, case: Case, category: str, emergency: bool) -> bool:
    """Whether a matter of this category belongs to another kind of agency than its first receiver's."""
    origin = city.agency.get(case.origin)
    question = Question(category, case.division, case.origin, case.opened_at, emergency)
    row = city.category.get(category)
    if origin is None or row is None:
        return False
    lead, _, _ = _kinds(city, question)
    if emergency and lead not in city.policy.emergency_kinds:
        return origin.kind not in city.policy.emergency_kinds or lead != NOBODY
    return lead not in (NOBODY, origin.kind)


def name_agency(city: City, question: Question, agency_id: str, role: Role, why: str) -> Target:
    """The target for an agency that a person named; Invalid when the city does not know it."""
    agency = city.agency.get(agency_id)
    if agency is None:
        reason = {"support" if role == Role.SUPPORT else "agency": "unknown agency"}
        raise Invalid(f"no agency {agency_id!r}", f"没有单位 {agency_id}, 请核对编号", reason)
    return _target(city, question, agency, role, why)


def apply_plan(city: City, question: Question, plan: Plan) -> tuple[Target, ...]:
    """All bodies of a response plan; a kind that nobody fills is an error, not a gap."""
    return tuple(_planned(city, question, plan, task.kind, task.role, task.task) for task in plan.tasks)


def fallback(city: City, question: Question) -> Target:
    """The owner of what everybody refused; it cannot return it."""
    agency = city.agency[city.policy.fallback]
    return _target(city, question, agency, Role.LEAD, "无承接单位, 兜底办理", binding=True)


def last_resort(city: City, question: Question) -> Target:
    """Who keeps what has made all its hops: the fallback owner, or an emergency service when it is an emergency."""
    if not question.emergency:
        return fallback(city, question)
    desk = _emergency_desk(city, question, "改派已达上限")
    if desk.agency in question.tried:
        others = (find(city, question, kind) for kind in city.policy.emergency_kinds)
        other = next((one for one in others if one is not None), None)
        if other is not None:
            desk = _target(city, question, other, Role.LEAD, "改派已达上限")
    return replace(desk, binding=True)


def find(city: City, question: Question, kind: str) -> Agency | None:
    """The agency of a kind that should get it, or its backup, or None."""
    members = [one for one in city.agencies_of_kind.get(kind, ()) if one.id not in question.tried]
    serving = _nearest(city, question.division, members)
    origin = city.agency.get(question.origin)
    outside = origin is None or origin.kind != kind
    doors = [one for one in members if one.entry] if outside else []
    below = [one for one in serving if one.id != question.origin and not one.entry]
    ranked = [*doors, *(below if not outside else serving)]
    return next(iter(_on_duty(city, question, ranked) or ranked), None)


def _on_duty(city: City, question: Question, ranked: list[Agency]) -> list[Agency]:
    """Those who are there now, each closed one replaced by its backup."""
    found = []
    for one in ranked:
        stand_in = city.agency.get(one.backup)
        for candidate in (one, stand_in):
            spent = candidate is None or candidate.id in question.tried | {question.origin}
            if candidate and not spent and is_open(candidate.hours, question.at, city.calendar):
                found.append(candidate)
                break
    return found


def reassign(city: City, question: Question, runners_up: Iterable[str], other_node: bool) -> Target:
    """Who gets a returned case: another one of the same kind if `other_node`, else whom a
    runner-up category leads to, else the hotline, else the fallback owner. Never one in `tried`."""
    categories = [question.category] if other_node else []
    categories += [one for one in runners_up if one not in (question.category, "")]
    for category in categories:
        asked = replace(question, category=category)
        lead_kind, _, why = _kinds(city, asked)
        agency = find(city, asked, lead_kind)
        fits = agency is not None and (not question.emergency or agency.kind in city.policy.emergency_kinds)
        if agency is not None and fits and agency.id != question.origin:
            return _target(city, question, agency, Role.LEAD, f"改派; {why}")
    if question.emergency:
        desk = _emergency_desk(city, question, "改派")
        return desk if desk.agency not in question.tried else last_resort(city, question)
    hotline = city.agency[city.policy.hotline]
    if hotline.id not in question.tried | {question.origin}:
        return _target(city, question, hotline, Role.LEAD, "改派; 职责不清")
    return fallback(city, question)


def _planned(city: City, question: Question, plan: Plan, kind: str, role: Role, task: str) -> Target:
    agency = find(city, question, kind)
    if agency is None and question.origin in {one.id for one in city.agencies_of_kind.get(kind, ())}:
        agency = city.agency[question.origin]
    if agency is None:
        raise Invalid(
            f"plan {plan.id}: no agency of kind {kind}",
            f"预案 {plan.name}: 本地没有 {kind} 类单位",
            {"plan": f"no agency of kind {kind}"},
        )
    return _target(city, question, agency, role, f"预案 {plan.name}", task=task)


def _lead(city: City, question: Question, kind: str, why: str) -> Target:
    agency = find(city, question, kind)
    if question.emergency and (agency is None or agency.kind not in city.policy.emergency_kinds):
        return _emergency_desk(city, question, why)
    if agency is None or agency.id == question.origin:
        keeper = _keeper(city, question, kind)
        return _target(city, question, keeper, Role.LEAD, why) if keeper else fallback(city, question)
    return _target(city, question, agency, Role.LEAD, why)


def _keeper(city: City, question: Question, kind: str) -> Agency | None:
    """A command centre whose own matter it is keeps what no body below it serves (no place known): a crime
    does not fall to the fallback owner while the police have it."""
    origin = city.agency.get(question.origin)
    own = origin is not None and origin.kind == kind and kind in city.policy.emergency_kinds
    return origin if own and question.origin not in question.tried else None


def _emergency_desk(city: City, question: Question, why: str) -> Target:
    desk = city.agency[city.policy.emergency_desk]
    agency = desk if desk.id != question.origin else find(city, question, desk.kind) or desk
    return _target(city, question, agency, Role.LEAD, f"{why}; 紧急事件先派 {agency.name}")


def _kinds(city: City, question: Question) -> tuple[str, tuple[str, ...], str]:
    row = city.category.get(question.category)
    if row is None:
        hotline = city.agency[city.policy.hotline]
        return hotline.kind, (), f"目录无此类别, 转 {hotline.name}"
    route = _route(city, question)
    if route is not None:
        return route.lead, route.support, f"派单目录「{row.zh}」按来源与区划另定"
    return row.lead, row.support, f"派单目录「{row.zh}」"


def _route(city: City, question: Question) -> Route | None:
    origin = city.agency.get(question.origin)
    places = (*city.lineage(question.division), "*")
    fitting = [
        one
        for one in city.routes
        if one.category == question.category
        and one.division in places
        and one.origin in ("*", origin.kind if origin else "*")
    ]
    fitting.sort(key=lambda one: (places.index(one.division), one.origin == "*"))
    return fitting[0] if fitting else None


def _nearest(city: City, division: str, members: Iterable[Agency]) -> list[Agency]:
    """Those that serve the place, lowest division first; an unknown place counts as the whole city."""
    lineage = city.lineage(division) or (city.divisions[0].code,)
    rank = {code: place for place, code in enumerate(lineage)}
    serving = [one for one in members if any(code in rank for code in one.divisions)]
    return sorted(serving, key=lambda one: min(rank.get(code, len(rank)) for code in one.divisions))


def _target(
    city: City, question: Question, agency: Agency, role: Role, why: str, task: str = "", binding: bool = False
) -> Target:
    place = city.division.get(question.division)
    where = f"; {place.name}" if place else ""
    return Target(
        agency=agency.id,
        role=role,
        limits=_limits(city, question, agency),
        basis=f"{why}{where} → {agency.name}",
        emergency_service=agency.kind in city.policy.emergency_kinds,
        task=task,
        binding=binding or (role == Role.LEAD and agency.id == city.policy.fallback),
    )


def _limits(city: City, question: Question, agency: Agency) -> LimitProfile:
    row = city.category.get(question.category)
    own = agency.profile or (row.profile if row else "")
    wanted = own if own in city.profile else _EMERGENCY_PROFILE if question.emergency else "L4"
    if question.emergency and row is not None and row.emergency != EmergencyRule.ALWAYS:
        wanted = _EMERGENCY_PROFILE
    return city.profile.get(wanted) or next(iter(city.profiles), _LAST_RESORT)
