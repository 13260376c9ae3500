"""Who made a model: Ed25519 signatures, and the keys an installation trusts.

A model decides where people's calls go, so a file is used only when somebody this installation trusts has signed it.
`callmesh classify train` signs with the key of the machine it runs on and makes one, and trusts it, when there is
none; to trust another machine's models, copy its `.pub` file into the keys folder. The model shipped with the product
needs no key: the SHA-256 of its body stands beside it in the source, where a change is seen by whoever reviews the
source.

The folder is `CALLMESH_MODEL_KEYS`, else `callmesh/model-keys` below the user's configuration folder. `signer.key` in
it is private (mode 0600), every `*.pub` is trusted. Signatures are deterministic: the same body and key give the same
bytes.
"""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KEY_SIZE, SIGNATURE_SIZE = 32, 64


def keys_folder() -> Path:
    """Where the keys stand; it need not exist."""
    given = os.environ.get("CALLMESH_MODEL_KEYS")
    if given:
        return Path(given)
    home = os.environ.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path.home() / ".config") / "callmesh" / "model-keys"


def trusted(folder: Path | None = None) -> frozenset[bytes]:
    """The raw public keys of every `*.pub` in the folder; what is no key is passed over."""
    place = folder or keys_folder()
    if not place.is_dir():
        return frozenset()
    return frozenset(key for path in sorted(place.glob("*.pub")) if (key := _public(path)))


def own_key(folder: Path | None = None) -> Ed25519PrivateKey:
    """This machine's key, made at first use; raises OSError or ValueError when it cannot be read or written."""
    place = folder or keys_folder()
    path = place / "signer.key"
    if path.exists():
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text().strip()))
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = Ed25519PrivateKey.generate()
    raw = made.private_bytes(serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption())
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(raw.hex() + "\n")
    (place / "signer.pub").write_text(public_bytes(made).hex() + "\n")
    return made


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    """The raw 32 bytes of the public half."""
    return key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def valid(public: bytes, signature: bytes, body: bytes) -> bool:
    """True when `signature` over `body` was made with the private half of `public`."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, body)
    except (InvalidSignature, ValueError):
        return False
    return True


def _public(path: Path) -> bytes | None:
    try:
        key = bytes.fromhex(path.read_text().strip())
    except (OSError, ValueError):
        return None
    return key if len(key) == KEY_SIZE else None
