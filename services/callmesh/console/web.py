"""A page from a template, and a refusal as a sentence that says what to do."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from callmesh.console import i18n, words
from callmesh.console.accounts import Account
from callmesh.console.clients import Acting
from callmesh.console.session import BACKGROUND
from callmesh.console.telling import Telling
from callmesh.console.words import Words
from callmesh.domain.directory import City
from callmesh.domain.names import short
from callmesh.kernel.rpc import client

_FOLDER = Path(__file__).parent
NAV = {
    "desk": ("/desk", "Call desk"),
    "cases": ("/cases", "Cases"),
    "agency": ("/agency", "Agency desk"),
    "supervise": ("/supervise", "Supervision"),
    "board": ("/board", "Board"),
    "admin": ("/admin", "Administration"),
    "help": ("/help/keys", "Keys"),
}
_RPC, _JOINT = re.compile(r"\b(?:[A-Z][a-z]+){2,}\b"), re.compile(r"(?<=[a-z])(?=[A-Z])")
"""A refusal names what may be done as the contract does, which is no word for a person: ReopenCase is reopen case."""
_AWAY = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED"}


def environment() -> Environment:
    """Templates, escaped; a name that nobody gave is an error."""
    made = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {"lamp": words.lamp, "masked": words.masked, "millis": millis, "short": short}
    return made


@dataclass(frozen=True, slots=True)
class View:
    """What every page knows of who looks at it."""

    request: Request

    @property
    def account(self) -> Account | None:
        """Who is signed in."""
        return getattr(self.request.state, "account", None)

    @property
    def language(self) -> str:
        """zh or en."""
        accepted = self.request.headers.get("accept-language", "")
        return i18n.language_of(self.request.cookies.get(i18n.COOKIE, ""), accepted)

    @property
    def theme(self) -> str:
        """auto, light or dark."""
        chosen = self.request.cookies.get("theme", "auto")
        return chosen if chosen in ("light", "dark") else "auto"

    @property
    def city(self) -> City | None:
        """The city in force, None before there is one."""
        directory = self.request.app.state.directory
        return directory.city if directory.known else None

    @property
    def words(self) -> Words:
        """Words of the person's language."""
        return Words(self.language, self.city)

    def say(self, text: str, **given: object) -> str:
        """A text in the person's language."""
        return i18n.translate(text, self.language, **given)


def acting(request: Request) -> Acting:
    """The signed-in person, calling the mesh."""
    found: Acting = request.state.acting
    return found


def city_of(request: Request) -> City:
    """The city in force; raises NoDirectory."""
    found: City = request.app.state.directory.city
    return found


def page(request: Request, template: str, status: int = 200, **given: Any) -> HTMLResponse:
    """The template, filled in for who looks at it."""
    view = View(request)
    account = view.account
    nav = [(name, *NAV[name]) for name in account.pages] if account else []
    shared: Mapping[str, Any] = {
        "_": view.say,
        "words": view.words,
        "telling": Telling(view.words),
        "account": account,
        "language": view.language,
        "theme": view.theme,
        "nav": nav,
        "path": request.url.path,
        "now": time.time(),
        "seq": request.state.seq,
        "demo": request.app.state.accounts.demo,
    }
    environment: Environment = request.app.state.templates
    return HTMLResponse(environment.get_template(template).render(**{**shared, **given}), status)


def refusal(request: Request, error: Exception) -> Response:
    """What the services refused, in one sentence: JSON for scripts, a page for people."""
    assert isinstance(error, grpc.aio.AioRpcError)
    view = View(request)
    status = {"NOT_FOUND": 404, "PERMISSION_DENIED": 403}.get(error.code().name, 409)
    if is_away(error):
        status = 503
    said = {"error": sentence(view, error), "reason": client.reason_of(error)}
    if wants_json(request):
        return JSONResponse(said, status)
    return page(request, "error.html", status, **said)


def sentence(view: View, error: grpc.aio.AioRpcError) -> str:
    """What to tell the person."""
    if is_away(error) and not client.status_details(error).details:
        return view.say("A part of the system does not answer. Nothing was lost; try again in a moment.")
    told = client.sentence(error, view.language)
    return _RPC.sub(lambda found: _JOINT.sub(" ", found[0]).lower(), told)


def is_away(error: grpc.aio.AioRpcError) -> bool:
    """Whether nobody answered, so that it may have been done or not: the same request again finds out."""
    return error.code().name in _AWAY


def wants_json(request: Request) -> bool:
    """Whether a script asks, not a person."""
    return BACKGROUND in request.headers or "application/json" in request.headers.get("accept", "")


def millis(stamp: Timestamp) -> int:
    """Milliseconds since 1970; 0 when the time is absent."""
    return stamp.ToMilliseconds()
