"""Certificates of a mesh on this machine: an authority in its folder, one for each service, for ops, for each agency.

Made when the mesh starts, and anew at every start: a service's lives a week here, since nobody renews it meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from callmesh.cli.authority import Authority
from callmesh.kernel.config import PREFIX
from callmesh.kernel.rpc.identity import OPS

DOMAIN = "callmesh.internal"
LOCAL_HOURS = 7 * 24.0


def furnish(folder: Path, services: Sequence[str], city: Path | None) -> str:
    """Makes what is missing and renews the rest; says what there is."""
    authority = Authority(folder) if (folder / "domain").exists() else Authority.create(folder, DOMAIN)
    for name in services:
        authority.issue(f"svc/{name}", LOCAL_HOURS, dns=("localhost",), ips=("127.0.0.1",))
    authority.issue(f"svc/{OPS}", LOCAL_HOURS)
    agencies = _agencies(city)
    for agency in agencies:
        authority.issue(f"agency/{agency}")
    return f"{len(services)} services, {OPS}, {len(agencies)} agencies, in {folder}"


def _agencies(city: Path | None) -> list[str]:
    if city is None:
        return []
    from callmesh.cli.directory import read_city

    return [one.id for one in read_city(city).agencies]


def settings(folder: Path, name: str) -> dict[str, str]:
    """What a service is told of its certificate."""
    stem = folder / "svc" / name
    given = {
        "TLS_CERT": f"{stem}.pem",
        "TLS_KEY": f"{stem}.key",
        "TLS_CA": str(folder / "ca.pem"),
        "TLS_DOMAIN": DOMAIN,
        "TLS_REVOKED": str(folder / "revoked"),
    }
    return {PREFIX + key: value for key, value in given.items()}
