"""A crowd of deadlines that fall due together: cases put on the log at once, and the checker that counts what fired.

The cases are written through the ledger, as services do, so that two thousand stand there within seconds; the one
service that is tried here reads nothing but the log and its timers.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from random import Random

from fault_check import Entry

from callmesh.domain import commands as c
from callmesh.domain import facts as f
from callmesh.domain import facts_clocks as fc
from callmesh.domain.case import Actor, Classification
from callmesh.domain.directory import Calendar, LimitProfile, Span
from callmesh.domain.report import Report
from callmesh.domain.words import ActorKind, Level, Limit, Mode, Role, Verdict
from callmesh.kernel.ids import new_id, now
from callmesh.kernel.retry import patiently
from callmesh.ledger.handle import handle
from callmesh.ledger.jetstream import JetStreamLedger
from callmesh.ledger.record import fact_of

AT_ONCE = 64
_PATIENCE = 120.0
"""Seconds for which a command is repeated as it is while the log does not answer, as every client does."""
FACTS = 3
"""Each case is opened, classified and offered; then its deadline fires."""
CALENDAR = Calendar()
DESK = Actor(ActorKind.PERSON, "110", "p-7", "operator")
SLOW = LimitProfile("slow", Span(2, "h"), Span(3, "h"), Span(24, "h"))
Due = tuple[str, str, datetime]
"""Referral, "limit" or "warning" with its limit, and when."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A case to come, and after how many seconds its one deadline fires."""

    case_id: str
    seconds: int
    warning: bool

    @property
    def limits(self) -> LimitProfile:
        """Accepted within so many seconds; or, for a warning, a result whose hundredth part is as long. The hundredth
        part of the other limits is longer than any run takes."""
        if self.warning:
            days = Span(240, "h")
            return LimitProfile("slow", days, days, Span(self.seconds * 100, "s"), warn_percent=1)
        return replace(SLOW, accept=Span(self.seconds, "s"))


class Crowd:
    """Puts cases on the log; `due` holds what must fire."""

    def __init__(self, ledger: JetStreamLedger) -> None:
        self._ledger = ledger
        self.due: list[Due] = []

    async def open(self, plan: Sequence[Planned]) -> None:
        """All of them, many at once."""
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(planned: Planned) -> None:
            async with slots:
                await self._open(planned)

        async with asyncio.TaskGroup() as group:
            for planned in plan:
                group.create_task(one(planned))

    async def _open(self, planned: Planned) -> None:
        name = f"cases/{planned.case_id}"
        opened = f.CaseOpened(name, "phone", "110", Report(narrative="停水"))
        classified = Classification(Verdict.ROUTE, Level.P2, "water_outage")
        target = c.Target("water", Role.LEAD, planned.limits, "派单目录")
        for command in (c.Open(opened), c.Classify(classified), c.Transfer((target,), Mode.PUSH, CALENDAR)):
            stamp = f.Stamp(f"{planned.case_id}:110:{new_id()}", now(), DESK)
            outcome = await patiently(partial(handle, self._ledger, planned.case_id, command, stamp), _PATIENCE)
        referral = outcome.head.case.referrals[0]
        at = referral.resolve_warn_at if planned.warning else referral.accept_due
        assert at is not None
        self.due.append((referral.name, "warning resolve" if planned.warning else "limit accept", at))


def plan(count: int, after: int, within: int, random: Random) -> list[Planned]:
    """So many cases, due at random seconds; every fourth deadline is a warning."""
    keys = random.sample(range(10**9), count)
    return [
        Planned(f"r1-0-{key:026d}", after + random.randrange(within), number % 4 == 0)
        for number, key in enumerate(keys)
    ]


def fired(log: Sequence[Entry]) -> list[tuple[Due, datetime]]:
    """Every limit and warning that fired, with when it did."""
    found: list[tuple[Due, datetime]] = []
    for entry in log:
        fact = fact_of(entry.record)
        if isinstance(fact.body, f.DeadlineMissed):
            found.append(((fact.body.referral, f"limit {fact.body.limit}", fact.body.due), fact.stamp.at))
        if isinstance(fact.body, fc.DeadlineWarned):
            case = entry.record.case
            at = next(one.resolve_warn_at for one in case.referrals if one.name == fact.body.referral)
            found.append(((fact.body.referral, f"warning {fact.body.limit}", _moment(at)), fact.stamp.at))
    return found


def check_fired(log: Sequence[Entry], due: Sequence[Due]) -> list[tuple[datetime, float]]:
    """Each exactly once, none early, nothing else; when each was due, and how late it was in seconds."""
    told = fired(log)
    counts = Counter(one for one, _ in told)
    doubled = [one for one, count in counts.items() if count > 1]
    assert not doubled, f"fired twice: {len(doubled)}, e.g. {doubled[:3]}"
    lost = [one for one in due if one not in counts]
    assert not lost, f"never fired: {len(lost)} of {len(due)}, e.g. {lost[:3]}"
    assert len(told) == len(due), f"fired without being due: {[one for one in counts if one not in set(due)][:3]}"
    late = [(one[2], (at - one[2]) / timedelta(seconds=1)) for one, at in told]
    early = min(seconds for _, seconds in late)
    assert early >= 0, f"{-early:.6f} s early"
    limits = {Limit.ACCEPT, Limit.RESOLVE}
    assert {one[1].split()[1] for one, _ in told} == {limit.value for limit in limits}
    return late


def spread(late: Sequence[float]) -> str:
    """Median, 99th percentile and worst."""
    ordered = sorted(late)
    half, most = (ordered[min(len(ordered) - 1, int(len(ordered) * part))] for part in (0.5, 0.99))
    return f"p50 {half:.3f} s, p99 {most:.3f} s, most {ordered[-1]:.3f} s"


def _moment(stamp: object) -> datetime:
    from callmesh.ledger.wire import from_timestamp

    return from_timestamp(stamp)  # type: ignore[arg-type]
