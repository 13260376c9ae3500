"""What stands before every page: headers that forbid foreign content, no foreign writes, and who is signed in.

A request travels: `Headers` -> `SameOrigin` -> `SignedIn` -> route. A write must come from our own pages: browsers say
so in Sec-Fetch-Site, older ones in Origin. So no page needs a token of its own.
"""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from callmesh.console.accounts import NAMED, Account, Accounts
from callmesh.console.clients import Acting
from callmesh.console.session import BACKGROUND, COOKIE, Sessions

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; worker-src 'self'; font-src 'self'; "
    "img-src 'self' data:; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(self), geolocation=(), microphone=()",
}
_READS = {"GET", "HEAD", "OPTIONS"}
OPEN = ("/sign-in", "/static/", "/healthz", "/settings", "/oidc/", "/r/")
"""Paths without a session: /r/ are links to a single referral, which bring a code of their own."""


class Headers:
    """Adds the headers to every response; pages of a person are not kept by anybody."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI calls it."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)

        kept = "no-cache" if scope["path"].startswith("/static/") else "no-store"

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                headers.setdefault("cache-control", kept)
            await send(message)

        return await self._app(scope, receive, with_headers)


class SameOrigin:
    """Refuses writes that come from another site."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI calls it."""
        if scope["type"] == "http" and scope["method"] not in _READS and not is_ours(Request(scope)):
            refused = PlainTextResponse("请从本系统页面操作 · Use the pages of this console", 403)
            return await refused(scope, receive, send)
        return await self._app(scope, receive, send)


def is_ours(request: Request) -> bool:
    """Whether a write comes from our own pages."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    return urlsplit(request.headers.get("origin", "")).netloc == request.headers.get("host", "-")


class SignedIn:
    """Puts `account` and `acting` into the request's state, or sends the person to the door."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI calls it."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        request = Request(scope)
        account = self._account(request)
        request.state.account = account
        request.state.seq = request.app.state.push.head  # as it stood before anything is asked for
        if account is None and not request.url.path.startswith(OPEN):
            return await _to_the_door(request)(scope, receive, send)
        if account is not None and _is_closed(account, request.url.path):
            refused = PlainTextResponse("您的岗位没有此页面 · This page is not for your role", 403)
            return await refused(scope, receive, send)
        if account is not None:
            request.state.acting = Acting(request.app.state.mesh, account)
        return await self._app(scope, receive, send)

    def _account(self, request: Request) -> Account | None:
        sessions: Sessions = request.app.state.sessions
        accounts: Accounts = request.app.state.accounts
        token = request.cookies.get(COOKIE, "")
        session = sessions.find(token) if token else None
        if session is None or sessions.locked(session):
            return None
        if BACKGROUND not in request.headers and request.url.path != "/push":
            sessions.touch(token, session)
        return accounts.get(session.account)


def _is_closed(account: Account, path: str) -> bool:
    """Whether it is a page of other roles."""
    page = path.split("/")[1]
    return page in NAMED and page not in account.pages


def _to_the_door(request: Request) -> Response:
    if "text/html" not in request.headers.get("accept", "") or BACKGROUND in request.headers:
        return JSONResponse({"error": "请重新登录 · Sign in again", "sign_in": True}, 401)
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/sign-in?next={quote(path)}", 303)


def local(path: str) -> str:
    """The path if it is one of ours, else the home page: a sign-in never leads to another site."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"
