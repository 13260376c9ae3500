"""The doctor's look at a service and at the web desk: there, gone, or there and silent. Real sockets on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from callmesh.cli import checks_mesh
from callmesh.cli.endpoints import Endpoints
from support.free_ports import free_ports

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK, NOT_READY = (f"HTTP/1.1 {status}\r\n\r\n{{}}".encode() for status in ("200 OK", "503 Service Unavailable"))


@asynccontextmanager
async def listening(said: bytes | None) -> AsyncIterator[str]:
    """host:port of somebody who takes every connection, and says this, or nothing."""
    gone = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if said is None:
            await gone.wait()
        else:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(said)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        gone.set()
        server.close()


def mesh(address: str) -> Endpoints:
    services = {"intake": address}
    return Endpoints(services=services, nats_url="", nats_monitor="", console=f"http://{address}")


async def test_who_takes_a_connection_and_is_silent_hangs() -> None:
    """A process that was stopped: its system still takes connections, so it is not `nothing`."""
    async with listening(None) as address:
        found = await asyncio.gather(checks_mesh.service("intake")(mesh(address)), checks_mesh.console(mesh(address)))
    for one in found:
        assert one.state == "FAIL" and "takes a connection" in one.found and "SIGSTOP" in one.advice


async def test_where_nobody_listens_nothing_answers() -> None:
    nowhere = mesh(f"127.0.0.1:{free_ports('any')['any']}")
    for one in await asyncio.gather(checks_mesh.service("intake")(nowhere), checks_mesh.console(nowhere)):
        assert one.state == "FAIL" and "nothing answers" in one.found and "callmesh serve" in one.advice


@pytest.mark.parametrize(
    ("said", "state", "found"),
    [(OK, "ok", "answers"), (NOT_READY, "FAIL", "503 Service Unavailable"), (b"", "FAIL", "answers nothing")],
)
async def test_the_web_desk_is_asked_whether_it_is_ready(said: bytes, state: str, found: str) -> None:
    async with listening(said) as address:
        look = await checks_mesh.console(mesh(address))
    assert look.state == state and found in look.found and bool(look.advice) == (state != "ok")
