"""The check of `callmesh doctor` that looks at certificates: those of this mesh's folder and of the environment."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from callmesh.cli.authority import ends_soon
from callmesh.cli.checks import Check
from callmesh.cli.endpoints import Endpoints

_NAME = "certificates"
_RENEW = "callmesh ca issue IDENTITY; services and clients take the new file by themselves"


def look(where: Endpoints) -> Check:
    """The finding about all of them."""
    paths = _paths(where)
    if not paths:
        return Check(
            _NAME, "warn", "none: callers are believed what they say", "development only; see callmesh ca --help"
        )
    states = {one: _left(one) for one in paths}
    over = [one for one, (left, _) in states.items() if left <= timedelta(0)]
    soon = [one for one, (left, life) in states.items() if one not in over and ends_soon(left, life)]
    if over:
        return Check(_NAME, "FAIL", f"expired: {_told(over)}", _RENEW)
    if soon:
        return Check(_NAME, "warn", f"expire soon: {_told(soon)}", _RENEW)
    first = min(states, key=lambda one: states[one][0])
    return Check(_NAME, "ok", f"{len(paths)}; {first.stem} is the first to expire, in {states[first][0].days} days")


def _paths(where: Endpoints) -> list[Path]:
    folder = Path(where.identities) if where.identities else None
    found = [*folder.glob("svc/*.pem"), *folder.glob("agency/*.pem"), folder / "ca.pem"] if folder else []
    own = os.environ.get("CALLMESH_TLS_CERT", "")
    return found + ([Path(own)] if own else [])


def _left(path: Path) -> tuple[timedelta, timedelta]:
    """How long the certificate that ends first in a file still lives, and how long it lives in all."""
    found = x509.load_pem_x509_certificates(path.read_bytes())
    first = min(found, key=lambda one: one.not_valid_after_utc)
    return first.not_valid_after_utc - datetime.now(UTC), first.not_valid_after_utc - first.not_valid_before_utc


def _told(paths: list[Path]) -> str:
    return ", ".join(f"{one.parent.name}/{one.stem}" for one in paths[:5]) + (" ..." if len(paths) > 5 else "")
