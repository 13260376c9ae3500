"""Settings of the console: environment variables `CALLMESH_CONSOLE_<FIELD>`, beside those that every process has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from callmesh.kernel.config import DEFAULT_PORTS, PREFIX, read_settings, setting

CONSOLE_PREFIX = f"{PREFIX}CONSOLE_"


@dataclass(frozen=True, kw_only=True)
class ConsoleSettings:
    """What the console alone needs to know."""

    services: str = setting("", "addresses of the services, NAME=HOST:PORT separated by commas; empty: usual ports")
    identities: str = setting("", "folder of agencies' certificates to call with (callmesh ca); empty: no mTLS")
    folder: str = setting("", "folder of accounts, sessions and pictures; empty: `console` in CALLMESH_DATA_DIR")
    idle_minutes: int = setting(30, "a session locks after so many minutes without a key or a click")
    session_hours: int = setting(12, "a session ends after so many hours, whatever happens")
    keys: str = setting("", "own transfer keys, KEY=AGENCY separated by commas, e.g. F6=gas; empty: the usual ones")
    trace_url: str = setting("", "where a trace is shown, e.g. https://traces.example/{id}; empty: its id alone")
    url: str = setting("", "address that people use, e.g. https://desk.example.gov.cn; empty: as the browser says")
    oidc_issuer: str = setting("", "OpenID Connect issuer, e.g. https://sso.example.gov.cn; empty: accounts of our own")
    oidc_client: str = setting("", "client id at the issuer")
    oidc_secret: str = setting("", "client secret at the issuer")

    @property
    def addresses(self) -> Mapping[str, str]:
        """host:port by service."""
        given = dict(one.strip().split("=", 1) for one in self.services.split(",") if "=" in one)
        return {name: given.get(name, f"127.0.0.1:{port}") for name, port in DEFAULT_PORTS.items()}


def console_settings(environment: Mapping[str, str] | None = None) -> ConsoleSettings:
    """The settings; raises ValueError that names the variable and what it must be."""
    return read_settings(ConsoleSettings, CONSOLE_PREFIX, environment)
