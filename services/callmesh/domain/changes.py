"""Changing one referral of a case; every evolver does it this way. A name that the case lacks changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from callmesh.domain.case import Case, Referral


def on_referral(case: Case, name: str, change: Callable[[Referral], Referral]) -> Case:
    """The case with what `change` makes of that referral."""
    return replace(case, referrals=tuple(change(one) if one.name == name else one for one in case.referrals))


def changed(case: Case, name: str, **changes: Any) -> Case:
    """The case with these fields of that referral."""
    return on_referral(case, name, lambda one: replace(one, **changes))
