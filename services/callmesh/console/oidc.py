"""Sign-in at the city's identity provider: OpenID Connect, code flow with PKCE.

A person travels: `/oidc/start` -> the provider, with a state, a nonce and the hash of a secret that stay here ->
`/oidc/back` -> the code is exchanged for an ID token with that secret -> its signature, issuer, audience, time and
nonce are checked -> its `sub` is looked up among the accounts. Who is not listed there does not get in.

The way back must come to the browser that set out: a cookie holds the state. A way begun is forgotten after ten
minutes, and with the process: then the person begins again. The provider away: the door says so.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import Any

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from callmesh.kernel.telemetry import log

COOKIE = "__Host-oidc"
WAY_SECONDS = 600.0
_SECONDS = 5.0
_ALGORITHMS = ["RS256", "ES256", "PS256", "EdDSA"]


class Refused(Exception):
    """Nobody comes in this way; its text is for the log."""


@dataclass(frozen=True, slots=True)
class Way:
    """A sign-in that has begun."""

    verifier: str
    nonce: str
    next: str
    begun: float


@dataclass
class Provider:
    """One issuer, and the ways to it that have begun."""

    issuer: str
    client: str
    secret: str
    ways: dict[str, Way] = field(default_factory=dict)
    _known: dict[str, Any] = field(default_factory=dict)

    async def begin(self, back: str, next: str) -> tuple[str, str]:
        """Where to send the person, and the state to keep in its cookie; raises Refused when the provider is away."""
        self._forget()
        found = await self._metadata()
        way = Way(secrets.token_urlsafe(48), secrets.token_urlsafe(16), next, time.monotonic())
        async with self._session(back) as session:
            address, state = session.create_authorization_url(
                found["authorization_endpoint"], code_verifier=way.verifier, nonce=way.nonce
            )
        self.ways[state] = way
        return str(address), str(state)

    async def finish(self, back: str, state: str, code: str) -> tuple[str, str]:
        """The person's subject and where it wanted to go; raises Refused."""
        self._forget()
        way = self.ways.pop(state, None)
        if way is None:
            raise Refused("no such way, or begun too long ago")
        try:
            found = await self._metadata()
            async with self._session(back) as session:
                token = await session.fetch_token(found["token_endpoint"], code=code, code_verifier=way.verifier)
            return await self._subject(str(token["id_token"]), way.nonce), way.next
        except (AuthlibBaseError, httpx2.HTTPError, JoseError, KeyError, ValueError) as wrong:
            raise Refused(f"{type(wrong).__name__}") from wrong

    async def _subject(self, token: str, nonce: str) -> str:
        claims = jwt.decode(token, await self._keys(), algorithms=_ALGORITHMS).claims
        wanted = jwt.JWTClaimsRegistry(
            leeway=30,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.client},
            exp={"essential": True},
            sub={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        wanted.validate(claims)
        return str(claims["sub"])

    async def _metadata(self) -> dict[str, Any]:
        if not self._known:
            self._known = await self._get(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
            if self._known.get("issuer") != self.issuer:
                self._known = {}
                raise Refused("the provider names another issuer")
        return self._known

    async def _keys(self) -> KeySet:
        return KeySet.import_key_set(await self._get((await self._metadata())["jwks_uri"]))

    async def _get(self, address: str) -> Any:
        try:
            async with httpx2.AsyncClient(timeout=_SECONDS) as asking:
                answer = await asking.get(address)
                return answer.raise_for_status().json()
        except (httpx2.HTTPError, ValueError) as wrong:
            log.warning("identity provider does not answer", error=type(wrong).__name__)
            raise Refused("the provider does not answer") from wrong

    def _session(self, back: str) -> Any:
        return AsyncOAuth2Client(
            self.client,
            self.secret or None,
            scope="openid",
            redirect_uri=back,
            code_challenge_method="S256",
            timeout=_SECONDS,
        )

    def _forget(self) -> None:
        now = time.monotonic()
        self.ways = {state: way for state, way in self.ways.items() if now - way.begun < WAY_SECONDS}
