"""Section `history`: does the past cost anything? Two whole meshes, one of whose logs holds many closed cases.

Both run the same city with short limits. Rounds alternate between them: cases are transferred at a pace, the
partner's machine receipts them, nobody accepts, so each one's limit runs out. What is compared are the time from the
transfer call until the partner holds it, and how late the limits fired. The past is written by a server that does
not sync, for speed, and the services' durables and the read model begin behind it, as if they had lived through it;
what is measured afterwards syncs.
"""

from __future__ import annotations

import re
import shutil
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from callmesh.cli.bench.hands import Hand, Nats
from callmesh.cli.bench.latency import prepared
from callmesh.cli.bench.measure import Figures, median, times
from callmesh.cli.bench.mesh import TestBed
from callmesh.cli.bench.pipeline import delivered, latency
from callmesh.cli.bench.plan import Plan
from callmesh.cli.bench.samples import Scene, scene
from callmesh.cli.output import Failure

LIMIT = "2s"
WARM = 10
_WAIT_SECONDS = 30.0
_ACCEPT = re.compile(r'^accept = "[^"]*"', re.MULTILINE)


async def measure(plan: Plan, folder: Path) -> Figures:
    """Fill, start both, measure in turn."""
    own = replace(plan, city=_hasty(plan.city, folder / "city"))
    stage = scene(own.city)
    found: Figures = {"cases": plan.cases, "rate": plan.rate}
    found["past"] = await _live_through(folder / "full", plan.cases, stage)
    await _live_through(folder / "empty", 0, stage)
    async with AsyncExitStack() as stack:
        sides = {}
        for name in ("empty", "full"):
            bed = await stack.enter_async_context(TestBed(own, folder / name, stage))
            sides[name] = await _Side(own, bed).enter(stack)
        for number, size in enumerate((WARM, *[plan.paced] * plan.rounds)):
            turn = list(sides.values())[:: -1 if number % 2 else 1]
            for side in turn:
                await side.round(size, counts=number > 0)
        for name, side in sides.items():
            found[name] = side.told()
    return found


def _hasty(city: Path, into: Path) -> Path:
    """The city with acceptance due within two seconds."""
    shutil.copytree(city, into, dirs_exist_ok=True)
    limits = into / "limits.toml"
    limits.write_text(_ACCEPT.sub(f'accept = "{LIMIT}"', limits.read_text()))
    return into


async def _live_through(folder: Path, cases: int, stage: Scene) -> Figures:
    """The log of so many closed cases in the folder of a mesh that is not started yet."""
    data = folder / "mesh"
    records = [stage.life[0], stage.life[-1]]
    life = [one.SerializeToString().hex() for one in records]
    async with Nats(data, durable=False) as nats, Hand("past", data, url=nats.url, furnish=True) as past:
        filled = await past.ask("fill", cases=cases, life=life)
        if filled["stored"] != filled["facts"]:
            raise Failure(f"bench: {filled['facts']} facts were written, {filled['stored']} are in the log")
        return filled | await past.ask("lived")


class _Side:
    """One of the two meshes with its clients."""

    def __init__(self, plan: Plan, bed: TestBed) -> None:
        self._plan, self._bed = plan, bed
        self._waits: list[list[float]] = []
        self._late: list[list[float]] = []
        self._sent = 0
        self._hand: Hand
        self._operator: Hand
        self._partner: Hand

    async def enter(self, stack: AsyncExitStack) -> _Side:
        """Connects a desk, the partners and a hand on the log."""
        url = self._bed.mesh.nats_url
        self._hand = await stack.enter_async_context(Hand("past", self._bed.mesh.data_dir, url=url))
        self._operator, self._partner = await stack.enter_async_context(self._bed.clients("receipt"))
        return self

    async def round(self, size: int, counts: bool) -> None:
        """Transfers at the pace, then waits until all limits of the round have run out."""
        names = await prepared(self._plan, self._bed, self._operator, size)
        state = await self._hand.ask("state")
        waits = await delivered(self._operator, self._partner, names, self._plan.rate)
        await self._hand.ask("missed", after=state["last"], count=size, seconds=_WAIT_SECONDS)
        late = (await self._hand.ask("lateness", after=state["last"]))["late"]
        if counts:
            self._waits.append(waits)
            self._late.append(late)
            self._sent += size

    def told(self) -> dict[str, Any]:
        """Quantiles of both; p99 is the median of the rounds' p99, since a machine's bad second should not decide."""
        waits, late = [one for each in self._waits for one in each], [one for each in self._late for one in each]
        return {
            "transfer": latency(waits, self._sent) | _middle(self._waits),
            "lateness": times(late) | _middle(self._late),
            "early": sum(one < 0 for one in late),
        }


def _middle(rounds: list[list[float]]) -> Figures:
    return {"p99_ms": median([times(each)["p99_ms"] for each in rounds])}
