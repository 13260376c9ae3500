"""The console's parts and how they hang together.

Boot: settings -> accounts, sessions -> channels -> the city and the push begin in the background -> routes. Nothing is
waited for: pages say what is missing. SIGTERM: the push ends its streams, uvicorn lets requests finish.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import grpc
from nats.aio.client import Client
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from callmesh.console import clients, web
from callmesh.console.accounts import Accounts
from callmesh.console.drafts import Drafts
from callmesh.console.erasing import Erasing
from callmesh.console.links import Links
from callmesh.console.oidc import Provider
from callmesh.console.pages import (
    admin,
    agency,
    board,
    calls,
    case,
    cases,
    desk,
    help,
    linked,
    referral,
    sign_in,
    supervise,
)
from callmesh.console.pictures import Pictures
from callmesh.console.push import Push, events
from callmesh.console.security import Headers, SameOrigin, SignedIn
from callmesh.console.session import Sessions
from callmesh.console.settings import ConsoleSettings
from callmesh.directory.store import DirectoryWatch
from callmesh.kernel.config import Settings
from callmesh.kernel.messaging import connect
from callmesh.kernel.tasks import ended

_STATIC = Path(__file__).parent / "static"


def routes() -> list[BaseRoute]:
    """Every address of the console."""
    return [
        Route("/healthz", _healthz),
        Route("/push", _push),
        Mount("/static", StaticFiles(directory=_STATIC)),
        *sign_in.ROUTES,
        *cases.ROUTES,
        *agency.ROUTES,
        *linked.ROUTES,
        *supervise.ROUTES,
        *board.ROUTES,
        *admin.ROUTES,
        *case.ROUTES,
        *desk.ROUTES,
        *calls.ROUTES,
        *help.ROUTES,
    ]


def build(settings: Settings, own: ConsoleSettings) -> Starlette:
    """The console as an ASGI app; it connects when it is started. Raises ValueError when production lacks something."""
    if settings.environment == "production" and not own.identities:
        raise ValueError("set CALLMESH_CONSOLE_IDENTITIES: in production the console calls with agencies' certificates")
    app = Starlette(
        routes=routes(),
        middleware=[Middleware(Headers), Middleware(GZipMiddleware), Middleware(SameOrigin), Middleware(SignedIn)],
        exception_handlers={grpc.aio.AioRpcError: web.refusal, referral.NoReferral: referral.no_referral},
        lifespan=_lifespan,
    )
    folder = Path(own.folder or Path(settings.data_dir) / "console")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    app.state.settings, app.state.own, app.state.folder = settings, own, folder
    app.state.accounts = Accounts(folder, demo=settings.environment != "production")
    app.state.sessions = Sessions(folder / "sessions", own.idle_minutes * 60, own.session_hours * 3600)
    app.state.links, app.state.pictures = Links(folder / "links"), Pictures(folder / "pictures")
    app.state.drafts = Drafts(folder / "draft.json")
    app.state.board = {}
    app.state.provider = Provider(own.oidc_issuer, own.oidc_client, own.oidc_secret) if own.oidc_issuer else None
    app.state.templates = web.environment()
    app.state.directory = DirectoryWatch()
    return app


@dataclass
class _Running:
    """What lives as long as the process, and ends with it."""

    app: Starlette

    async def start(self) -> None:
        state = self.app.state
        state.mesh = clients.connect(state.own.addresses, state.own.identities)
        state.push = Push(state.mesh)
        self._nats = Client()
        state.js = self._nats.jetstream(timeout=5)
        erasing = Erasing(state.mesh.tracking, state.pictures)
        works = (state.push.run(), erasing.run(state.push), self._follow_city())
        self._tasks = [asyncio.create_task(one) for one in works]

    async def _follow_city(self) -> None:
        await connect(self._nats, self.app.state.settings.nats_url, "callmesh-console")
        await self.app.state.directory.start(self.app.state.js)

    async def stop(self) -> None:
        state = self.app.state
        state.push.closing.set()
        await ended(*self._tasks)
        await state.directory.close()
        await state.mesh.close()
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self._nats.close(), 2)


@contextlib.asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    running = _Running(app)
    await running.start()
    try:
        yield
    finally:
        await running.stop()


async def _healthz(request: Request) -> Response:
    """200 once it is known which city is in force; what the services cannot do, the pages say."""
    ready = request.app.state.directory.looked
    return JSONResponse({"status": "ok" if ready else "not ready"}, 200 if ready else 503)


async def _push(request: Request) -> Response:
    last = request.headers.get("last-event-id", "") or request.query_params.get("after", "")
    stream = events(request.app.state.push, request.state.account, last)
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)
