"""The door: sign in, sign out, and each person's language and theme."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from callmesh.console import i18n
from callmesh.console.accounts import DEMO_PASSWORD
from callmesh.console.security import local
from callmesh.console.session import COOKIE
from callmesh.console.web import NAV, View, page

_TRIES_SECONDS = 1.0


async def home(request: Request) -> Response:
    """To the first page of the person's role."""
    return RedirectResponse(NAV[request.state.account.pages[0]][0], 303)


async def show(request: Request) -> Response:
    """The form."""
    return _form(request)


async def enter(request: Request) -> Response:
    """Checks the password and begins a session."""
    given = await request.form()
    id, password = str(given.get("id", "")), str(given.get("password", ""))
    account = await asyncio.to_thread(request.app.state.accounts.check, id, password)
    if account is None:
        await asyncio.sleep(_TRIES_SECONDS)  # who guesses, guesses slowly
        return _form(request, 403, id, View(request).say("Account or password is wrong."))
    response = RedirectResponse(local(str(given.get("next", "")) or "/"), 303)
    _give(response, request.app.state.sessions.begin(account.id))
    return response


async def leave(request: Request) -> Response:
    """Ends the session; the browser forgets its drafts."""
    request.app.state.sessions.end(request.cookies.get(COOKIE, ""))
    response = RedirectResponse("/sign-in", 303)
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    response.headers["clear-site-data"] = '"storage"'
    return response


async def settings(request: Request) -> Response:
    """Remembers language and theme."""
    given = await request.form()
    response = RedirectResponse(local(str(given.get("back", "")) or "/"), 303)
    for name, allowed in ((i18n.COOKIE, i18n.LANGUAGES), ("theme", ("auto", "light", "dark"))):
        if str(given.get(name, "")) in allowed:
            response.set_cookie(name, str(given[name]), max_age=365 * 86_400, samesite="lax", httponly=True)
    return response


def _form(request: Request, status: int = 200, id: str = "", error: str = "") -> Response:
    accounts = request.app.state.accounts
    seeded = list(accounts.all().values()) if accounts.demo else []
    given = {"next": local(request.query_params.get("next", "/")), "id": id, "error": error}
    return page(request, "sign_in.html", status, seeded=seeded, password=DEMO_PASSWORD, **given)


def _give(response: Response, token: str) -> None:
    response.set_cookie(COOKIE, token, path="/", secure=True, httponly=True, samesite="lax")


ROUTES = [
    Route("/", home),
    Route("/sign-in", show),
    Route("/sign-in", enter, methods=["POST"]),
    Route("/sign-out", leave, methods=["POST"]),
    Route("/settings", settings, methods=["POST"]),
]
