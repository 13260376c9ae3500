"""The case after facts about folding, links, repeats, mediation and the patrol."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from callmesh.domain import facts_matters as m
from callmesh.domain.case import Case
from callmesh.domain.changes import flagged, recalled
from callmesh.domain.facts import Stamp
from callmesh.domain.matters import MERGED, Link, Repeat
from callmesh.domain.values import replace
from callmesh.domain.watch import higher
from callmesh.domain.words import ActorKind, CaseState, Level, RepeatStage, Supervision

CHILDREN_NAMED = 8
LINKS_NAMED = 16
CONFIRMED = "fold_confirmed"
"""Flag of a parent that a person folded a case into: rules may follow."""


def _merged(case: Case, body: m.CaseMerged, stamp: Stamp) -> Case:
    worked_on = any(one.is_open for one in case.referrals)
    return replace(
        recalled(case, stamp),
        state=CaseState.MERGED,
        parent=body.parent,
        owner=case.origin if worked_on else case.owner,
        flags=flagged(case, *body.flags),
    )


def _unmerged(case: Case, body: m.CaseUnmerged, stamp: Stamp) -> Case:
    waiting = CaseState.CLASSIFIED if case.classification else CaseState.RECEIVED
    out = replace(case, state=waiting, parent="", links=_linked(case, Link(body.parent, MERGED)))
    if not body.referrals:
        return replace(out, decision_due=body.decision_due)
    return replace(
        out,
        state=CaseState.REFERRED,
        round=case.round + 1,
        referrals=(*case.referrals, *body.referrals),
        owner=stamp.actor.agency or case.origin,
        supervision=higher(Supervision.YELLOW, case.supervision),
    )


def _joined(case: Case, body: m.ChildJoined, stamp: Stamp) -> Case:
    by_person = stamp.actor.kind == ActorKind.PERSON
    return replace(
        case,
        children=(*case.children, body.child)[-CHILDREN_NAMED:],
        children_count=case.children_count + 1,
        flags=flagged(case, CONFIRMED) if by_person else case.flags,
    )


def _left(case: Case, body: m.ChildLeft, stamp: Stamp) -> Case:
    named = tuple(one for one in case.children if one != body.child)
    return replace(case, children=named, children_count=max(0, case.children_count - 1))


def _linked_to(case: Case, body: m.CaseLinked, stamp: Stamp) -> Case:
    return replace(case, links=_linked(case, body.link), flags=flagged(case, *body.flags))


def _linked(case: Case, link: Link) -> tuple[Link, ...]:
    others = (one for one in case.links if (one.case, one.kind) != (link.case, link.kind))
    return (*others, link)[-LINKS_NAMED:]


def _repeat_advanced(case: Case, body: m.RepeatAdvanced, stamp: Stamp) -> Case:
    before = case.repeat or Repeat(body.type, RepeatStage.OPENED, body.kind, body.count)
    threat = before.threat or body.threat
    moved = replace(before, stage=body.step.stage, threat=threat, steps=(*before.steps, body.step))
    closer = Supervision.YELLOW if body.step.stage == RepeatStage.SUPERVISED or body.threat else Supervision.BLUE
    after = replace(
        case, repeat=moved, supervision=higher(closer, case.supervision), flags=flagged(case, f"repeat_{moved.type}")
    )
    return _threatened(after) if body.threat else after


def _threatened(case: Case) -> Case:
    """An emergency of P0, whatever it was classified as before."""
    found = case.classification
    return replace(
        case,
        emergency=True,
        classification=replace(found, level=Level.P0) if found else None,
        flags=flagged(case, "threat_extreme"),
    )


def _mediated(case: Case, body: m.MediationRecorded, stamp: Stamp) -> Case:
    return replace(case, mediations=(*case.mediations, body.mediation))


def _found(case: Case, body: m.FindingRecorded, stamp: Stamp) -> Case:
    others = tuple(one for one in case.findings if one.number != body.finding.number)
    return replace(case, findings=tuple(sorted((*others, body.finding), key=lambda one: one.number)))


def _visited(case: Case, body: m.PatrolVisited, stamp: Stamp) -> Case:
    return replace(case, patrol=body.visit)


EVOLVERS: dict[type, Callable[[Case, Any, Stamp], Case]] = {
    m.CaseMerged: _merged,
    m.CaseUnmerged: _unmerged,
    m.ChildJoined: _joined,
    m.ChildLeft: _left,
    m.CaseLinked: _linked_to,
    m.RepeatAdvanced: _repeat_advanced,
    m.MediationRecorded: _mediated,
    m.FindingRecorded: _found,
    m.PatrolVisited: _visited,
}
