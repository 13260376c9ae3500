"""Publishing and watching the city on a real NATS server. Nothing sleeps: `on_change` says when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import structlog
from nats.js import JetStreamContext
from nats.js.api import StorageType
from nats.js.kv import KeyValue

from callmesh.directory import store
from callmesh.directory.codec import Undecodable, stamp
from callmesh.directory.store import KEY, DirectoryWatch, ensure_bucket, fetch, publish
from callmesh.domain.directory import City
from callmesh.domain.errors import Changed, Invalid, NoDirectory
from callmesh.kernel.subjects import DIRECTORY_BUCKET
from support.nats_server import NatsServer, jetstream
from support.waiting import PATIENCE, until

pytestmark = pytest.mark.asyncio


class Watched(DirectoryWatch):
    """A watch that queues its changes."""

    def __init__(self, silence: float) -> None:
        super().__init__(pause=0.02, longest=0.2, silence=silence)
        self.changes: asyncio.Queue[City] = asyncio.Queue()
        self.on_change.append(self.changes.put_nowait)

    async def next(self) -> City:
        return await asyncio.wait_for(self.changes.get(), PATIENCE)


@asynccontextmanager
async def watching(js: JetStreamContext, silence: float = 0.3) -> AsyncIterator[Watched]:
    """`silence`: seconds after which it asks whether it missed something, and begins anew if it did."""
    watch = Watched(silence)
    await watch.start(js)
    try:
        yield watch
    finally:
        await watch.close()


def renamed(city: City, name: str) -> City:
    """Another version of the city."""
    return stamp(replace(city, name=name))


def both_have_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two who publish, neither writes before both know the revision in force: else one may follow the other."""
    barrier, stored = asyncio.Barrier(2), store._stored

    async def together(bucket: KeyValue) -> store._Stored:
        found = await stored(bucket)
        await asyncio.wait_for(barrier.wait(), PATIENCE)
        return found

    monkeypatch.setattr(store, "_stored", together)


class TestPublish:
    async def test_bucket(self, nats: NatsServer) -> None:
        async with jetstream(nats) as js:
            await ensure_bucket(js)
            status = await (await ensure_bucket(js)).status()
            assert status.history == 8
            assert status.stream_info.config.storage == StorageType.FILE

    async def test_publish_and_fetch(self, nats: NatsServer, city: City) -> None:
        async with jetstream(nats) as js:
            assert await fetch(js) is None
            assert await publish(js, city) == 1
            assert await fetch(js) == city

    async def test_same_version_changes_nothing(self, nats: NatsServer, city: City) -> None:
        async with jetstream(nats) as js:
            assert await publish(js, city) == 1
            assert await publish(js, city) == 1
            assert await publish(js, city, force=True) == 2
            assert await publish(js, renamed(city, "二")) == 3
            assert await publish(js, city) == 4

    async def test_version_is_always_that_of_the_content(self, nats: NatsServer, city: City) -> None:
        async with jetstream(nats) as js:
            await publish(js, replace(city, version="wrong"))
            assert await fetch(js) == city

    async def test_of_two_at_once_one_is_told(
        self, nats: NatsServer, city: City, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with jetstream(nats) as js:
            await publish(js, city)
            both_have_read(monkeypatch)
            both = (publish(js, renamed(city, "甲")), publish(js, renamed(city, "乙")))
            results = await asyncio.gather(*both, return_exceptions=True)
            assert sorted(type(one).__name__ for one in results) == ["Changed", "int"]
            assert any(isinstance(one, Changed) and one.zh for one in results)

    async def test_after_garbage_and_after_deletion(self, nats: NatsServer, city: City) -> None:
        async with jetstream(nats) as js:
            bucket = await ensure_bucket(js)
            await bucket.put(KEY, b"garbage")
            with pytest.raises(Undecodable):
                await fetch(js)
            assert await publish(js, city) == 2
            await bucket.delete(KEY)
            assert await fetch(js) is None
            assert await publish(js, city) == 4

    async def test_too_large(self, nats: NatsServer, city: City) -> None:
        many = (((n * n % 7919) / 7919 + n, (n**3 % 104729) / 104729) for n in range(200_000))
        huge = replace(city, divisions=(replace(city.divisions[0], rings=(tuple(many),)),))
        async with jetstream(nats) as js:
            with pytest.raises(Invalid):
                await publish(js, huge)


class TestWatch:
    async def test_nothing_in_force(self, nats: NatsServer) -> None:
        async with jetstream(nats) as js, watching(js) as watch:
            with pytest.raises(NoDirectory):
                _ = watch.city
            with pytest.raises(NoDirectory):
                _ = watch.locator

    async def test_loads_at_start(self, nats: NatsServer, city: City) -> None:
        async with jetstream(nats) as js:
            await publish(js, city)
            async with watching(js) as watch:
                assert watch.city == city
                assert watch.locator.division_at(121.5, 30.5) == "990102"

    async def test_bucket_made_after_start(self, nats: NatsServer, city: City) -> None:
        async with jetstream(nats) as js, watching(js) as watch:
            await publish(js, city)
            await until(lambda: watch.known, "the city arrives")
            assert watch.city == city

    async def test_follows(self, nats: NatsServer, city: City) -> None:
        async with jetstream(nats) as js:
            await publish(js, city)
            async with watching(js) as watch:
                assert await watch.next() == city
                for name in ("二", "三"):
                    await publish(js, renamed(city, name))
                    assert (await watch.next()).name == name == watch.city.name
                await publish(js, renamed(city, "三"), force=True)
                await publish(js, city)
                assert await watch.next() == city  # the same version again was no change

    async def test_unreadable_and_deleted_are_passed_over(self, nats: NatsServer, city: City) -> None:
        async with jetstream(nats) as js:
            await publish(js, city)
            with structlog.testing.capture_logs() as logs:
                async with watching(js, silence=PATIENCE) as watch:  # begun anew it would be shown the last one alone
                    assert await watch.next() == city
                    await publish(js, renamed(city, "一"))
                    assert (await watch.next()).name == "一"  # it follows now, and is shown each
                    bucket = await ensure_bucket(js)
                    await bucket.put(KEY, b"garbage")
                    await bucket.delete(KEY)
                    await publish(js, renamed(city, "二"))
                    assert (await watch.next()).name == "二"
            errors = [(one["event"], one["revision"]) for one in logs if one["log_level"] == "error"]
            assert errors == [("directory_unreadable", 3), ("directory_deleted", 4)]

    async def test_failing_callback_does_not_stop_it(self, nats: NatsServer, city: City) -> None:
        def fail(_: City) -> None:
            raise ValueError("not my day")

        async with jetstream(nats) as js, watching(js) as watch:
            watch.on_change.insert(0, fail)
            await publish(js, city)
            assert await watch.next() == city
            await publish(js, renamed(city, "二"))
            assert (await watch.next()).name == "二"

    async def test_survives_a_restart_of_the_server(self, nats: NatsServer, city: City) -> None:
        async with jetstream(nats) as js, watching(js) as watch:
            await publish(js, city)
            assert await watch.next() == city
            await asyncio.to_thread(nats.stop)
            assert watch.city == city
            await asyncio.to_thread(nats.start)
            async with jetstream(nats) as other:
                await publish(other, renamed(city, "二"))
            assert (await watch.next()).name == "二"

    async def test_survives_a_new_bucket(self, nats: NatsServer, city: City) -> None:
        """Revisions begin at 1 again; the watch must not wait for higher ones."""
        async with jetstream(nats) as js, watching(js) as watch:
            for name in ("一", "二", "三"):
                await publish(js, renamed(city, name))
                assert (await watch.next()).name == name
            await js.delete_key_value(DIRECTORY_BUCKET)
            await publish(js, renamed(city, "四"))
            assert (await watch.next()).name == "四"

    async def test_starts_without_server(self, nats: NatsServer, city: City) -> None:
        async with jetstream(nats) as js:
            await publish(js, city)
            await asyncio.to_thread(nats.stop)
            impatient = js._nc.jetstream(timeout=2)  # what it asks before it notices the stop is lost
            async with watching(impatient) as watch:
                with pytest.raises(NoDirectory):
                    _ = watch.city
                await asyncio.to_thread(nats.start)
                await until(lambda: watch.known, "the city arrives")
                assert watch.city == city

    async def test_closed_keeps_its_city(self, nats: NatsServer, city: City) -> None:
        async with jetstream(nats) as js:
            await publish(js, city)
            async with watching(js) as watch:
                pass
            await watch.close()
            assert watch.city == city
