"""Row 9: counts by cell, hour and category; a threshold raises one alert a window, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from read_model_kit import Model
from tracking_play import START, STREAM, MemorySource, Play

from callmesh.tracking import hotspots
from callmesh.tracking.digest import digest
from callmesh.tracking.items import Change, Item
from callmesh.tracking.projector import Projector
from callmesh.tracking.rebuild import refill
from callmesh.tracking.store import Store
from callmesh.tracking.words import micros_of

HERE, THERE = (118.0712, 24.48), (118.08, 24.48)
FIRST, LAST = micros_of(START), micros_of(START + timedelta(days=2))
THRESHOLD = 3


async def burst(play: Play, count: int, category: str = "burst_main", point: tuple[float, float] = HERE) -> list[str]:
    cases = []
    for _ in range(count):
        cases.append(await play.open(point=point))
        await play.classify(cases[-1], category)
    return cases


class Told:
    """What a watcher would hear of alerts: sequences."""

    def __init__(self) -> None:
        self.sequences: list[int] = []

    def hear(self, changes: object) -> None:
        assert isinstance(changes, list)
        self.sequences += [one.sequence for one in changes if isinstance(one, Change) and one.alerted]


async def project(store: Store, items: list[Item], told: Told, batch: int, threshold: int = THRESHOLD) -> None:
    """A process's life: opens the model, reads what is new, ends."""
    projector = Projector(store, MemorySource(lambda: items, batch), told.hear, lambda: threshold)
    await projector.start()


@pytest.mark.parametrize("batch", [1, 2, 500])
async def test_one_alert_a_window_whatever_the_batches(store: Store, batch: int) -> None:
    play, told = Play(), Told()
    cases = await burst(play, 5)
    await burst(play, 2, point=THERE)
    await burst(play, 2, "noise")
    await play.open(point=HERE)  # never classified: no category, no hotspot
    await project(store, await play.items(), told, batch)
    [alert] = await store.read(lambda connection: hotspots.raised(connection, FIRST, LAST, 9))
    assert alert.case == f"cases/{cases[2]}" and alert.threshold == alert.hotspot.count == THRESHOLD
    assert alert.hotspot.cell == "24.48,118.07" and alert.hotspot.category == "burst_main"
    assert alert.hotspot.hour.seconds == START.timestamp()
    assert told.sequences == [6]
    spots = await store.read(lambda connection: hotspots.busiest(connection, FIRST, LAST, 9))
    counted = {(one.cell, one.category): one.count for one in spots}
    assert counted == {
        ("24.48,118.07", "burst_main"): 5,
        ("24.48,118.08", "burst_main"): 2,
        ("24.48,118.07", "noise"): 2,
    }
    assert spots[0].count == 5


async def test_the_next_hour_is_another_window(store: Store) -> None:
    play, told = Play(), Told()
    await burst(play, 4)
    play.at += timedelta(hours=1)
    await burst(play, 3)
    await project(store, await play.items(), told, 500)
    alerts = await store.read(lambda connection: hotspots.raised(connection, FIRST, LAST, 9))
    assert [one.hotspot.hour.seconds - START.timestamp() for one in alerts] == [3600, 0]
    first_day = await store.read(lambda connection: hotspots.raised(connection, FIRST, FIRST + hotspots.HOUR, 9))
    assert first_day == alerts[1:]


async def test_a_case_classified_anew_moves(store: Store) -> None:
    """Four are counted, one leaves and comes back over the threshold again: still one alert."""
    play, told = Play(), Told()
    cases = await burst(play, 3)
    await play.classify(cases[0], "noise")
    await project(store, await play.items(), told, 500)
    await play.classify(cases[0], "burst_main")
    await play.classify(cases[0], "burst_main")
    await project(store, await play.items(), told, 1)
    assert len(told.sequences) == 1
    spots = await store.read(lambda connection: hotspots.busiest(connection, FIRST, LAST, 9))
    assert [(one.category, one.count) for one in spots] == [("burst_main", 3)]


async def test_neither_restart_nor_redelivery_nor_rebuild_raises_it_again(store: Store) -> None:
    play, told = Play(), Told()
    await burst(play, 4)
    items = await play.items()
    await project(store, items[:6], told, 500)
    projector = Projector(store, MemorySource(lambda: items), told.hear, lambda: THRESHOLD)
    await projector.start()
    await projector.take(items)
    await projector.take(items[3:])
    assert told.sequences == [6]
    live = await asyncio.to_thread(digest, store.reader)
    again = await refill(store, [MemorySource(lambda: items)], threshold=1)
    assert again.digest == live
    alerts = await store.read(lambda connection: hotspots.raised(connection, FIRST, LAST, 9))
    assert [one.threshold for one in alerts] == [THRESHOLD]


async def test_a_lost_database_finds_its_alerts_again(store: Store) -> None:
    play = Play()
    await burst(play, 4)
    items = await play.items()
    await project(store, items, Told(), 500)
    before = await store.read(lambda connection: hotspots.raised(connection, FIRST, LAST, 9))
    await store.on_writer(store.wipe_now)
    await project(store, items, Told(), 3)
    assert await store.read(lambda connection: hotspots.raised(connection, FIRST, LAST, 9)) == before
    raised = await store.read(lambda connection: hotspots.raised_by(connection, STREAM, [5, 6, 7]))
    assert list(raised) == [6]


async def test_no_threshold_no_alert_but_counts(model: Model) -> None:
    await burst(model.play, 12)
    await model.feed()
    assert not await model.store.read(lambda connection: hotspots.raised(connection, FIRST, LAST, 9))
    [spot] = await model.store.read(lambda connection: hotspots.busiest(connection, FIRST, LAST, 9))
    assert spot.count == 12
