"""A log read in order without a durable: to sign it, to export it, to check it, to look something up in it.

An ordered consumer: the library asks again from the right place when messages are lost on the way.
Raises TimeoutError, NatsError or OSError when NATS is away.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator

from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DeliverPolicy

from callmesh.kernel.messaging import sequence_of
from callmesh.ledger.chain import Entry

WAIT_SECONDS = 10.0


async def scan(js: JetStreamContext, stream: str, after: int = 0) -> AsyncGenerator[Entry, None]:
    """The messages behind `after` that the stream holds now, in order."""
    config = ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=after + 1)
    async for entry in _read(js, stream, config, after):
        yield entry


async def latest(js: JetStreamContext, stream: str) -> AsyncGenerator[Entry, None]:
    """The last message of every subject that the stream holds now, in order; one that changes meanwhile comes again."""
    async for entry in _read(js, stream, ConsumerConfig(deliver_policy=DeliverPolicy.LAST_PER_SUBJECT)):
        yield entry


async def _read(
    js: JetStreamContext, stream: str, config: ConsumerConfig, after: int = 0
) -> AsyncGenerator[Entry, None]:
    last = int((await js.stream_info(stream)).state.last_seq)
    if last <= after:
        return
    reading = await js.subscribe(">", stream=stream, ordered_consumer=True, config=config)
    try:
        while after < last:
            message = await reading.next_msg(WAIT_SECONDS)
            after = sequence_of(message)
            yield Entry(after, message.subject, message.data)
    finally:
        await reading.unsubscribe()
