"""How much an agency may ask for: a bucket of tokens and places, so that one that floods slows down itself alone.

A call travels: a token of its agency's bucket (refilled at `rate`, at most `burst`), a place among its agency's calls,
a place among all. Whoever finds none is refused at once with Overloaded and told when to come back; nothing queues, so
memory stays flat. Emergencies are shed last: an urgent call that finds nothing left takes from a reserve which the
others never touch: as much again of the agency's rate, and a tenth of all places.

One process counts for itself; with N processes of a service an agency has N times as much.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from callmesh.domain.errors import Overloaded

RESERVED_SHARE = 0.1
_REMEMBERED = 5_000
Urgent = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one agency may have: calls a second, calls at once after a pause, calls served at the same time."""

    rate: float
    burst: float
    at_once: int


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
    """One agency's state: an ordinary bucket, one for emergencies, and its calls under way."""

    __slots__ = ("busy", "ordinary", "reserve", "streams")

    def __init__(self, allowance: Allowance, now: float) -> None:
        self.ordinary, self.reserve = Bucket(allowance, now), Bucket(allowance, now)
        self.busy = self.streams = 0


class Limits:
    """The shares of all agencies that call this process, and the places of the process."""

    def __init__(self, places: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._left, self._clock = places, clock
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

    @contextmanager
    def place(self, agency: str, allowance: Allowance, urgent: Urgent) -> Iterator[None]:
        """A place for the time of a unary call; raises Overloaded when there is none."""
        share = self._share(agency, allowance)
        if share.busy >= allowance.at_once and not (share.busy < 2 * allowance.at_once and urgent()):
            raise _full(f"{agency} has {allowance.at_once} calls under way; wait for them")
        if self._left <= self._reserved and not (self._left > 0 and urgent()):
            raise _full("too many calls at once; try again")
        share.busy += 1
        self._left -= 1
        try:
            yield
        finally:
            share.busy -= 1
            self._left += 1

    @contextmanager
    def stream(self, agency: str, allowance: Allowance) -> Iterator[None]:
        """A place among the agency's open streams; raises Overloaded when there is none."""
        share = self._share(agency, allowance)
        if share.streams >= allowance.at_once:
            raise _full(f"{agency} has {allowance.at_once} streams open; close one")
        share.streams += 1
        try:
            yield
        finally:
            share.streams -= 1

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


def _full(why: str) -> Overloaded:
    return Overloaded(why, "系统繁忙, 请稍后重试")
