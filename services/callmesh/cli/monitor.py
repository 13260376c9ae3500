"""NATS's monitoring port, and the web desk's health: GET and JSON, without a library, since `up` asks before any is
loaded."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit


class Silent(OSError):
    """It takes the question and does not answer."""


async def get(monitor: str, path: str, seconds: float = 2.0) -> dict[str, Any]:
    """The JSON at `path`; OSError when nothing, or nothing good, answers in time, Silent when it hangs."""
    try:
        async with asyncio.timeout(seconds):
            answer = await _ask(monitor, path)
        head, _, body = answer.partition(b"\r\n\r\n")
        first = head.partition(b"\r\n")[0].decode(errors="replace")
        if " 200 " not in first:
            raise OSError(f"{monitor}{path} answers {first or 'nothing'}")
        return dict(json.loads(body))
    except TimeoutError as wrong:
        raise Silent(f"{monitor} takes the question and does not answer") from wrong
    except ValueError as wrong:
        raise OSError(f"{monitor}{path} does not answer in JSON") from wrong


async def _ask(monitor: str, path: str) -> bytes:
    place = urlsplit(monitor)
    reader, writer = await asyncio.open_connection(place.hostname, place.port or 80)
    try:
        writer.write(f"GET {path} HTTP/1.0\r\nHost: {place.netloc}\r\n\r\n".encode())
        return await reader.read()
    finally:
        writer.close()
