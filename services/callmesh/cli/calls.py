"""What a line of a calls file may say, and what is wrong with one that does not.

A line is one JSON object; only `text` is required, null counts as absent, unknown keys are ignored. A
line that cannot be played becomes a `Malformed` with its number and a sentence: reading never raises.
The bounds are those of the contract (intake_service.proto), so what passes here the mesh can take.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

TEXT_LENGTH = 20_000
TEXT_BYTES = 60_000
SHORT_LENGTH = 500
CODE_LENGTH = 64
ATTENDED = frozenset({"phone", "video"})
_MOST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Malformed:
    """A line that cannot be played."""

    line: int
    error: str


@dataclass(frozen=True, slots=True)
class Script:
    """What the simulated lead does with the case: resolve, return, or ignore."""

    do: str = "resolve"
    reason: str = "not_our_duty"
    basis: str = ""
    solved: bool = True


@dataclass(frozen=True, slots=True)
class Call:
    """One line, checked."""

    line: int
    text: str
    channel: str = "phone"
    phone: str = ""
    place: str = ""
    division: str = ""
    longitude: float | None = None
    latitude: float | None = None
    origin: str = ""
    device: str = ""
    external_id: str = ""
    language: str = ""
    silent: bool = False
    confidential: bool = False
    plan: str = ""
    operator: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    hazards: tuple[str, ...] = ()
    script: Script = Script()
    expect: Mapping[str, str] = field(default_factory=dict)

    @property
    def attended(self) -> bool:
        """True when somebody is on the line, so an operator handles it."""
        return self.channel in ATTENDED


class _Wrong(Exception):
    """Why a line is malformed."""


def parse(number: int, raw: bytes | None) -> Call | Malformed | None:
    """The call of a line; None for an empty line. Never raises."""
    if raw is None:
        return Malformed(number, "the line is longer than 1 MiB")
    try:
        line = raw.decode("utf-8-sig").strip()
        return _call(number, _object(line)) if line else None
    except UnicodeDecodeError as wrong:
        return Malformed(number, f"not UTF-8 (byte {wrong.start + 1})")
    except _Wrong as wrong:
        return Malformed(number, str(wrong))


def _object(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except json.JSONDecodeError as wrong:
        raise _Wrong(f"not JSON, from column {wrong.colno} on: {wrong.msg}") from None
    except (ValueError, RecursionError):
        raise _Wrong("not JSON that can be read: nested too deeply, or a number too long") from None
    if not isinstance(value, dict):
        raise _Wrong(f"not a JSON object but {_kind(value)}")
    return value


def _call(number: int, given: dict[str, Any]) -> Call:
    if given.get("text") is None:
        raise _Wrong("text is missing")
    text = _string(given, "text", TEXT_LENGTH)
    if not text.strip():
        raise _Wrong("text is empty")
    if len(text.encode()) > TEXT_BYTES:
        raise _Wrong(f"text is longer than {TEXT_BYTES} bytes")
    longitude, latitude = _point(given)
    situation, operator = _inner(given, "situation"), _inner(given, "operator")
    return Call(
        line=number,
        text=text,
        channel=_string(given, "channel", CODE_LENGTH) or "phone",
        phone=_string(given, "phone", SHORT_LENGTH),
        place=_string(given, "place", SHORT_LENGTH),
        division=_string(given, "division", CODE_LENGTH),
        origin=_string(given, "origin", CODE_LENGTH),
        device=_string(given, "device", CODE_LENGTH),
        external_id=_string(given, "external_id", 100),
        language=_string(given, "language", SHORT_LENGTH),
        silent=_bool(given, "silent", False),
        confidential=_bool(given, "confidential", False),
        plan=_string(given, "plan", CODE_LENGTH),
        longitude=longitude,
        latitude=latitude,
        operator=_string(operator, "category", CODE_LENGTH, "operator."),
        counts={name: _count(situation, name) for name in ("trapped", "injured", "dead") if name in situation},
        hazards=_strings(situation, "hazards", "situation."),
        script=_script(_inner(given, "partner")),
        expect=_expected(given.get("expect")),
    )


def _script(given: Mapping[str, Any]) -> Script:
    do = _string(given, "do", CODE_LENGTH, "partner.") or "resolve"
    if do not in ("resolve", "return", "ignore"):
        raise _Wrong("partner.do must be resolve, return or ignore")
    return Script(
        do=do,
        reason=_string(given, "reason", CODE_LENGTH, "partner.") or Script().reason,
        basis=_string(given, "basis", SHORT_LENGTH, "partner."),
        solved=_bool(given, "solved", True, "partner."),
    )


def _expected(given: Any) -> dict[str, str]:
    """For information only, so what is odd is passed over."""
    listed = given.items() if isinstance(given, dict) else ()
    return {str(key): value for key, value in listed if isinstance(value, str)}


def _point(given: Mapping[str, Any]) -> tuple[float | None, float | None]:
    longitude, latitude = _degrees(given, "longitude", 180), _degrees(given, "latitude", 90)
    if (longitude is None) != (latitude is None):
        raise _Wrong("longitude and latitude belong together")
    return longitude, latitude


def _degrees(given: Mapping[str, Any], name: str, most: int) -> float | None:
    value = given.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Wrong(f"{name} must be a number, not {_kind(value)}")
    if not (-most <= value <= most) or math.isnan(value):
        raise _Wrong(f"{name} must be between -{most} and {most}")
    return float(value)


def _string(given: Mapping[str, Any], name: str, most: int, within: str = "") -> str:
    value = _of(given, name, str, "a string", within)
    if value is None:
        return ""
    if len(value) > most:
        raise _Wrong(f"{within}{name} is longer than {most} characters")
    if not _encodes(value):
        raise _Wrong(f"{within}{name} holds half a surrogate pair")
    return str(value)


def _encodes(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _strings(given: Mapping[str, Any], name: str, within: str) -> tuple[str, ...]:
    listed = _of(given, name, list, "a list", within) or []
    if len(listed) > 50:
        raise _Wrong(f"{within}{name} has more than 50 entries")
    return tuple(_string({name: one}, name, CODE_LENGTH, within) for one in listed)


def _count(given: Mapping[str, Any], name: str) -> int:
    value = given[name]
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int):
        raise _Wrong(f"situation.{name} must be a whole number, not {_kind(value)}")
    if not 0 <= value <= _MOST:
        raise _Wrong(f"situation.{name} must be between 0 and {_MOST}")
    return value


def _bool(given: Mapping[str, Any], name: str, absent: bool, within: str = "") -> bool:
    value = _of(given, name, bool, "true or false", within)
    return absent if value is None else bool(value)


def _inner(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    return _of(given, name, dict, "an object") or {}


def _of(given: Mapping[str, Any], name: str, wanted: type, called: str, within: str = "") -> Any:
    value = given.get(name)
    if value is not None and not isinstance(value, wanted):
        raise _Wrong(f"{within}{name} must be {called}, not {_kind(value)}")
    return value


def _kind(value: Any) -> str:
    kinds: list[tuple[Callable[[Any], bool], str]] = [
        (lambda one: one is None, "null"),
        (lambda one: isinstance(one, bool), "true or false"),
        (lambda one: isinstance(one, int | float), "a number"),
        (lambda one: isinstance(one, str), "a string"),
        (lambda one: isinstance(one, list), "a list"),
    ]
    return next((name for fits, name in kinds if fits(value)), "an object")
