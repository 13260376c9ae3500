"""NATS as every service uses it: one connection, durable consumers, guarded publishes.

A consumer of the log travels like this: a durable pull consumer is given up to a few hundred messages, the handler is
given them in order, and when every one of them is done the last one is acknowledged for all, at most every
`ACK_SECONDS`: an acknowledgement costs as much as a message. A handler that fails for a passing reason is tried again
with the same batch after a pause, so order holds and nothing is skipped; a message that fails for good (it cannot be
digested five times) is parked under `dlq.>` with its reason and the others go on. After a crash or a new connection
the durable is first set back to what was acknowledged, so that the unacknowledged batch comes again at once and
before anything newer: acknowledging that would acknowledge the batch unhandled. Handlers must not mind repeats. For
the same reason one process reads a durable at a time. It stands in NATS's memory: one that a restart of NATS forgot is
made again at its bookmark.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from callmesh.domain.errors import NoDirectory, Overloaded, Unreachable
from callmesh.kernel import headers
from callmesh.kernel.bookmark import Bookmark
from callmesh.kernel.connection import Connection
from callmesh.kernel.publisher import Publisher, Refused, Unanswered
from callmesh.kernel.pull import LOOK_SECONDS, Lost, Puller
from callmesh.kernel.subjects import Names
from callmesh.kernel.telemetry import clock, fault, lag, log, parked_total

FETCH = 256
ATTEMPTS = 5
PAUSE_SECONDS = 0.5
PUBLISH_SECONDS = 2.0
ACK_SECONDS = 0.1
_ATTEMPT, _SEQUENCE, _STORED_AT, _LEFT, _SHORT_FORM = 4, 5, 7, 8, 9
_PASSING = (Unreachable, Overloaded, NoDirectory, NatsError, OSError, TimeoutError)
Handler = Callable[[Sequence[Msg]], Awaitable[None]]


async def connect(client: Client, url: str, name: str) -> None:
    """Connects, waiting for NATS as long as it takes, and never gives up afterwards."""

    async def quiet(error: Exception) -> None:
        log.debug("nats", error=type(error).__name__)

    await client.connect(
        url.split(","),
        name=name,
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.25,  # type: ignore[arg-type]
        ping_interval=2,
        max_outstanding_pings=2,
        connect_timeout=2,
        error_cb=quiet,
        pending_size=8 * 1024 * 1024,
        drain_timeout=5,
    )


def unreachable() -> Unreachable:
    """What a caller is told while NATS is away."""
    return Unreachable(
        "the log cannot be reached; nothing was changed, try again",
        "系统日志暂时连接不上, 未作任何更改, 请稍后重试",
    )


def require_connection(client: Client) -> None:
    """Refuses at once while disconnected: a buffered publish would be stored after the refusal."""
    if not client.is_connected:
        raise unreachable()


def sequence_of(message: Msg) -> int:
    """Stream sequence of a delivered message."""
    return _told(message, _SEQUENCE)


def attempt_of(message: Msg) -> int:
    """How often it was delivered, from 1."""
    return _told(message, _ATTEMPT)


def age_of(message: Msg) -> float:
    """Seconds since it was stored."""
    return time.time() - _told(message, _STORED_AT) / 1e9


def _told(message: Msg, place: int) -> int:
    """One of the numbers in the subject that acknowledges a message.

    `$JS.ACK.<stream>.<consumer>.<attempt>.<sequence>.<delivery>.<stored at>.<left>`, two tokens more (domain, account)
    in the longer form. The library's `metadata` parses all of it, which every reader would pay for every fact.
    """
    tokens = message.reply.split(".")
    return int(tokens[place if len(tokens) == _SHORT_FORM else place + 2])


async def ensure_durable(js: JetStreamContext, stream: str, durable: str, subject: str, **options: Any) -> None:
    """Creates the durable consumer if it is missing, kept in a file unless told otherwise; an existing one stays."""
    with contextlib.suppress(NotFoundError):
        await js.consumer_info(stream, durable)
        return
    settings: dict[str, Any] = {
        "ack_policy": AckPolicy.ALL,
        "ack_wait": 30.0,
        "max_ack_pending": 4 * FETCH,
        "deliver_policy": DeliverPolicy.ALL,
    }
    config = ConsumerConfig(durable_name=durable, filter_subject=subject, **(settings | options))
    await js.add_consumer(stream, config)


@dataclass
class Consumer:
    """A durable reader of one stream. Start with `run`, which returns when `stopping` is set."""

    client: Connection
    js: JetStreamContext
    names: Names
    stream: str
    durable: str
    subject: str
    handle: Handler
    batch: int = FETCH
    linger: float = 0.0
    """Seconds to wait for more before a small batch is handled; what it costs each of them counts."""
    notice: Callable[[Msg], object] = lambda message: None
    """Told of every message as it arrives, before the batch it is handled in; must not fail."""
    known: Callable[[], int] = int
    """Sequence up to which the handler knows by itself that all is done."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._bookmark = Bookmark(self.js, self.names, self.stream, self.durable, self.known)

    async def run(self) -> None:
        """Reads and handles until told to stop; survives any loss of NATS."""
        while not self.stopping.is_set():
            puller = Puller(self.client, self.stream, self.durable, self.notice)
            try:
                await self._stand()
                await puller.open()
                await self._read(puller)
            except (NatsError, OSError, TimeoutError) as wrong:
                log.warning("consumer lost NATS", durable=self.durable, error=repr(wrong)[:100])
                await self._pause()
            except Exception as wrong:  # one that ended would leave its service deaf, and looking well
                log.error("consumer failed and begins anew", durable=self.durable, error=fault(wrong))
                await self._pause()
            finally:
                await puller.close()

    async def _stand(self) -> None:
        """In NATS's memory: where this was acknowledged, or where it is not there, behind what was handled."""
        await self._bookmark.find()
        await self._leave_file()
        first = {"deliver_policy": DeliverPolicy.BY_START_SEQUENCE, "opt_start_seq": self._bookmark.handled + 1}
        await ensure_durable(self.js, self.stream, self.durable, self.subject, mem_storage=True, **first)
        await self.js.reset_consumer(self.stream, self.durable)

    async def _leave_file(self) -> None:
        """One that was made by a version that kept it in a file is not gone on with."""
        with contextlib.suppress(NotFoundError):
            held = await self.js.consumer_info(self.stream, self.durable)
            if not held.config.mem_storage:
                self._bookmark.handled = max(self._bookmark.handled, held.ack_floor.stream_seq if held.ack_floor else 0)
                await self._bookmark.keep(at_once=True)
                await self.js.delete_consumer(self.stream, self.durable)

    async def _read(self, puller: Puller) -> None:
        connection, owed, since = self.client.stats["reconnects"], None, clock()
        while not self.stopping.is_set():
            messages = await puller.take(self.batch, self.linger, ACK_SECONDS if owed else LOOK_SECONDS)
            if self.client.stats["reconnects"] != connection:
                raise Lost("connected anew: some may have been lost on the way")
            if messages:
                await self._all(messages)
                owed = messages[-1]
            if owed and (not messages or clock() - since > ACK_SECONDS):
                await self._acknowledge(owed)
                owed, since = None, clock()
            await self._bookmark.keep()
        if owed:
            await self._acknowledge(owed)
        await self._bookmark.keep(at_once=True)

    async def _acknowledge(self, last: Msg) -> None:
        """One for all that were handled; whatever was handled but not acknowledged comes again after a crash."""
        await last.ack()
        self._bookmark.handled = sequence_of(last)
        lag.set(_told(last, _LEFT), {"durable": self.durable, "stream": self.stream})

    async def _all(self, messages: list[Msg]) -> None:
        """The whole batch, or if it fails for good, one by one with the bad ones parked."""
        if await self._handled(messages, 1 if len(messages) > 1 else ATTEMPTS):
            return
        if len(messages) == 1:
            await self._park(messages[0])
            return
        for message in messages:
            await self._all([message])

    async def _handled(self, messages: list[Msg], attempts: int) -> bool:
        """Tries until done; False after so many failures that time does not mend. Others do not count."""
        failed = 0
        while failed < attempts:
            try:
                await self.handle(messages)
                return True
            except _PASSING:
                await self._until_connected()
            except Exception as wrong:
                failed += 1
                log.error("batch failed", durable=self.durable, attempt=failed, error=fault(wrong))
                await self._pause()
        return False

    async def _until_connected(self) -> None:
        while not self.stopping.is_set():
            await self._pause()
            if self.client.is_connected:
                return
        raise asyncio.CancelledError

    async def _park(self, message: Msg) -> None:
        sequence = sequence_of(message)
        parked_total.add(1, {"durable": self.durable})
        log.error("message parked", durable=self.durable, sequence=sequence)
        subject = Names.parked(self.durable, sequence)
        await self.js.publish(subject, message.subject.encode(), timeout=PUBLISH_SECONDS)

    async def _pause(self) -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), PAUSE_SECONDS)


async def publish_once(
    client: Connection, publisher: Publisher, subject: str, payload: bytes, message_id: str, **more: str
) -> int:
    """Publishes with a message id (a repeat within two minutes is stored once); the sequence."""
    require_connection(client)
    try:
        ack = await publisher.publish(subject, payload, {headers.MSG_ID: message_id, **more})
    except (Refused, Unanswered) as wrong:
        raise unreachable() from wrong
    return ack.seq
