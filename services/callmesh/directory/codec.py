"""City <-> bytes, as the bucket stores it: JSON, squeezed when it is large.

Sets are written in order, so equal cities have equal bytes; the first twelve hex digits of their SHA-256
are the version that cases remember. Readers pass over keys they do not know and fill in those they miss, so
an older service reads a newer city and the other way round. So a reader does not recompute the version.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import replace

import msgspec

from callmesh.domain.directory import City

_ENCODER = msgspec.json.Encoder(order="deterministic")
_DECODER = msgspec.json.Decoder(City)
_LARGE = 64 * 1024
_MOST = 64 * 1024 * 1024  # unpacked; a value that claims more is no city

_LONGEST = 1024 * 1024  # one file


class Undecodable(ValueError):
    """The bytes are no city that this version of the code can read."""


def encode(city: City) -> bytes:
    """The bytes to store."""
    plain = _ENCODER.encode(city)
    return zlib.compress(plain, 9) if len(plain) > _LARGE else plain


def decode(data: bytes) -> City:
    """The city in the bytes; Undecodable says why not."""
    try:
        return _DECODER.decode(data if data[:1] == b"{" else _unpack(data))
    except (zlib.error, msgspec.MsgspecError, UnicodeDecodeError) as wrong:
        raise Undecodable(str(wrong)) from wrong


def stamp(city: City) -> City:
    """The city with the version that names its content."""
    content = _ENCODER.encode(replace(city, version=""))
    return replace(city, version=hashlib.sha256(content).hexdigest()[:12])


def squeezed(text: str) -> bytes:
    """A file's text, small enough to travel in a request."""
    return zlib.compress(text.encode(), 9)


def text_of(data: bytes) -> str:
    """The text of a squeezed file; Undecodable."""
    try:
        return _unpack(data, _LONGEST).decode()
    except (zlib.error, UnicodeDecodeError) as wrong:
        raise Undecodable(str(wrong)) from wrong


def _unpack(data: bytes, most: int = _MOST) -> bytes:
    unpacking = zlib.decompressobj()
    plain = unpacking.decompress(data, most)
    if not unpacking.eof:
        raise Undecodable("cut off or too large")
    return plain
