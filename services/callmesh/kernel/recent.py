"""Who came lately under a key: a stream of small messages that forget themselves.

A key is a keyed hash (ids.keyed_hash), a value an id and a time; nothing in it says whom or where it is about. Each key
is a subject that keeps its last `KEPT` messages for `DAYS` days, so that looking up is one batched read of one
subject, and nothing is ever scanned, rewritten or swept. A repetition within two minutes is stored once, a
later one is a second message with the same id, which `come` passes over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from nats.errors import Error as NatsError

from callmesh.kernel import headers
from callmesh.kernel.batch import read_batch
from callmesh.kernel.connection import Connection
from callmesh.kernel.messaging import publish_once, require_connection, unreachable
from callmesh.kernel.publisher import Publisher, Refused, Unanswered
from callmesh.kernel.subjects import Names

KEPT = 64
DAYS = 90
_NOT_FIRST = {10071, 10164}


@dataclass(frozen=True, slots=True)
class Seen:
    """An id that came under a key, and when it was opened."""

    id: str
    at: datetime


class Recent:
    """Notes who comes under a key, and tells who came before."""

    def __init__(self, client: Connection, publisher: Publisher, names: Names) -> None:
        self._client, self._publisher, self._names = client, publisher, names

    async def come(self, key: str, one: Seen) -> list[Seen]:
        """Notes `one`; who came under the key before it, oldest first. Raises Unreachable.

        Before means earlier in the stream, so of two at once exactly one finds the other. The first of all under a
        key, which is most, is known by its guard and costs one publish and no read.
        """
        if await self._first(key, one):
            return []
        await self.note(key, one)
        seen = await self.last(key)
        names = [each.id for each in seen]
        return seen[: names.index(one.id)] if one.id in names else seen

    async def _first(self, key: str, one: Seen) -> bool:
        require_connection(self._client)
        guarded = {headers.MSG_ID: f"{key}:{one.id}", headers.EXPECTED_SEQUENCE: "0"}
        try:
            ack = await self._publisher.publish(self._names.recent(key), _payload(one), guarded)
        except Refused as wrong:
            if wrong.code in _NOT_FIRST:
                return False
            raise unreachable() from wrong
        except (Unanswered, NatsError, OSError) as wrong:
            raise unreachable() from wrong
        return not ack.duplicate  # a cluster looks for repeats before it looks at the guard

    async def note(self, key: str, one: Seen) -> None:
        """Stores that `one` came; raises Unreachable."""
        subject, message_id = self._names.recent(key), f"{key}:{one.id}"
        await publish_once(self._client, self._publisher, subject, _payload(one), message_id)

    async def last(self, key: str) -> list[Seen]:
        """The last who came, each once, oldest first; raises Unreachable."""
        request = {"seq": 1, "next_by_subj": self._names.recent(key), "batch": KEPT}
        found = await read_batch(self._client, self._names.recent_stream, request)
        return list({one.id: one for one in (_seen(message.data) for message in found)}.values())


def _payload(one: Seen) -> bytes:
    return f"{one.id} {one.at.timestamp():.6f}".encode()


def _seen(data: bytes) -> Seen:
    name, _, at = data.decode().partition(" ")
    return Seen(name, datetime.fromtimestamp(float(at), UTC))
