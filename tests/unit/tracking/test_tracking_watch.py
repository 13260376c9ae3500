"""Watching: live and told again, without gap or duplicate; slow watchers; tokens and pages."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tracking_play import KEY, STREAM, MemorySource, Play

from callmesh.api.v1 import case_pb2
from callmesh.api.v1 import tracking_service_pb2 as api
from callmesh.domain.errors import Invalid, NotFound, Overloaded, Unreachable
from callmesh.tracking import filters, pages, queries, service
from callmesh.tracking.items import Item, read
from callmesh.tracking.projector import Projector
from callmesh.tracking.service import Tracking
from callmesh.tracking.source import unbroken
from callmesh.tracking.store import Store
from callmesh.tracking.watch import Hub, Watcher
from support.waiting import until

EVERY = filters.CaseFilter()
CLOSED = case_pb2.Case.State.CLOSED


class Room:
    """The service's parts on a temporary SQLite."""

    def __init__(self, folder: Path) -> None:
        self.play, self.hub, self.items = Play(), Hub(), list[Item]()
        self.store = Store(f"sqlite:///{folder / 'tracking.db'}")
        self.source = MemorySource(lambda: self.items)
        self.projector = Projector(self.store, self.source, self.hub.tell)
        self.tracking = Tracking(self.store, [self.projector], self.hub, self.play.ledger)

    async def feed(self, batch: int = 4) -> None:
        self.items = await self.play.items()
        for start in range(0, len(self.items), batch):
            await self.projector.take(self.items[start : start + batch])

    async def watched(self, count: int, after: int, wanted: filters.CaseFilter = EVERY) -> list[int]:
        """The sequences of the next changes."""
        found: list[int] = []
        async with contextlib.aclosing(self.tracking.watch(wanted, {STREAM: after})) as changes, asyncio.timeout(60):
            async for one in changes:
                found.append(one.sequence)
                if len(found) == count:
                    break
        return found


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    made = Room(tmp_path)
    await made.projector.start()
    yield made
    await made.projector.stop()
    await made.store.close()


async def _joined(room: Room) -> None:
    await until(lambda: bool(room.hub.watchers))


async def test_a_watcher_gets_what_happens_from_now_on(room: Room) -> None:
    await room.play.whole()
    await room.feed()
    watching = asyncio.create_task(room.watched(9, room.tracking.positions[STREAM]))
    await _joined(room)
    await room.play.whole("13700000000")
    await room.feed()
    assert await watching == list(range(10, 19))
    assert not room.hub.watchers


async def test_resuming_anywhere_tells_every_change_once(room: Room) -> None:
    for _ in range(3):
        await room.play.whole()
    await room.feed()
    for after in range(27):
        assert await room.watched(27 - after, after) == list(range(after + 1, 28))


async def test_a_token_ahead_of_the_model_waits_for_what_follows_it(room: Room) -> None:
    """The model is being rebuilt: what the watcher has seen is not told again."""
    watching = asyncio.create_task(room.watched(3, 6))
    await _joined(room)
    await room.play.whole()
    await room.feed()
    assert await watching == [7, 8, 9]


async def test_changes_during_the_replay_are_neither_lost_nor_doubled(room: Room) -> None:
    for _ in range(3):
        await room.play.whole()
    await room.feed()
    found: list[int] = []
    async with contextlib.aclosing(room.tracking.watch(EVERY, {STREAM: 0})) as changes, asyncio.timeout(60):
        async for one in changes:
            found.append(one.sequence)
            if one.sequence in (5, 20, 30):
                await room.play.whole()
                await room.feed()
            if one.sequence == 54:
                break
    assert found == list(range(1, 55))


async def test_the_filter_looks_at_the_case_after_the_change(room: Room) -> None:
    await room.play.whole()
    await room.play.returned()
    await room.feed()
    closed = filters.parse(api.CaseFilter(states=[CLOSED]), KEY)
    assert await room.watched(1, 0, closed) == [9]
    referred = filters.parse(api.CaseFilter(agency="gas"), KEY)
    assert await room.watched(1, 0, referred) == [15]


async def test_a_slow_watcher_is_closed_and_may_resume(room: Room) -> None:
    await room.play.whole()
    changes = [read(one, STREAM) for one in await room.play.items()]
    watcher = Watcher(EVERY, {STREAM: 0}, size=4)
    watcher.give(changes[:4])
    assert (await watcher.next()).sequence == 1
    watcher.give(changes[4:])
    with pytest.raises(Overloaded):
        await watcher.next()
    await room.feed()
    assert await room.watched(8, 1) == list(range(2, 10))


async def test_min_etag_waits_for_the_projector(room: Room) -> None:
    case = await room.play.whole()
    asked = asyncio.create_task(room.tracking.case(case, 9))
    await asyncio.sleep(0)
    await room.feed()
    found = await asked
    assert found.etag == "9" and found.state == CLOSED


async def test_a_late_projector_is_passed_by(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """The head of the log answers; a version that is nowhere is UNAVAILABLE, no case NOT_FOUND."""
    monkeypatch.setattr(service, "MIN_ETAG_SECONDS", 0.01)
    case = await room.play.whole()
    assert (await room.tracking.case(case, 0)).etag == "9"
    assert (await room.tracking.case(case, 9)).etag == "9"
    with pytest.raises(Unreachable):
        await room.tracking.case(case, 10)
    with pytest.raises(NotFound):
        await room.tracking.case("r1-0-01ARZ3NDEKTSV4RRFFQ69G5FAV", 0)
    assert [row["sequence"] for row in await room.tracking.events(case, 0, 100)] == list(range(1, 10))
    assert len((await room.tracking.timeline(case)).entries) == 9


async def test_a_stopped_projector_takes_nothing(room: Room) -> None:
    await room.play.whole()
    await room.projector.stop()
    with pytest.raises(asyncio.CancelledError):
        await room.feed()


@pytest.mark.parametrize("given", ["x", "!!!", "%%", "Yzo", pages.token("c", "12345678", 1, "a b"), "é", "AAAA" * 50])
def test_foreign_tokens_are_refused(given: str) -> None:
    with pytest.raises(Invalid) as told:
        pages.parts_of(given, queries.CASES_TOKEN, "page_token")
    assert "page_token" in told.value.violations


def test_tokens_come_back_as_they_went() -> None:
    token = pages.token("c", "0a1b2c3d", -5, "r1-0-X")
    assert pages.parts_of(token, queries.CASES_TOKEN, "t") == ("0a1b2c3d", "-5", "r1-0-X")


def test_page_sizes_have_bounds() -> None:
    assert [pages.size_of(one, 50) for one in (0, 1, 500, 501, 10**9)] == [50, 1, 500, 500, 500]
    with pytest.raises(Invalid):
        pages.size_of(-1, 50)


@pytest.mark.parametrize(
    ("code", "begins"),
    [
        ("", ""), ("350582", "350582"), ("350500", "3505"), ("350000", "35"), ("990100", "9901"),
        ("990101003", "990101003"), ("990101000", "990101000"), ("000000", ""), ("100100", "1001"),
    ],
)  # fmt: skip
def test_a_division_is_the_beginning_of_those_below(code: str, begins: str) -> None:
    assert filters.prefix(code) == begins


def test_unknown_words_in_a_filter_are_refused() -> None:
    for bad in (api.CaseFilter(states=[0]), api.CaseFilter(states=[99]), api.CaseFilter(levels=[77])):
        with pytest.raises(Invalid):
            filters.parse(bad, KEY)


def test_a_gap_ends_a_stretch_unless_it_is_the_logs_own() -> None:
    items = [Item(one, "c", b"") for one in (5, 6, 8)]
    assert [one.sequence for one in unbroken(items, 4, fresh=False)] == [5, 6]
    assert unbroken(items, 3, fresh=False) == []
    assert [one.sequence for one in unbroken(items, 3, fresh=True)] == [5, 6]
