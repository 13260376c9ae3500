"""The connection to NATS as every process has it: nats-py's, with the way of a message from the socket made short.

Every fact is written once and reaches some seven readers, each of which pays for it. Four things are shorter than the
library's: headers are plain `Name: value` lines in UTF-8, and NATS refuses a publisher whose are not, so those that are
read are not looked at byte by byte; those that are sent have names of our own (kernel/headers.py) and are written as
one text, unless a value would break a line; what is sent goes to the socket at once, as long as that takes it, and not
by way of a task; and whoever only notes a message (`listen`) is called while it is read, with no queue and no task
between. A socket that was lost a moment ago is not written to: what is sent waits until there is another. This
overrides private methods of the pinned library: a test holds them to the originals.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.aio.transport import TcpTransport

_BLANKS = " \t\v\f\r\n"
_FULL_BYTES = 64 * 1024
Arrived = Callable[[Msg], None]


class Connection(Client):
    """A client of NATS."""

    def __init__(self) -> None:
        super().__init__()
        self._listeners: dict[int, Arrived] = {}

    async def listen(self, subject: str, arrived: Arrived) -> Subscription:
        """Calls `arrived` with each message as it is read, in order, until the subscription ends; it must not wait."""
        subscription = await self.subscribe(subject)
        self._listeners[subscription._id] = arrived
        return subscription

    async def end(self, subscription: Subscription, seconds: float) -> None:
        """Ends a subscription; what the server has sent by now still reaches its listener, for so long."""
        try:
            async with asyncio.timeout(seconds if self.is_connected else 0):
                await subscription.drain()  # type: ignore[no-untyped-call]
        finally:
            self._remove_sub(subscription._id)

    async def _send_publish(
        self, subject: str, reply: str, payload: bytes, payload_size: int, headers: dict[str, str] | None
    ) -> None:
        # joined, since the library's own names are members of an enum, which a format would call by their names there
        lines = "".join([part for name, value in (headers or {}).items() for part in (name, ": ", value, "\r\n")])
        if not headers or lines.count("\r") + lines.count("\n") != 2 * len(headers):
            await super()._send_publish(subject, reply, payload, payload_size, headers)
            return
        block = f"NATS/1.0\r\n{lines}\r\n".encode()
        command = f"HPUB {subject} {reply} {len(block)} {len(block) + payload_size}\r\n".encode()
        self.stats["out_msgs"] += 1
        self.stats["out_bytes"] += payload_size
        await self._send_command(b"".join((command, block, payload, b"\r\n")))
        if self._flush_queue is not None and self._flush_queue.empty():
            await self._flush_pending()

    async def _flush_pending(self, force_flush: bool = False) -> Any:
        transport = self._transport
        writer = transport._io_writer if isinstance(transport, TcpTransport) else None
        if writer is not None and writer.is_closing():
            return None  # lost, as the reader is about to notice: the library would write to it, and raise RuntimeError
        takes_more = writer is not None and writer.transport.get_write_buffer_size() < _FULL_BYTES
        if force_flush or transport is None or not self.is_connected or not takes_more:
            return await super()._flush_pending(force_flush)
        transport.writelines(self._pending)
        self._pending, self._pending_data_size = [], 0
        return None

    def _remove_sub(self, sid: int, max_msgs: int = 0) -> None:
        super()._remove_sub(sid, max_msgs)
        self._listeners.pop(sid, None)

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        arrived = self._listeners.get(sid)
        if arrived is None:
            await super()._process_msg(sid, subject, reply, data, headers)
            return
        try:
            arrived(self._build_message(sid, subject, reply, data, await self._process_headers(headers)))
        except Exception as wrong:  # as the library does with a callback that fails: reading goes on
            await self._error_cb(wrong)

    @staticmethod
    def _parse_header_lines(raw: bytes) -> dict[str, str]:
        found = {}
        for line in raw.decode("utf-8", "replace").split("\r\n"):
            name, colon, value = line.partition(":")
            if colon:
                found[name] = value.strip(_BLANKS)
        return found
