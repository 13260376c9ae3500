"""Where the mesh is: who wins, and that another mesh than the named one is never used."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path

import pytest

from callmesh.cli import endpoints, ports
from callmesh.cli.endpoints import FILE, Endpoints, Hangs, channel, default, find, jetstream, read
from callmesh.cli.output import BadInput, Failure
from support.free_ports import free_ports

SOME = Endpoints(
    services={"intake": "127.0.0.1:15001"},
    nats_url="nats://127.0.0.1:15002",
    nats_monitor="http://127.0.0.1:15003",
    pids={"nats": 7},
    data_dir="/somewhere",
)
DEAD = Endpoints(services={"intake": "127.0.0.1:1"}, nats_url="nats://127.0.0.1:1", nats_monitor="")


def test_what_is_saved_is_read(tmp_path: Path) -> None:
    SOME.save(tmp_path / FILE)
    assert read(tmp_path / FILE) == SOME
    assert [one.name for one in tmp_path.iterdir()] == [FILE]


def test_named_file_then_folder_then_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find({}) == default()
    (tmp_path / ".callmesh").mkdir()
    SOME.save(tmp_path / ".callmesh" / FILE)
    assert find({}) == SOME
    DEAD.save(tmp_path / "other.json")
    assert find({"CALLMESH_ENDPOINTS": "other.json"}) == DEAD


def test_a_nats_address_in_the_environment_wins(tmp_path: Path) -> None:
    SOME.save(tmp_path / FILE)
    found = find({"CALLMESH_DATA_DIR": str(tmp_path), "CALLMESH_NATS_URL": "nats://far:4222"})
    assert (found.nats_url, found.nats_monitor) == ("nats://far:4222", "")
    assert found.services == SOME.services


def test_a_named_folder_without_a_mesh_is_an_error_not_another_mesh(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="no mesh runs in"):
        find({"CALLMESH_DATA_DIR": str(tmp_path)})


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"unknown": 1}', "\xff"])
def test_a_file_that_is_none_of_ours(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(BadInput, match="does not say where a mesh is"):
        find({"CALLMESH_ENDPOINTS": str(tmp_path / "x.json")})


def test_an_unknown_service_is_named() -> None:
    with pytest.raises(Failure, match="no service gateway; it has intake"):
        SOME.address("gateway")


async def test_when_nothing_answers_it_says_how_to_start_a_mesh() -> None:
    with pytest.raises(Failure, match=r"no mesh answers at nats://127.0.0.1:1; start one with: callmesh up"):
        async with jetstream(DEAD):
            pass
    with pytest.raises(Failure, match=r"no mesh answers at 127.0.0.1:1;"):
        async with channel(DEAD, "intake"):
            pass


def test_free_ports_are_free_distinct_and_never_given_to_outgoing_connections() -> None:
    with ExitStack() as held:
        found = ports.choose("free", held)
        assert set(found) == {*default().services, "nats", "monitor", "console", "switch"}
        assert len(set(found.values())) == len(found)
        assert all(ports.is_free(port) and port < 32768 for port in found.values())


def test_what_somebody_chose_is_given_to_nobody_else_until_he_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though nobody listens on it yet, or not any more."""
    with ExitStack() as first, ExitStack() as second:
        port = ports.free(("nats",), first)["nats"]
        monkeypatch.setattr(ports, "_LOWEST", port)
        monkeypatch.setattr(ports, "_HIGHEST", port + 1)
        assert ports.is_free(port)
        with pytest.raises(Failure, match="there is no free port between"):
            ports.free(("nats",), second)
        first.close()
        assert ports.free(("nats",), second) == {"nats": port}


def test_a_taken_port_is_named() -> None:
    port = free_ports("nats")["nats"]
    with ports._bind(port), pytest.raises(Failure, match=rf"port {port} \(nats\) is taken"):
        ports.require_free({"nats": port})
    ports.require_free({"nats": port})


def test_fixed_ports_are_the_documented_ones() -> None:
    chosen = ports.choose("fixed", ExitStack())
    assert (chosen["intake"], chosen["tracking"], chosen["nats"], chosen["monitor"]) == (7401, 7406, 7422, 7423)


async def test_a_server_that_takes_connections_and_says_nothing_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starting another one would not help; and what was taken is let go."""
    monkeypatch.setattr(endpoints, "_CONNECT_SECONDS", 0.2)
    left = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        left.set()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        url = f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(Hangs, match="takes connections"):
            async with jetstream(Endpoints(services={}, nats_url=url, nats_monitor="")):
                raise AssertionError("nothing was said")
        await asyncio.wait_for(left.wait(), 10)
