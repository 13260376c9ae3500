"""The door: sign in, sign out, and each person's language and theme."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from callmesh.console import i18n, oidc
from callmesh.console.accounts import DEMO_PASSWORD
from callmesh.console.security import local
from callmesh.console.session import COOKIE
from callmesh.console.web import NAV, View, page
from callmesh.kernel.telemetry import log

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


async def set_out(request: Request) -> Response:
    """To the identity provider."""
    provider = request.app.state.provider
    if provider is None:
        return RedirectResponse("/sign-in", 303)
    try:
        address, state = await provider.begin(_back(request), local(request.query_params.get("next", "/")))
    except oidc.Refused:
        return _form(
            request, 503, error=View(request).say("The sign-in service does not answer; try again in a moment.")
        )
    response = RedirectResponse(address, 303)
    _give(response, state, oidc.COOKIE)
    return response


async def come_back(request: Request) -> Response:
    """From the identity provider, with a code, in the same browser."""
    asked, provider = request.query_params, request.app.state.provider
    state = asked.get("state", "")
    try:
        if provider is None or not state or request.cookies.get(oidc.COOKIE) != state:
            raise oidc.Refused("another browser set out")
        subject, next = await provider.finish(_back(request), state, asked.get("code", ""))
        account = request.app.state.accounts.by_subject(subject)
        if account is None:
            raise oidc.Refused("no account has this subject")
    except oidc.Refused as wrong:
        log.warning("sign-in refused", error=str(wrong))
        said = View(request).say("You could not be signed in; ask your administrator for an account.")
        return _form(request, 403, error=said)
    response = RedirectResponse(next, 303)
    response.delete_cookie(oidc.COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    _give(response, request.app.state.sessions.begin(account.id))
    return response


def _back(request: Request) -> str:
    base = request.app.state.own.url or str(request.base_url)
    return f"{base.rstrip('/')}/oidc/back"


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
    provider = request.app.state.provider is not None
    return page(request, "sign_in.html", status, seeded=seeded, password=DEMO_PASSWORD, provider=provider, **given)


def _give(response: Response, token: str, cookie: str = COOKIE) -> None:
    response.set_cookie(cookie, token, path="/", secure=True, httponly=True, samesite="lax")


ROUTES = [
    Route("/", home),
    Route("/sign-in", show),
    Route("/sign-in", enter, methods=["POST"]),
    Route("/oidc/start", set_out),
    Route("/oidc/back", come_back),
    Route("/sign-out", leave, methods=["POST"]),
    Route("/settings", settings, methods=["POST"]),
]
