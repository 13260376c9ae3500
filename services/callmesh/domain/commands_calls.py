"""Commands about calls. `rules` are the city's: how long a phone rings, until when somebody calls back."""

from __future__ import annotations

from dataclasses import dataclass

from callmesh.domain.city_calls import CallRules
from callmesh.domain.words import LegReason, LegState


@dataclass(frozen=True, slots=True)
class Ring:
    """Ring the `target`-th of an agency's `targets` numbers, or an interpreter's of `language`.

    `conference`: the operator stays on the line when it is answered. No targets: it is recorded that nobody can be
    rung. `flags` are noted on the case.
    """

    agency: str
    rules: CallRules
    targets: int
    target: int = 1
    referral: str = ""
    language: str = ""
    conference: bool = False
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Confer:
    """Three on one line: the leg that there is, else a new one."""

    ring: Ring


@dataclass(frozen=True, slots=True)
class LeaveCall:
    """The operator leaves the line, caller and partner stay."""

    leg: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """A person ends a leg."""

    leg: str


@dataclass(frozen=True, slots=True)
class Hear:
    """What the switch says about a leg."""

    leg: str
    state: LegState
    rules: CallRules
    reason: LegReason | None = None


@dataclass(frozen=True, slots=True)
class Lapse:
    """A leg's time is up: nobody answered, or no call lasts that long."""

    leg: str
    rules: CallRules


@dataclass(frozen=True, slots=True)
class RecordCallBack:
    """A person called the caller back; the task ends when the caller was reached."""

    leg: str
    reached: bool


CallsCommand = Ring | Confer | LeaveCall | HangUp | Hear | Lapse | RecordCallBack
