"""Who held a case, how long, and waiting for what: four waits a referral, out of its history.

Between two facts a referral waits for one thing, told by its state after the first: the network
(not received), somebody to open it (not accepted), the work, or a decision (suspended, return asked for).
So the waits sum exactly to the time from the offer until the agency said done, or the referral ended,
or now. What comes after the result (review, follow-up) is not the agency's time. Clocks of two
services may disagree: time never runs backwards here, a fact before its predecessor counts as simultaneous.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from callmesh.api.v1 import case_pb2, referral_pb2
from callmesh.tracking.items import Change
from callmesh.tracking.words import micros

_State = referral_pb2.Referral.State
_WORKING = {_State.ACCEPTED, _State.IN_PROGRESS}
_OVER = {_State.RESOLVED, _State.CLOSED, _State.RETURNED, _State.RECALLED, _State.WAIVED}
TRANSPORT, UNOPENED, WORKING, WAITING = "transport", "unopened", "working", "waiting"


@dataclass(slots=True)
class Hold:
    """One agency's time with a referral, in microseconds."""

    referral: str
    agency: str
    waits: dict[str, int] = field(default_factory=lambda: {TRANSPORT: 0, UNOPENED: 0, WORKING: 0, WAITING: 0})

    @property
    def total(self) -> int:
        """From the offer to the end."""
        return sum(self.waits.values())


def holds(changes: Sequence[Change], now: int) -> list[Hold]:
    """The hold of every referral, in the order of their offers."""
    found: dict[str, Hold] = {}
    for case, length in _stretches(changes, now):
        for one in case.referrals:
            hold = found.setdefault(one.name, Hold(one.name, one.agency))
            wait = _waits_for(one)
            if wait:
                hold.waits[wait] += length
    return list(found.values())


def slowest(all_holds: Iterable[Hold]) -> Hold | None:
    """The longest hold; the first of equals."""
    return max(all_holds, key=lambda one: one.total, default=None)


def _stretches(changes: Sequence[Change], now: int) -> Iterable[tuple[case_pb2.Case, int]]:
    """Each state of the case with how long it lasted; the last one lasts until now."""
    latest = 0
    times = []
    for change in changes:
        latest = max(latest, micros(change.record.fact.at))
        times.append(latest)
    ends = [*times, max(latest, now)][1:]
    for change, start, end in zip(changes, times, ends, strict=True):
        yield change.record.case, end - start


def _waits_for(one: referral_pb2.Referral) -> str:
    if one.state in _OVER:
        return ""
    if one.state in _WORKING:
        return WORKING
    if one.state == _State.OFFERED:
        return UNOPENED if one.HasField("received_at") else TRANSPORT
    return WAITING
