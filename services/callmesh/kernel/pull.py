"""A standing pull request on a durable consumer: messages come as they are stored.

nats-py's `fetch` asks anew for every batch and waits for the server's "no more", two to three extra
messages each time. Here one request stands until it expires and is topped up before it is used up,
so a quiet consumer costs one heartbeat now and then, and a busy one a request every few hundred
messages. What arrives while the last batch is handled is the next batch. Whoever needs to know of a message
before its batch is handled is told as it arrives (`notice`, which must not fail).

The request is lost when the connection is (asked again), when the consumer is deleted or the stream
has no leader (`Lost` is raised, whoever uses this binds anew), and when heartbeats stay away.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Callable

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from callmesh.kernel import headers
from callmesh.kernel.connection import Connection
from callmesh.kernel.telemetry import clock

EXPIRES_SECONDS = 30.0
HEARTBEAT_SECONDS = 5.0
LOOK_SECONDS = 1.0
CLOSE_SECONDS = 0.5
"""Of a NATS that is there but does not answer nothing is on its way."""
_NANOSECONDS = 1_000_000_000
_HEARTBEAT, _TIMED_OUT, _NO_MESSAGES = "100", "408", "404"


class Lost(NatsError):
    """The request came to nothing: the consumer is gone, or nobody answers."""


class Puller:
    """Reads one durable through one inbox. Open it, `take` batches, close it."""

    def __init__(
        self, client: Connection, stream: str, durable: str, notice: Callable[[Msg], object] = lambda message: None
    ) -> None:
        self._client, self._notice = client, notice
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}"
        self._messages: deque[Msg] = deque()
        self._news = asyncio.Event()
        self._asked = 0
        self._heard = clock()
        self._reconnects = -1
        self._problem = ""
        self._inbox = ""
        self._subscription: Subscription | None = None

    async def open(self) -> None:
        """Subscribes; nothing is asked for yet."""
        self._inbox = self._client.new_inbox()
        self._subscription = await self._client.listen(self._inbox, self._arrived)

    async def close(self) -> None:
        """Stops, and waits for what is on its way: nobody would nak it, so it would come again only when the time for
        its acknowledgement is over. What was delivered but not acknowledged comes again to somebody."""
        if self._subscription is not None:
            with contextlib.suppress(NatsError, OSError, TimeoutError):
                await self._client.end(self._subscription, CLOSE_SECONDS)

    def left(self) -> list[Msg]:
        """What arrived and was never taken."""
        left = list(self._messages)
        self._messages.clear()
        return left

    async def take(self, room: int, linger: float = 0.0, wait: float = LOOK_SECONDS) -> list[Msg]:
        """Whatever has arrived, waiting `wait` seconds for it; asks for as much as there is room for.

        After the first one it waits `linger` seconds for more to come.
        """
        await self._ask(room)
        if not self._messages:
            await self._until_news(wait)
        if self._problem and not self._messages:
            raise Lost(self._problem)
        if linger and self._messages and len(self._messages) < room // 2:
            await asyncio.sleep(linger)
        taken = list(self._messages)
        self._messages.clear()
        return taken

    async def _until_news(self, seconds: float) -> None:
        """Or so long. With a bare timer: asyncio.timeout costs twice as much, for every message of a quiet log."""
        self._news.clear()
        timer = asyncio.get_running_loop().call_later(seconds, self._news.set)
        try:
            await self._news.wait()
        finally:
            timer.cancel()

    async def _ask(self, room: int) -> None:
        if self._client.stats["reconnects"] != self._reconnects:
            self._asked, self._heard = 0, clock()
            self._reconnects = self._client.stats["reconnects"]
        if self._asked <= 0:
            self._heard = clock()  # nothing stands, so nobody owed a heartbeat, however long the last batch took
        elif clock() - self._heard > 2 * HEARTBEAT_SECONDS + LOOK_SECONDS:
            raise Lost("no heartbeat")
        if self._asked > room // 2:
            return
        request = {
            "batch": room - self._asked,
            "expires": int(EXPIRES_SECONDS * _NANOSECONDS),
            "idle_heartbeat": int(HEARTBEAT_SECONDS * _NANOSECONDS),
        }
        if request["batch"] > 0 and self._client.is_connected:
            await self._client.publish(self._subject, json.dumps(request).encode(), self._inbox)
            self._asked = room

    def _arrived(self, message: Msg) -> None:
        self._heard = clock()
        status = (message.headers or {}).get("Status", "") if not message.data else ""
        if not status:
            self._asked -= 1
            self._messages.append(message)
            self._notice(message)
        elif status in (_TIMED_OUT, _NO_MESSAGES):
            self._asked = max(0, self._asked - int((message.headers or {}).get(headers.PENDING, "0")))
        elif status != _HEARTBEAT:
            self._problem = f"{status} {(message.headers or {}).get('Description', '')}"
        if status != _HEARTBEAT:
            self._news.set()
