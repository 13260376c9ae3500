"""The deciders about the record patrol (巡查): visited, found -> mended (整改) -> checked (复核), or open again."""

from __future__ import annotations

from callmesh.domain import commands_matters as c
from callmesh.domain import facts as f
from callmesh.domain import facts_matters as m
from callmesh.domain.access import OVERSEERS
from callmesh.domain.case import Case
from callmesh.domain.errors import NotFound, NotYours, WrongState, need_text
from callmesh.domain.matters import Finding, Patrol
from callmesh.domain.values import replace
from callmesh.domain.words import FindingState

_STATE_ZH = {FindingState.OPEN: "待整改", FindingState.RECTIFIED: "已整改", FindingState.VERIFIED: "已复核"}
_MOVES = {FindingState.OPEN: ("RectifyFinding",), FindingState.RECTIFIED: ("VerifyFinding",)}


def record(case: Case, command: c.RecordFinding, stamp: f.Stamp) -> f.Body | None:
    """Once for each rule, version and round."""
    key = (command.rule, command.version, command.round)
    if any((one.rule, one.version, one.round) == key for one in case.findings):
        return None
    found = Finding(
        rule=command.rule,
        agency=command.agency,
        due=command.due,
        number=len(case.findings) + 1,
        version=command.version,
        round=command.round,
        found_at=stamp.at,
    )
    return m.FindingRecorded(found)


def visit(case: Case, command: c.VisitPatrol, stamp: f.Stamp) -> f.Body | None:
    """Once for each version of the rules and round of the case."""
    before = case.patrol
    if before is not None and (before.version, before.round) == (command.version, command.round):
        return None
    return m.PatrolVisited(Patrol(command.version, stamp.at, command.round, command.rules, command.found))


def rectify(case: Case, command: c.RectifyFinding, stamp: f.Stamp) -> f.Body:
    """By the responsible agency, with what was done."""
    found = _find(case, command.number)
    if stamp.actor.agency != found.agency:
        raise NotYours(f"only {found.agency} may mend this", f"该问题由 {found.agency} 整改")
    _need_state(found, FindingState.OPEN, "整改")
    need_text(command.note, "note", "整改情况")
    return m.FindingRecorded(
        replace(
            found,
            state=FindingState.RECTIFIED,
            rectified_at=stamp.at,
            rectified_by=stamp.actor.person,
            note=command.note,
        )
    )


def verify(case: Case, command: c.VerifyFinding, stamp: f.Stamp) -> f.Body:
    """By a supervisor who did not mend it: done, or open again."""
    found, actor = _find(case, command.number), stamp.actor
    if actor.role not in OVERSEERS or (actor.agency, actor.person) == (found.agency, found.rectified_by):
        raise NotYours("only a supervisor who did not mend it may check it", "须由未参与整改的督办人员复核")
    _need_state(found, FindingState.RECTIFIED, "复核")
    if command.mended:
        return m.FindingRecorded(replace(found, state=FindingState.VERIFIED, verified_at=stamp.at))
    need_text(command.note, "note", "未通过的原因")
    again = replace(found, state=FindingState.OPEN, rectified_at=None, rectified_by="", reopened=found.reopened + 1)
    return m.FindingRecorded(replace(again, note=command.note))


def _find(case: Case, number: int) -> Finding:
    if not 1 <= number <= len(case.findings):
        raise NotFound("no such finding", "没有这个巡查问题, 请核对编号")
    return case.findings[number - 1]


def _need_state(found: Finding, wanted: FindingState, action: str) -> None:
    if found.state != wanted:
        raise WrongState(
            f"the finding is {found.state}",
            f"该问题{_STATE_ZH[found.state]}, 不能{action}",
            state=found.state.value,
            allowed=_MOVES.get(found.state, ()),
        )
