"""Codes that were typed and that the city's data does not have, told to whoever typed them.

The mesh passes an unknown code on and flags the case instead of refusing it, so a slip of the finger does what was not
meant without a word. It is told once the answer is there. The flag on the answer is the sign; where an answer bears
none, or an earlier code may have left it, the city in force is asked. Without NATS the flag alone is told.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from nats.errors import Error as NatsError

from callmesh.api.v1 import case_pb2
from callmesh.cli.case_actions import Action
from callmesh.cli.clients import city_in_force
from callmesh.cli.endpoints import Endpoints
from callmesh.cli.output import Failure, instead
from callmesh.directory.codec import Undecodable
from callmesh.domain.directory import City
from callmesh.domain.words import Channel


@dataclass(frozen=True, slots=True)
class _Code:
    """One sort of code: its flag on a case ("" has none), and what the city knows of it."""

    what: str
    flag: str
    known: Callable[[City], Collection[str]]


_CODES = {
    "category": _Code("category", "unknown_category", lambda city: city.category),
    "channel": _Code("channel", "unknown_channel", lambda _: tuple(map(str, Channel))),
    "division": _Code("division", "unknown_division", lambda city: city.division),
    "device": _Code("device", "", lambda city: city.device),
    "language": _Code("language", "unsupported_language", lambda city: [one.language for one in city.interpreters]),
}
_RETURN = _Code("return reason", "unknown_return_reason", lambda city: city.return_reason)


async def unknown(where: Endpoints, action: Action, given: Mapping[str, Any], answer: Message) -> list[str]:
    """A sentence for each code that passed though nobody knows it."""
    typed = [(code, given[option]) for option, code in _of(action).items() if given[option]]
    doubtful = [(code, value) for code, value in typed if not _vouched(code, answer)]
    if not doubtful:
        return []
    try:
        city = await city_in_force(where)
    except (Failure, Undecodable, NatsError, OSError, TimeoutError):  # it is done all the same
        return [f"the case is flagged {code.flag}" for code, _ in doubtful if _flagged(code, answer)]
    return [said for code, value in doubtful if (said := _said(code, value, code.known(city)))]


def _of(action: Action) -> dict[str, _Code]:
    """By option. A reason is a code where something is returned, elsewhere words."""
    found = {option: code for option, code in _CODES.items() if option in action.paths}
    return found | ({"reason": _RETURN} if action.rpc == "ReturnReferral" else {})


def _vouched(code: _Code, answer: Message) -> bool:
    """The case would be flagged; a case of another agency is told without its flags, and so without its state."""
    shown = isinstance(answer, case_pb2.Case) and bool(answer.state)
    return shown and bool(code.flag) and not _flagged(code, answer)


def _flagged(code: _Code, answer: Message) -> bool:
    return isinstance(answer, case_pb2.Case) and code.flag in answer.flags


def _said(code: _Code, value: str, known: Collection[str]) -> str:
    """ "" for a code that is known."""
    if value in known or (code.what == "language" and value.partition("-")[0].lower() in known):
        return ""
    passed = "passed on and flagged" if code.flag else "passed on"
    return f"unknown {code.what} {value!r}, {passed}{instead(value, known)}"
