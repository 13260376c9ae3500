"""The projection: what rows come out, and that nothing but the log decides them."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from read_model_kit import HAS_POSTGRES, Model
from sqlalchemy import create_engine, func, inspect, select, text, update
from tracking_play import STREAM, TRACE, MemorySource, Play, helpers, message

from callmesh.ledger.record import Damaged
from callmesh.tracking import projector, schema
from callmesh.tracking.digest import digest
from callmesh.tracking.items import Item, item_of
from callmesh.tracking.projector import Projector
from callmesh.tracking.rebuild import refill
from callmesh.tracking.store import Store
from support.waiting import until


@pytest.mark.skipif(not HAS_POSTGRES, reason="no PostgreSQL: set CALLMESH_TEST_POSTGRES or install initdb and pg_ctl")
def test_postgresql_takes_part() -> None:
    """Skips in one line where the model is held to SQLite alone."""


async def _count(store: Store, table: str) -> int:
    query = select(func.count()).select_from(schema.metadata.tables[table])
    return int(await store.read(lambda connection: connection.scalar(query)) or 0)


async def _reference(model: Model, tmp_path: Path) -> str:
    """The digest that the same log gives on a fresh SQLite, one message at a time."""
    store = Store(f"sqlite:///{tmp_path / 'reference.db'}")
    try:
        other = Model(store, model.play)
        await other.projector.start()
        await other.feed(1)
        return await other.digest()
    finally:
        await store.close()


async def test_rows_tell_the_case(model: Model) -> None:
    await model.feed()
    whole, returned, missed, *_ = model.play.cases
    table = schema.cases
    rows = await model.store.read(
        lambda connection: {row.id: row._mapping for row in connection.execute(select(table))}
    )
    assert rows[whole]["state"] == "closed" and rows[whole]["closed_at"] is not None
    assert rows[whole]["owner"] == "water" and rows[whole]["solved"] and rows[whole]["satisfied"] == 5
    assert rows[returned]["diverted"] and rows[returned]["origin"] == "12345"
    assert rows[missed]["overdue"] and rows[missed]["supervision"] != "none"
    assert rows[missed]["level"] == "p3" and rows[missed]["category"] == "noise"
    assert await _count(model.store, "referrals") == 6
    assert await _count(model.store, "events") == len(model.items)


async def test_the_events_tell_who_and_when(model: Model) -> None:
    await model.feed()
    table = schema.events.c
    query = select(schema.events).where(table.case_id == model.play.cases[1]).order_by(table.sequence)
    rows = await model.store.read(lambda connection: connection.execute(query).mappings().all())
    kinds = ["CaseOpened", "CaseClassified", "CaseTransferred", "ReferralReceived", "ReturnRequested", "ReturnGranted"]
    assert [row["kind"] for row in rows] == kinds
    assert rows[2]["summary"] == "转办至 water(主办)、street(协办)"
    assert rows[4]["summary"] == "water 申请退单, 原因 not_ours"
    assert rows[4]["actor_agency"] == "water" and rows[4]["referral"].endswith("/referrals/1")
    assert {row["trace_id"] for row in rows} == {TRACE}


@pytest.mark.parametrize("batch", [1, 3, 256])
async def test_batches_do_not_matter(model: Model, tmp_path: Path, batch: int) -> None:
    """The same model whatever the batches, on either database."""
    await model.feed(batch)
    assert await model.digest() == await _reference(model, tmp_path)


async def test_delivered_again_changes_nothing(model: Model) -> None:
    await model.feed()
    before = await model.digest()
    await model.feed(5)
    await model.projector.take(model.items[3:9])
    assert await model.digest() == before


async def test_a_process_that_died_between_batches_goes_on(model: Model, url: str, tmp_path: Path) -> None:
    """Unacknowledged batches come again to the next process, with some it had stored."""
    items = await model.play.items()
    await model.projector.take(items[:11])
    other = Store(url)
    try:
        after = Model(other, model.play)
        await after.projector.start()
        assert after.projector.position == 11
        await after.projector.take(items[6:])
        assert await after.digest() == await _reference(model, tmp_path)
    finally:
        await other.close()


async def test_what_the_durable_left_out_is_read_from_the_log(model: Model, tmp_path: Path) -> None:
    """The database is older than the durable's acknowledgements, e.g. from a backup."""
    model.items = await model.play.items()
    await model.projector.take(model.items[:4])
    await model.projector.take(model.items[20:])
    assert model.source.calls == [(4, 20)]
    assert await model.digest() == await _reference(model, tmp_path)


@pytest.mark.parametrize("long", [1, 50_000], ids=["two processes", "one"])
@pytest.mark.parametrize("filling", [10, 4096])
async def test_start_catches_up_with_the_log(
    model: Model, tmp_path: Path, filling: int, long: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In transactions larger than what the source hands over, and indexed when all is there."""
    monkeypatch.setattr(projector, "FILLING", filling)
    monkeypatch.setattr(projector, "LONG", long)
    model.items = await model.play.items()
    await model.store.on_writer(model.store.wipe_now)
    assert not _indexes(model.store)
    await model.projector.start()
    assert model.projector.position == len(model.items)
    assert _indexes(model.store) == {str(one.name) for table in schema.metadata.sorted_tables for one in table.indexes}
    assert await model.digest() == await _reference(model, tmp_path)


class _Killing(MemorySource):
    """A log behind whose first batches the process that makes rows is killed."""

    async def read(self, after: int, until: int) -> AsyncGenerator[list[Item], None]:
        async for batch in super().read(after, until):
            yield batch
            for one in helpers():
                one.kill()


async def test_a_start_goes_on_alone(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the system is short of memory the process that makes rows is the one to go."""
    monkeypatch.setattr(projector, "FILLING", 5)
    monkeypatch.setattr(projector, "LONG", 1)
    warnings: list[str] = []
    monkeypatch.setattr(projector.log, "warning", lambda event, **told: warnings.append(event), raising=False)
    model.items = await model.play.items()
    source = _Killing(lambda: model.items, batch=5)
    again = Projector(model.store, source)
    await again.start()
    assert again.position == len(model.items) and len(source.calls) == 2
    assert warnings == ["the read model is filled by one process"]
    assert await model.digest() == await _reference(model, tmp_path)


def _indexes(store: Store) -> set[str]:
    found = inspect(store.reader)
    return {str(one["name"]) for table in schema.metadata.tables for one in found.get_indexes(table)}


async def test_rebuilding_gives_the_same(model: Model) -> None:
    await model.feed(4)
    live = await model.digest()
    again = await refill(model.store, [model.source])
    assert again.digest == live and again.count == len(model.items) and again.seconds > 0


async def test_a_rebuild_below_a_live_projector_heals(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows vanish under the service; with the next message it reads the log anew."""
    monkeypatch.setattr(projector, "PAUSE_SECONDS", 0.001)
    await model.feed()
    await model.store.on_writer(model.store.wipe_now)
    await model.play.open("13500000000")
    await model.feed()
    live = await model.digest()
    assert (await refill(model.store, [model.source])).digest == live


async def test_another_version_of_the_tables_is_dropped(model: Model) -> None:
    await model.feed()
    live = await model.digest()
    with model.store.writer.begin() as connection:
        connection.execute(update(schema.model).values(version=0))
    await model.projector.start()
    assert await model.digest() == live


async def test_two_writers_do_not_mix(model: Model, url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each takes every other batch; the one that is behind notices and goes on from there."""
    monkeypatch.setattr(projector, "PAUSE_SECONDS", 0.001)
    second = Store(url)
    try:
        model.items = items = await model.play.items()
        other = Projector(second, MemorySource(lambda: items))
        other.position = await second.open(STREAM)
        for start in range(0, len(items), 4):
            await (model.projector, other)[start // 4 % 2].take(items[start : start + 4])
        assert await model.digest() == await _reference(model, tmp_path)
    finally:
        await second.close()


@pytest.mark.parametrize("long", [1, 50_000], ids=["two processes", "one"])
async def test_damaged_bytes_are_raised_once_and_then_passed_over(
    model: Model, long: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The consumer parks what is raised; behind it the model goes on, and a rebuild does likewise, with an alarm."""
    alarms: list[int] = []
    monkeypatch.setattr(projector.log, "error", lambda event, **told: alarms.append(told["sequence"]), raising=False)
    monkeypatch.setattr(projector, "LONG", long)
    items = await model.play.items()
    bad = Item(len(items) + 1, items[0].case_id, b"\xff\xff\xff", "")
    await model.play.open("13500000000")
    last = (await model.play.items())[-1]
    good = Item(bad.sequence + 1, last.case_id, last.data, TRACE)
    model.items = [*items, bad, good]
    with pytest.raises(Damaged):
        await model.projector.take([*items, bad])
    assert model.projector.position == 0
    await model.projector.take(items)
    with pytest.raises(Damaged):
        await model.projector.take([bad])
    await model.projector.take([good])
    assert model.projector.position == good.sequence
    live, heard = await model.digest(), len(alarms)
    assert (await refill(model.store, [model.source])).digest == live
    assert alarms[heard:] == [bad.sequence]


async def test_real_messages_are_taken(model: Model) -> None:
    model.items = await model.play.items()
    await model.projector.take([item_of(message(one)) for one in model.items])
    live = await model.digest()
    assert (await refill(model.store, [model.source])).digest == live


async def test_text_that_the_database_refuses_is_cleaned(model: Model) -> None:
    """PostgreSQL has no character zero: one such code must not stop the log."""
    await model.play.open(channel="ap\0p", division="99\x000101")
    await model.feed()
    table = schema.cases.c
    query = select(table.channel, table.division).where(table.id == model.play.cases[-1])
    assert await model.store.read(lambda connection: tuple(connection.execute(query).one())) == ("app", "990101")


async def test_a_locked_sqlite_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callmesh.tracking.store.BUSY_MILLISECONDS", 1)
    monkeypatch.setattr(projector, "PAUSE_SECONDS", 0.001)
    play, store = Play(), Store(f"sqlite:///{tmp_path / 'locked.db'}")
    await play.whole()
    model = Model(store, play)
    await model.projector.start()
    waits: list[str] = []
    monkeypatch.setattr(projector.log, "warning", lambda event, **given: waits.append(event), raising=False)
    other = sqlite3.connect(tmp_path / "locked.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    feeding = asyncio.create_task(model.feed())
    await until(lambda: bool(waits))
    assert not feeding.done() and model.projector.position == 0
    other.execute("ROLLBACK")
    other.close()
    await feeding
    assert model.projector.position == len(model.items)
    await store.close()


if HAS_POSTGRES:

    async def test_broken_connections_are_made_anew(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(projector, "PAUSE_SECONDS", 0.001)
        play, store = Play(), Store(postgres)
        await store.on_writer(store.wipe_now)
        await play.whole()
        model = Model(store, play)
        await model.projector.start()
        admin = create_engine(postgres)
        kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        with admin.connect() as connection:
            connection.execute(text(kill + " AND backend_type = 'client backend'"))
        admin.dispose()
        await model.feed()
        assert model.projector.position == len(model.items) == await _count(store, "events")
        assert digest(store.reader)
        await store.close()
