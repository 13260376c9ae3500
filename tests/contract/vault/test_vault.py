"""Data keys on a real NATS: made once, heard by others, destroyed for good."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from callmesh.domain.errors import Unreachable
from callmesh.kernel.connection import Connection
from callmesh.kernel.kek import BadKey, Wrapping, wrapping_keys
from callmesh.kernel.messaging import connect
from callmesh.kernel.publisher import Publisher
from callmesh.kernel.vault import Vault
from support.nats_server import NatsServer
from support.service import NAMES, lay_out
from support.waiting import until

CASE = "r1-0-01J00000000000000000000001"
KEK = secrets.token_bytes(32)


class Site:
    """A NATS server, and vaults like those of several processes."""

    def __init__(self, server: NatsServer) -> None:
        self.server = server
        self.clients: list[Connection] = []

    async def vault(self, *keks: bytes) -> Vault:
        client = Connection()
        await connect(client, self.server.url, "test")
        self.clients.append(client)
        made = Vault(client, client.jetstream(timeout=30), Publisher(client), NAMES)
        await made.start(Wrapping(list(keks or (KEK,))))
        await client.flush()
        return made


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    server = NatsServer(tmp_path / "nats")
    server.start()
    await lay_out(server)
    made = Site(server)
    yield made
    for client in made.clients:
        await client.close()
    server.stop()


async def test_what_one_process_sealed_another_opens(site: Site) -> None:
    one, other = await site.vault(), await site.vault()
    sealed = (await one.make(CASE)).seal("望江路1号".encode())
    assert (await other.load(CASE)).open(sealed) == "望江路1号".encode()
    late = await site.vault()
    assert (await late.load(CASE)).open(sealed) == "望江路1号".encode()


async def test_a_key_is_made_once_whoever_asks(site: Site) -> None:
    one, other = await site.vault(), await site.vault()
    sealed = (await one.make(CASE)).seal(b"words")
    assert (await other.make(CASE)).open(sealed) == b"words"
    assert (await (await site.vault()).make(CASE)).open(sealed) == b"words"


async def test_a_destroyed_key_opens_nothing_anywhere_and_is_not_on_the_disk(site: Site) -> None:
    one, other = await site.vault(), await site.vault()
    held, elsewhere = await one.make(CASE), await other.load(CASE)
    sealed = held.seal(b"words")
    client = site.clients[0]
    wrapped = (await client.jetstream().get_last_msg(NAMES.keys_stream, NAMES.key(CASE))).data or b""
    assert _on_disk(site.server.folder, wrapped)

    assert await one.destroy(CASE)

    async def forgotten() -> bool:
        return not elsewhere.works

    await until(forgotten, "the other process forgot the key")
    assert held.open(sealed) is None
    assert (await (await site.vault()).load(CASE)).open(sealed) is None
    assert not await one.destroy(CASE)
    again = await (await site.vault()).make(CASE)
    assert again.erased and again.seal(b"words") == b""
    assert not _on_disk(site.server.folder, wrapped)


async def test_many_keys_are_fetched_at_once(site: Site) -> None:
    one = await site.vault()
    names = [f"r1-0-0{number:025d}" for number in range(300)]
    sealed = {name: (await one.make(name)).seal(name.encode()) for name in names[:-2]}
    await one.make(names[-2])
    await one.destroy(names[-2])
    found = await (await site.vault()).load_all([*names, names[0]])
    assert {name: found[name].open(text) for name, text in sealed.items()} == {one: one.encode() for one in sealed}
    assert found[names[-2]].erased and found[names[-1]].missing


async def test_a_destruction_that_was_missed_counts_after_the_reconnect(site: Site) -> None:
    """Whoever was cut off when a key was destroyed asks anew."""
    one, other = await site.vault(), await site.vault()
    held = await other.load((await one.make(CASE)) and CASE)
    assert held.works
    client = site.clients[1]
    site.server.stop()

    async def away() -> bool:
        return not any(each.is_connected for each in site.clients)

    await until(away, "both noticed")
    site.server.start()

    async def back() -> bool:
        return site.clients[0].is_connected

    await until(back, "the first is back")
    await one.destroy(CASE)

    async def back_too() -> bool:
        return client.is_connected

    await until(back_too, "the other is back")
    assert (await other.load(CASE)).erased


async def test_a_newer_wrapping_key_still_unwraps_what_the_older_one_wrapped(site: Site) -> None:
    sealed = (await (await site.vault()).make(CASE)).seal(b"words")
    changed = await site.vault(secrets.token_bytes(32), KEK)
    assert (await changed.load(CASE)).open(sealed) == b"words"


async def test_the_stream_alone_opens_nothing(site: Site) -> None:
    (await (await site.vault()).make(CASE)).seal(b"words")
    with pytest.raises(BadKey, match="CALLMESH_KEK_FILE"):
        await (await site.vault(secrets.token_bytes(32))).load(CASE)


async def test_another_sites_wrapping_key_is_noticed_at_the_start_and_while_it_runs(site: Site) -> None:
    """Each machine that made a key of its own: the services would serve, and read nothing that the others write."""
    one, other = await site.vault(), await site.vault(secrets.token_bytes(32))
    for early in (one, other):
        await early.verify()  # of a site without a case nothing can be said
    await one.make(CASE)

    async def noticed() -> str:
        return other.fault

    assert "CALLMESH_KEK_FILE" in await until(noticed, "it heard of a key that it cannot unwrap")
    assert not one.fault
    with pytest.raises(BadKey, match="CALLMESH_KEK_LOST"):
        await other.verify()
    await (await site.vault(secrets.token_bytes(32), KEK)).verify()
    await one.destroy(CASE)
    await other.verify()  # the newest is none


async def test_without_nats_a_key_that_is_not_held_is_unreachable(site: Site) -> None:
    one = await site.vault()
    site.server.stop()

    async def away() -> bool:
        return not site.clients[0].is_connected

    await until(away, "the client noticed")
    with pytest.raises(Unreachable):
        await one.make(CASE)
    with pytest.raises(Unreachable):
        await one.load(CASE)


def test_the_wrapping_key_comes_from_a_command_a_file_or_the_data_folder(tmp_path: Path) -> None:
    line = base64.b64encode(KEK).decode()
    file = tmp_path / "kek.txt"
    file.write_text(line + "\n")
    wrapped = wrapping_keys(str(file), "", tmp_path).wrap(CASE, b"k" * 32)
    assert wrapping_keys("", f"echo {line}", tmp_path).unwrap(CASE, wrapped) == b"k" * 32
    own = wrapping_keys("", "", tmp_path / "data").wrap(CASE, b"k" * 32)
    assert wrapping_keys("", "", tmp_path / "data").unwrap(CASE, own) == b"k" * 32
    assert (tmp_path / "data" / "kek").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("text", ["", "short", base64.b64encode(b"x" * 16).decode()])
def test_a_wrapping_key_that_is_none_is_refused_with_the_way_to_make_one(tmp_path: Path, text: str) -> None:
    file = tmp_path / "kek"
    file.write_text(text)
    with pytest.raises(BadKey, match="openssl rand -base64 32"):
        wrapping_keys(str(file), "", tmp_path)
    with pytest.raises(BadKey, match="openssl rand"):
        wrapping_keys(str(tmp_path / "none"), "", tmp_path)
    with pytest.raises(BadKey, match="CALLMESH_KEK_COMMAND"):
        wrapping_keys("", "exit 3", tmp_path)


def _on_disk(folder: Path, wanted: bytes) -> bool:
    files = [Path(root) / name for root, _, names in os.walk(folder) for name in names]
    return any(wanted in file.read_bytes() for file in files)
