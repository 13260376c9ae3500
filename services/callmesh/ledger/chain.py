"""Tamper evidence: hashes that link what is stored, and signed heads that pin it.

Two chains lie over the same bytes. Each record carries the SHA-256 of the message before it on its
case (`Record.previous`), so a case's history cannot be edited, reordered or thinned out without
everything after it changing. A chain alone misses a cut at its end, and somebody who rewrites all of
it; so a second digest rolls over the whole log of a shard, message by message, and its state is signed
at intervals (supervision/notary.py) and kept in a second place. Whoever holds a signed head can prove
from an export alone that nothing up to that sequence was touched. After the last signed head only the
first chain speaks: a cut there shows when the next head is signed or the live log is asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from callmesh.facts.v1 import facts_pb2
from callmesh.ledger.port import Head
from callmesh.ledger.record import Damaged, decode


def digest(data: bytes) -> bytes:
    """SHA-256 of a stored message."""
    return sha256(data).digest()


def follow(record: facts_pb2.Record, head: Head | None) -> facts_pb2.Record:
    """The record, linked to the message that it follows on its case."""
    if head is not None:
        record.previous = digest(head.data)
    return record


@dataclass(frozen=True, slots=True)
class Entry:
    """A message of the log as it is stored."""

    sequence: int
    subject: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Roll:
    """The rolling digest of a log up to a sequence; a start of nothing is 32 zero bytes at sequence 0."""

    sequence: int = 0
    digest: bytes = bytes(32)

    def after(self, entry: Entry) -> Roll:
        """The digest one message on: over the one before, the sequence, the subject and the message's hash."""
        subject = entry.subject.encode()
        numbers = entry.sequence.to_bytes(8) + len(subject).to_bytes(2)
        return Roll(entry.sequence, sha256(self.digest + numbers + subject + digest(entry.data)).digest())


@dataclass(frozen=True, slots=True)
class SignedHead:
    """What a log was at a moment, signed: JSON, with hexadecimal digest, key and Ed25519 signature."""

    stream: str
    sequence: int
    digest: str
    at: str
    key: str = ""
    signature: str = ""

    @property
    def roll(self) -> Roll:
        """Where the rolling digest stood."""
        return Roll(self.sequence, bytes.fromhex(self.digest))

    def signed(self, key: Ed25519PrivateKey) -> SignedHead:
        """The same, signed; `key` names the public key by the first 16 digits of its hash."""
        named = replace(self, key=key_id(key.public_key()))
        return replace(named, signature=key.sign(named._content()).hex())

    def is_by(self, key: Ed25519PublicKey) -> bool:
        """Whether that key signed exactly this."""
        try:
            key.verify(bytes.fromhex(self.signature), self._content())
        except (InvalidSignature, ValueError):
            return False
        return True

    def line(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self))

    @staticmethod
    def read(line: str | bytes) -> SignedHead:
        """From a line of JSON; raises ValueError."""
        try:
            return SignedHead(**json.loads(line))
        except TypeError as wrong:
            raise ValueError(str(wrong)) from None

    def _content(self) -> bytes:
        return json.dumps([self.stream, self.sequence, self.digest, self.at, self.key]).encode()


def key_id(key: Ed25519PublicKey) -> str:
    """A short name of a public key."""
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return sha256(raw).hexdigest()[:16]


class Inspection:
    """Reads a log from its first message and says what is not as it was written."""

    def __init__(self, stream: str, heads: list[SignedHead], key: Ed25519PublicKey | None) -> None:
        self.roll = Roll()
        self.pinned = 0
        """Sequence of the last signed head that held."""
        self._stream, self._key = stream, key
        self._heads = sorted((one for one in heads if one.stream == stream), key=lambda one: one.sequence)
        self._last: dict[str, bytes] = {}

    @property
    def cases(self) -> int:
        """Cases met so far."""
        return len(self._last)

    def forged(self) -> Iterator[str]:
        """Heads that the key did not sign; without a key none can be told."""
        for head in self._heads:
            if self._key is not None and not head.is_by(self._key):
                yield f"the signed head at sequence {head.sequence} is not signed by this key"

    def add(self, entry: Entry) -> Iterator[str]:
        """Takes the next message; what is wrong with it."""
        if entry.sequence != self.roll.sequence + 1:
            yield _gap(self.roll.sequence, entry.sequence)
        yield from self._link(entry)
        self.roll = self.roll.after(entry)
        while self._heads and self._heads[0].sequence <= self.roll.sequence:
            yield from self._pin(self._heads.pop(0))

    def end(self) -> Iterator[str]:
        """What was signed lies behind the end: the log was cut."""
        for head in self._heads:
            yield f"the log ends at {self.roll.sequence}, but was signed up to {head.sequence} on {head.at}: it was cut"

    def _link(self, entry: Entry) -> Iterator[str]:
        try:
            previous = decode(entry.data).previous
        except Damaged:
            yield f"{entry.sequence}: the message cannot be read"
            previous = b""
        before = self._last.get(entry.subject, b"")
        if previous != before:
            yield f"{entry.sequence}: does not follow the message before it on {entry.subject}"
        self._last[entry.subject] = digest(entry.data)

    def _pin(self, head: SignedHead) -> Iterator[str]:
        if head.roll == self.roll:
            self.pinned = head.sequence
        else:
            yield f"what was signed at sequence {head.sequence} on {head.at} is not what stands here"


def _gap(last: int, found: int) -> str:
    if found <= last:
        return f"{found}: comes after {last}: messages were swapped or doubled"
    return f"{last + 1} to {found - 1}: missing" if found > last + 2 else f"{last + 1}: missing"
