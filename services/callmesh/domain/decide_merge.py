"""The deciders about folding (并单): into another case, out of it, and the end together with it.

A case that was folded keeps its id, its own times and its own follow-up; what it loses are its open referrals,
for one matter needs one. It points to its parent, the parent only counts: a thousand children do not make
the parent's record grow. It ends when the parent ends, unless its caller dissents.
"""

from __future__ import annotations

from callmesh.domain import commands_matters as c
from callmesh.domain import decide_referral as on_referral
from callmesh.domain import facts as f
from callmesh.domain import facts_matters as m
from callmesh.domain.access import COMMANDER
from callmesh.domain.case import Case
from callmesh.domain.decide_repeats import need_rechecked
from callmesh.domain.errors import Invalid, NotDivertible, NotYours, WrongState, need_text
from callmesh.domain.guards import need_state
from callmesh.domain.oversight import decide_by
from callmesh.domain.words import ActorKind, CaseState, Level

FOLDED = "folded_by_rule"
_OPEN_PARENT = frozenset(
    {CaseState.RECEIVED, CaseState.CLASSIFIED, CaseState.REFERRED, CaseState.DISPUTED, CaseState.FOLLOW_UP}
)
_FOLDABLE = frozenset({CaseState.RECEIVED, CaseState.CLASSIFIED, CaseState.REFERRED})
_DISSATISFIED = 2
_WAIVER = "随主单归档"


def merge(case: Case, command: c.Merge, stamp: f.Stamp) -> f.Body | None:
    """Fold; a person answers for it, a rule may do it only where nothing can go wrong."""
    parent = command.parent
    if case.state == CaseState.MERGED and case.parent == parent.name:
        return None
    need_state(case, _FOLDABLE, "并单")
    _need_open_parent(case, parent)
    need_rechecked(case, "并单")
    if stamp.actor.kind == ActorKind.PERSON:
        _need_person_may(case, command, stamp)
        return m.CaseMerged(parent.name, command.reason)
    _need_rule_may(case, parent)
    return m.CaseMerged(parent.name, command.reason, (FOLDED,))


def _need_open_parent(case: Case, parent: Case) -> None:
    if parent.name == case.name or region_of(parent) != region_of(case):
        reason = {"parent": "another case of the same region"}
        raise Invalid("a case goes into another one of its region", "请填写本区域内的另一个事件单", reason)
    if parent.state == CaseState.MERGED:
        raise WrongState(
            f"that case went into {parent.parent} itself",
            f"该主单已并入 {parent.parent}, 请并入后者",
            state="parent_merged",
            allowed=("MergeCase (its parent)",),
        )
    if parent.state not in _OPEN_PARENT:
        raise WrongState(
            f"the other case is {parent.state}: keep this one",
            "主单已结束, 不能并入, 请单独办理",
            state=parent.state.value,
            allowed=("TransferCase",),
        )


def region_of(case: Case) -> str:
    """The region in a case's id."""
    return case.id.partition("-")[0]


def is_grave(case: Case) -> bool:
    """An emergency, or P0: only a person folds it."""
    return case.emergency or case.level == Level.P0


def _need_person_may(case: Case, command: c.Merge, stamp: f.Stamp) -> None:
    actor, parent = stamp.actor, command.parent
    commander = actor.role == COMMANDER
    if not commander and actor.agency not in {case.origin, case.owner, parent.origin, parent.owner}:
        raise NotYours("only who holds one of the two cases may fold them", "只有受理或主办单位可以并单, 请联系指挥长")
    if is_grave(case) and not parent.emergency and not commander:
        raise NotDivertible(
            "an emergency does not go into a case that is none",
            "紧急事件不能并入非紧急事件, 请由指挥长决定",
            state="emergency",
            allowed=("TransferCase", "MergeCase (commander)"),
        )
    if case.level == Level.P0 and any(one.is_open for one in case.referrals) and not commander:
        raise NotYours("only a commander may recall an emergency", "特急事件已派单, 只能由指挥长并单")
    alike = case.category in ("", parent.category) and is_grave(case) == is_grave(parent)
    if not alike:
        need_text(command.reason, "reason", "理由: 类别或级别不同, 并单须说明为同一事件")


def _need_rule_may(case: Case, parent: Case) -> None:
    accepted = any(one.is_open and one.accepted_at for one in case.referrals)
    if is_grave(case) or is_grave(parent) or accepted or case.category != parent.category:
        raise WrongState(
            "only a person may fold this case",
            "该事件单须由人工确认并单",
            state=case.state.value,
            allowed=("MergeCase",),
        )


def join(case: Case, command: c.Join, stamp: f.Stamp) -> f.Body | None:
    """The parent's side. What was noted a moment ago is not noted twice."""
    if command.child in case.children:
        return None
    need_state(case, _OPEN_PARENT, "并单")
    return m.ChildJoined(command.child)


def leave(case: Case, command: c.Leave, stamp: f.Stamp) -> f.Body | None:
    """The parent's side, in any state."""
    return m.ChildLeft(command.child) if case.children_count else None


def unmerge(case: Case, command: c.Unmerge, stamp: f.Stamp) -> f.Body | None:
    """Out again: to wait for an operator, or in a round of its own when the caller dissents."""
    by_person = stamp.actor.kind == ActorKind.PERSON
    if not by_person and (case.state != CaseState.MERGED or (command.target and not dissents(case))):
        return None
    need_state(case, {CaseState.MERGED}, "解除并单")
    need_text(command.reason, "reason", "解除并单的理由")
    if by_person and stamp.actor.agency not in {case.origin, case.owner} and stamp.actor.role != COMMANDER:
        raise NotYours("only its own agency may take the case out", "只有受理单位或指挥长可以解除并单")
    if command.target is None or command.calendar is None:
        return m.CaseUnmerged(command.reason, case.parent, (), decide_by(command.oversight, case, stamp.at))
    on_referral.need_emergency_service(case, command.target)
    referral = on_referral.offer(case, command.target, stamp, command.calendar, 1)
    return m.CaseUnmerged(command.reason, case.parent, (on_referral.in_round(referral, case.round + 1),))


def dissents(case: Case) -> bool:
    """Whether the caller, asked last in this round, says unsolved or is dissatisfied."""
    asked = [one for one in case.follow_ups if one.round == case.round and one.reached]
    return bool(asked) and (not asked[-1].solved or 0 < asked[-1].satisfied <= _DISSATISFIED)


def close_child(case: Case, command: c.CloseChild, stamp: f.Stamp) -> f.Body | None:
    """With the parent's result; never against the caller's word."""
    if case.state != CaseState.MERGED or case.parent != command.parent or dissents(case):
        return None
    asked = any(one.round == case.round for one in case.follow_ups)
    return f.CaseClosed("" if asked else _WAIVER, command.result, command.public_reply)
