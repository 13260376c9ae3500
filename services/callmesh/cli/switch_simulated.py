"""A telephone switch for development, demo and tests: a real server on loopback that rings nobody.

What a number does is scripted, or drawn from the seed and the leg's id: the same leg does the same in every run. It
speaks the protocol of `callmesh.transfer.line_switch`: a leg is kept by its id, so a ring that comes twice rings once,
and whoever connects is first told of every leg that it knows.
"""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from callmesh.domain.calls import LIVE_LEG, TALKING
from callmesh.domain.words import LegReason, LegState
from callmesh.transfer.line_switch import Do, Line, News

KEPT = 1_000
"""Legs that are remembered, live ones and what became of the others."""
_S, _R = LegState, LegReason
_ENDS = {"drop": (_S.FAILED, _R.DROPPED), "leave": (_S.ENDED, _R.HUNG_UP)}


class BadScript(ValueError):
    """A script that says nothing."""


@dataclass(frozen=True, slots=True)
class Script:
    """What a number does: answers after `answer` seconds (never: None), or is busy; then `end` after `then` seconds."""

    answer: float | None = None
    busy: bool = False
    end: str = ""
    then: float = 0.0


def read_script(text: str) -> Script:
    """busy, silent, answer[:S], drop[:S[:S]], leave[:S[:S]]; raises BadScript."""
    word, *given = text.split(":")
    try:
        seconds = [float(one) for one in given] + [1.0, 1.0][len(given) :]
    except ValueError:
        raise BadScript(text) from None
    if word in ("busy", "silent") and not given:
        return Script(busy=word == "busy")
    if word == "answer" and len(given) < 2:
        return Script(seconds[0])
    if word in _ENDS and len(given) < 3:
        return Script(seconds[0], end=word, then=seconds[1])
    raise BadScript(text)


def drawn(luck: random.Random) -> Script:
    """Most are answered within seconds, some are busy, away from the desk, or break off."""
    turn = luck.random()
    if turn < 0.1:
        return Script(busy=True)
    if turn < 0.25:
        return Script()
    return Script(luck.uniform(1, 6), end="drop" if turn < 0.3 else "leave", then=luck.uniform(20, 90))


class SimulatedSwitch:
    """Serves one mesh; several connections hear the same."""

    def __init__(self, scripts: Mapping[str, Script], seed: int = 0) -> None:
        self._scripts, self._seed = scripts, seed
        self._legs: OrderedDict[str, News] = OrderedDict()
        self._conference: set[str] = set()
        self._turns: dict[str, asyncio.Task[None]] = {}
        self._writers: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}
        self._closed = False

    async def serve(self, host: str, port: int) -> asyncio.Server:
        """Listens."""
        return await asyncio.start_server(self._arrived, host, port)

    def close(self) -> None:
        """Lets everybody go, and whoever is still in the door; every call is gone."""
        self._closed = True
        for turn in self._turns.values():
            turn.cancel()
        for writer in tuple(self._writers):
            writer.close()

    def _arrived(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """No coroutine: who connects is known from the first moment, or `close` just then would overlook it."""
        if self._closed:
            writer.close()
        else:
            self._writers[writer] = asyncio.create_task(self._talk(reader, writer))

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(_line(Line(known=tuple(self._legs.values()))))
        try:
            async for line in reader:
                self._do(msgspec.json.decode(line, type=Do))
        except (OSError, msgspec.MsgspecError):
            pass  # whoever speaks nonsense, or went away, is let go
        finally:
            self._writers.pop(writer, None)
            writer.close()

    def _do(self, said: Do) -> None:
        known = self._legs.get(said.leg)
        if said.do == "ring":
            self._ring(said, known)
        elif known is not None and said.do == "hang_up":
            self._over(said.leg, _S.ENDED, _R.HUNG_UP)
        elif known is not None:
            self._wish(known, said.do == "conference")

    def _ring(self, said: Do, known: News | None) -> None:
        if known is not None:
            self._wish(known, said.conference)
            return
        self._legs[said.leg] = News(said.leg, _S.RINGING)
        if len(self._legs) > KEPT:
            self._legs.popitem(last=False)
        if said.conference:
            self._conference.add(said.leg)
        script = self._scripts.get(said.number) or drawn(random.Random(f"{self._seed}:{said.leg}"))
        self._turns[said.leg] = asyncio.create_task(self._play(said.leg, script))

    def _wish(self, known: News, conference: bool) -> None:
        """The operator is on the line, or leaves it; a leg that is over stays so."""
        if known.state not in LIVE_LEG:
            return
        (self._conference.add if conference else self._conference.discard)(known.leg)
        if known.state in TALKING:
            self._say(known.leg, self._talking(known.leg))

    async def _play(self, leg: str, script: Script) -> None:
        if script.busy:
            self._over(leg, _S.FAILED, _R.BUSY)
        if script.answer is None:
            return
        await asyncio.sleep(script.answer)
        self._say(leg, self._talking(leg))
        if script.end:
            await asyncio.sleep(script.then)
            self._over(leg, *_ENDS[script.end])

    def _talking(self, leg: str) -> LegState:
        return _S.CONFERENCE if leg in self._conference else _S.ANSWERED

    def _over(self, leg: str, state: LegState, reason: LegReason) -> None:
        turn = self._turns.pop(leg, None)
        if turn is not None and turn is not asyncio.current_task():
            turn.cancel()
        self._conference.discard(leg)
        if self._legs[leg].state in LIVE_LEG:
            self._say(leg, state, reason)

    def _say(self, leg: str, state: LegState, reason: LegReason | None = None) -> None:
        before = self._legs.get(leg)
        if before is None or before.state == state:
            return
        self._legs[leg] = msgspec.structs.replace(before, state=state, reason=reason, step=before.step + 1)
        said = self._legs[leg]
        for writer in self._writers:
            writer.write(_line(Line(None, leg, state, reason, said.step)))


def _line(said: Line) -> bytes:
    return msgspec.json.encode(said) + b"\n"
