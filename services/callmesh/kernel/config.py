"""Settings of a process, from environment variables `CALLMESH_<FIELD>` with defaults for development.

deploy/README.md lists them; `settings_help` prints the same list from the fields below.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

import msgspec

PREFIX = "CALLMESH_"
_DEVELOPMENT = "development-only"
_NUMBERS = re.compile(r" *[0-9]{1,4} *(, *[0-9]{1,4} *)*")
_KINDS = {"int": "a whole number", "float": "a number", "bool": "true or false"}
SERVICES = ("intake", "classification", "transfer", "gateway", "supervision", "tracking")
DEFAULT_PORTS = {name: 7401 + place for place, name in enumerate(SERVICES)}


T = TypeVar("T")


def setting(default: Any, help: str) -> Any:
    """A field of settings: its default and one line of help."""
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One process's settings; every field is an environment variable."""

    nats_url: str = setting("nats://127.0.0.1:7422", "where NATS is; several servers of a cluster separated by commas")
    nats_monitor: str = setting("", "NATS monitoring address, e.g. http://127.0.0.1:8222; checked at boot")
    region: str = setting("r1", "region of this mesh; part of every id")
    shard: int = setting(0, "shard that new cases go to")
    tracking_shards: str = setting("", "shards whose cases tracking tells, e.g. 0,1,2; empty: this process's alone")
    replicas: int = setting(1, "copies of every stream: 1, or 3 on a cluster")
    host: str = setting("127.0.0.1", "address the services listen on")
    port: int = setting(0, "port of this service; 0: the service's default")
    database_url: str = setting("", "read model, e.g. postgresql+psycopg://user@host/db; empty: SQLite")
    switch: str = setting("", "telephone switch that rings the agencies, host:port; empty: no voice, data alone")
    data_dir: str = setting(".callmesh", "folder for what a process keeps on disk")
    rules_dir: str = setting("", "own lexicon tables, thresholds.toml, default.model; empty: the packaged ones")
    otlp_endpoint: str = setting("", "OTLP/gRPC collector, e.g. http://127.0.0.1:4317; empty: no export")
    log_level: str = setting("info", "debug, info, warning or error")
    number_key: str = setting(_DEVELOPMENT, "secret key for hashing callers' numbers")
    kek_file: str = setting("", "file of key-encryption keys, newest first; empty: one made in the data folder")
    kek_lost: bool = setting(False, "true: serve although the newest data key cannot be unwrapped, its KEK being lost")
    kek_command: str = setting("", "command that prints them instead, e.g. asking a key service")
    max_concurrent: int = setting(400, "calls served at once by one process; more are refused")
    audit_seconds: float = setting(300.0, "how often supervision signs the log's head; 0: never")
    audit_key: str = setting("", "Ed25519 key (PEM file) it signs with; empty: one is made in the data folder")
    heads_file: str = setting("", "file, better on another machine, that signed heads are appended to as well")
    environment: str = setting("development", "development or production")
    reflection: bool = setting(True, "serve gRPC reflection; with mTLS to identities of tls_ops only")
    tls_cert: str = setting("", "certificate of this process, PEM with its chain; empty: no mTLS (development only)")
    tls_key: str = setting("", "its private key, PEM")
    tls_ca: str = setting("", "authorities of callers' certificates, PEM; several while one replaces another")
    tls_domain: str = setting("callmesh.internal", "trust domain: callers are spiffe://DOMAIN/agency/ID or /svc/NAME")
    tls_revoked: str = setting("", "file of revoked identities and serial numbers, one a line; looked at every second")
    tls_ops: str = setting("ops", "service identities that may watch over the mesh, separated by commas")
    partner_rate: float = setting(20.0, "calls a second of a partner agency, in the long run")
    partner_burst: int = setting(100, "calls of a partner agency at once, after a pause")
    partner_at_once: int = setting(
        2, "calls of a partner agency served at the same time; eight times as many wait, or 32"
    )
    partner_streams: int = setting(32, "streams that a partner agency has open")
    desk_rate: float = setting(200.0, "calls a second of an agency that answers calls (role desk)")
    desk_burst: int = setting(1_000, "calls of such an agency at once, after a pause")
    desk_at_once: int = setting(32, "calls of such an agency served at the same time; eight times as many wait")
    desk_streams: int = setting(300, "streams that such an agency has open")

    def __post_init__(self) -> None:
        if self.environment == "production" and self.number_key == _DEVELOPMENT:
            raise ValueError("set CALLMESH_NUMBER_KEY: production needs a secret of its own")
        if self.environment == "production" and not self.secure:
            raise ValueError("set CALLMESH_TLS_CERT, CALLMESH_TLS_KEY, CALLMESH_TLS_CA: production needs mTLS")
        wraps = self.kek_file or ("" if _DEVELOPMENT in self.kek_command else self.kek_command)
        if self.environment == "production" and not wraps:
            raise ValueError("set CALLMESH_KEK_FILE or CALLMESH_KEK_COMMAND: production needs a key to wrap data keys")
        if self.tracking_shards and not _NUMBERS.fullmatch(self.tracking_shards):
            raise ValueError("CALLMESH_TRACKING_SHARDS: must be numbers with commas between them, e.g. 0,1,2")
        if 0 < sum(map(bool, (self.tls_cert, self.tls_key, self.tls_ca))) < 3:
            raise ValueError("set CALLMESH_TLS_CERT, CALLMESH_TLS_KEY and CALLMESH_TLS_CA together")

    @property
    def tracked(self) -> list[int]:
        """The shards whose cases tracking tells."""
        return sorted({int(one) for one in (self.tracking_shards or str(self.shard)).split(",")})

    @property
    def shards(self) -> int:
        """How many the region has, as far as this process is told."""
        return max(self.shard, *self.tracked) + 1

    @property
    def secure(self) -> bool:
        """True when callers are known by their certificates."""
        return bool(self.tls_cert and self.tls_key and self.tls_ca)


def from_environment(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings; raises ValueError that names the variable and what it must be."""
    return read_settings(Settings, PREFIX, environment)


def read_settings(kind: type[T], prefix: str, environment: Mapping[str, str] | None = None) -> T:
    """Settings of that kind from variables with that prefix; raises ValueError that names the variable."""
    source = os.environ if environment is None else environment
    names = [one.name for one in fields(kind)]  # type: ignore[arg-type]
    given = {name: source[prefix + name.upper()] for name in names if prefix + name.upper() in source}
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as wrong:
        if "$." not in str(wrong):
            raise ValueError(str(wrong)) from None  # a rule over several fields names its variable itself
        name = str(wrong).rpartition("$.")[2].rstrip("`")
        wanted = next(_KINDS[str(one.type)] for one in fields(kind) if one.name == name)  # type: ignore[arg-type]
        raise ValueError(f"{prefix}{name.upper()}: must be {wanted}, not {given[name]!r}") from None


def settings_help(kind: type[Any] = Settings, prefix: str = PREFIX) -> str:
    """One line a setting: variable, default, meaning."""
    lines = [
        f"  {prefix + one.name.upper():26} {str(one.default) or '(empty)':26} {one.metadata['help']}"
        for one in fields(kind)
    ]
    return "\n".join(lines)
