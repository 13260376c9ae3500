"""Deadlines of several shards: each supervision is told of its own, and of no other's. Two of them, one real NATS."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from callmesh.directory import store
from callmesh.domain.directory import City
from callmesh.kernel import streams
from callmesh.kernel.ids import case_id
from support.nats_server import NatsServer, jetstream
from support.service import NAMES, running, settings
from support.waiting import until

COMING = {0: 1, 1: 3}
"""How many timers fire in each shard."""


async def test_each_is_told_of_its_own(nats: NatsServer, demo_city: City, tmp_path: Path) -> None:
    """With one reader for both, what one process is done with would count as done by the other, and be lost with it."""
    async with jetstream(nats) as js, AsyncExitStack() as stack:
        await streams.apply(js, streams.wanted(NAMES, range(2), 1))
        await store.publish(js, demo_city)
        for shard in COMING:
            its = settings(nats, shard=shard, data_dir=str(tmp_path / str(shard)))
            one = await stack.enter_async_context(running("supervision", its))
            await one.until_health("SERVING")
        for shard, count in COMING.items():
            for number in range(count):
                await js.publish(NAMES.due(case_id("r1", shard, str(number))), b"")

        async def told() -> dict[int, int]:
            readers = await js.consumers_info(NAMES.timers_stream)
            return {
                shard: one.delivered.consumer_seq
                for shard in COMING
                for one in readers
                if one.delivered and one.config.filter_subject == NAMES.due_of(shard)
            }

        async def all_told() -> bool:
            return await told() == COMING

        await until(all_told, "each was told")
        assert len(await js.consumers_info(NAMES.timers_stream)) == len(COMING)
