"""How much an agency may ask for: a bucket of tokens and places, so that one that floods slows down itself alone.

A call travels: a token of its agency's bucket (refilled at `rate`, at most `burst`), a place among all, its turn among
its agency's: a few are served at the same time, some wait, so that many calls of one agency do not stand before one of
another. Whoever finds none is refused with Overloaded and told when to come back, and memory stays flat. Emergencies
are shed last: an urgent call that finds nothing left takes from a reserve which the others never touch, as much again
of the agency's rate and a tenth of all places, and waits in front.

A refusal costs, too. An agency's refusals go out one after the other, at its rate: the first few at once, whoever asks
on waits in line. A connection carries so many calls at a time (kernel/rpc/server.py), those that wait for a refusal
among them; the rest of a flood waits at who sends it, and costs us nothing.

One process counts for itself; with N processes of a service an agency has N times as much.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from callmesh.domain.errors import Overloaded

RESERVED_SHARE = 0.1
HOLD_SECONDS = 10.0
FREE_SECONDS = 1.0
"""As many refusals as an agency has calls in this time go out at once."""
MOST_HELD = 4_000
_REMEMBERED = 5_000
Urgent = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one agency may have: calls a second, calls at once after a pause, calls served at the same time, streams."""

    rate: float
    burst: float
    at_once: int
    streams: int

    @property
    def waiting(self) -> int:
        """Calls that wait for their turn beside those that are served."""
        return max(32, 8 * self.at_once)


class Bucket:
    """Tokens that come back with time. `now` is in seconds and never runs backwards."""

    __slots__ = ("_at", "_tokens")

    def __init__(self, allowance: Allowance, now: float) -> None:
        self._tokens, self._at = allowance.burst, now

    def take(self, allowance: Allowance, now: float) -> float:
        """Takes a token and answers 0; else the seconds until there is one, and takes nothing."""
        self._tokens = min(allowance.burst, self._tokens + (now - self._at) * allowance.rate)
        self._at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return max((1 - self._tokens) / allowance.rate, 0.001)


class Share:
    """One agency's state: an ordinary bucket, one for emergencies, its calls under way and those that wait."""

    __slots__ = ("busy", "ordinary", "refused_until", "reserve", "streams", "waiting")

    def __init__(self, allowance: Allowance, now: float) -> None:
        self.ordinary, self.reserve = Bucket(allowance, now), Bucket(allowance, now)
        self.refused_until = now - FREE_SECONDS
        self.busy = self.streams = 0
        self.waiting: deque[asyncio.Future[None]] = deque()

    def next(self) -> None:
        """A call is done: the one that waits longest has its place, if it still wants it."""
        while self.waiting:
            turn = self.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.busy -= 1


class Limits:
    """The shares of all agencies that call this process, and the places of the process."""

    def __init__(self, places: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._left, self._clock, self._held = places, clock, 0
        self._reserved = int(places * RESERVED_SHARE)
        self._shares: OrderedDict[str, Share] = OrderedDict()

    def wait(self, agency: str, allowance: Allowance, urgent: Urgent) -> float:
        """Takes a token and answers 0, else the seconds until there is one."""
        share, now = self._share(agency, allowance), self._clock()
        missing = share.ordinary.take(allowance, now)
        if missing and urgent():
            return share.reserve.take(allowance, now)
        return missing

    def token(self, agency: str, allowance: Allowance, urgent: Urgent) -> None:
        """Takes a token; raises Overloaded that says when there is one again."""
        missing = self.wait(agency, allowance, urgent)
        if missing:
            raise Overloaded(
                f"{agency} calls too often: {allowance.rate:g} a second; try again later",
                "调用过于频繁, 请稍后重试",
                missing,
            )

    def line(self, agency: str, allowance: Allowance) -> float:
        """Takes the next place in the line of the agency's refusals; the seconds until its turn."""
        share, now = self._share(agency, allowance), self._clock()
        turn = max(share.refused_until, now - FREE_SECONDS) + 1 / allowance.rate
        share.refused_until = min(turn, now + HOLD_SECONDS)
        return max(share.refused_until - now, 0.0)

    async def hold(self, agency: str, allowance: Allowance) -> None:
        """Called with a refusal before it goes out: returns when it may."""
        seconds = self.line(agency, allowance)
        if not seconds or self._held >= MOST_HELD:
            return
        self._held += 1
        try:
            await asyncio.sleep(seconds)
        finally:
            self._held -= 1

    async def place(self, agency: str, allowance: Allowance, urgent: Urgent) -> AbstractContextManager[None]:
        """A place for the time of a unary call, free after the block, in its turn among its agency's; raises Overloaded
        when too many wait. Urgent ones wait in front."""
        share = self._share(agency, allowance)
        if self._left <= self._reserved and not (self._left > 0 and urgent()):
            raise _full("too many calls at once; try again")
        self._left -= 1
        try:
            await self._turn(share, agency, allowance, urgent)
        except BaseException:
            self._left += 1
            raise
        return _Place(self, share)

    def _leave(self, share: Share) -> None:
        share.next()
        self._left += 1

    async def _turn(self, share: Share, agency: str, allowance: Allowance, urgent: Urgent) -> None:
        if share.busy < allowance.at_once:
            share.busy += 1
            return
        full = len(share.waiting) >= allowance.waiting
        if full and not (len(share.waiting) < 2 * allowance.waiting and urgent()):
            raise _full(f"{agency} has {len(share.waiting)} calls waiting; wait for them")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if urgent():
            share.waiting.appendleft(turn)
        else:
            share.waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                share.next()  # its turn came at the same moment
            raise

    def stream(self, agency: str, allowance: Allowance) -> AbstractContextManager[None]:
        """A place among the agency's open streams, taken now, free after the block; raises Overloaded."""
        share = self._share(agency, allowance)
        if share.streams >= allowance.streams:
            raise Overloaded(
                f"{agency} has {allowance.streams} streams open, as it may; one process needs one: close others",
                f"本单位已打开 {allowance.streams} 条连接, 已达上限; 请先关闭不用的连接 (每个系统一条即可)",
            )
        share.streams += 1
        return _StreamPlace(share)

    def _share(self, agency: str, allowance: Allowance) -> Share:
        share = self._shares.get(agency)
        if share is None:
            share = self._shares[agency] = Share(allowance, self._clock())
            if len(self._shares) > _REMEMBERED:
                self._forget()
        return share

    def _forget(self) -> None:
        """Names that nobody knows must not fill the memory: the oldest idle one goes."""
        for name, share in self._shares.items():
            if not share.busy and not share.streams:
                del self._shares[name]
                return


class _Place(AbstractContextManager[None]):
    """Of a unary call. Written out, as that of a stream: generators that wrap every call are slow."""

    __slots__ = ("_limits", "_share")

    def __init__(self, limits: Limits, share: Share) -> None:
        self._limits, self._share = limits, share

    def __exit__(self, *_: object) -> None:
        self._limits._leave(self._share)


class _StreamPlace(AbstractContextManager[None]):
    """Written out: thousands are held for hours, and a generator's is ten times as large."""

    __slots__ = ("_share",)

    def __init__(self, share: Share) -> None:
        self._share = share

    def __exit__(self, *_: object) -> None:
        self._share.streams -= 1


def _full(why: str) -> Overloaded:
    return Overloaded(why, "系统繁忙, 请稍后重试")
