"""Several stored messages in one request, which the client library has no call for (direct get, batched).

A request names either the messages of one subject from a sequence on (`seq`, `next_by_subj`, `batch`) or the last
one of several subjects (`multi_last`, `batch`). Any replica answers, message by message, and then says that this was
all. Without NATS, or when it stays silent for `READ_SECONDS`, it is Unreachable: nothing is told by halves.
"""

from __future__ import annotations

import asyncio
import json

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from callmesh.kernel.messaging import require_connection, unreachable

READ_SECONDS = 2.0
_END_OF_BATCH = ("204", "404")


async def stored(client: Client, stream: str, **request: int | str | list[str]) -> list[Msg]:
    """What the request asks for, with the stream's headers (Nats-Subject, Nats-Sequence); raises Unreachable."""
    require_connection(client)
    inbox = client.new_inbox()
    try:
        answers = await client.subscribe(inbox)
        try:
            await client.publish(f"$JS.API.DIRECT.GET.{stream}", json.dumps(request).encode(), reply=inbox)
            return await asyncio.wait_for(_until_end(answers), READ_SECONDS)
        finally:
            await answers.unsubscribe()
    except (TimeoutError, NatsError, OSError) as wrong:
        raise unreachable() from wrong


async def _until_end(answers: Subscription) -> list[Msg]:
    found: list[Msg] = []
    while True:
        message = await answers.next_msg(READ_SECONDS)
        status = (message.headers or {}).get("Status")
        if status is None:
            found.append(message)
        elif status in _END_OF_BATCH:
            return found
        else:
            raise unreachable()
