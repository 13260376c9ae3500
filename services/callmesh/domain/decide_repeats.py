"""The deciders about repeated matters (重复警情): links, the review's steps, mediation.

The report that makes the number full carries the review: 梳理 -> 研判 -> 流转 -> 督办 -> 复核, none left out, each with
what was found, and no end before the recheck says settled. A threat of extreme acts makes it an emergency.
"""

from __future__ import annotations

from callmesh.domain import commands_matters as c
from callmesh.domain import facts as f
from callmesh.domain import facts_matters as m
from callmesh.domain.access import COMMANDER, OVERSEERS
from callmesh.domain.case import ENDED_CASE, Case
from callmesh.domain.errors import Invalid, NotYours, WrongState, need_text
from callmesh.domain.guards import at_least_open
from callmesh.domain.matters import Mediation, RepeatStep
from callmesh.domain.words import ActorKind, CaseState, RepeatStage

STAGE_ZH = {
    RepeatStage.OPENED: "待梳理",
    RepeatStage.SORTED: "梳理",
    RepeatStage.ASSESSED: "研判",
    RepeatStage.ROUTED: "流转",
    RepeatStage.SUPERVISED: "督办",
    RepeatStage.RECHECKED: "复核",
}
_ORDER = list(RepeatStage)


def link(case: Case, command: c.LinkTo, stamp: f.Stamp) -> f.Body | None:
    """Once for each other case and kind."""
    new = command.link
    known = any((one.case, one.kind) == (new.case, new.kind) for one in case.links)
    if new.case == case.name or (known and set(command.flags) <= set(case.flags)):
        return None
    return m.CaseLinked(new, command.flags)


def open_repeat(case: Case, command: c.OpenRepeat, stamp: f.Stamp) -> f.Body | None:
    """Once a case, and only while it lives. A threat that shows later is added."""
    if case.state in ENDED_CASE:
        return None
    if case.repeat is not None and (case.repeat.threat or not command.threat):
        return None
    opened = case.repeat
    step = RepeatStep(opened.stage if opened else RepeatStage.OPENED, "", stamp.at, stamp.actor.agency, case.round)
    return m.RepeatAdvanced(step, command.type, command.kind, command.count, command.threat)


def advance(case: Case, command: c.AdvanceRepeat, stamp: f.Stamp) -> f.Body:
    """The next step and no other; the last two by a supervisor, the last one when the work is done."""
    repeat = case.repeat
    at_least_open(case, "核查重复警情")
    if repeat is None:
        raise WrongState("no repeated matter", "该事件单不是重复警情", state=case.state.value)
    following = _next(case)
    if command.stage != following:
        raise WrongState(
            f"the review stands at {repeat.stage}; the next step is {following or 'none'}",
            f"当前为{STAGE_ZH[repeat.stage]}, 下一步应为{STAGE_ZH[following] if following else '归档'}",
            state=repeat.stage.value,
            allowed=(following.value,) if following else (),
        )
    need_text(command.text, "text", f"{STAGE_ZH[following]}结果")
    if following in (RepeatStage.SUPERVISED, RepeatStage.RECHECKED):
        _need_supervisor(stamp, f"{STAGE_ZH[following]}重复警情")
    if following == RepeatStage.RECHECKED:
        _need_result(case)
    step = RepeatStep(following, command.text, stamp.at, stamp.actor.agency, case.round, command.settled)
    return m.RepeatAdvanced(step)


def _next(case: Case) -> RepeatStage | None:
    """The step after the one reached; a recheck is due again in every round, and after one that failed."""
    assert case.repeat is not None
    if case.repeat.stage == RepeatStage.RECHECKED:
        return None if is_rechecked(case) else RepeatStage.RECHECKED
    return _ORDER[_ORDER.index(case.repeat.stage) + 1]


def _need_supervisor(stamp: f.Stamp, action: str) -> None:
    if stamp.actor.kind == ActorKind.PERSON and stamp.actor.role not in OVERSEERS:
        raise NotYours("only a supervisor may do this", f"只有督办人员可以{action}")


def _need_result(case: Case) -> None:
    if case.state != CaseState.FOLLOW_UP and any(one.is_open for one in case.this_round):
        raise WrongState(
            "the work is not done yet: recheck its result",
            "尚未办结, 办结后方可复核",
            state=case.state.value,
            allowed=("ResolveReferral",),
        )


def is_rechecked(case: Case) -> bool:
    """True when no review is open: none was needed, or this round's recheck says settled."""
    if case.repeat is None:
        return True
    last = case.repeat.steps[-1] if case.repeat.steps else RepeatStep()
    return last.stage == RepeatStage.RECHECKED and last.settled and last.round == case.round


def need_rechecked(case: Case, action: str) -> None:
    """A repeated matter does not end before its recheck says settled."""
    if is_rechecked(case):
        return
    assert case.repeat is not None
    raise WrongState(
        "a repeated matter ends only after a recheck that says settled",
        f"重复警情须经复核确认解决, 方可{action}; 未解决请重办",
        state=f"repeat_{case.repeat.stage}",
        allowed=("AdvanceRepeat", "ReopenCase"),
    )


def need_threat_kept(case: Case, lowers: bool, stamp: f.Stamp) -> None:
    """Who threatened an extreme act stays an emergency until a commander says otherwise."""
    if lowers and case.repeat is not None and case.repeat.threat and stamp.actor.role != COMMANDER:
        raise NotYours("only a commander may lower a threat", "扬言极端的紧急标记只能由指挥长撤销")


def mediate(case: Case, command: c.RecordMediation, stamp: f.Stamp) -> f.Body:
    """By an agency that takes part, while the case lives."""
    at_least_open(case, "记录调解")
    actor = stamp.actor
    taking_part = {case.origin, case.owner, *(one.agency for one in case.this_round)}
    if actor.kind == ActorKind.PERSON and actor.agency not in taking_part:
        raise NotYours("only an agency that takes part records a session", "只有参与办理的单位可以记录调解")
    need_text(command.outcome, "outcome", "调解结果")
    if len(command.outcome) > WORDS:
        raise Invalid("outcome is too long", f"调解结果过长, 至多 {WORDS} 字", {"outcome": f"at most {WORDS}"})
    return m.MediationRecorded(Mediation(actor.agency, stamp.at, command.outcome, actor.person, command.settled))


WORDS = 2_000
"""Characters of what a person writes here."""
