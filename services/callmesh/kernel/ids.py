"""Ids and time. A case id is `<region>-<shard>-<26 characters>`: sharding is configuration.

The 26 characters are Crockford base 32 as in a ULID. They are a hash of what identifies the
report (its external id or request id), so a repeated open lands on the same subject and the
guard of the log does the rest; no index of request ids is needed.
"""

from __future__ import annotations

import hmac
import re
import secrets
from datetime import UTC, datetime
from hashlib import blake2b, sha256

from ulid import ULID

CASE_ID = re.compile(r"^[a-z0-9]+-[0-9]+-[0-9A-HJKMNP-TV-Z]{26}$")


def now() -> datetime:
    """The time, aware, in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """A fresh random id, for requests."""
    return secrets.token_hex(12)


def case_id(region: str, shard: int, *identity: str) -> str:
    """The case id for what identifies a report."""
    digest = sha256("\x1f".join(f"{len(part)}:{part}" for part in identity).encode()).digest()[:16]
    return f"{region}-{shard}-{ULID(digest)}"


def keyed_hash(key: str, value: str) -> str:
    """A hash of a personal value that cannot be tried out without the key; "" for nothing."""
    if not value:
        return ""
    return hmac.new(key.encode(), value.encode(), sha256).hexdigest()[:32]


def fingerprint(data: bytes) -> int:
    """A 64-bit hash of a request's content."""
    return int.from_bytes(blake2b(data, digest_size=8).digest())
