"""The address that the partner dials: plain TCP in front of the servers that play the mesh.

It stays bound while what stands behind it is exchanged, so a scenario can do to a connection what networks do:
reset it in the middle of an answer, turn everybody away for a while, lead to a server with a wrong certificate.
Bytes pass unseen, TLS ends behind it. Every connection is counted, the ones that were turned away too.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

from callmesh.conform.record import Record
from callmesh.kernel.tasks import closed

_BLOCK = 64 * 1024
_RESET = struct.pack("ii", 1, 0)  # no lingering: closing sends RST, what was not sent yet is lost


class Front:
    """A listening socket whose connections go to `backend`, a port on the loopback."""

    def __init__(self, record: Record) -> None:
        self.backend = 0
        self.shut = False
        self.ports: set[int] = set()
        """Connections that stand, by the port that the server behind knows them by."""
        self._record = record
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._server: asyncio.Server | None = None

    async def listen(self, host: str, port: int) -> int:
        """The real port; raises OSError when it is taken."""
        self._server = await asyncio.start_server(self._arrived, host, port)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Ends everything; whoever is still in the door is turned away."""
        self.shut = True
        if self._server is not None:
            await closed(self._server)
        await self.reset()

    async def reset(self) -> None:
        """Resets every connection."""
        going = dict(self._open)
        if going:
            self._record.told("reset", text=f"{len(going)} connections")
        for task, writer in going.items():
            _reset(writer)
            task.cancel()
        await asyncio.gather(*going, return_exceptions=True)

    def _arrived(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """No coroutine: a connection is known from its first moment, or a reset just then would overlook it."""
        self._record.heard("connect", text="turned away" if self.shut else "")
        if self.shut:
            _reset(writer)
            return
        task = asyncio.create_task(self._pass(reader, writer))
        self._open[task] = writer
        task.add_done_callback(self._gone)

    def _gone(self, task: asyncio.Task[None]) -> None:
        self._open.pop(task).transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            behind, to = await asyncio.open_connection("127.0.0.1", self.backend)
        except OSError:  # nobody is behind: hang up
            return
        port = to.get_extra_info("sockname")[1]
        self.ports.add(port)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_copy(reader, to))
                both.create_task(_copy(behind, writer))
        finally:
            self.ports.discard(port)
            to.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while block := await reader.read(_BLOCK):
            writer.write(block)
            await writer.drain()
    with contextlib.suppress(OSError, RuntimeError):
        writer.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
