"""Sessions live here, on the server: a cookie holds nothing but 32 random bytes.

A session is a file named by the hash of its cookie, so a restart or a kill -9 signs nobody out, and who reads the
folder cannot sign in. After `idle` seconds without a key or a click it is locked: the password opens it again, and
what was typed is still in the browser. Fetches that a page makes by itself (`x-background`) are no activity. After
`most` seconds it is over.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from pathlib import Path

import msgspec

COOKIE = "__Host-callmesh"
BACKGROUND = "x-background"
_TOUCH_SECONDS = 15.0


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Who signed in and when; times are seconds since 1970."""

    account: str
    begun: float
    seen: float


class Sessions:
    """All sessions of this console."""

    def __init__(self, folder: Path, idle: float, most: float) -> None:
        self._folder, self._idle, self._most = folder, idle, most
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def begin(self, account: str) -> str:
        """A new session; the value of its cookie."""
        token = secrets.token_urlsafe(32)
        now = time.time()
        self._write(token, Session(account=account, begun=now, seen=now))
        return token

    def find(self, token: str) -> Session | None:
        """The session of that cookie, locked or not; None when there is none or it is over."""
        try:
            found = msgspec.json.decode(self._path(token).read_bytes(), type=Session)
        except (OSError, msgspec.DecodeError):
            return None
        if time.time() - found.begun > self._most:
            self.end(token)
            return None
        return found

    def locked(self, session: Session) -> bool:
        """Whether nobody was there for too long."""
        return time.time() - session.seen > self._idle

    def touch(self, token: str, session: Session) -> None:
        """Somebody is there; written at most every few seconds."""
        now = time.time()
        if now - session.seen > _TOUCH_SECONDS:
            self._write(token, msgspec.structs.replace(session, seen=now))

    def end(self, token: str) -> None:
        """Forgets it."""
        self._path(token).unlink(missing_ok=True)

    def _path(self, token: str) -> Path:
        return self._folder / hashlib.sha256(token.encode()).hexdigest()

    def _write(self, token: str, session: Session) -> None:
        path = self._path(token)
        draft = path.with_suffix(".new")
        draft.write_bytes(msgspec.json.encode(session))
        draft.chmod(0o600)
        draft.replace(path)
