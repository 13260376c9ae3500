"""`callmesh audit`: prove that the log is what it was (ledger/chain.py says how).

An export is JSON lines: first what it is, then each message with its bytes in base 64. It holds the callers'
data as the log does, so it deserves the same care. Verifying needs the export, the signed heads and the
public key, and no mesh.
"""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from callmesh.cli.endpoints import find, jetstream, own_settings
from callmesh.cli.output import FINDING, BadInput, Failure, Manual, ManualGroup

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from callmesh.ledger.chain import Entry, Inspection, SignedHead

_FORMAT = "callmesh-log-1"
_SHOWN = 20
_EXITS = """\
0  the log is what it was, as far as it can be told
1  something was changed, or nothing answers
2  wrong usage or wrong input"""
_FOUND = """\
edit        a message is not what the one after it says it was, or not what was signed
deletion    a sequence is missing
swap        a message does not follow the one before it on its case
truncation  the log ends before what was signed
After the last signed head a cut at the very end cannot be told; the report says how many messages that concerns."""
_EXAMPLES = """\
callmesh audit verify                                       the running mesh
callmesh audit export monday.jsonl                          keep it away from the mesh
callmesh audit heads > heads.jsonl
callmesh audit key > audit-key.pub
callmesh audit verify monday.jsonl --heads heads.jsonl --key audit-key.pub"""


@click.group("audit", cls=ManualGroup, sections={"Environment": FINDING, "Examples": _EXAMPLES})
def command() -> None:
    """Prove that the log is what it was (防篡改审计).

    Every fact carries the hash of the one before it on its case, and supervision signs the state of the
    whole log every few minutes. So an edit, a deletion, a swap or a cut shows, offline, from an export.
    """


@command.command("export", cls=Manual)
@click.argument("file", type=click.File("w", lazy=True), default="-")
def export(file: TextIO) -> None:
    """Write the log of this shard as JSON lines to FILE, or to standard output.

    What callers said is in it as the log has it, sealed: only who holds the key-encryption key and the stream KEYS
    can read it.
    """
    asyncio.run(_export(file))


@command.command("heads", cls=Manual)
def heads() -> None:
    """Print the signed heads, one JSON line each."""
    for head in asyncio.run(_live_heads()):
        click.echo(head.line())


@command.command("key", cls=Manual)
@click.option("--private", type=click.Path(exists=True, path_type=Path), help="Its file. [default: the mesh's own]")
def key(private: Path | None) -> None:
    """Print the public key (PEM) that signed heads are checked with."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    found = _public_key(private or _own_key())
    click.echo(found.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(), nl=False)


@command.command("verify", cls=Manual, sections={"What is found": _FOUND, "Exit status": _EXITS})
@click.argument("file", type=click.File("r"), required=False)
@click.option("--heads", "heads_file", type=click.File("r"), help="Signed heads. [default: the mesh's AUDIT stream]")
@click.option("--key", "key_file", type=click.Path(exists=True, path_type=Path), help="Public key, PEM.")
@click.option("--json", "as_json", is_flag=True, help="The result as one JSON object.")
def verify(file: TextIO | None, heads_file: TextIO | None, key_file: Path | None, as_json: bool) -> None:
    """Check the log in FILE, an export, or the running mesh's when none is given.

    For an export give --heads and --key too: without them only the chain of each case is checked.
    """
    own = _own_key()
    key_file = key_file or (own if file is None and own.exists() else None)
    signer = _public_key(key_file) if key_file else None
    raise SystemExit(asyncio.run(_verify(file, heads_file, signer, as_json)))


async def _export(file: TextIO) -> None:
    async with _scanning() as (stream, entries):
        file.write(json.dumps({"format": _FORMAT, "stream": stream}) + "\n")
        count = 0
        async for one in entries:
            line = {"sequence": one.sequence, "subject": one.subject, "data": b64encode(one.data).decode()}
            file.write(json.dumps(line) + "\n")
            count += 1
        file.flush()
    click.echo(f"{count} messages of {stream}", err=True)


async def _verify(
    file: TextIO | None, heads_file: TextIO | None, signer: Ed25519PublicKey | None, as_json: bool
) -> int:
    from callmesh.ledger.chain import Inspection

    signed = _read_heads(heads_file) if heads_file else [] if file else await _live_heads()
    async with _exported(file) if file else _scanning() as (stream, entries):
        inspection = Inspection(stream, signed, signer)
        problems = list(inspection.forged())
        async for one in entries:
            problems += inspection.add(one)
        problems += inspection.end()
    _tell(stream, inspection, problems, len(signed), as_json)
    return 1 if problems else 0


def _tell(stream: str, done: Inspection, problems: list[str], heads: int, as_json: bool) -> None:
    last, after = done.roll.sequence, done.roll.sequence - done.pinned
    if as_json:
        found = {"stream": stream, "messages": last, "cases": done.cases, "heads": heads}
        click.echo(json.dumps({**found, "signed_until": done.pinned, "problems": problems}, ensure_ascii=False))
        return
    click.echo(f"{stream}: {last} messages of {done.cases} cases, {heads} signed heads")
    for one in problems[:_SHOWN]:
        click.echo(f"  {one}")
    if len(problems) > _SHOWN:
        click.echo(f"  and {len(problems) - _SHOWN} more")
    if not problems:
        click.echo(f"nothing was changed; signed up to {done.pinned}, {after} messages since are only chained")


@asynccontextmanager
async def _scanning() -> AsyncIterator[tuple[str, AsyncIterator[Entry]]]:
    from nats.errors import Error as NatsError

    from callmesh.kernel.subjects import Names
    from callmesh.ledger.scan import scan

    settings = own_settings()
    stream = Names(settings.region).log_stream(settings.shard)
    async with jetstream(find()) as js:
        try:
            yield stream, scan(js, stream)
        except (NatsError, TimeoutError) as wrong:
            raise Failure(f"the log {stream} could not be read: {type(wrong).__name__}; is the mesh up?") from None


@asynccontextmanager
async def _exported(file: TextIO) -> AsyncIterator[tuple[str, AsyncIterator[Entry]]]:
    first = file.readline()
    try:
        told = json.loads(first)
        stream = told["stream"] if told["format"] == _FORMAT else None
    except (ValueError, KeyError, TypeError):
        stream = None
    if not isinstance(stream, str):
        raise BadInput(f"{file.name} is no export of a log; make one with: callmesh audit export FILE")
    yield stream, _entries(file)


async def _entries(file: TextIO) -> AsyncIterator[Entry]:
    from callmesh.ledger.chain import Entry

    for number, line in enumerate(file, start=2):
        try:
            one = json.loads(line)
            yield Entry(int(one["sequence"]), str(one["subject"]), b64decode(one["data"], validate=True))
        except (ValueError, KeyError, TypeError):
            raise BadInput(f"{file.name}:{number}: not a message of a log") from None


async def _live_heads() -> list[SignedHead]:
    from callmesh.kernel.subjects import Names
    from callmesh.ledger.chain import SignedHead
    from callmesh.ledger.scan import scan

    async with jetstream(find()) as js:
        stream = Names(own_settings().region).audit_stream
        return [SignedHead.read(one.data) async for one in scan(js, stream)]


def _read_heads(file: TextIO) -> list[SignedHead]:
    return list(_heads(file))


def _heads(file: TextIO) -> Iterator[SignedHead]:
    from callmesh.ledger.chain import SignedHead

    for number, line in enumerate(file, start=1):
        try:
            yield SignedHead.read(line)
        except ValueError:
            raise BadInput(f"{file.name}:{number}: no signed head; print them with: callmesh audit heads") from None


def _own_key() -> Path:
    """The key of the mesh that `find` finds, whether it is there or not."""
    settings = own_settings()
    return Path(settings.audit_key or Path(find().data_dir or settings.data_dir) / "audit-key.pem")


def _public_key(file: Path) -> Ed25519PublicKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

    try:
        text = file.read_bytes()
        found = load_pem_private_key(text, None) if b"PRIVATE" in text else load_pem_public_key(text)
    except (OSError, ValueError) as wrong:
        raise BadInput(f"{file}: no key can be read ({wrong}); name one with --key or --private") from None
    if isinstance(found, Ed25519PrivateKey):
        found = found.public_key()
    if not isinstance(found, Ed25519PublicKey):
        raise BadInput(f"{file}: must be an Ed25519 key")
    return found
