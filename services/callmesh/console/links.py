"""Links to a single referral, for those who have no account: a locksmith, a volunteer, a shift worker's own phone.

The agency's desk makes a link and a code of six digits, and tells them on two ways (the link by message, the code by
voice). The link opens nothing without the code; TRIES wrong codes end it, and so does its time. Tries are counted one
after the other, over processes too: whoever guesses in parallel has no more of them. Who entered the code acts as the
agency's handler on that one referral, under a staff number that names the link. A newer link for the same referral
ends the older one. On disk are hashes only.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from callmesh.console.accounts import Account

TRIES = 5
HOURS = (2, 8, 24, 72)
COOKIE = "__Host-callmesh-link"


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """One link. Times are seconds since 1970; `key` is the hash of the cookie of who entered the code."""

    referral: str
    agency: str
    person: str
    until: float
    code: str
    tries: int = 0
    key: str = ""

    @property
    def account(self) -> Account:
        """Whom the mesh is told: a handler of the agency."""
        return Account(id="", name="", agency=self.agency, person=self.person, role="handler")


class Links:
    """All links of this console: a file each, named by the hash of the token."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def make(self, referral: str, agency: str, hours: int) -> tuple[str, str]:
        """Token and code of a new link; older ones for the referral end."""
        self._end_others(referral, agency)
        token, code = secrets.token_urlsafe(16), f"{secrets.randbelow(10**6):06}"
        person = f"link-{_hash(token)[:8]}"
        until = time.time() + hours * 3600
        self._write(token, Link(referral=referral, agency=agency, person=person, until=until, code=_hash(token + code)))
        return token, code

    def find(self, token: str) -> Link | None:
        """The link while it lives."""
        try:
            found = msgspec.json.decode(self._path(token).read_bytes(), type=Link)
        except (OSError, msgspec.DecodeError):
            return None
        return found if time.time() < found.until and found.tries < TRIES else None

    def enter(self, token: str, code: str) -> str:
        """The value of the cookie when the code is right, else ""."""
        with self._alone():
            return self._enter(token, code)

    def _enter(self, token: str, code: str) -> str:
        link = self.find(token)
        if link is None:
            return ""
        if not hmac.compare_digest(_hash(token + code.strip()), link.code):
            self._write(token, msgspec.structs.replace(link, tries=link.tries + 1))
            return ""
        key = secrets.token_urlsafe(24)
        self._write(token, msgspec.structs.replace(link, key=_hash(key), tries=0))
        return key

    def opened(self, token: str, key: str) -> Link | None:
        """The link, if its code was entered in this browser."""
        link = self.find(token)
        return link if link and link.key and hmac.compare_digest(_hash(key), link.key) else None

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else reads and writes tries meanwhile: a lock of the file system, so of all processes of this host."""
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _end_others(self, referral: str, agency: str) -> None:
        for path in self._folder.glob("*.json"):
            try:
                found = msgspec.json.decode(path.read_bytes(), type=Link)
            except (OSError, msgspec.DecodeError):
                continue
            if (found.referral, found.agency) == (referral, agency) or time.time() > found.until:
                path.unlink(missing_ok=True)

    def _path(self, token: str) -> Path:
        return self._folder / f"{_hash(token)}.json"

    def _write(self, token: str, link: Link) -> None:
        path = self._path(token)
        draft = path.with_suffix(".new")
        draft.write_bytes(msgspec.json.encode(link))
        draft.chmod(0o600)
        draft.replace(path)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
