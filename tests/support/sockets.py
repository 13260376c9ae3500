"""Sockets that behave badly."""

from __future__ import annotations

import asyncio
import contextlib
import random


async def garbage(port: int, dice: random.Random) -> None:
    """Noise, half a handshake, a plain HTTP/2 preface, or silence; then it stays until it is thrown out."""
    says = (
        dice.randbytes(512),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + dice.randbytes(40),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"",
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(OSError, TimeoutError):
        writer.write(dice.choice(says))
        async with asyncio.timeout(3):
            while await reader.read(65536):
                pass
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
