"""Batched reads of a stream: one question, all messages at once, past every consumer.

The answers of a batch come through one callback, not through a wait for each: a read of 64 messages would else cost as
many timers and tasks, and many at once would hold up everything else in the process.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from callmesh.kernel.connection import Connection
from callmesh.kernel.messaging import require_connection, unreachable

READ_SECONDS = 2.0
_ENDS = ("204", "404")


async def read_batch(client: Connection, stream: str, request: dict[str, Any]) -> list[Msg]:
    """The messages that the stream's direct get gives for `request`, oldest first; raises Unreachable."""
    require_connection(client)
    found: list[Msg] = []
    ended: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def arrived(message: Msg) -> None:
        status = (message.headers or {}).get("Status")
        if status is None:
            found.append(message)
        elif not ended.done():
            ended.set_result(status in _ENDS)

    inbox = client.new_inbox()
    try:
        answers = await client.listen(inbox, arrived)
        try:
            await client.publish(f"$JS.API.DIRECT.GET.{stream}", json.dumps(request).encode(), reply=inbox)
            complete = await asyncio.wait_for(ended, READ_SECONDS)
        finally:
            await answers.unsubscribe()
    except (TimeoutError, NatsError, OSError) as wrong:
        raise unreachable() from wrong
    if not complete:
        raise unreachable()
    return found
