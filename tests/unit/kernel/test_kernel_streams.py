"""Streams as they must be: made, left alone, mended, and every tampering found."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
from nats.js.api import DiscardPolicy, StreamConfig
from nats.js.errors import APIError

from callmesh.kernel import streams
from support.nats_server import NatsServer, jetstream
from support.service import NAMES

WANTED = streams.wanted(NAMES, range(2), 1)


def config(name: str) -> StreamConfig:
    return copy.deepcopy(next(one for one in WANTED if one.name == name))


async def test_a_missing_stream_is_named_with_what_to_do(nats: NatsServer) -> None:
    async with jetstream(nats) as js:
        problems = await streams.verify(js, WANTED)
    assert [one.stream for one in problems] == [one.name for one in WANTED]
    assert all("callmesh streams apply" in str(one) for one in problems)


async def test_apply_makes_them_and_then_nothing(nats: NatsServer) -> None:
    async with jetstream(nats) as js:
        assert await streams.apply(js, WANTED) == [one.name for one in WANTED]
        assert await streams.verify(js, WANTED) == []
        assert await streams.apply(js, WANTED) == []


@pytest.mark.parametrize(("held", "wanted", "then"), [(1, 3, 3), (3, 1, 3), (3, 3, 3), (None, 1, 1)])
def test_a_change_never_takes_copies_away(held: int | None, wanted: int, then: int) -> None:
    """Who forgets CALLMESH_REPLICAS at an upgrade that changes something else would lose two of three."""
    there = replace(config("LOG_r1_0"), num_replicas=held, max_age=1.0)
    asked = replace(config("LOG_r1_0"), num_replicas=wanted)
    assert streams.update(asked, there) == replace(asked, num_replicas=then)


TAMPERED: list[tuple[str, dict[str, Any]]] = [
    ("LOG_r1_0", {"subjects": ["ev.r1.0.>", "else.>"]}),
    ("LOG_r1_0", {"deny_delete": False}),
    ("LOG_r1_0", {"deny_purge": False}),
    ("LOG_r1_0", {"max_age": 3600.0}),
    ("LOG_r1_0", {"allow_direct": False}),
    ("LOG_r1_0", {"storage": "memory"}),
    ("LOG_r1_0", {"max_msgs_per_subject": 1}),
    ("LOG_r1_0", {"max_msgs": 100, "discard": DiscardPolicy.OLD}),
    ("LOG_r1_0", {"max_bytes": 1_000_000, "discard": DiscardPolicy.OLD}),
    ("LOG_r1_0", {"allow_msg_ttl": True}),
    ("LOG_r1_0", {"duplicate_window": 1.0}),
    ("TIMERS_r1", {"allow_msg_schedules": False}),
    ("TIMERS_r1", {"max_msgs_per_subject": -1}),
    ("INBOX_r1", {"max_age": 3600.0}),
    ("DLQ", {"subjects": ["dlq.>"]}),
]


@pytest.mark.parametrize(("stream", "changes"), TAMPERED, ids=[f"{name}-{'-'.join(how)}" for name, how in TAMPERED])
async def test_a_tampered_stream_is_found(nats: NatsServer, stream: str, changes: dict[str, Any]) -> None:
    async with jetstream(nats) as js:
        others = [one for one in WANTED if one.name != stream]
        await streams.apply(js, others)
        await js.add_stream(replace(config(stream), **changes))
        problems = await streams.verify(js, WANTED)
    assert {one.stream for one in problems} == {stream}


async def test_apply_mends_what_may_be_changed(nats: NatsServer) -> None:
    async with jetstream(nats) as js:
        await streams.apply(js, WANTED)
        await js.update_stream(replace(config("INBOX_r1"), max_age=3600.0))
        assert await streams.apply(js, WANTED) == ["INBOX_r1"]
        assert await streams.verify(js, WANTED) == []


async def test_the_log_cannot_be_shortened_by_its_clients(nats: NatsServer) -> None:
    async with jetstream(nats) as js:
        await streams.apply(js, WANTED)
        subject = "ev.r1.0.x"
        ack = await js.publish(subject, b"fact")
        with pytest.raises(APIError):
            await js.purge_stream("LOG_r1_0")
        with pytest.raises(APIError):
            await js.delete_msg("LOG_r1_0", ack.seq)
        for header in ({"Nats-Rollup": "all"}, {"Nats-TTL": "1s"}, {"Nats-Schedule": "@at 2030-01-01T00:00:00Z"}):
            with pytest.raises(APIError):
                await js.publish(subject, b"", headers=header)
        assert (await js.stream_info("LOG_r1_0")).state.messages == 1
