"""The deciders about watching: warnings, missed limits, reminders, supervision raised and lifted."""

from __future__ import annotations

from callmesh.domain import commands_clocks as c
from callmesh.domain import facts as f
from callmesh.domain import facts_clocks as fc
from callmesh.domain import watch
from callmesh.domain.access import COMMANDER, OVERSEERS
from callmesh.domain.case import Case
from callmesh.domain.errors import NotYours, WrongState, missing, need_text
from callmesh.domain.guards import at_least_open, find_referral, need_referral_state
from callmesh.domain.referral import Referral
from callmesh.domain.words import ActorKind, Limit, ReferralState, Supervision

_REMINDED = (ReferralState.OFFERED, ReferralState.ACCEPTED, ReferralState.IN_PROGRESS)
_ZH = {
    Supervision.NONE: "未督办",
    Supervision.BLUE: "蓝色督办",
    Supervision.YELLOW: "黄色督办",
    Supervision.RED: "红色督办",
}


def warn_deadline(case: Case, command: c.WarnDeadline, stamp: f.Stamp) -> fc.DeadlineWarned | None:
    """Once, not before its time, and not after the limit itself ran out."""
    found = watch.warned(case, command.referral, command.limit)
    if found is None or found.lapses is None or not found.at <= stamp.at < found.lapses:
        return None
    level = watch.level_warned(case, command.limit)
    return fc.DeadlineWarned(found.referral, command.limit, found.lapses, level)


def miss_deadline(case: Case, command: c.MissDeadline, stamp: f.Stamp) -> f.DeadlineMissed | None:
    """Escalate a limit once, and never before it ran out."""
    found = watch.missed(case, command.referral, command.limit)
    if found is None or stamp.at < found.at:
        return None
    return f.DeadlineMissed(found.referral, command.limit, found.at, watch.level_after(case, command.limit))


def remind(case: Case, command: c.Remind, stamp: f.Stamp) -> fc.ReferralReminded:
    """Ask for progress; a reminder that waits for its answer already is not put off by the next."""
    referral = find_referral(case, command.referral)
    need_overseer(case, referral, stamp, "催办")
    need_referral_state(referral, _REMINDED, "催办", stamp)
    need_text(command.reason, "reason", "催办理由")
    due, waits = command.oversight.answer_due(case, stamp.at), watch.missed(case, referral.name, Limit.ANSWER)
    return fc.ReferralReminded(referral.name, command.reason, min(due, waits.at) if waits else due)


def raise_supervision(case: Case, command: c.RaiseSupervision, stamp: f.Stamp) -> fc.SupervisionRaised:
    """Upwards only. Who raises it watches, unless somebody does already."""
    at_least_open(case, "升级督办")
    if command.supervision in (None, Supervision.NONE):
        raise missing("supervision", "督办级别 (蓝、黄、红)")
    need_text(command.reason, "reason", "督办理由")
    actor = stamp.actor
    if actor.kind == ActorKind.PERSON and actor.role not in OVERSEERS and actor.agency != case.origin:
        raise NotYours("only a supervisor or the first receiver may do this", "只有督办人员或首接单位可以升级督办")
    if command.supervision.rank <= case.supervision.rank:
        raise WrongState(
            f"supervision is {case.supervision} already and only rises until it is lifted",
            f"已是{_ZH[case.supervision]}, 督办级别只升不降, 降级请先解除督办",
            state=case.supervision.value,
            allowed=("RaiseSupervision (higher)", "LiftSupervision"),
        )
    watcher = case.supervisor or (actor.person if actor.role in OVERSEERS else "")
    return fc.SupervisionRaised(command.supervision, command.reason, watcher)


def lift_supervision(case: Case, command: c.LiftSupervision, stamp: f.Stamp) -> fc.SupervisionLifted | None:
    """Only a person, with a reason; what a commander has to watch only a commander."""
    actor = stamp.actor
    if actor.kind != ActorKind.PERSON:
        raise NotYours("only a person lifts supervision", "督办只能由人工解除")
    need_text(command.reason, "reason", "解除督办的理由")
    watches_it = actor.role in OVERSEERS or (actor.person and actor.person == case.supervisor)
    if not watches_it:
        raise NotYours("only who supervises the case may lift it", "只有督办人员可以解除督办")
    if watch.FOR_COMMANDER in case.flags and actor.role != COMMANDER:
        raise NotYours("only a commander may lift this", "该单已由指挥长督办, 只能由指挥长解除")
    return None if case.supervision == Supervision.NONE else fc.SupervisionLifted(command.reason)


def need_overseer(case: Case, referral: Referral, stamp: f.Stamp, action: str) -> None:
    """Who sent the referral, received or answers for the case, or supervises it; never the agency that has it."""
    actor = stamp.actor
    if actor.kind != ActorKind.PERSON or actor.role == COMMANDER:
        return
    watches_it = actor.role in OVERSEERS or (actor.person and actor.person == case.supervisor)
    theirs = actor.agency in (referral.sender, case.owner, case.origin) or watches_it
    if actor.agency == referral.agency or not theirs:
        raise NotYours(
            f"only {referral.sender} or a supervisor may do this",
            f"只有派单单位 {referral.sender} 或督办人员可以{action}",
        )
