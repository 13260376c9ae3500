"""The case after a fact about calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from callmesh.domain.calls import CallLeg
from callmesh.domain.case import Case
from callmesh.domain.changes import changed
from callmesh.domain.facts import CallLegChanged, Stamp
from callmesh.domain.values import replace
from callmesh.domain.words import Mode


def _changed(case: Case, body: CallLegChanged, stamp: Stamp) -> Case:
    flags = (*case.flags, *(one for one in body.flags if one not in case.flags))
    after = replace(case, call_legs=_with(case.call_legs, body.leg), flags=flags)
    return changed(after, body.leg.referral, mode=Mode.PUSH) if body.pushed else after


def _with(legs: tuple[CallLeg, ...], new: CallLeg) -> tuple[CallLeg, ...]:
    known = any(one.leg == new.leg for one in legs)
    return tuple(new if one.leg == new.leg else one for one in legs) if known else (*legs, new)


EVOLVERS: dict[type, Callable[[Case, Any, Stamp], Case]] = {CallLegChanged: _changed}
