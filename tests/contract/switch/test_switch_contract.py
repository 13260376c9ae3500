"""What every telephone switch does behind the port: a repeated ring rings once, a broken line mends.

Each implementation is a switch that listens on loopback and the adapter that speaks to it; a SIP one joins SWITCHES.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest

from callmesh.cli.switch_simulated import BadScript, Script, SimulatedSwitch, read_script
from callmesh.domain.words import LegReason, LegState
from callmesh.kernel.tasks import closed
from callmesh.transfer import line_switch
from callmesh.transfer.calls import Heard, Ringing, Switch, SwitchAway
from callmesh.transfer.line_switch import LineSwitch
from support.waiting import until

S, R = LegState, LegReason
SCRIPTS = {
    "1": "answer:0",
    "2": "busy",
    "3": "silent",
    "4": "drop:0:0",
    "5": "leave:0:0",
}


@dataclass
class Ear:
    """Implements Listener: keeps what it was told."""

    news: list[Heard] = field(default_factory=list)
    known: list[tuple[Heard, ...]] = field(default_factory=list)
    aways: int = 0
    defect: Exception | None = None

    async def heard(self, news: Heard) -> None:
        self.news.append(news)

    async def connected(self, known: tuple[Heard, ...]) -> None:
        self.known.append(known)

    async def away(self) -> None:
        self.aways += 1
        if self.defect:
            raise self.defect

    def of(self, leg: str) -> list[LegState]:
        """Its states, in order."""
        return [one.state for one in self.news if one.leg == leg]


class Simulated:
    """The simulated switch, which can be killed and started again on its port."""

    def __init__(self) -> None:
        self.port = 0

    async def start(self) -> None:
        played = SimulatedSwitch({number: read_script(text) for number, text in SCRIPTS.items()})
        self.server, self.played = await played.serve("127.0.0.1", self.port), played
        self.port = self.server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        await closed(self.server)
        self.played.close()

    def adapter(self, ear: Ear) -> Switch:
        return LineSwitch(f"127.0.0.1:{self.port}", ear)


SWITCHES = [Simulated]


@dataclass
class Line:
    """A switch, the adapter, and who listens."""

    real: Simulated
    switch: Switch
    ear: Ear

    async def ring(self, leg: str, number: str, conference: bool = False) -> None:
        await self.switch.ring(Ringing(leg, "desk-1", number, conference))

    async def until(self, leg: str, *states: LegState) -> None:
        await until(lambda: self.ear.of(leg) == list(states), f"{leg}: {states}")


@asynccontextmanager
async def attached(kind: Callable[[], Simulated]) -> AsyncIterator[Line]:
    real, ear = kind(), Ear()
    await real.start()
    switch = real.adapter(ear)
    attending = asyncio.create_task(switch.run())
    try:
        yield Line(real, switch, ear)
    finally:
        attending.cancel()
        with suppress(asyncio.CancelledError):
            await attending
        await real.stop()


@pytest.fixture(params=SWITCHES)
async def line(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Line]:
    monkeypatch.setattr(line_switch, "PATIENCE", 0.5)
    async with attached(request.param) as made:
        yield made


async def test_each_way_that_a_call_goes(line: Line) -> None:
    for leg, number, conference in (("a", "1", False), ("b", "1", True), ("c", "2", False), ("d", "4", False)):
        await line.ring(leg, number, conference)
    await line.ring("e", "5")
    await line.until("a", S.ANSWERED)
    await line.until("b", S.CONFERENCE)
    await line.until("c", S.FAILED)
    await line.until("d", S.ANSWERED, S.FAILED)
    await line.until("e", S.ANSWERED, S.ENDED)
    reasons = {one.leg: one.reason for one in line.ear.news if one.state in (S.FAILED, S.ENDED)}
    assert reasons == {"c": R.BUSY, "d": R.DROPPED, "e": R.HUNG_UP}
    assert [one.step for one in line.ear.news if one.leg == "d"] == [1, 2]


async def test_whatever_is_asked_twice_happens_once(line: Line) -> None:
    for _ in range(3):
        await line.ring("a", "1")
    await line.until("a", S.ANSWERED)
    for _ in range(2):
        await line.switch.conference("a")
    await line.until("a", S.ANSWERED, S.CONFERENCE)
    for _ in range(2):
        await line.switch.leave("a")
    for _ in range(2):
        await line.switch.hang_up("a")
    await line.until("a", S.ANSWERED, S.CONFERENCE, S.ANSWERED, S.ENDED)
    await line.switch.hang_up("nobody")
    await line.ring("a", "1")
    await line.ring("b", "2")
    await line.until("b", S.FAILED)
    assert line.ear.of("a")[-1] == S.ENDED, "a leg that is over is not rung again"


async def test_a_phone_that_only_rings_becomes_a_conference_or_is_hung_up(line: Line) -> None:
    await line.ring("a", "3")
    await line.ring("a", "3", conference=True)
    await line.switch.hang_up("a")
    await line.until("a", S.ENDED)


async def test_who_connects_is_told_what_is_on_the_line(line: Line) -> None:
    await line.ring("a", "1")
    await line.ring("b", "3")
    await line.until("a", S.ANSWERED)
    second = Ear()
    attending = asyncio.create_task(line.real.adapter(second).run())
    await until(lambda: bool(second.known), "the second one is connected")
    attending.cancel()
    assert [(one.leg, one.state) for one in second.known[0]] == [("a", S.ANSWERED), ("b", S.RINGING)]


@pytest.mark.parametrize("defect", [None, KeyError("whose key is missing")], ids=["well", "with a defect"])
async def test_a_switch_that_dies_is_waited_for_and_then_given_up_once(line: Line, defect: Exception | None) -> None:
    """Nobody would see it go without calls for good: transfer answers, and says that it serves."""
    line.ear.defect = defect
    await line.ring("a", "1")
    await line.until("a", S.ANSWERED)
    await line.real.stop()
    await until(lambda: line.ear.aways == 1, "told that it is away")
    with pytest.raises(SwitchAway):
        await line.ring("b", "1")
    await line.real.start()
    await until(lambda: len(line.ear.known) == 2, "it is back")
    assert line.ear.known[1] == () and line.ear.aways == 1
    await line.ring("b", "1")
    await line.until("b", S.ANSWERED)


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("busy", Script(busy=True)),
        ("silent", Script()),
        ("answer", Script(1.0)),
        ("answer:0.5", Script(0.5)),
        ("drop:2", Script(2.0, end="drop", then=1.0)),
        ("leave:2:3", Script(2.0, end="leave", then=3.0)),
    ],
)
def test_scripts(text: str, script: Script) -> None:
    assert read_script(text) == script


@pytest.mark.parametrize("text", ["", "busy:1", "answer:x", "answer:1:2", "drop:1:2:3", "sing"])
def test_what_is_no_script(text: str) -> None:
    with pytest.raises(BadScript):
        read_script(text)
