"""The site's key-encryption keys: what wraps the data keys (kernel/vault.py), and where it comes from.

They come from a command's output, else from a file, else from one made in the data folder at first use, which is
for development and for one machine. One key a line, 32 bytes in base 64: the first wraps, all unwrap. So a key is
changed by putting a new line on top; the old one stays as long as anything that it wrapped is to be read.
Without them nothing that was sealed can be read again: keep a copy where neither the log nor its backups are.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import subprocess
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from callmesh.kernel.config import Settings

KEY_BYTES, NONCE_BYTES, ID_BYTES = 32, 12, 8
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
            raise BadKey(
                "a data key was wrapped with another key-encryption key, and all services of a region need the same; "
                "add that one to CALLMESH_KEK_FILE, or set CALLMESH_KEK_LOST=true if it is lost for good"
            )
        nonce, rest = wrapped[ID_BYTES : ID_BYTES + NONCE_BYTES], wrapped[ID_BYTES + NONCE_BYTES :]
        return cipher.decrypt(nonce, rest, name.encode())


def wrapping(settings: Settings) -> Wrapping:
    """The site's key-encryption keys; raises BadKey that says what to do."""
    return wrapping_keys(settings.kek_file, settings.kek_command, Path(settings.data_dir))


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
