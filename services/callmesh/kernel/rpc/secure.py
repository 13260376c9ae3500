"""Channels that carry a certificate and renew it by themselves.

gRPC's channels keep the certificate they were made with. `SecureChannel` makes a new one when the files have changed,
gives every new call to it, and closes the old one when its calls have ended (a stream lasts at most as long as the
server's max_connection_age). Files are looked at once a second at most, and only when somebody calls. While new files
do not fit together the old channel goes on.

`Wallet` is a folder with a certificate for each of many identities, as `callmesh ca` makes it. A channel over it calls
with the certificate of the agency that the metadata names, or as ops when it names none: so one stub can play a
whole city, each agency with an identity of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from callmesh.kernel import headers
from callmesh.kernel.rpc.identity import OPS
from callmesh.kernel.rpc.tls import BadCertificate, Stamp, TlsFiles, channel_credentials
from callmesh.kernel.telemetry import log

LOOK_SECONDS = 1.0
DRAIN_SECONDS = 630.0
"""A server ends connections after 600 s and gives their calls 30 s more."""
_MADE = 256
Options = Sequence[tuple[str, Any]]


@dataclass(frozen=True, slots=True)
class Wallet:
    """A folder with `ca.pem`, `agency/ID.pem` and `.key`, `svc/NAME.pem` and `.key`."""

    folder: Path

    def files(self, agency: str) -> TlsFiles:
        """Those of an agency; of ops when it is empty."""
        return self.named("agency" if agency else "svc", agency or OPS)

    def named(self, kind: str, name: str) -> TlsFiles:
        """Those of an identity."""
        stem = self.folder / kind / name
        return TlsFiles(f"{stem}.pem", f"{stem}.key", str(self.folder / "ca.pem"))


class _Renewing:
    """The channel of one identity to one address, made anew when its files change."""

    def __init__(self, address: str, files: TlsFiles, options: Options) -> None:
        self._address, self._files, self._options = address, files, options
        self._stamp: Stamp = files.stamp()
        self._looked = time.monotonic()
        self._inner = self._open()
        self._drains: set[asyncio.Task[None]] = set()

    def now(self) -> grpc.aio.Channel:
        """The channel to call on."""
        at = time.monotonic()
        if at - self._looked >= LOOK_SECONDS:
            self._looked = at
            self._renew()
        return self._inner

    def _renew(self) -> None:
        try:
            stamp = self._files.stamp()
            if stamp == self._stamp:
                return
            following = self._open()
        except BadCertificate as wrong:
            log.error("certificate not renewed, the old one stays", problem=str(wrong))
            return
        self._stamp, before, self._inner = stamp, self._inner, following
        drain = asyncio.ensure_future(before.close(DRAIN_SECONDS))
        self._drains.add(drain)
        drain.add_done_callback(self._drains.discard)

    def _open(self) -> grpc.aio.Channel:
        return grpc.aio.secure_channel(self._address, channel_credentials(self._files), options=self._options)

    async def close(self, grace: float | None) -> None:
        """Closes the channel and those that still drain."""
        for one in self._drains:
            one.cancel()
        await self._inner.close(grace)


class SecureChannel(grpc.aio.Channel):
    """A channel whose identity is `identity(agency)`, with `agency` from a call's metadata."""

    def __init__(self, address: str, identity: Wallet | TlsFiles, options: Options) -> None:
        self._address, self._identity, self._options = address, identity, options
        self._channels: dict[str, _Renewing] = {}

    def of(self, metadata: Any) -> grpc.aio.Channel:
        """The channel for a call with this metadata; raises BadCertificate when its files are missing."""
        agency = ""
        if isinstance(self._identity, Wallet):
            agency = str(next((value for key, value in metadata or () if key == headers.AGENCY), ""))
        found = self._channels.get(agency)
        if found is None:
            files = self._identity.files(agency) if isinstance(self._identity, Wallet) else self._identity
            found = self._channels[agency] = _Renewing(self._address, files, self._options)
        return found.now()

    def unary_unary(self, method: str, *given: Any, **named: Any) -> Any:
        """A method with one request and one reply."""
        return _Method(self, lambda channel: channel.unary_unary(method, *given, **named))

    def unary_stream(self, method: str, *given: Any, **named: Any) -> Any:
        """A method with many replies."""
        return _Method(self, lambda channel: channel.unary_stream(method, *given, **named))

    def stream_unary(self, method: str, *given: Any, **named: Any) -> Any:
        """A method with many requests."""
        return _Method(self, lambda channel: channel.stream_unary(method, *given, **named))

    def stream_stream(self, method: str, *given: Any, **named: Any) -> Any:
        """A method with many of both."""
        return _Method(self, lambda channel: channel.stream_stream(method, *given, **named))

    async def close(self, grace: float | None = None) -> None:
        """Closes every channel."""
        for one in list(self._channels.values()):
            await one.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """Of the channel for calls without an agency."""
        return self.of(()).get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Of the channel for calls without an agency."""
        await self.of(()).wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """When the channel for calls without an agency is connected."""
        await self.of(()).channel_ready()

    async def __aenter__(self) -> SecureChannel:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close(None)


class _Method:
    """A method of the channel that is the right one at the time of the call."""

    def __init__(self, channel: SecureChannel, make: Callable[[grpc.aio.Channel], Any]) -> None:
        self._channel, self._make = channel, make
        self._made: dict[int, tuple[grpc.aio.Channel, Any]] = {}

    def __call__(self, *request: Any, metadata: Any = None, **named: Any) -> Any:
        inner = self._channel.of(metadata)
        held = self._made.get(id(inner))
        if held is None or held[0] is not inner:
            if len(self._made) >= _MADE:
                self._made.clear()  # of channels that were renewed meanwhile
            held = self._made[id(inner)] = (inner, self._make(inner))
        return held[1](*request, metadata=metadata, **named)
