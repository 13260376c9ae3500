"""A certificate authority in a folder, for development and small sites.

    DIR/domain              the trust domain
    DIR/ca.pem              roots that are trusted now, the newest first       -> CALLMESH_TLS_CA
    DIR/revoked             serial numbers and identities that are out         -> CALLMESH_TLS_REVOKED
    DIR/agency/ID.pem .key  certificates of agencies                           -> CALLMESH_TLS_CERT, _KEY
    DIR/svc/NAME.pem .key   certificates of services and of those who run them
    DIR/private/root-N      the roots' keys; keep them from everybody else
    DIR/issued.jsonl        one line for every certificate that was ever issued

A certificate has exactly one URI, its SPIFFE id, and beside it a DNS name, since gRPC clients check that of a server.
Files are exchanged whole, keys are readable by their owner alone. A new root is trusted beside the old one before
anything is issued under it, so nobody is shut out while one replaces the other.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from callmesh.cli.output import BadInput, Failure

ROOT_DAYS = 3650
AGENCY_HOURS, SERVICE_HOURS = 90 * 24.0, 24.0
MOST_HOURS = 90 * 24.0
_EARLIER = timedelta(minutes=5)
"""Certificates begin a little earlier, since clocks differ."""
_IDENTITY = re.compile(r"(agency|svc)/([A-Za-z0-9._-]{1,64})")
_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9.-]{0,253}[a-z0-9])?")


def ends_soon(left: timedelta, life: timedelta) -> bool:
    """Whether it is to be renewed now: an agency's two weeks before its end, of a short life when a quarter is left.

    A service's lives a day or a week and is renewed by a timer, so this says that the timer stopped.
    """
    return left < min(timedelta(days=14), life / 4)


@dataclass(frozen=True, slots=True)
class Issued:
    """A line of issued.jsonl. Times are ISO 8601 in UTC, `serial` hexadecimal."""

    identity: str
    serial: str
    issued: str
    expires: str
    root: int
    dns: tuple[str, ...] = ()
    ips: tuple[str, ...] = ()

    @property
    def until(self) -> datetime:
        """When it expires."""
        return datetime.fromisoformat(self.expires)

    @property
    def life(self) -> timedelta:
        """How long it lives in all."""
        return self.until - datetime.fromisoformat(self.issued)


class Authority:
    """The authority in a folder; `create` makes one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.domain = (folder / "domain").read_text().strip()
        except OSError:
            raise BadInput(f"{folder} holds no certificate authority; make one with: callmesh ca init") from None

    @classmethod
    def create(cls, folder: Path, domain: str) -> Authority:
        """A new authority with its first root; BadInput when there is one already."""
        if not _DOMAIN.fullmatch(domain):
            raise BadInput(f"{domain!r} is no trust domain; use one like callmesh.internal")
        if (folder / "domain").exists():
            raise BadInput(f"{folder} holds an authority already; callmesh ca rotate replaces its root")
        for part in ("private", "agency", "svc"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / "private").chmod(0o700)
        (folder / "revoked").touch()
        _put(folder / "domain", f"{domain}\n".encode())
        made = cls(folder)
        made.new_root()
        return made

    # roots

    @property
    def roots(self) -> list[int]:
        """Numbers of the roots that are trusted, the newest first."""
        found = [int(one.stem.rpartition("-")[2]) for one in (self.folder / "private").glob("root-*.pem")]
        return sorted(found, reverse=True)

    def new_root(self) -> int:
        """Makes another root and trusts it beside those before; its number."""
        number = max(self.roots, default=0) + 1
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{self.domain} root {number}")])
        public = key.public_key()
        made = (
            x509.CertificateBuilder(name, name, public, x509.random_serial_number())
            .not_valid_before(now - _EARLIER)
            .not_valid_after(now + timedelta(days=ROOT_DAYS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(key, hashes.SHA256())
        )
        _put(self._root(number, "key"), _pem_key(key), secret=True)
        _put(self._root(number, "pem"), made.public_bytes(serialization.Encoding.PEM))
        self._bundle()
        return number

    def drop_old_roots(self) -> list[int]:
        """Trusts the newest root alone; Failure while a certificate in use comes from an older one."""
        newest, *old = self.roots
        held = [one.identity for one in self.current() if one.root != newest and one.until > datetime.now(UTC)]
        if held:
            raise Failure(f"{', '.join(held)} still come from an old root; first: callmesh ca rotate --leaves")
        for number in old:
            for ending in ("pem", "key"):
                self._root(number, ending).unlink()
        self._bundle()
        return old

    def _bundle(self) -> None:
        _put(self.folder / "ca.pem", b"".join(self._root(one, "pem").read_bytes() for one in self.roots))

    def _root(self, number: int, ending: str) -> Path:
        return self.folder / "private" / f"root-{number}.{ending}"

    # leaves

    def issue(
        self,
        identity: str,
        hours: float = 0,
        dns: Sequence[str] = (),
        ips: Sequence[str] = (),
        uris: Sequence[str] = (),
    ) -> Issued:
        """A certificate with a key of its own for `agency/ID` or `svc/NAME`; it replaces an earlier one's files.

        `hours` 0: 90 days for an agency, one day for a service. `uris` (for tests of what must be refused) stand in
        for the SPIFFE id.
        """
        kind, name = self._parts(identity)
        span = hours or (AGENCY_HOURS if kind == "agency" else SERVICE_HOURS)
        if span > MOST_HOURS:
            raise BadInput(f"a certificate lives {MOST_HOURS / 24:.0f} days at most")
        names = (f"{name}.{kind}.{self.domain}", *dns)
        key, now, number = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC), self.roots[0]
        given = uris or (f"spiffe://{self.domain}/{identity}",)
        made = self._signed(key.public_key(), identity, kind, now + timedelta(hours=span), number, (names, ips, given))
        _put(self.folder / kind / f"{name}.key", _pem_key(key), secret=True)
        _put(self.folder / kind / f"{name}.pem", made.public_bytes(serialization.Encoding.PEM))
        began, until = (one.isoformat(timespec="seconds") for one in (now, made.not_valid_after_utc))
        return self._note(Issued(identity, f"{made.serial_number:x}", began, until, number, tuple(dns), tuple(ips)))

    def _note(self, one: Issued) -> Issued:
        with (self.folder / "issued.jsonl").open("a") as file:
            file.write(json.dumps(asdict(one)) + "\n")
        return one

    def renew(self) -> list[Issued]:
        """Every identity in use a new certificate under the newest root, with the names and the life it had."""
        out, renewed = self.revoked(), []
        for one in self.current():
            if one.serial not in out:
                life = (one.until - datetime.fromisoformat(one.issued)).total_seconds() / 3600
                renewed.append(self.issue(one.identity, min(max(life, 0.01), MOST_HOURS), one.dns, one.ips))
        return renewed

    def _signed(
        self,
        public: ec.EllipticCurvePublicKey,
        identity: str,
        kind: str,
        until: datetime,
        number: int,
        names: tuple[Sequence[str], Sequence[str], Sequence[str]],
    ) -> x509.Certificate:
        root = x509.load_pem_x509_certificate(self._root(number, "pem").read_bytes())
        key = serialization.load_pem_private_key(self._root(number, "key").read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        dns, ips, uris = names
        known = [
            *(x509.UniformResourceIdentifier(one) for one in uris),
            *(x509.DNSName(one) for one in dns),
            *(x509.IPAddress(_ip(one)) for one in ips),
        ]
        uses = [ExtendedKeyUsageOID.CLIENT_AUTH] + ([ExtendedKeyUsageOID.SERVER_AUTH] if kind == "svc" else [])
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, identity)])
        return (
            x509.CertificateBuilder(root.subject, subject, public, x509.random_serial_number())
            .not_valid_before(min(datetime.now(UTC), until) - _EARLIER)
            .not_valid_after(until)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
            .add_extension(x509.SubjectAlternativeName(known), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )

    def _parts(self, identity: str) -> tuple[str, str]:
        found = _IDENTITY.fullmatch(identity)
        if found is None:
            raise BadInput(f"{identity!r} is no identity; use agency/ID or svc/NAME")
        return found[1], found[2]

    # the book

    def issued(self) -> list[Issued]:
        """Everything that was ever issued, oldest first."""
        path = self.folder / "issued.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [Issued(**json.loads(line)) for line in lines]

    def current(self) -> Iterator[Issued]:
        """The last certificate of each identity."""
        yield from {one.identity: one for one in self.issued()}.values()

    def revoked(self) -> frozenset[str]:
        """What the list holds."""
        lines = (self.folder / "revoked").read_text().splitlines()
        return frozenset(filter(None, (line.partition("#")[0].strip() for line in lines)))

    def revoke(self, what: str, for_ever: bool = False) -> list[str]:
        """Puts every living certificate of an identity, or one serial number, on the list; what was put there.

        `for_ever` puts the identity itself there, so that no later certificate of it counts either.
        """
        if _IDENTITY.fullmatch(what):
            if for_ever:
                found = [f"spiffe://{self.domain}/{what}"]
            else:
                now = datetime.now(UTC)
                found = [one.serial for one in self.issued() if one.identity == what and one.until > now]
        else:
            wanted = what.lower().replace(":", "").lstrip("0")
            found = [one.serial for one in self.issued() if one.serial == wanted]
        if not found:
            raise BadInput(f"nothing that lives was issued to {what!r}; callmesh ca list shows what was")
        new = [one for one in found if one not in self.revoked()]
        at = datetime.now(UTC).isoformat(timespec="seconds")
        lines = (self.folder / "revoked").read_text() + "".join(f"{one}  # {what} {at}\n" for one in new)
        _put(self.folder / "revoked", lines.encode())
        return new


def _usage(signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        raise BadInput(f"{text!r} is no IP address") from None


def _pem_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def _put(path: Path, data: bytes, secret: bool = False) -> None:
    """The whole file at once; a secret one is nobody else's from its first byte on."""
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if secret else 0o644), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
