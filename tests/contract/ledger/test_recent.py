"""Who came lately under a key, on a real NATS."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from callmesh.domain.errors import Unreachable
from callmesh.kernel.connection import Connection
from callmesh.kernel.headers import MSG_ID
from callmesh.kernel.messaging import connect
from callmesh.kernel.publisher import Ack, Publisher, TooLarge
from callmesh.kernel.recent import KEPT, Recent, Seen
from support.builders import NOW
from support.ledgers import Real
from support.service import NAMES
from support.waiting import until


def seen(number: int) -> Seen:
    return Seen(f"r1-0-{number:026d}", NOW + timedelta(seconds=number))


async def recent_of(real: Real) -> tuple[Recent, Connection]:
    client = Connection()
    await asyncio.wait_for(connect(client, real.server.url, "test"), 60)
    real.clients.append(client)
    return Recent(client, Publisher(client), NAMES), client


async def test_keys_do_not_meet_and_order_is_kept(real: Real) -> None:
    recent, _ = await recent_of(real)
    assert await recent.last("a") == []
    assert await recent.come("a", seen(1)) == []
    await recent.note("b", seen(7))
    assert await recent.come("a", seen(2)) == [seen(1)]
    assert await recent.come("a", seen(3)) == [seen(1), seen(2)]
    assert await recent.come("a", seen(1)) == [], "who came again is not after itself"
    assert await recent.last("b") == [seen(7)]


class OfACluster(Publisher):
    """A cluster looks for a message id that it knows before it looks at the guard."""

    def __init__(self, client: Connection) -> None:
        super().__init__(client)
        self._known: set[str] = set()

    async def publish(self, subject: str, payload: bytes, headers: dict[str, str]) -> Ack:
        if headers[MSG_ID] in self._known:
            return Ack(duplicate=True)
        ack = await super().publish(subject, payload, headers)
        self._known.add(headers[MSG_ID])
        return ack


async def test_who_comes_again_to_a_cluster_finds_who_was_before(real: Real) -> None:
    _, client = await recent_of(real)
    recent = Recent(client, OfACluster(client), NAMES)
    for number, before in ((1, []), (2, [seen(1)]), (2, [seen(1)]), (1, [])):
        assert await recent.come("a", seen(number)) == before


async def test_who_comes_again_is_told_once(real: Real) -> None:
    recent, _ = await recent_of(real)
    for number in (1, 2, 1, 1, 2):
        await recent.note("a", seen(number))
    assert await recent.last("a") == [seen(1), seen(2)]


async def test_of_many_at_once_each_but_one_finds_another(real: Real) -> None:
    recent, _ = await recent_of(real)
    found = await asyncio.gather(*(recent.come("a", seen(number)) for number in range(20)))
    assert sorted(len(one) for one in found) == list(range(20))


async def test_only_the_last_are_kept(real: Real) -> None:
    recent, _ = await recent_of(real)
    await asyncio.gather(*(recent.note("a", seen(number)) for number in range(KEPT + 10)))
    found = await recent.last("a")
    assert len(found) == KEPT
    assert seen(KEPT + 9) in found and seen(0) not in found


async def test_without_nats_it_says_so(real: Real) -> None:
    recent, client = await recent_of(real)
    real.server.kill()
    await until(lambda: not client.is_connected, "the client to notice")
    with pytest.raises(Unreachable):
        await recent.come("a", seen(1))


async def test_what_never_goes_into_a_message_is_no_silence(real: Real) -> None:
    """Taken for a NATS that is away, it would be tried for ever, and hold up what comes behind it."""
    _, client = await recent_of(real)
    with pytest.raises(TooLarge):
        await Publisher(client).publish(NAMES.recent("a"), b"x" * (2 * 1024 * 1024), {})
