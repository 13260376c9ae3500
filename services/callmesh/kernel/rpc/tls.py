"""Certificates of this process: read from files, read anew when the files change, never a restart.

A server asks at every handshake; a client builds a new channel (kernel/rpc/secure.py). A new certificate is taken only
when it fits its key and the authorities can be read: while files are being exchanged, or after a mistake, the old one
stays in use and the log says why. What is looked at is a file's time, size and inode, so an exchange by rename,
as secrets are mounted, is seen as well.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import grpc

from callmesh.kernel.config import Settings
from callmesh.kernel.telemetry import log

Stamp = tuple[tuple[int, int, int], ...]


class BadCertificate(Exception):
    """The files do not make a certificate that can be used; the text says which and why."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where certificate (with chain), key and trusted authorities lie."""

    cert: str
    key: str
    ca: str

    def stamp(self) -> Stamp:
        """Changes when any of the files does; raises BadCertificate when one is missing."""
        try:
            found = [Path(one).stat() for one in (self.cert, self.key, self.ca)]
        except OSError as wrong:
            raise BadCertificate(f"{wrong.filename}: {wrong.strerror}") from None
        return tuple((one.st_mtime_ns, one.st_size, one.st_ino) for one in found)

    def read(self) -> tuple[bytes, bytes, bytes]:
        """Key, certificate, authorities; raises BadCertificate unless they fit together."""
        try:
            proof = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            proof.load_cert_chain(self.cert, self.key)
            proof.load_verify_locations(self.ca)
            return Path(self.key).read_bytes(), Path(self.cert).read_bytes(), Path(self.ca).read_bytes()
        except OSError as wrong:  # ssl.SSLError is one
            raise BadCertificate(f"{self.cert}: {wrong.strerror or wrong}") from None


def files_of(settings: Settings) -> TlsFiles:
    """Those of the settings."""
    return TlsFiles(settings.tls_cert, settings.tls_key, settings.tls_ca)


def server_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Clients must show a certificate; ours is looked at for every handshake. Raises BadCertificate."""
    renewing = _Renewing(files)
    made: grpc.ServerCredentials = grpc.dynamic_ssl_server_credentials(
        renewing.first,
        renewing,  # type: ignore[arg-type]  # None is allowed: nothing changed
        require_client_authentication=True,
    )
    return made


def channel_credentials(files: TlsFiles) -> grpc.ChannelCredentials:
    """As the files are now; raises BadCertificate."""
    key, cert, authorities = files.read()
    made: grpc.ChannelCredentials = grpc.ssl_channel_credentials(authorities, key, cert)
    return made


class _Renewing:
    """Called by gRPC before each handshake: a new configuration, or None for the one it has."""

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._stamp = files.stamp()
        self.first = self._configuration()
        self._told = ""

    def __call__(self) -> grpc.ServerCertificateConfiguration | None:
        try:
            stamp = self._files.stamp()
            if stamp == self._stamp:
                return None
            found = self._configuration()
        except BadCertificate as wrong:
            self._keep(str(wrong))
            return None
        self._stamp, self._told = stamp, ""
        log.info("certificate renewed")
        return found

    def _configuration(self) -> grpc.ServerCertificateConfiguration:
        key, cert, authorities = self._files.read()
        return grpc.ssl_server_certificate_configuration([(key, cert)], authorities)

    def _keep(self, why: str) -> None:
        if why != self._told:
            self._told = why
            log.error("certificate not renewed, the old one stays", problem=why)
