"""Changes that every evolver makes the same way. A referral that the case lacks changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from callmesh.domain.case import Case
from callmesh.domain.facts import Stamp
from callmesh.domain.referral import Referral
from callmesh.domain.values import replace
from callmesh.domain.words import ReferralState


def on_referral(case: Case, name: str, change: Callable[[Referral], Referral]) -> Case:
    """The case with what `change` makes of that referral."""
    return replace(case, referrals=tuple(change(one) if one.name == name else one for one in case.referrals))


def changed(case: Case, name: str, **changes: Any) -> Case:
    """The case with these fields of that referral."""
    return on_referral(case, name, lambda one: replace(one, **changes))


def flagged(case: Case, *new: str) -> tuple[str, ...]:
    """The flags of the case with new ones, each once."""
    return (*case.flags, *(flag for flag in new if flag not in case.flags))


def recalled(case: Case, stamp: Stamp) -> Case:
    """The case with everything open in it taken back."""

    def end(one: Referral) -> Referral:
        return replace(one, state=ReferralState.RECALLED, ended_at=stamp.at) if one.is_open else one

    return replace(case, referrals=tuple(end(one) for one in case.referrals))
