"""Data keys: one for each name, kept where a key can be destroyed, unlike anything in the log.

A key travels: made at random when its name is first used -> wrapped with the site's key-encryption key
(AES-256-GCM) -> stored in the KEYS stream -> heard by every process that listens, or fetched at first
need -> held unwrapped in memory only. Everybody who may read must hold the key-encryption key; the stream
alone, a mirror or a backup of it opens nothing.

Destroying a name's key overwrites it on NATS's disk and tells all processes to forget it: what was sealed
with it is then unreadable everywhere, in every copy. A backup of the KEYS stream is the one thing that
could bring it back: keep those shorter than the law lets you keep the data, or change the
key-encryption key after it (its file holds several: the first wraps, all unwrap).
When NATS is away a key that is not in memory cannot be had: Unreachable.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import subprocess
from collections import OrderedDict
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from callmesh.kernel import headers
from callmesh.kernel.messaging import require_connection, unreachable
from callmesh.kernel.publisher import Publisher, Refused, Unanswered
from callmesh.kernel.subjects import Names

KEY_BYTES, NONCE_BYTES, ID_BYTES = 32, 12, 8
HELD_KEYS = 50_000
_COMMAND_SECONDS = 20


class BadKey(ValueError):
    """The key-encryption key cannot be used; the message says what to do."""


class Wrapping:
    """The site's key-encryption keys, the newest first."""

    def __init__(self, keys: list[bytes]) -> None:
        self._ciphers = {_id(key): AESGCM(key) for key in keys}
        self._first = _id(keys[0])

    def wrap(self, name: str, key: bytes) -> bytes:
        """id of the wrapping key, nonce, wrapped key; bound to the name."""
        nonce = os.urandom(NONCE_BYTES)
        return self._first + nonce + self._ciphers[self._first].encrypt(nonce, key, name.encode())

    def unwrap(self, name: str, wrapped: bytes) -> bytes:
        """The key; raises BadKey when it was wrapped with a key this process does not have."""
        cipher = self._ciphers.get(wrapped[:ID_BYTES])
        if cipher is None:
            raise BadKey("a data key was wrapped with another key-encryption key; add that one to CALLMESH_KEK_FILE")
        nonce, rest = wrapped[ID_BYTES : ID_BYTES + NONCE_BYTES], wrapped[ID_BYTES + NONCE_BYTES :]
        return cipher.decrypt(nonce, rest, name.encode())


class DataKey:
    """A name's key: seals and opens bytes for that name alone. Without its cipher it was destroyed, or never made."""

    __slots__ = ("_cipher", "_name")

    def __init__(self, name: str, key: bytes | None) -> None:
        self._name = name.encode()
        self._cipher = AESGCM(key) if key else None

    @property
    def works(self) -> bool:
        """False when it was destroyed or never made."""
        return self._cipher is not None

    def seal(self, data: bytes) -> bytes:
        """nonce and ciphertext; b"" when it does not work: nothing may be kept of a name that was erased."""
        if self._cipher is None:
            return b""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, data, self._name)

    def open(self, sealed: bytes) -> bytes | None:
        """What was sealed; None when it does not work or the bytes are not of this name."""
        if self._cipher is None:
            return None
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], self._name)
        except InvalidTag:
            return None

    def forget(self) -> None:
        """It does not work any more, wherever it is held."""
        self._cipher = None


class Vault:
    """The data keys of one process."""

    def __init__(self, client: Client, js: JetStreamContext, publisher: Publisher, names: Names) -> None:
        self._client, self._js, self._publisher, self._names = client, js, publisher, names
        self._wrapping: Wrapping | None = None
        self._held: OrderedDict[str, DataKey] = OrderedDict()

    async def start(self, wrapping: Wrapping) -> None:
        """Listens for keys that others make and destroy."""
        self._wrapping = wrapping
        await self._client.subscribe(self._names.keys_all, cb=self._heard)
        await self._client.subscribe(self._names.erased_all, cb=self._erased)

    async def make(self, name: str) -> DataKey:
        """The key of a new name, stored before this returns; the one it has, if it has one."""
        held = self._held.get(name)
        if held is not None and held.works:
            return held
        key = secrets.token_bytes(KEY_BYTES)
        guard = {headers.EXPECTED_SEQUENCE: "0"}
        require_connection(self._client)
        try:
            await self._publisher.publish(self._names.key(name), self._keys.wrap(name, key), guard)
        except Refused:
            return await self._fetch(name)  # a repeated request, or another process was faster
        except Unanswered as wrong:
            raise unreachable() from wrong
        return self._hold(name, key)

    async def load(self, name: str) -> DataKey:
        """The key of a name, from memory or from where it is kept."""
        return self._held.get(name) or await self._fetch(name)

    async def destroy(self, name: str) -> bool:
        """Overwrites the key where it is kept and tells everybody; False when there was none."""
        stream = self._names.keys_stream
        require_connection(self._client)
        try:
            found = await self._js.get_last_msg(stream, self._names.key(name), direct=False)
            await self._js.delete_msg(stream, int(found.seq or 0))
        except NotFoundError:
            return False
        except (TimeoutError, NatsError, OSError) as wrong:
            raise unreachable() from wrong
        await self._client.publish(self._names.erased(name))
        self._forget(name)
        return True

    async def _fetch(self, name: str) -> DataKey:
        require_connection(self._client)
        try:
            found = await self._js.get_last_msg(self._names.keys_stream, self._names.key(name), direct=True)
        except NotFoundError:
            return DataKey(name, None)
        except (TimeoutError, NatsError, OSError) as wrong:
            raise unreachable() from wrong
        return self._hold(name, self._keys.unwrap(name, found.data or b""))

    @property
    def _keys(self) -> Wrapping:
        if self._wrapping is None:
            raise unreachable()
        return self._wrapping

    async def _heard(self, message: Msg) -> None:
        name = self._names.case_id(message.subject)
        if message.data and name not in self._held:
            self._hold(name, self._keys.unwrap(name, message.data))

    async def _erased(self, message: Msg) -> None:
        self._forget(self._names.case_id(message.subject))

    def _forget(self, name: str) -> None:
        held = self._held.pop(name, None)
        if held is not None:
            held.forget()

    def _hold(self, name: str, key: bytes) -> DataKey:
        self._held[name] = made = DataKey(name, key)
        if len(self._held) > HELD_KEYS:
            self._held.popitem(last=False)
        return made


def wrapping_keys(file: str, command: str, data_dir: Path) -> Wrapping:
    """From a command's output, else from a file, else from one made in the data folder at first use."""
    if command:
        return _read(_output(command), f"CALLMESH_KEK_COMMAND ({command})")
    path = Path(file) if file else data_dir / "kek"
    if not file:
        _make(path)
    try:
        return _read(path.read_text(), str(path))
    except OSError as wrong:
        raise BadKey(f"{path}: {wrong.strerror}; make a key with: openssl rand -base64 32 > FILE") from None


def _output(command: str) -> str:
    try:
        done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=_COMMAND_SECONDS, check=True)
    except (subprocess.SubprocessError, OSError) as wrong:
        raise BadKey(f"CALLMESH_KEK_COMMAND failed: {type(wrong).__name__}") from None
    return done.stdout


def _read(text: str, where: str) -> Wrapping:
    try:
        keys = [base64.b64decode(line, validate=True) for line in text.split()]
    except binascii.Error:
        keys = []
    if not keys or any(len(key) != KEY_BYTES for key in keys):
        raise BadKey(f"{where}: must hold one key a line, 32 bytes in base 64; make one with: openssl rand -base64 32")
    return Wrapping(keys)


def _make(path: Path) -> None:
    """Writes a new key as a whole, unless there is one: several processes may come at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode() + "\n")
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _id(key: bytes) -> bytes:
    return sha256(key).digest()[:ID_BYTES]
