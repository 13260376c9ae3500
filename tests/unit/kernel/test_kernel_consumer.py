"""Consumers: in order, again after a crash, poison parked, made anew when they are deleted or NATS forgets them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from callmesh.domain.errors import NoDirectory, Unreachable
from callmesh.kernel import bookmark, messaging
from callmesh.kernel.bookmark import Bookmark
from callmesh.kernel.connection import Connection
from callmesh.kernel.messaging import ATTEMPTS, Consumer, connect, ensure_durable, publish_once
from callmesh.kernel.publisher import Publisher
from support.nats_server import NatsServer
from support.service import NAMES, lay_out
from support.waiting import until

STREAM, SUBJECT, DURABLE = NAMES.log_stream(0), NAMES.log_all(0), "reader"


class Bench:
    """A connection, a stream, and consumers on it that are stopped in the end."""

    def __init__(self, client: Connection) -> None:
        self.client = client
        self.js: JetStreamContext = client.jetstream(timeout=30)
        self.running: list[tuple[Consumer, asyncio.Task[None]]] = []

    def start(self, handle: messaging.Handler, **more: Any) -> tuple[Consumer, asyncio.Task[None]]:
        consumer = Consumer(self.client, self.js, NAMES, STREAM, DURABLE, SUBJECT, handle, **more)
        one = (consumer, asyncio.create_task(consumer.run()))
        self.running.append(one)
        return one

    async def stored(self) -> int:
        """What a process started now would find."""
        found = Bookmark(self.js, NAMES, STREAM, DURABLE)
        await found.find()
        return found.handled

    async def publish(self, *texts: str) -> None:
        for text in texts:
            await self.js.publish(f"ev.r1.0.{text}", text.encode())

    async def stop(self) -> None:
        for consumer, task in self.running:
            consumer.stopping.set()
            await asyncio.wait([task], timeout=60)
            assert task.done()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messaging, "PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(bookmark, "KEEP_SECONDS", 0.02)


@asynccontextmanager
async def bench(server: NatsServer) -> AsyncIterator[Bench]:
    await lay_out(server)
    client = Connection()
    await connect(client, server.url, "test")
    made = Bench(client)
    try:
        yield made
    finally:
        await made.stop()
        await client.close()


class Seen:
    """A handler that notes what it was given, and fails as told."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.fail: dict[str, list[Exception]] = {}

    async def __call__(self, messages: Sequence[Msg]) -> None:
        for message in messages:
            text = message.data.decode()
            problems = self.fail.get(text)
            if problems:
                raise problems.pop()
        self.texts += [message.data.decode() for message in messages]


async def acknowledged(one: Bench) -> int:
    return int((await one.js.consumer_info(STREAM, DURABLE)).ack_floor.stream_seq)  # type: ignore[union-attr]


async def parked(one: Bench) -> list[tuple[str, str]]:
    found = []
    info = await one.js.stream_info("DLQ")
    for sequence in range(1, info.state.messages + 1):
        message = await one.js.get_msg("DLQ", sequence)
        found.append((str(message.subject), (message.data or b"").decode()))
    return found


async def test_everything_once_and_in_order(nats: NatsServer) -> None:
    wanted = [f"{number:04}" for number in range(700)]
    async with bench(nats) as one:
        await one.publish(*wanted[:300])
        seen = Seen()
        one.start(seen)
        await one.publish(*wanted[300:])
        await until(lambda: len(seen.texts) >= 700, "all messages")

        async def done() -> bool:
            return await acknowledged(one) == 700

        await until(done, "all acknowledged")
        assert seen.texts == wanted


async def test_what_was_not_acknowledged_comes_again_after_a_crash(nats: NatsServer) -> None:
    async with bench(nats) as one:
        begun = asyncio.Event()

        async def never_done(messages: Sequence[Msg]) -> None:
            begun.set()
            await asyncio.Event().wait()

        await one.publish("a", "b", "c")
        _, crashed = one.start(never_done)
        await begun.wait()
        crashed.cancel()
        await asyncio.wait([crashed])
        seen = Seen()
        one.start(seen)
        await until(lambda: len(seen.texts) >= 3, "the same messages again", 60)
        assert seen.texts[:3] == ["a", "b", "c"]


async def test_a_restart_goes_on_where_it_was(nats: NatsServer) -> None:
    async with bench(nats) as one:
        first, second = Seen(), Seen()
        await one.publish("a", "b")
        consumer, task = one.start(first)

        async def done() -> bool:
            return len(first.texts) == 2 and await acknowledged(one) == 2

        await until(done, "both handled")
        consumer.stopping.set()
        await task
        await one.publish("c")
        one.start(second)
        await until(lambda: second.texts, "the third")
        assert second.texts == ["c"]


async def test_a_poisonous_message_is_parked_and_the_others_flow(nats: NatsServer) -> None:
    async with bench(nats) as one:
        seen = Seen()
        seen.fail = {"bad": [ValueError("poison")] * 100}
        await one.publish("a", "bad", "b")
        one.start(seen)
        await until(lambda: len(seen.texts) >= 2, "the others")
        await one.publish("c")
        await until(lambda: len(seen.texts) >= 3, "a later one")
        assert seen.texts == ["a", "b", "c"]
        assert await parked(one) == [("dlq.reader.2", "ev.r1.0.bad")]

        async def done() -> bool:
            return await acknowledged(one) == 4

        await until(done, "all acknowledged, the parked one too")


async def test_a_message_that_is_digested_in_the_end_is_not_parked(nats: NatsServer) -> None:
    async with bench(nats) as one:
        seen = Seen()
        seen.fail = {"hard": [ValueError("not yet")] * (ATTEMPTS - 1)}
        await one.publish("hard")
        one.start(seen)
        await until(lambda: seen.texts, "the message")
        assert await parked(one) == []


@pytest.mark.parametrize(
    "passing",
    [TimeoutError(), Unreachable("x", "无"), NoDirectory("x", "无"), ConnectionResetError()],
    ids=lambda one: type(one).__name__,
)
async def test_a_passing_fault_never_skips_a_message(nats: NatsServer, passing: Exception) -> None:
    """However long it lasts: nothing is parked, and order holds."""
    async with bench(nats) as one:
        seen = Seen()
        seen.fail = {"b": [passing] * (3 * ATTEMPTS)}
        await one.publish("a", "b", "c")
        one.start(seen)
        await until(lambda: len(seen.texts) >= 3, "all messages")
        assert seen.texts == ["a", "b", "c"]
        assert await parked(one) == []


async def test_a_consumer_that_an_operator_deleted_is_made_again(nats: NatsServer) -> None:
    async with bench(nats) as one:
        seen = Seen()
        one.start(seen)
        await one.publish("a")
        await until(lambda: seen.texts, "the first message")
        await one.js.delete_consumer(STREAM, DURABLE)
        await one.publish("b")
        await until(lambda: "b" in seen.texts, "the next message", 40)


async def test_a_restart_of_nats_is_survived(nats: NatsServer) -> None:
    async with bench(nats) as one:
        seen = Seen()
        one.start(seen)
        await one.publish("a")
        await until(lambda: seen.texts, "the first message")
        nats.kill()
        nats.start()
        await until(lambda: one.client.is_connected, "the connection")

        async def published() -> bool:
            """What is sent before the client notices is lost, and not waited for any longer."""
            try:
                await one.client.jetstream(timeout=2).publish("ev.r1.0.b", b"b")
            except Exception:
                return False
            return True

        await until(published, "the next to be stored")
        await until(lambda: "b" in seen.texts, "the next message", 60)
        assert list(dict.fromkeys(seen.texts)) == ["a", "b"]


async def handled(one: Bench, seen: Seen, *texts: str) -> None:
    """Stores these, and returns when they are handled and a bookmark says so."""
    await one.publish(*texts)
    last = (await one.js.stream_info(STREAM)).state.last_seq

    async def known() -> bool:
        return await one.stored() == last

    await until(known, "the bookmark", 60)
    assert seen.texts[-len(texts) :] == list(texts)


async def test_a_process_and_nats_that_both_begin_anew_go_on_at_the_bookmark(nats: NatsServer) -> None:
    async with bench(nats) as one:
        first = Seen()
        consumer, task = one.start(first)
        await handled(one, first, "a", "b")
        consumer.stopping.set()
        await task
        nats.kill()
        await until(lambda: not one.client.is_connected, "the client to notice")
        nats.start()
        await until(lambda: one.client.is_connected, "the connection")
        second = Seen()
        one.start(second)
        await handled(one, second, "c")
        assert second.texts == ["c"]


async def test_a_log_that_was_made_anew_is_read_from_its_start(nats: NatsServer) -> None:
    async with bench(nats) as one:
        seen = Seen()
        one.start(seen)
        await handled(one, seen, "a", "b", "c")
        await one.js.delete_stream(STREAM)
        await lay_out(nats)
        await handled(one, seen, "d")
        assert seen.texts == ["a", "b", "c", "d"]


async def test_a_reader_that_stands_in_a_file_leaves_it_where_it_was(nats: NatsServer) -> None:
    """As earlier versions made them."""
    async with bench(nats) as one:
        await one.publish("a", "b")
        await ensure_durable(one.js, STREAM, DURABLE, SUBJECT)
        pulled = await one.js.pull_subscribe_bind(DURABLE, STREAM)
        (first,) = await pulled.fetch(1)
        await first.ack_sync()
        seen = Seen()
        one.start(seen)
        await until(lambda: seen.texts, "the second")
        await handled(one, seen, "c")
        assert seen.texts == ["b", "c"]
        assert (await one.js.consumer_info(STREAM, DURABLE)).config.mem_storage


async def test_a_bookmark_that_cannot_be_stored_hinders_nobody(nats: NatsServer) -> None:
    async with bench(nats) as one:
        await one.js.delete_stream(NAMES.bookmarks_stream)
        seen = Seen()
        one.start(seen)
        await one.publish("a", "b")
        await until(lambda: len(seen.texts) == 2, "both")
        assert seen.texts == ["a", "b"]


async def test_a_defect_beside_the_handler_does_not_end_it(nats: NatsServer) -> None:
    """Nobody would see it: the process answers calls, and says that it serves."""
    defects: list[Exception] = [RuntimeError("the handler is closed"), KeyError("nobody thought of it")]

    def known() -> int:
        if defects:
            raise defects.pop()
        return 0

    async with bench(nats) as one:
        seen = Seen()
        one.start(seen, known=known)
        await until(lambda: not defects, "both")
        await one.publish("a", "b")
        await until(lambda: seen.texts[-1:] == ["b"], "what came after it")
        assert "a" in seen.texts


async def test_an_existing_durable_keeps_its_settings(nats: NatsServer) -> None:
    async with bench(nats) as one:
        await ensure_durable(one.js, STREAM, DURABLE, SUBJECT, ack_wait=7.0)
        await ensure_durable(one.js, STREAM, DURABLE, SUBJECT)
        assert (await one.js.consumer_info(STREAM, DURABLE)).config.ack_wait == 7.0


async def test_it_stops_when_told_without_news(nats: NatsServer) -> None:
    async with bench(nats) as one:
        consumer, task = one.start(Seen())

        async def waiting() -> bool:
            return (await one.js.stream_info(STREAM)).state.consumer_count == 1

        await until(waiting, "the durable")
        consumer.stopping.set()
        await asyncio.wait_for(task, 60)


async def test_publishing_once(nats: NatsServer) -> None:
    async with bench(nats) as one:
        publisher = Publisher(one.client)
        first = await publish_once(one.client, publisher, "in.r1.110.x.1", b"x", "id-1")
        assert await publish_once(one.client, publisher, "in.r1.110.x.1", b"x", "id-1") == first
        assert await publish_once(one.client, publisher, "in.r1.110.x.1", b"x", "id-2") == first + 1
        with pytest.raises(Unreachable):
            await publish_once(one.client, publisher, "nobody.listens", b"x", "id-3")
        nats.stop()
        await until(lambda: not one.client.is_connected, "the client to notice")
        with pytest.raises(Unreachable):
            await publish_once(one.client, publisher, "in.r1.110.x.1", b"x", "id-4")
        nats.start()
        await until(lambda: one.client.is_connected, "the client to come back")
        assert (await one.js.stream_info(NAMES.inbox_stream)).state.messages == 2
