"""A telephone switch over TCP, a JSON object a line each way: the protocol of `callmesh switch simulate`.

    we    {"do": "ring", "leg": ID, "line": CALL, "number": NUMBER, "conference": true}
          {"do": "conference" | "leave" | "hang_up", "leg": ID}
    it    {"known": [{"leg": ID, "state": STATE, "reason": REASON}, ...]}     once, when it is connected
          {"leg": ID, "state": STATE, "reason": REASON, "step": 1}            whenever a leg changed

One connection, opened again by itself. News are handed on one after the other, each until the listener has
written it down, so nothing overtakes anything. When the connection is gone, and is not back within `PATIENCE`, the
listener is told once; what was missed it learns from `known`. A line that cannot be digested ends the connection,
and the next one begins with `known` again.
"""

from __future__ import annotations

import asyncio

import msgspec

from callmesh.domain.words import LegReason, LegState
from callmesh.kernel import telemetry
from callmesh.kernel.telemetry import log
from callmesh.transfer.calls import Heard, Listener, Ringing, SwitchAway

PATIENCE = 3.0
"""Seconds: a switch that starts again is back within them, a caller who hears nothing waits no longer."""
_PAUSE = 0.2


class Do(msgspec.Struct, omit_defaults=True):
    """A line that the switch is told."""

    do: str
    leg: str
    line: str = ""
    number: str = ""
    conference: bool = False


class News(msgspec.Struct, omit_defaults=True):
    """A leg, as the switch tells it."""

    leg: str
    state: LegState
    reason: LegReason | None = None
    step: int = 0


class Line(msgspec.Struct, omit_defaults=True):
    """Any line of the switch."""

    known: tuple[News, ...] | None = None
    leg: str = ""
    state: LegState = LegState.RINGING
    reason: LegReason | None = None
    step: int = 0


_LINES, _WORDS = msgspec.json.Decoder(Line), msgspec.json.Encoder()


class LineSwitch:
    """Implements `Switch`; `run` keeps it connected."""

    def __init__(self, address: str, listener: Listener) -> None:
        self._host, _, port = address.rpartition(":")
        self._port, self._listener = int(port), listener
        self._writer: asyncio.StreamWriter | None = None
        self._there = asyncio.Event()
        self._gone, self._told = 0.0, False

    async def ring(self, wanted: Ringing) -> None:
        """See Switch."""
        await self._tell(Do("ring", wanted.leg, wanted.line, wanted.number, wanted.conference))

    async def conference(self, leg: str) -> None:
        """See Switch."""
        await self._tell(Do("conference", leg))

    async def leave(self, leg: str) -> None:
        """See Switch."""
        await self._tell(Do("leave", leg))

    async def hang_up(self, leg: str) -> None:
        """See Switch."""
        await self._tell(Do("hang_up", leg))

    async def run(self) -> None:
        """Connects, hands on what the switch says, connects again; until cancelled."""
        self._gone = _now()
        while True:
            try:
                await self._converse()
            except OSError:
                pass  # not there: told below, when it lasts
            except Exception as wrong:
                log.error("the switch said what nobody could write down", error=telemetry.fault(wrong))
            await self._give_up()
            await asyncio.sleep(_PAUSE)

    async def _give_up(self) -> None:
        """Tells it once of a switch that stays away; whatever comes of that, it is connected to again."""
        if self._told or self._left() > 0:
            return
        self._told = True
        log.warning("the switch is away")
        try:
            await self._listener.away()
        except Exception as wrong:
            log.error("calls could not be given up", error=telemetry.fault(wrong))

    async def _converse(self) -> None:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            async for line in reader:
                await self._hear(_LINES.decode(line), writer)
        finally:
            if self._there.is_set():
                self._gone = _now()
            self._there.clear()
            writer.close()

    async def _hear(self, line: Line, writer: asyncio.StreamWriter) -> None:
        if line.known is not None:
            self._writer, self._told = writer, False
            self._there.set()
            log.info("the switch is there", legs=len(line.known))
            await self._listener.connected(tuple(Heard(one.leg, one.state, one.reason) for one in line.known))
        else:
            await self._listener.heard(Heard(line.leg, line.state, line.reason, line.step))

    async def _tell(self, said: Do) -> None:
        """Waits for a switch that is only starting; one that is away is not waited for."""
        try:
            async with asyncio.timeout(max(self._left(), 0.0)):
                await self._there.wait()
        except TimeoutError:
            raise SwitchAway from None
        assert self._writer is not None
        self._writer.write(_WORDS.encode(said) + b"\n")

    def _left(self) -> float:
        """Seconds that a switch which is gone is waited for."""
        return self._gone + PATIENCE - _now()


def _now() -> float:
    return asyncio.get_running_loop().time()
