"""A run: scenarios one after the other against one partner, each to its verdict.

What a scenario left behind is cleared before the next: held answers go out, deliveries are forgotten, servers are
right again. Ids go on, so a late action on an earlier referral is answered and disturbs nobody. A partner that is not
there is waited for, started again if the kit started it, and otherwise what could not be seen is "not shown".
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from callmesh.conform.scenario import Scenario
from callmesh.conform.stage import Broken, NotShown, Stage
from callmesh.kernel.ids import now

LINES = 60
_GONE = "the partner is not connected"
_GLANCE = 2.0
"""Seconds that a partner is waited for that was not there before."""
_ALONE = frozenset({"hello", "identity"})
"""These look at how a partner connects: they need none that is connected."""


class Verdict(StrEnum):
    """What a scenario showed."""

    PASS = "pass"
    FAIL = "fail"
    NOT_SHOWN = "not shown"


@dataclass(frozen=True)
class Result:
    """A scenario's. `why` is empty for a pass; `lines` are what went over the wire."""

    scenario: Scenario
    verdict: Verdict
    why: str
    seconds: float
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Run:
    """All results, and what is needed to play it again."""

    target: str
    agency: str
    seed: int
    secure: bool
    again: str
    """The command, without --only."""
    results: list[Result] = field(default_factory=list)
    began: datetime = field(default_factory=now)

    def count(self, verdict: Verdict) -> int:
        """How many."""
        return sum(one.verdict == verdict for one in self.results)

    @property
    def passed(self) -> bool:
        """Nothing failed, and something was shown."""
        return not self.count(Verdict.FAIL) and bool(self.count(Verdict.PASS))

    def reproduce(self, result: Result) -> str:
        """The command that plays one scenario again."""
        return f"{self.again} --only {result.scenario.name} --seed {self.seed}"


Told = Callable[[Result], None]
Begins = Callable[[Scenario], None]
Revive = Callable[[], Awaitable[None]]


async def play(
    stage: Stage,
    scenarios: Sequence[Scenario],
    run: Run,
    told: Told,
    revive: Revive | None = None,
    begins: Begins = lambda one: None,
) -> None:
    """Adds each result to the run as it comes; `revive` starts the partner again when it is gone."""
    for one in scenarios:
        begins(one)
        gone = bool(run.results) and run.results[-1].why == _GONE
        result = await _played(stage, one, min(_GLANCE, stage.pace.answer) if gone else stage.pace.answer, revive)
        run.results.append(result)
        told(result)


async def _played(stage: Stage, scenario: Scenario, patience: float, revive: Revive | None) -> Result:
    stage.record.begin()
    stage.invented.begin(scenario.name)
    begun = time.monotonic()
    verdict, why = Verdict.PASS, ""
    try:
        if scenario.name not in _ALONE:
            await _present(stage, patience, revive)
        await scenario.play(stage)
    except Broken as broken:
        verdict, why = Verdict.FAIL, str(broken)
    except NotShown as unseen:
        verdict, why = Verdict.NOT_SHOWN, str(unseen)
    finally:
        stage.clear()
    lines = tuple(stage.record.lines(LINES))
    return Result(scenario, verdict, why, time.monotonic() - begun, lines)


async def _present(stage: Stage, patience: float, revive: Revive | None) -> None:
    try:
        await stage.until_connected(seconds=patience)
    except Broken:
        if revive is None:
            raise NotShown(_GONE) from None
        await revive()
        await stage.until_connected("the partner was started again and did not connect")
