"""Sockets that behave badly."""

from __future__ import annotations

import asyncio
import contextlib
import random


class Rabble:
    """So many at once: noise, half a handshake, a plain HTTP/2 preface, silence. Each stays until it is thrown out, or
    until all leave."""

    def __init__(self, port: int, count: int, dice: random.Random) -> None:
        self._port, self._count, self._dice = port, count, dice
        self._came, self._over = 0, asyncio.Event()
        self._sockets = [asyncio.create_task(self._one()) for _ in range(count)]

    @property
    def all_came(self) -> bool:
        """Every one of them has said what it says."""
        return self._came == self._count

    async def leave(self) -> None:
        """Whoever is still there goes."""
        self._over.set()
        await asyncio.gather(*self._sockets)

    async def _one(self) -> None:
        says = (
            self._dice.randbytes(512),
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + self._dice.randbytes(40),
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"",
        )
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(self._dice.choice(says))
        self._came += 1
        leaving = asyncio.create_task(self._leaves(writer))
        with contextlib.suppress(OSError):
            await reader.read()
        leaving.cancel()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def _leaves(self, writer: asyncio.StreamWriter) -> None:
        await self._over.wait()
        writer.close()
