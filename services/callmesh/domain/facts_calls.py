"""The fact about calls: a leg as it is now."""

from __future__ import annotations

from dataclasses import dataclass

from callmesh.domain.calls import CallLeg


@dataclass(frozen=True, slots=True)
class CallLegChanged:
    """A leg rings, is answered, became a conference, ended or failed; or somebody called back.

    `pushed`: nobody of the agency answered, its referral goes on as a pushed work order.
    """

    leg: CallLeg
    pushed: bool = False
    flags: tuple[str, ...] = ()
