"""Data keys: one for each name, kept where a key can be destroyed, unlike anything in the log.

A key travels: made at random when its name is first used -> wrapped with the site's key-encryption key
(AES-256-GCM) -> stored in the KEYS stream -> once it is, told to every process, or fetched at first need
-> held unwrapped in memory only. Everybody who may read must hold the key-encryption key; the stream
alone, a mirror or a backup of it opens nothing.

Destroying a name's key overwrites it on NATS's disk, puts an empty message in its place, which keeps a new one
from ever being made, and tells all processes to forget it: what was sealed with it is then
unreadable everywhere, in every copy. A backup of the KEYS stream is the one thing that
could bring it back: keep those shorter than the law lets you keep the data, or change the
key-encryption key after it (its file holds several: the first wraps, all unwrap).
When NATS is away a key that is not in memory cannot be had: Unreachable. What was held before a connection
was lost is fetched anew after it, since a destruction may have been missed meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections import OrderedDict
from collections.abc import Iterable
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from callmesh.kernel import headers
from callmesh.kernel.batch import read_batch
from callmesh.kernel.config import Settings
from callmesh.kernel.connection import Connection
from callmesh.kernel.kek import KEY_BYTES, NONCE_BYTES, BadKey, Wrapping, wrapping
from callmesh.kernel.messaging import require_connection, unreachable
from callmesh.kernel.publisher import Publisher, Refused, Unanswered
from callmesh.kernel.subjects import Names

HELD_KEYS = 50_000
_AT_ONCE = 256


class DataKey:
    """A name's key: seals and opens bytes for that name alone. Without its cipher it was destroyed, or never made."""

    __slots__ = ("_cipher", "_key", "_name", "erased")

    def __init__(self, name: str, key: bytes | None, erased: bool = False) -> None:
        self._name = name.encode()
        self._key = key
        self._cipher = AESGCM(key) if key else None
        self.erased = erased
        """True when it was destroyed."""

    def __reduce__(self) -> tuple[type[DataKey], tuple[str, bytes | None, bool]]:
        """To another process of the same service."""
        return DataKey, (self._name.decode(), self._key, self.erased)

    @property
    def works(self) -> bool:
        """False when it was destroyed or never made."""
        return self._cipher is not None

    @property
    def missing(self) -> bool:
        """True when it was never made, as far as is known."""
        return self._cipher is None and not self.erased

    def seal(self, data: bytes) -> bytes:
        """nonce and ciphertext; b"" when it does not work: nothing may be kept of a name that was erased."""
        if self._cipher is None:
            return b""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, data, self._name)

    def open(self, sealed: bytes) -> bytes | None:
        """What was sealed; None when it was destroyed. Raises BadKey when the key is missing or another's."""
        if self.erased:
            return None
        if self._cipher is None:
            raise BadKey("a data key is missing: restore the KEYS stream before this case is used")
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], self._name)
        except InvalidTag:
            raise BadKey("sealed with another key, or damaged") from None

    def forget(self) -> None:
        """It was destroyed, and works nowhere where it is held."""
        self._cipher, self._key, self.erased = None, None, True


class Keys(Protocol):
    """Where a log gets its data keys."""

    async def make(self, name: str) -> DataKey:
        """The key of a name, made when it has none."""

    async def load(self, name: str) -> DataKey:
        """The key of a name."""

    async def load_all(self, names: Iterable[str]) -> dict[str, DataKey]:
        """The keys of several names."""


class NoKeys:
    """For who may see the way of a case but no words: everything reads as if it had been erased."""

    async def make(self, name: str) -> DataKey:
        """One that seals nothing."""
        return DataKey(name, None, erased=True)

    async def load(self, name: str) -> DataKey:
        """One that opens nothing."""
        return DataKey(name, None, erased=True)

    async def load_all(self, names: Iterable[str]) -> dict[str, DataKey]:
        """Of each one that opens nothing."""
        return {name: await self.load(name) for name in names}


async def open_vault(client: Connection, js: JetStreamContext, settings: Settings) -> Vault:
    """The vault of a process that is no service; raises BadKey that says what to do."""
    vault = Vault(client, js, Publisher(client), Names(settings.region))
    await vault.start(await asyncio.to_thread(wrapping, settings))
    return vault


class Vault:
    """The data keys of one process."""

    def __init__(self, client: Connection, js: JetStreamContext, publisher: Publisher, names: Names) -> None:
        self._client, self._js, self._publisher, self._names = client, js, publisher, names
        self._wrapping: Wrapping | None = None
        self._held: OrderedDict[str, DataKey] = OrderedDict()
        self._connection = 0
        self.fault = ""
        """Why what others write now cannot be read here; "" when it can."""

    async def start(self, wrapping: Wrapping) -> None:
        """Listens for keys that others make and destroy; once, however often it is asked."""
        if self._wrapping is None:
            await self._client.listen(self._names.key_news_all, self._heard)
        self._wrapping = wrapping

    async def verify(self) -> None:
        """Raises BadKey when the newest data key cannot be unwrapped here: nothing that others write could be read."""
        with contextlib.suppress(NotFoundError):
            newest = await self._js.get_last_msg(self._names.keys_stream, self._names.keys_all)
            if newest.data:
                self._keys.unwrap(self._names.case_id(newest.subject or ""), newest.data)

    async def make(self, name: str) -> DataKey:
        """The key of a new name, stored before this returns; the one it has, if it has one."""
        held = self.held(name)
        if held is not None:
            return held
        key = secrets.token_bytes(KEY_BYTES)
        try:
            await self._put(name, self._keys.wrap(name, key))
        except Refused:
            return await self._fetch(name)  # a repeated request, or another process was faster
        return self._hold(DataKey(name, key), name)

    def held(self, name: str) -> DataKey | None:
        """The key of a name, if this process has it now."""
        connection = self._client.stats["reconnects"]
        if connection != self._connection:
            self._connection = connection
            self._held.clear()
        found = self._held.get(name)
        return None if found is None or found.missing else found

    async def load(self, name: str) -> DataKey:
        """The key of a name, from memory or from where it is kept."""
        return self.held(name) or await self._fetch(name)

    async def load_all(self, names: Iterable[str]) -> dict[str, DataKey]:
        """The keys of several names, those that are not held in one request."""
        found = {name: self.held(name) for name in dict.fromkeys(names)}
        lacking = [name for name, key in found.items() if key is None]
        for start in range(0, len(lacking), _AT_ONCE):
            await self._fetch_all(lacking[start : start + _AT_ONCE])
        return {name: key or self._held[name] for name, key in found.items()}

    async def destroy(self, name: str) -> bool:
        """Overwrites the key where it is kept and tells everybody; False when that was done before."""
        wrapped, sequence = await self._stored(name)
        if sequence and not wrapped:
            return False
        try:
            if sequence:
                await self._js.delete_msg(self._names.keys_stream, sequence)
            await self._put(name, b"")
        except (TimeoutError, NatsError, OSError, Refused) as wrong:
            raise unreachable() from wrong
        self._note(name, b"")
        return True

    async def _put(self, name: str, payload: bytes) -> None:
        require_connection(self._client)
        try:
            await self._publisher.publish(self._names.key(name), payload, {headers.EXPECTED_SEQUENCE: "0"})
        except Unanswered as wrong:
            raise unreachable() from wrong
        await self._client.publish(self._names.key_news(name), payload)

    async def _fetch(self, name: str) -> DataKey:
        wrapped, sequence = await self._stored(name)
        return self._note(name, wrapped if sequence else None)

    async def _stored(self, name: str) -> tuple[bytes, int]:
        """What is kept and its sequence, 0 for nothing."""
        require_connection(self._client)
        try:
            found = await self._js.get_last_msg(self._names.keys_stream, self._names.key(name))
        except NotFoundError:
            return b"", 0
        except (TimeoutError, NatsError, OSError) as wrong:
            raise unreachable() from wrong
        return found.data or b"", int(found.seq or 0)

    async def _fetch_all(self, names: list[str]) -> None:
        request = {"multi_last": [self._names.key(name) for name in names], "batch": len(names)}
        missing = set(names)
        for message in await read_batch(self._client, self._names.keys_stream, request):
            name = self._names.case_id((message.headers or {})[headers.SUBJECT])
            missing.discard(name)
            self._note(name, message.data)
        for name in missing:
            self._note(name, None)

    @property
    def _keys(self) -> Wrapping:
        if self._wrapping is None:
            raise unreachable()
        return self._wrapping

    def _heard(self, message: Msg) -> None:
        try:
            self._note(self._names.case_id(message.subject), message.data)
            self.fault = ""
        except BadKey as wrong:
            self.fault = str(wrong)

    def _note(self, name: str, wrapped: bytes | None) -> DataKey:
        """Holds what is kept of a name: a key, b"" when it was destroyed, None when there is none."""
        held = self._held.get(name)
        if wrapped == b"" and held is not None:
            held.forget()
        if held is not None and not held.missing:
            return held
        key = self._keys.unwrap(name, wrapped) if wrapped else None
        return self._hold(DataKey(name, key, erased=wrapped == b""), name)

    def _hold(self, made: DataKey, name: str) -> DataKey:
        self._held[name] = made
        if len(self._held) > HELD_KEYS:
            self._held.popitem(last=False)
        return made
