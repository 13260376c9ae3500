"""Publishes to JetStream and waits for the acknowledgement, cheaply.

The client's own `publish` builds a task, a timeout and several objects for every message; here one
inbox serves all publishes of the process, an acknowledgement resolves a future by its token, and one
timer a message bounds the wait. What it raises tells the caller what is known: `Refused` (the server
answered no, nothing is stored), `Unanswered` (it may be stored, now or after a reconnect), `TooLarge`
(it never will be: whoever repeats what passes by itself must not repeat this).
"""

from __future__ import annotations

import asyncio
from itertools import count

import msgspec
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError

from callmesh.kernel.connection import Connection

WAIT_SECONDS = 3.0


class Refused(Exception):
    """The server answered with an error; `code` is JetStream's err_code, 503 when no stream listens."""

    def __init__(self, code: int, description: str) -> None:
        super().__init__(f"{code} {description}")
        self.code = code


class Unanswered(Exception):
    """No acknowledgement in time."""


class TooLarge(Exception):
    """More than NATS takes in one message."""


class _Error(msgspec.Struct):
    err_code: int = 0
    description: str = ""


class Ack(msgspec.Struct):
    """What the server says: the sequence, and whether the message id was known already."""

    seq: int = 0
    duplicate: bool = False
    error: _Error | None = None


_decode = msgspec.json.Decoder(Ack).decode


class Publisher:
    """One a process and connection."""

    def __init__(self, client: Connection) -> None:
        self._client = client
        self._waiting: dict[str, asyncio.Future[Msg]] = {}
        self._tokens = count()
        self._prefix = ""

    async def publish(self, subject: str, payload: bytes, headers: dict[str, str]) -> Ack:
        """The acknowledgement; raises Refused, Unanswered, or what the client raises when it cannot send."""
        if not self._prefix:
            await self._listen()
        token = str(next(self._tokens))
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Msg] = loop.create_future()
        self._waiting[token] = future
        timer = loop.call_later(WAIT_SECONDS, _expire, future)
        try:
            await self._client.publish(subject, payload, self._prefix + token, headers)
            answer = await future
        except MaxPayloadError as wrong:
            raise TooLarge(f"{len(payload)} bytes") from wrong
        except (NatsError, OSError) as wrong:
            raise Unanswered from wrong
        finally:
            timer.cancel()
            del self._waiting[token]
        return _read(answer)

    async def _listen(self) -> None:
        prefix = self._client.new_inbox() + "."
        self._prefix = prefix
        await self._client.listen(f"{prefix}*", self._arrived)

    def _arrived(self, message: Msg) -> None:
        future = self._waiting.get(message.subject[len(self._prefix) :])
        if future is not None and not future.done():
            future.set_result(message)


def _expire(future: asyncio.Future[Msg]) -> None:
    if not future.done():
        future.set_exception(Unanswered())


def _read(answer: Msg) -> Ack:
    if not answer.data:
        raise Refused(503, "no stream listens on this subject")
    ack = _decode(answer.data)
    if ack.error is not None:
        raise Refused(ack.error.err_code, ack.error.description)
    return ack
