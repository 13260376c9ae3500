"""One read model of several shards: lists, watches, waits and rebuilds are those of all."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tracking_play import MemorySource, Play

from callmesh.kernel.config import Settings, from_environment
from callmesh.tracking import service
from callmesh.tracking.digest import digest
from callmesh.tracking.filters import CaseFilter
from callmesh.tracking.items import Change, Item
from callmesh.tracking.projector import Projector
from callmesh.tracking.rebuild import refill
from callmesh.tracking.service import Tracking
from callmesh.tracking.store import Store
from callmesh.tracking.watch import Hub
from support.waiting import until

EVERY = CaseFilter()
STREAMS = "LOG_r1_0", "LOG_r1_1"
Told = list[tuple[str, int]]


class Shard:
    """A shard's log and who projects it."""

    def __init__(self, number: int, store: Store, hub: Hub) -> None:
        self.play, self.items = Play(shard=number), list[Item]()
        self.source = MemorySource(lambda: self.items, stream=STREAMS[number])
        self.projector = Projector(store, self.source, hub.tell)

    async def feed(self, batch: int = 4) -> None:
        self.items = await self.play.items()
        for start in range(0, len(self.items), batch):
            await self.projector.take(self.items[start : start + batch])


class Region:
    """Two shards, one model."""

    def __init__(self, folder: Path) -> None:
        self.hub, self.store = Hub(), Store(f"sqlite:///{folder / 'tracking.db'}")
        self.shards = [Shard(one, self.store, self.hub) for one in range(2)]
        projectors = [one.projector for one in self.shards]
        self.tracking = Tracking(self.store, projectors, self.hub, self.shards[1].play.ledger)

    async def day(self) -> None:
        """Two whole cases in the first shard, one in the second: 18 facts and 9."""
        for one in (0, 1, 0):
            await self.shards[one].play.whole()
        await asyncio.gather(*(one.feed() for one in self.shards))

    async def watched(self, count: int, after: dict[str, int]) -> list[Change]:
        found: list[Change] = []
        async with contextlib.aclosing(self.tracking.watch(EVERY, after)) as changes, asyncio.timeout(60):
            async for one in changes:
                found.append(one)
                if len(found) == count:
                    break
        return found


@pytest.fixture
async def region(tmp_path: Path) -> AsyncIterator[Region]:
    made = Region(tmp_path)
    for one in made.shards:
        await one.projector.start()
    yield made
    await made.store.close()


def _told(changes: list[Change]) -> Told:
    return [(one.stream, one.sequence) for one in changes]


async def test_lists_are_those_of_all_shards(region: Region) -> None:
    await region.day()
    assert region.tracking.positions == {"LOG_r1_0": 18, "LOG_r1_1": 9}
    found, more = await region.tracking.page(EVERY, None, 50)
    assert {one.case_id for one in found} == {one for shard in region.shards for one in shard.play.cases}
    assert not more and [one.opened_at for one in found] == sorted((one.opened_at for one in found), reverse=True)


async def test_a_watch_resumes_in_each_shard_where_it_was(region: Region) -> None:
    """Every change of both once, each shard's in its order, whatever the token."""
    await region.day()
    for after in ({"LOG_r1_0": a, "LOG_r1_1": b} for a in range(0, 19, 6) for b in range(0, 10, 3)):
        left = 27 - sum(after.values())
        told = _told(await region.watched(left, after)) if left else []
        for stream, last in zip(STREAMS, (18, 9), strict=True):
            assert [number for one, number in told if one == stream] == list(range(after[stream] + 1, last + 1))


async def test_what_happens_meanwhile_is_told_once(region: Region) -> None:
    """A live watcher hears both; what it was told again before it joined is not told live as well."""
    await region.day()
    watching = asyncio.create_task(region.watched(27 + 27, dict.fromkeys(STREAMS, 0)))
    await until(lambda: bool(region.hub.watchers))
    await region.day()
    told = _told(await watching)
    assert sorted(told) == [(STREAMS[0], one) for one in range(1, 37)] + [(STREAMS[1], one) for one in range(1, 19)]


async def test_an_etag_is_waited_for_in_its_own_shard(region: Region) -> None:
    """The first shard is far ahead: its numbers say nothing of the second's."""
    first, second = region.shards
    for _ in range(2):
        await first.play.whole()
    await first.feed()
    case = await second.play.whole()
    asked = asyncio.create_task(region.tracking.case(case, 9))
    await asyncio.sleep(0)
    await second.feed()
    assert (await asked).etag == "9"


async def test_a_case_of_a_shard_that_is_not_read_is_told_from_the_log(
    region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MIN_ETAG_SECONDS", 60.0)
    first, second = region.shards
    alone = Tracking(region.store, [first.projector], region.hub, second.play.ledger)
    case = await second.play.whole()
    async with asyncio.timeout(30):
        assert (await alone.case(case, 9)).etag == "9"
        assert len((await alone.timeline(case)).entries) == 9


async def test_a_watch_begins_when_all_shards_are_current(tmp_path: Path) -> None:
    region = Region(tmp_path)
    await region.shards[0].projector.start()
    with pytest.raises(service.Unreachable):
        _ = region.tracking.positions
    await region.shards[1].projector.start()
    assert region.tracking.positions == dict.fromkeys(STREAMS, 0)
    await region.store.close()


async def test_the_rebuilt_model_is_the_same_however_the_shards_came(region: Region) -> None:
    chance = random.Random(7)
    for _ in range(6):
        await region.shards[chance.randrange(2)].play.returned()
        await region.shards[chance.randrange(2)].feed(3)
    for one in region.shards:
        await one.feed()
    live = await asyncio.to_thread(digest, region.store.reader)
    again = await refill(region.store, [one.source for one in region.shards])
    assert again.digest == live and again.count == sum(len(one.items) for one in region.shards)


@pytest.mark.parametrize(
    ("given", "shard", "read"), [("", 0, [0]), ("", 3, [3]), ("0,1", 0, [0, 1]), ("2, 0,2", 1, [0, 2])]
)
def test_the_shards_to_read_are_a_setting(given: str, shard: int, read: list[int]) -> None:
    assert Settings(tracking_shards=given, shard=shard).tracked == read


@pytest.mark.parametrize("given", ["x", "1-3", "1,,2", "-1", ","])
def test_a_setting_that_names_no_shards_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="CALLMESH_TRACKING_SHARDS"):
        from_environment({"CALLMESH_TRACKING_SHARDS": given})
