"""What the record patrol (巡查) looks for in a closed case: a declared set of checks, with parameters as data.

A check is a question about the case alone, answered from its record. A city's rule names a check, its
parameters, who has to mend it and by when; a new rule needs no code, a new check does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

from callmesh.domain.case import Case
from callmesh.domain.city_rules import PatrolCheck, PatrolRule, Responsible
from callmesh.domain.repeats import length
from callmesh.domain.words import CaseState, ReferralState, Role

PARAMETERS: dict[PatrolCheck, tuple[str, ...]] = {
    PatrolCheck.NO_REPLY: ("least",),
    PatrolCheck.NO_FOLLOW_UP: (),
    PatrolCheck.NEEDLESS_WAIVER: (),
    PatrolCheck.CLOSED_UNSOLVED: (),
    PatrolCheck.RESOLVED_TOO_FAST: ("within",),
    PatrolCheck.RETURN_WITHOUT_BASIS: ("least",),
    PatrolCheck.OFFERED_LATE: ("within",),
    PatrolCheck.ARRIVED_LATE: ("within",),
    PatrolCheck.LIMIT_MISSED: ("limits",),
    PatrolCheck.TOO_MANY_HOPS: ("most",),
}
"""The parameters each check must be given, and takes. Levels, categories and responsible go with any."""


def version_of(rules: tuple[PatrolRule, ...]) -> str:
    """Names the rules' content: other city data may change without a new one."""
    return hashlib.sha256(repr(rules).encode()).hexdigest()[:12]


def findings(case: Case, rules: Iterable[PatrolRule]) -> list[tuple[PatrolRule, str]]:
    """The rules that the case breaks, each with the agency that has to mend it."""
    broken = [rule for rule in rules if applies(case, rule) and _CHECKS[rule.check](case, rule)]
    return [(rule, responsible(case, rule)) for rule in broken]


def applies(case: Case, rule: PatrolRule) -> bool:
    """Whether a rule is about such a case at all."""
    of_level = not rule.levels or case.level in rule.levels
    return of_level and (not rule.categories or case.category in rule.categories)


def responsible(case: Case, rule: PatrolRule) -> str:
    """The lead that resolved it, or the first receiver; a case without a lead is its owner's."""
    leads = [one for one in case.this_round if one.role == Role.LEAD]
    if rule.responsible == Responsible.LEAD and leads:
        return leads[-1].agency
    return case.origin


def _no_reply(case: Case, rule: PatrolRule) -> bool:
    return len(case.public_reply.strip()) < rule.least


def _no_follow_up(case: Case, rule: PatrolRule) -> bool:
    return not _asked(case) and not case.waiver


def _needless_waiver(case: Case, rule: PatrolRule) -> bool:
    """Nobody asked, though the caller could have been; a folded case ends with its parent."""
    caller = case.report.caller
    protected = caller.confidential or caller.silent or not (caller.number or caller.contact_number)
    return bool(case.waiver) and not _asked(case) and not protected and not case.parent


def _asked(case: Case) -> bool:
    return any(one.round == case.round for one in case.follow_ups)


def _closed_unsolved(case: Case, rule: PatrolRule) -> bool:
    asked = [one for one in case.follow_ups if one.round == case.round and one.reached]
    return case.state == CaseState.CLOSED and bool(asked) and not asked[-1].solved


def _resolved_too_fast(case: Case, rule: PatrolRule) -> bool:
    assert rule.within is not None
    done = [one for one in case.this_round if one.role == Role.LEAD and one.resolved_at and one.accepted_at]
    fastest = length(rule.within)
    return any(one.resolved_at - one.accepted_at < fastest for one in done)  # type: ignore[operator]


def _return_without_basis(case: Case, rule: PatrolRule) -> bool:
    asked = [one for one in case.referrals if one.return_count]
    unknown = "unknown_return_reason" in case.flags
    return bool(asked) and (unknown or any(len(one.return_basis.strip()) < rule.least for one in asked))


def _offered_late(case: Case, rule: PatrolRule) -> bool:
    assert rule.within is not None
    offers = [one.offered_at for one in case.referrals if one.offered_at]
    return bool(offers) and min(offers) - case.opened_at > length(rule.within)


def _arrived_late(case: Case, rule: PatrolRule) -> bool:
    """Also who resolved without ever being on site."""
    assert rule.within is not None
    limit = length(rule.within)
    leads = [one for one in case.this_round if one.role == Role.LEAD and one.received_at]
    done = [one for one in leads if one.state in (ReferralState.RESOLVED, ReferralState.CLOSED)]
    return any(one.arrived_at is None or one.arrived_at - one.received_at > limit for one in done)  # type: ignore[operator]


def _limit_missed(case: Case, rule: PatrolRule) -> bool:
    return any(limit in one.missed for one in case.this_round for limit in rule.limits)


def _too_many_hops(case: Case, rule: PatrolRule) -> bool:
    return any(one.hop > rule.most for one in case.this_round)


_CHECKS: dict[PatrolCheck, Callable[[Case, PatrolRule], bool]] = {
    PatrolCheck.NO_REPLY: _no_reply,
    PatrolCheck.NO_FOLLOW_UP: _no_follow_up,
    PatrolCheck.NEEDLESS_WAIVER: _needless_waiver,
    PatrolCheck.CLOSED_UNSOLVED: _closed_unsolved,
    PatrolCheck.RESOLVED_TOO_FAST: _resolved_too_fast,
    PatrolCheck.RETURN_WITHOUT_BASIS: _return_without_basis,
    PatrolCheck.OFFERED_LATE: _offered_late,
    PatrolCheck.ARRIVED_LATE: _arrived_late,
    PatrolCheck.LIMIT_MISSED: _limit_missed,
    PatrolCheck.TOO_MANY_HOPS: _too_many_hops,
}
