"""What went over the wire, both ways, with its time: what scenarios judge by, and what a finding shows.

Nothing personal stands here: cases are invented, and only names, kinds and ids are kept of them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeVar

T = TypeVar("T")
LONGEST = 20_000


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that was heard from the partner or told to it. `at` is monotonic, in seconds."""

    at: float
    heard: bool
    what: str
    name: str = ""
    request_id: str = ""
    text: str = ""
    message: Any = None

    def line(self, since: float) -> str:
        """For people: time since the scenario began, direction, what."""
        parts = [self.what, self.name, f"id={self.request_id}" if self.request_id else "", self.text]
        return f"{self.at - since:+9.3f}s {'<-' if self.heard else '->'} {' '.join(filter(None, parts))}"


class Record:
    """Everything since the scenario began."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.began = time.monotonic()
        self._news = asyncio.Event()

    def begin(self) -> None:
        """A scenario begins."""
        self.events.clear()
        self.began = time.monotonic()

    def heard(self, what: str, name: str = "", request_id: str = "", text: str = "", message: Any = None) -> None:
        """The partner did something."""
        self._add(Event(time.monotonic(), True, what, name, request_id, text, message))

    def told(self, what: str, name: str = "", request_id: str = "", text: str = "", message: Any = None) -> None:
        """The kit did something."""
        self._add(Event(time.monotonic(), False, what, name, request_id, text, message))

    def of(self, what: str, name: str = "") -> list[Event]:
        """What was heard of that kind, on that referral if one is named."""
        return [one for one in self.events if one.heard and one.what == what and name in ("", one.name)]

    def said(self, what: str, name: str = "") -> list[Event]:
        """What the kit told of that kind."""
        return [one for one in self.events if not one.heard and one.what == what and name in ("", one.name)]

    async def until(self, condition: Callable[[], T], seconds: float) -> T | None:
        """The first truthy answer of `condition`, asked after every event; None after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                while not (found := condition()):
                    self._news.clear()
                    await self._news.wait()
                return found
        except TimeoutError:
            return None

    def lines(self, most: int) -> Iterator[str]:
        """The last events, for people; what an idle partner does in a row is a line."""
        lines = [line for idle, row in groupby(self.events, _is_idle) for line in self._told_of(list(row), idle)]
        left_out = len(lines) - most
        if left_out > 0:
            yield f"({left_out} earlier lines left out)"
        yield from lines[-most:]

    def _told_of(self, row: list[Event], idle: bool) -> Iterator[str]:
        shown = row[:1] if idle else row
        yield from (one.line(self.began) for one in shown)
        if more := len(row) - len(shown):
            yield f"{'':>10} .. and {more} more pings, pongs or pulls"

    def _add(self, event: Event) -> None:
        if len(self.events) < LONGEST:
            self.events.append(event)
        self._news.set()


def _is_idle(one: Event) -> bool:
    return one.what in ("ping", "pong") or one.name == "PullReferrals"
