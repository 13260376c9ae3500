"""The file of a model: how it is laid out, and what is checked before anything in it is believed.

    magic | length of header (u32, little endian) | header, JSON | compressed arrays | public key (32) | signature (64)

The body is everything before the key. A body is believed when its SHA-256 is pinned (the shipped model), or when the
signature is right and the key is trusted. The header is canonical JSON and the arrays have fixed types and order, so
that the same training gives the same bytes. It carries labels, features, calibration, the hash of the training data,
the trainer's figures and the suite's report; a report with a failure makes the file unusable.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from callmesh.classification import signing

MAGIC = b"callmesh model 1\n"
PINNED = Path(__file__).parent / "data" / "default.sha256"
_TRAILER = signing.KEY_SIZE + signing.SIGNATURE_SIZE
_MOST_BYTES = 64 * 1024 * 1024
_TYPES = {"i1": "<i1", "f2": "<f2", "f4": "<f4"}

Arrays = dict[str, NDArray[Any]]


class ModelRefused(Exception):
    """A model file that is not used: `file` and `reason`, and the same for the operator."""

    def __init__(self, file: Path | str, reason: str, zh: str) -> None:
        super().__init__(f"{file}: {reason}")
        self.file, self.reason, self.zh = Path(file), reason, zh


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file holds. `digest` is the SHA-256 of the body; `signer` is empty for a pinned model."""

    header: dict[str, Any]
    grams: tuple[str, ...]
    arrays: Arrays
    digest: str
    signer: bytes = b""


def body_of(header: dict[str, Any], grams: tuple[str, ...], arrays: Arrays) -> bytes:
    """The bytes that are hashed and signed; the same values give the same bytes."""
    packed = {name: array.astype(_TYPES[_kind(array)]) for name, array in sorted(arrays.items())}
    layout = [[name, _kind(array), list(array.shape)] for name, array in packed.items()]
    text = "\n".join(grams).encode()
    full = {**header, "layout": layout, "grams_bytes": len(text)}
    described = json.dumps(full, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    payload = zlib.compress(text + b"".join(array.tobytes() for array in packed.values()), 9)
    return MAGIC + struct.pack("<I", len(described)) + described + payload


def signed(body: bytes, key: Any | None = None) -> bytes:
    """The whole file; without a key it can only be used when its digest is pinned."""
    if key is None:
        return body + bytes(_TRAILER)
    return body + signing.public_bytes(key) + bytes(key.sign(body))


def read(path: Path, *, any_signer: bool = False, keys: Path | None = None) -> Contents:
    """Check and open a file; raises ModelRefused. `any_signer` accepts a right signature of an unknown key."""
    content = _bytes(path)
    body, public, signature = content[:-_TRAILER], content[-_TRAILER : -signing.SIGNATURE_SIZE], content[-64:]
    digest = hashlib.sha256(body).hexdigest()
    if digest in pinned():
        return _open(path, body, digest, b"")
    if not any(public):
        raise ModelRefused(
            path, "it is not signed and its hash is not the pinned one", "模型文件未签名且与登记的哈希不符"
        )
    if not signing.valid(public, signature, body):
        raise ModelRefused(path, "the signature does not fit: changed after signing", "模型文件签名不符, 可能已被改动")
    if not any_signer and public not in signing.trusted(keys):
        where = keys or signing.keys_folder()
        reason = f"signed by {public.hex()[:16]}, which is not trusted; put the signer's .pub file into {where}"
        raise ModelRefused(path, reason, f"签名者不受信任, 请将其公钥文件放入 {where}")
    return _open(path, body, digest, public)


def pinned() -> frozenset[str]:
    """The digests of the bodies that come with the product."""
    if not PINNED.exists():
        return frozenset()
    return frozenset(line.split()[0] for line in PINNED.read_text().splitlines() if line.strip())


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ModelRefused(path, f"larger than {_MOST_BYTES} bytes", "模型文件过大")
        content = path.read_bytes()
    except OSError as wrong:
        raise ModelRefused(path, f"cannot be read ({wrong.strerror})", "模型文件无法读取") from None
    if not content.startswith(MAGIC) or len(content) < len(MAGIC) + 4 + _TRAILER:
        raise ModelRefused(path, "is not a model of this version", "不是本版本的模型文件")
    return content


def _open(path: Path, body: bytes, digest: str, signer: bytes) -> Contents:
    """A believed body; whoever signed nonsense is told so."""
    try:
        start = len(MAGIC) + 4
        (length,) = struct.unpack("<I", body[len(MAGIC) : start])
        header = json.loads(body[start : start + length])
        payload = zlib.decompress(body[start + length :])
        size = int(header["grams_bytes"])
        text = payload[:size].decode()
        arrays = _arrays(header["layout"], payload[size:])
    except (ValueError, KeyError, TypeError, zlib.error, struct.error) as wrong:
        raise ModelRefused(path, f"cannot be decoded ({type(wrong).__name__})", "模型文件无法解析") from None
    failures = (header.get("suite") or {}).get("failures", 0)
    if failures:
        raise ModelRefused(
            path, f"its suite report has {failures} failures", f"模型未通过安全用例集: {failures} 项失败"
        )
    return Contents(header, tuple(text.split("\n")) if text else (), arrays, digest, signer)


def _arrays(layout: list[list[Any]], payload: bytes) -> Arrays:
    arrays: Arrays = {}
    at = 0
    for name, kind, shape in layout:
        count = int(np.prod(shape))
        arrays[name] = np.frombuffer(payload, _TYPES[kind], count, at).reshape(shape)
        at += arrays[name].nbytes
    return arrays


def _kind(array: NDArray[Any]) -> str:
    return array.dtype.str[1:]
