"""A length of time as a city's rules state it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time as the rules state it: minutes of wall time, or working days."""

    amount: int
    unit: str  # "s", "m", "h" or "wd"
