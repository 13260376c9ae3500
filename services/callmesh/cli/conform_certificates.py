"""Certificates for the kit: the right one from a folder of `callmesh ca`, and wrong ones that a partner must refuse.

Nothing is written into the given folder: what is made is made in a folder of the run's own. An expired certificate
and one of another name need the authority's key (`private/`); without it these two are left out.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from callmesh.cli.authority import Authority
from callmesh.cli.output import BadInput
from callmesh.conform.kit import WrongCertificate
from callmesh.kernel.config import Settings
from callmesh.kernel.rpc.secure import Wallet
from callmesh.kernel.rpc.tls import TlsFiles

NAME = "svc/gateway"
_DAY = timedelta(days=1)


def settings(folder: Path, own: Path, host: str) -> Settings:
    """mTLS as on the mesh; a certificate for `host` is issued when the folder has the authority's key.

    Raises BadInput when there is neither a certificate nor a key to issue one.
    """
    files = _issued(folder, own / "right", host)
    if files is None:
        files = Wallet(folder).named("svc", "gateway")
        if not Path(files.cert).exists():
            raise BadInput(f"{folder} has no certificate for the kit; make one: callmesh ca issue {NAME} --ip {host}")
    return Settings(
        tls_cert=files.cert,
        tls_key=files.key,
        tls_ca=str(folder / "ca.pem"),
        tls_domain=Authority(folder).domain,
        tls_revoked=str(folder / "revoked"),
        log_level="error",
    )


def wrong(folder: Path, own: Path, host: str) -> list[WrongCertificate]:
    """What a partner must turn away."""
    other = Authority.create(own / "other", Authority(folder).domain)
    other.issue(NAME, dns=("localhost",), ips=_ips(host))
    found = [
        WrongCertificate("from an authority that is not trusted", Wallet(other.folder).named("svc", "gateway")),
        WrongCertificate("self-signed", _self_signed(own / "self-signed", host)),
    ]
    expired = _issued(folder, own / "expired", host, hours=-1.0)
    elsewhere = _issued(folder, own / "elsewhere", "")
    if expired is not None and elsewhere is not None:
        found += [WrongCertificate("expired an hour ago", expired), WrongCertificate("of another name", elsewhere)]
    return found


def _issued(folder: Path, own: Path, host: str, hours: float = 0) -> TlsFiles | None:
    """By a copy of the authority; None when its key is not there."""
    if not any((folder / "private").glob("root-*.key")):
        return None
    shutil.copytree(folder, own)
    names = {"dns": ("localhost", *_dns(host)), "ips": _ips(host)} if host else {}
    Authority(own).issue(NAME, hours, **names)
    return Wallet(own).named("svc", "gateway")


def _self_signed(own: Path, host: str) -> TlsFiles:
    own.mkdir()
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    import ipaddress

    known: list[x509.GeneralName] = [x509.DNSName(one) for one in ("localhost", *_dns(host))]
    known += [x509.IPAddress(ipaddress.ip_address(one)) for one in _ips(host)]
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
        .add_extension(x509.SubjectAlternativeName(known), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8
    (own / "it.key").touch(0o600)
    (own / "it.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    (own / "it.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return TlsFiles(str(own / "it.pem"), str(own / "it.key"), str(own / "it.pem"))


def _ips(host: str) -> Sequence[str]:
    return ("127.0.0.1", host) if _is_ip(host) and host != "127.0.0.1" else ("127.0.0.1",)


def _dns(host: str) -> Sequence[str]:
    return () if _is_ip(host) or host == "localhost" else (host,)


def _is_ip(host: str) -> bool:
    import ipaddress

    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
