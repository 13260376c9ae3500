"""How sure the classifier must be, per channel: data/thresholds.toml, read and checked.

A long letter trips words of danger far more often than a call-taker's note, an SMS is short and unattended: so every
number may differ by channel. What a channel does not state is the default's. A value out of range stops the start.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from callmesh.domain.words import Channel

_PACKAGED = Path(__file__).parent / "data" / "thresholds.toml"


class ThresholdError(ValueError):
    """The thresholds cannot be used. The message names file and reason."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one channel. Probabilities 0..1, of the learned scorer unless said otherwise; README.md explains each."""

    emergency: float
    doubt_proven: float
    doubt_named: float
    doubt: float
    unlike: float
    confident_proven: float
    confident_told: float
    confident: float
    shared: float
    hint: float
    characters: int
    alarm_points: int
    doubt_points: int
    together: int

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            top = 10_000 if one.type == "int" else 10 if one.name == "hint" else 1
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= top:
                raise ValueError(f"{one.name} = {value!r} is not between 0 and {top}")
        if not self.doubt <= self.doubt_named <= self.doubt_proven <= self.emergency:
            raise ValueError("doubt, doubt_named, doubt_proven and emergency must rise in this order")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The limits of every channel; `version` names the file's content."""

    version: str
    default: Limits
    channels: dict[Channel, Limits]

    def of(self, channel: Channel) -> Limits:
        """The limits in force for a channel."""
        return self.channels.get(channel, self.default)

    @staticmethod
    def load(path: Path | None = None) -> Thresholds:
        """Read a file (or the packaged one). Raises ThresholdError."""
        place = path or _PACKAGED
        try:
            raw = place.read_bytes()
            return _read(tomllib.loads(raw.decode("utf-8")), f"thr-{hashlib.sha256(raw).hexdigest()[:6]}")
        except (OSError, ValueError, TypeError, KeyError) as wrong:
            raise ThresholdError(f"{place}:0: {wrong}") from wrong


def _read(tables: dict[str, Any], version: str) -> Thresholds:
    default = Limits(**tables["default"])
    own = tables.get("channel", {})
    strange = set(own) - set(Channel) | set(tables) - {"default", "channel"}
    if strange:
        raise ValueError(f"{', '.join(sorted(strange))}: no such channel or table")
    return Thresholds(version, default, {Channel(name): replace(default, **values) for name, values in own.items()})
