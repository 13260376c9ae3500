"""Who calls: from the certificate, or, in development, from what the metadata says.

A peer is exactly one SPIFFE id, the only URI among its certificate's subject alternative names:
`spiffe://<domain>/agency/<id>` or `spiffe://<domain>/svc/<name>`. Nothing else of a certificate counts, never its
common name. The agency comes from there; metadata that names another one is refused. Person and role are what the
agency asserts; which roles it has is the city's affair (domain/access.py). A service identity named in the settings
is `ops`.

A certificate is read once and known by its bytes from then on, so a call costs a look-up. Expiry and the list of
revoked identities are looked at on every call: an open connection outlives neither.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from callmesh.domain.case import Actor
from callmesh.domain.errors import NotYours, Unauthenticated
from callmesh.domain.words import ActorKind
from callmesh.kernel import headers
from callmesh.kernel.config import Settings
from callmesh.kernel.telemetry import log

OPS = "ops"
_SPIFFE = re.compile(r"spiffe://([a-z0-9.-]{1,255})/(agency|svc)/([A-Za-z0-9._-]{1,64})")
_KNOWN = 10_000
_CERTIFICATE, _ID = "x509_pem_cert", "peer_spiffe_id"
Context = Any


@dataclass(frozen=True, slots=True)
class Peer:
    """What a certificate says. `serial` is lower-case hexadecimal, `until` seconds since 1970."""

    uri: str
    domain: str
    kind: str
    name: str
    serial: str
    until: float


class Revoked:
    """The file of revoked identities: a SPIFFE id or a serial number in hexadecimal a line, `#` begins a comment.

    A file that cannot be read leaves the list as it was: nobody is let in again by a mistake.
    """

    def __init__(self, path: str) -> None:
        self._path, self._stamp = path, (0, 0, 0)
        self._listed: frozenset[str] = frozenset()
        self.look()

    def look(self) -> bool:
        """Reads the file if it changed; whether it did."""
        if not self._path:
            return False
        try:
            found = Path(self._path).stat()
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if stamp == self._stamp:
                return False
            lines = Path(self._path).read_text().splitlines()
        except (OSError, UnicodeDecodeError) as wrong:
            if self._stamp != (-1, -1, -1):
                log.error("list of revoked identities cannot be read, the old one stays", problem=type(wrong).__name__)
            self._stamp = (-1, -1, -1)
            return False
        self._stamp = stamp
        self._listed = frozenset(filter(None, (_entry(one) for one in lines)))
        return True

    def has(self, peer: Peer) -> bool:
        """Whether it is on the list."""
        return bool(self._listed) and (peer.uri in self._listed or peer.serial in self._listed)


def _entry(line: str) -> str:
    given = line.partition("#")[0].strip()
    return given if given.startswith("spiffe://") else given.lower().replace(":", "").lstrip("0")


class FromMetadata:
    """Development: whoever reaches the port is believed."""

    secure = False

    def actor(self, context: Context, metadata: Mapping[str, Any]) -> Actor:
        """What the metadata says."""
        return asserted(str(metadata.get(headers.AGENCY, "")), metadata)

    def may_inspect(self, context: Context) -> bool:
        """Reflection is for everybody."""
        return True

    def look(self) -> None:
        """Nothing to renew."""

    def peer(self, context: Context) -> Peer | None:
        """Nobody has a certificate."""
        return None

    def is_out(self, peer: Peer) -> str:
        """Nobody is."""
        return ""


class FromCertificate:
    """mTLS: the certificate says who calls."""

    secure = True

    def __init__(self, domain: str, revoked: Revoked, ops: frozenset[str] = frozenset({OPS})) -> None:
        self._domain, self._revoked, self._ops = domain, revoked, ops
        self._known: OrderedDict[bytes, Peer] = OrderedDict()

    def actor(self, context: Context, metadata: Mapping[str, Any]) -> Actor:
        """The certificate's agency, with the person and role it asserts; raises Unauthenticated, NotYours."""
        peer = self.peer(context)
        assert peer is not None
        said = str(metadata.get(headers.AGENCY, ""))
        if peer.kind == "agency":
            if said not in ("", peer.name):
                raise NotYours(
                    f"the certificate is of agency {peer.name}, the metadata says another one",
                    "证书所属单位与请求中的单位不一致",
                )
            return asserted(peer.name, metadata)
        if peer.name not in self._ops:
            raise NotYours(f"service {peer.name} calls nobody", "该服务身份无权调用")
        return Actor(ActorKind.PERSON, "", str(metadata.get(headers.PERSON, "")) or peer.name, OPS)

    def may_inspect(self, context: Context) -> bool:
        """Reflection and channelz are for ops."""
        try:
            peer = self.peer(context)
        except Unauthenticated:
            return False
        return peer is not None and peer.kind == "svc" and peer.name in self._ops

    def look(self) -> None:
        """Takes a changed list of revoked identities."""
        if self._revoked.look():
            log.info("list of revoked identities renewed")

    def peer(self, context: Context) -> Peer | None:
        """The peer behind a call; raises Unauthenticated."""
        shown = context.auth_context()
        certificate = next(iter(shown.get(_CERTIFICATE, ())), b"")
        peer = self._known.get(certificate)
        if peer is None:
            peer = self._read(certificate, shown)
            self._known[certificate] = peer
            if len(self._known) > _KNOWN:
                self._known.popitem(last=False)
        why = self.is_out(peer)
        if why:
            raise Unauthenticated(why, "证书已过期或已被吊销, 请联系管理员换发")
        return peer

    def is_out(self, peer: Peer) -> str:
        """Why the peer is not let in any more; "" when it is."""
        if self._revoked.has(peer):
            return "this certificate was revoked"
        return "this certificate has expired" if time.time() > peer.until else ""

    def _read(self, certificate: bytes, shown: Mapping[str, Any]) -> Peer:
        uris = [one.decode(errors="replace") for one in shown.get(_ID, ())]
        found = _SPIFFE.fullmatch(uris[0]) if len(uris) == 1 else None
        if found is None or found[1] != self._domain:
            raise Unauthenticated(
                f"the certificate needs exactly one URI, spiffe://{self._domain}/agency/ID",
                "证书必须且只能包含一个本信任域的 SPIFFE 标识, 请联系管理员换发",
            )
        serial, until = _serial_and_end(certificate)
        return Peer(uris[0], found[1], found[2], found[3], serial, until)


def identities(settings: Settings) -> FromMetadata | FromCertificate:
    """By the settings."""
    if not settings.secure:
        return FromMetadata()
    ops = frozenset(filter(None, (one.strip() for one in settings.tls_ops.split(","))))
    return FromCertificate(settings.tls_domain, Revoked(settings.tls_revoked), ops)


def asserted(agency: str, metadata: Mapping[str, Any]) -> Actor:
    """An agency's person, as the agency says."""
    person, role = metadata.get(headers.PERSON, ""), metadata.get(headers.ROLE, "operator")
    return Actor(ActorKind.PERSON, agency, str(person), str(role))


def _serial_and_end(pem: bytes) -> tuple[str, float]:
    from cryptography import x509  # only with mTLS, and only at a certificate's first call

    found = x509.load_pem_x509_certificate(pem)
    return f"{found.serial_number:x}", found.not_valid_after_utc.timestamp()
