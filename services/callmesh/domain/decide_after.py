"""The deciders about a case's end: the caller is asked, the case closes, or a new round of it begins.

A follow-up is an outcome only when somebody answered, and only for the result it asked about: a result that was
sent back, or a new round, wants its own. Calls that nobody answered count, and enough of them close the case.
"""

from __future__ import annotations

from datetime import timedelta

from callmesh.domain import commands as c
from callmesh.domain import facts as f
from callmesh.domain.access import FOLLOW_UP, OVERSEERS
from callmesh.domain.case import Case, FollowUp
from callmesh.domain.decide_referral import need_emergency_service, offer
from callmesh.domain.decide_repeats import need_rechecked
from callmesh.domain.errors import Invalid, NotYours, WrongState, missing, need_text
from callmesh.domain.guards import need_part, need_state
from callmesh.domain.values import replace
from callmesh.domain.watch import FOR_COMMANDER
from callmesh.domain.words import ActorKind, CaseState, Supervision

UNREACHABLE = "unreachable"
"""The waiver of a case whose caller could not be reached."""
COMMANDER_ROUND = 3
"""Where the city says nothing (domain.md section 4)."""


def follow_up(case: Case, command: c.RecordFollowUp, stamp: f.Stamp) -> f.Body:
    """What the caller said, or that nobody answered; never of a caller who must not be called."""
    need_part(case, stamp, "回访", FOLLOW_UP)
    need_state(case, {CaseState.FOLLOW_UP, CaseState.CLOSED, CaseState.MERGED}, "回访")
    asked = command.follow_up
    _need_sense(asked)
    if case.report.caller.confidential or case.report.caller.silent:
        raise NotYours("this caller must not be called back", "保密或静默报警人不得回访, 请写明免回访理由后归档")
    said = replace(asked, at=stamp.at, agency=stamp.actor.agency, round=case.round)
    if command.oversight is None or case.state != CaseState.FOLLOW_UP:
        return f.FollowUpRecorded(said)
    return f.FollowUpRecorded(said, command.oversight.follow_up_due(stamp.at))


def _need_sense(asked: FollowUp) -> None:
    if not 0 <= asked.satisfied <= 5:
        reason = {"follow_up.satisfied": "0 to 5"}
        raise Invalid("satisfied is out of range", "满意度应为 1 到 5 (0 表示未说)", reason)
    if not asked.reached and (asked.solved or asked.satisfied):
        reason = {"follow_up.reached": "required where solved or satisfied is said"}
        raise Invalid("nobody answered, so nothing was said", "未接通的回访不能填写是否解决和满意度", reason)


def since_result(case: Case) -> tuple[FollowUp, ...]:
    """The follow-ups about the result that stands."""
    lead = case.lead
    done = lead.resolved_at if lead else None
    return tuple(
        one for one in case.follow_ups if one.round == case.round and (done is None or one.at is None or one.at >= done)
    )


def unreached(case: Case, attempts: int) -> bool:
    """Whether so many calls about this result failed, and none was answered."""
    asked = since_result(case)
    return bool(attempts) and len(asked) >= attempts and not any(one.reached for one in asked)


def close(case: Case, command: c.Close, stamp: f.Stamp) -> f.Body:
    """With a result, and an outcome or a reason for none; never by an agency that only helps."""
    need_part(case, stamp, "归档", FOLLOW_UP)
    need_state(case, {CaseState.FOLLOW_UP}, "归档")
    need_rechecked(case, "归档")
    if not case.result:
        raise missing("result", "办理结果")
    if command.waiver.strip() or any(one.reached for one in since_result(case)):
        return f.CaseClosed(command.waiver)
    if unreached(case, command.attempts):
        return f.CaseClosed(UNREACHABLE)
    raise missing("waiver", "免回访理由 (本次办结后尚未回访到来电人)")


def reopen(case: Case, command: c.Reopen, stamp: f.Stamp) -> f.Body:
    """Within the city's days; a late round is a commander's."""
    need_part(case, stamp, "重办", FOLLOW_UP)
    need_state(case, {CaseState.FOLLOW_UP, CaseState.CLOSED}, "重办")
    need_text(command.reason, "reason", "重办理由")
    _need_in_time(case, command, stamp)
    _need_rank(case, command, stamp)
    need_emergency_service(case, command.target)
    referral = offer(case, command.target, stamp, command.calendar, 1)
    following = (replace(referral, round=case.round + 1),)
    if not _late(case, command):
        return f.CaseReopened(command.reason, following)
    commander = command.oversight.rules.commander if command.oversight else ""
    return f.CaseReopened(command.reason, following, (FOR_COMMANDER,), Supervision.RED, commander)


def _need_in_time(case: Case, command: c.Reopen, stamp: f.Stamp) -> None:
    days = command.within_days
    if days is None or case.closed_at is None or stamp.at <= case.closed_at + timedelta(days=days):
        return
    raise WrongState(
        f"the case closed more than {days} days ago; open a new one and refer to it",
        f"归档已超过 {days} 天, 不能重办; 请另开新单并注明原单编号",
        state="reopen_expired",
        allowed=("OpenCase",),
    )


def _late(case: Case, command: c.Reopen) -> bool:
    """From the city's round on a commander watches: red, flagged, and under the commander's name."""
    first = command.oversight.rules.commander_round if command.oversight else COMMANDER_ROUND
    return case.round + 1 >= first


def _need_rank(case: Case, command: c.Reopen, stamp: f.Stamp) -> None:
    person = stamp.actor.kind == ActorKind.PERSON
    if not _late(case, command) or (person and stamp.actor.role in OVERSEERS):
        return
    raise NotYours(
        f"round {case.round + 1} is opened by a commander, or by a supervisor who hands it to one",
        f"第 {case.round + 1} 轮重办须由指挥长决定, 或由督办人提请指挥长",
    )
