"""Signs what the log is, at intervals, so that whoever rewrites it later is found out (ledger/chain.py).

Every interval: read the newest signed head, roll the digest over what came since, sign, store the new
head in the AUDIT stream, and append it to a file, which belongs on another machine's disk. Nothing new:
nothing signed. Killed in between: the next round does it. The stream takes a head only after the one it
was rolled from, so two notaries cannot fork it. When NATS is away the round is skipped.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from callmesh.kernel import headers
from callmesh.kernel.ids import now
from callmesh.kernel.runtime import Runtime
from callmesh.kernel.telemetry import fault, log
from callmesh.ledger.chain import Roll, SignedHead
from callmesh.ledger.scan import scan


class Notary:
    """Signs the log of this process's shard."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        settings = runtime.settings
        self._stream = runtime.names.log_stream(settings.shard)
        self._subject = runtime.names.audit(settings.shard)
        self._file = Path(settings.heads_file) if settings.heads_file else None

    async def start(self) -> None:
        """Begins to sign beside the calls."""
        if self._runtime.settings.audit_seconds > 0:
            key = signing_key(self._runtime.settings.audit_key, Path(self._runtime.settings.data_dir))
            self._runtime.background(self._run(key))

    async def sign(self, key: Ed25519PrivateKey) -> SignedHead | None:
        """Signs what came since the last head; None when nothing came."""
        roll, place = await self._newest()
        begun = roll.sequence
        async for entry in scan(self._runtime.js, self._stream, begun):
            roll = roll.after(entry)
        if roll.sequence == begun:
            return None
        head = SignedHead(self._stream, roll.sequence, roll.digest.hex(), now().isoformat()).signed(key)
        expected = {headers.EXPECTED_SEQUENCE: str(place)}
        await self._runtime.js.publish(self._subject, head.line().encode(), headers=expected)
        if self._file is not None:
            await asyncio.to_thread(_append, self._file, head.line())
        return head

    async def _run(self, key: Ed25519PrivateKey) -> None:
        while True:
            await asyncio.sleep(self._runtime.settings.audit_seconds)
            try:
                head = await self.sign(key)
            except (NatsError, OSError, TimeoutError) as wrong:
                log.warning("log not signed, next time again", stream=self._stream, error=fault(wrong))
                continue
            if head is not None:
                log.info("log signed", stream=self._stream, sequence=head.sequence)

    async def _newest(self) -> tuple[Roll, int]:
        """Where the last signed head stands, and its place in the AUDIT stream."""
        try:
            found = await self._runtime.js.get_last_msg(self._runtime.names.audit_stream, self._subject)
        except NotFoundError:
            return Roll(), 0
        return SignedHead.read(found.data or b"").roll, int(found.seq or 0)


def signing_key(path: str, data_dir: Path) -> Ed25519PrivateKey:
    """The key in that PEM file; without a path one of this mesh's own, made at first use, in its folder."""
    file = Path(path) if path else data_dir / "audit-key.pem"
    if not path and not file.exists():
        _make(file)
    key = serialization.load_pem_private_key(file.read_bytes(), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"{file}: must be an Ed25519 key; make one with: openssl genpkey -algorithm ed25519")
    return key


def _make(file: Path) -> None:
    made = Ed25519PrivateKey.generate()
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_bytes(made.private_bytes(*pem))


def _append(file: Path, line: str) -> None:
    with file.open("a") as heads:
        heads.write(line + "\n")
