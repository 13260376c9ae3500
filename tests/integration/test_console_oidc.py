"""Sign-in at an identity provider: a real one on loopback, the console as an app in this process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from callmesh.console.accounts import Account
from callmesh.console.app import build
from callmesh.console.oidc import Provider, Refused
from callmesh.console.session import COOKIE
from callmesh.console.settings import ConsoleSettings
from callmesh.kernel.config import Settings
from support.service import free_port
from support.waiting import until

BACK = "https://desk.example/oidc/back"


@cache
def rsa_key(whose: str) -> RSAKey:
    """Made once: it takes half a second."""
    return RSAKey.generate_key(2048, {"kid": "k1"})


@dataclass
class Issuer:
    """An identity provider. `lies` replaces claims of the tokens it gives out."""

    url: str
    key: RSAKey = field(default_factory=lambda: rsa_key("issuer"))
    asked: dict[str, str] = field(default_factory=dict)
    lies: dict[str, object] = field(default_factory=dict)
    signs_with: RSAKey | None = None

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._metadata),
                Route("/keys", self._keys),
                Route("/token", self._token, methods=["POST"]),
            ]
        )

    async def _metadata(self, _: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
            }
        )

    async def _keys(self, _: Request) -> Response:
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    async def _token(self, request: Request) -> Response:
        self.asked = {name: str(value) for name, value in (await request.form()).items()}
        now = int(time.time())
        claims = {"iss": self.url, "aud": "desk", "sub": "li-4711", "exp": now + 60, "iat": now, **self.lies}
        token = jwt.encode({"alg": "RS256", "kid": "k1"}, claims, self.signs_with or self.key)
        return JSONResponse({"access_token": "a", "token_type": "Bearer", "id_token": token})


@asynccontextmanager
async def served(app: Starlette, port: int) -> AsyncIterator[None]:
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, lifespan="off"))
    life = asyncio.create_task(server._serve())
    await until(lambda: server.started, "the server listens")
    try:
        yield
    finally:
        server.should_exit = True
        await life


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    port = free_port()
    made = Issuer(f"http://127.0.0.1:{port}")
    async with served(made.app(), port):
        yield made


async def begun(provider: Provider, issuer: Issuer) -> tuple[str, dict[str, list[str]]]:
    """The state, and what the person's browser is sent with."""
    address, state = await provider.begin(BACK, "/desk")
    asked = parse_qs(urlsplit(address).query)
    issuer.lies = {"nonce": asked["nonce"][0], **issuer.lies}
    return state, asked


async def test_a_person_of_the_provider_is_known_by_its_subject(issuer: Issuer) -> None:
    provider = Provider(issuer.url, "desk", "secret")
    state, asked = await begun(provider, issuer)
    assert asked["code_challenge_method"] == ["S256"] and asked["redirect_uri"] == [BACK]
    assert await provider.finish(BACK, state, "code-1") == ("li-4711", "/desk")
    assert len(issuer.asked["code_verifier"]) >= 43 and issuer.asked["code"] == "code-1"
    with pytest.raises(Refused):
        await provider.finish(BACK, state, "code-1")  # a way is gone once


@pytest.mark.parametrize(
    "lie",
    [
        {"iss": "https://another.example"},
        {"aud": "another-desk"},
        {"exp": 1},
        {"nonce": "another"},
        {"sub": ""},
    ],
)
async def test_a_token_that_is_not_for_this_way_is_refused(issuer: Issuer, lie: dict[str, object]) -> None:
    provider = Provider(issuer.url, "desk", "secret")
    issuer.lies = lie
    state, _ = await begun(provider, issuer)
    with pytest.raises(Refused):
        await provider.finish(BACK, state, "code-1")


async def test_a_token_of_another_key_is_refused(issuer: Issuer) -> None:
    provider = Provider(issuer.url, "desk", "secret")
    issuer.signs_with = rsa_key("stranger")
    state, _ = await begun(provider, issuer)
    with pytest.raises(Refused):
        await provider.finish(BACK, state, "code-1")


async def test_through_the_console_in_the_browser_that_set_out(issuer: Issuer, tmp_path: Path) -> None:
    own = ConsoleSettings(folder=str(tmp_path), url="https://desk.example", oidc_issuer=issuer.url, oidc_client="desk")
    app = build(Settings(log_level="error"), own)
    app.state.push = type("NoPush", (), {"head": 0})()
    app.state.mesh = None
    app.state.accounts.save(Account(id="li", name="Li", agency="110", person="p-7", role="operator", subject="li-4711"))
    asking = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=asking, base_url="https://desk.example") as browser:
        out = await browser.get("/oidc/start?next=/cases")
        asked = parse_qs(urlsplit(out.headers["location"]).query)
        issuer.lies = {"nonce": asked["nonce"][0]}
        back = f"/oidc/back?state={asked['state'][0]}&code=c"
        async with httpx2.AsyncClient(transport=asking, base_url="https://desk.example") as thief:
            assert (await thief.get(back)).status_code == 403
        home = await browser.get(back)
    assert home.headers["location"] == "/cases"
    assert COOKIE in home.cookies
