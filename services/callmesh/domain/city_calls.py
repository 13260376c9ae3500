"""What a city states about calls: calls.toml. Spans are wall time: a phone rings on Sundays too."""

from __future__ import annotations

from dataclasses import dataclass, field

from callmesh.domain.spans import Span


@dataclass(frozen=True)
class CallRules:
    """How long a call may take for each step. Each default is an assumption that a city may change.

    `ring`: so long one number rings, then the next one. `talk`: no call lasts longer; what the switch forgot ends.
    `call_back`: until then somebody calls a caller back whose call broke. `on_line`: so long after the opening a
    caller by phone counts as being on the line.
    `own_languages`: what every call-taker speaks, as codes like `zh`.
    `fallback_language`: its interpreter is rung for a language that has none.
    """

    ring: Span = field(default_factory=lambda: Span(20, "s"))
    talk: Span = field(default_factory=lambda: Span(2, "h"))
    call_back: Span = field(default_factory=lambda: Span(5, "m"))
    on_line: Span = field(default_factory=lambda: Span(30, "m"))
    own_languages: tuple[str, ...] = ("zh",)
    fallback_language: str = ""


@dataclass(frozen=True)
class Line:
    """The numbers an agency's calls are put through to, in order: the duty seat, then who stands in."""

    agency: str
    numbers: tuple[str, ...]


@dataclass(frozen=True)
class Interpreter:
    """Who interprets a language, at which agency, under which numbers, in order."""

    language: str
    agency: str
    numbers: tuple[str, ...]
