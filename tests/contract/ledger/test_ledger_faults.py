"""The log on JetStream while NATS is stopped, hung or killed, and between processes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from nats.aio.msg import Msg

from callmesh.domain import commands as c
from callmesh.domain import facts as f
from callmesh.domain.errors import DomainError, Unreachable
from callmesh.domain.evolve import evolve
from callmesh.kernel import batch, publisher
from callmesh.kernel.ids import case_id
from callmesh.ledger import jetstream
from callmesh.ledger.handle import handle
from callmesh.ledger.jetstream import JetStreamLedger
from callmesh.ledger.port import Ambiguous
from callmesh.ledger.record import encode, fact_of
from support.builders import CASE_ID, opened, speaks, stamp, told
from support.ledgers import Real
from support.nats_server import NatsServer
from support.service import NAMES
from support.waiting import until, within

BOUND = 5.0


@pytest.fixture
def hang(monkeypatch: pytest.MonkeyPatch, real: Real) -> Callable[[], None]:
    """The server hangs from now on; its silence is taken for silence sooner than by a service."""

    def now() -> None:
        monkeypatch.setattr(publisher, "WAIT_SECONDS", 1.0)
        monkeypatch.setattr(jetstream, "READ_SECONDS", 1.0)
        monkeypatch.setattr(batch, "READ_SECONDS", 1.0)
        real.server.pause()

    return now


async def open_case(ledger: JetStreamLedger) -> None:
    await handle(ledger, CASE_ID, c.Open(opened()), stamp())


def disconnected(ledger: JetStreamLedger) -> bool:
    return not ledger._client.is_connected


async def refused_in(seconds: float, work: Callable[[], Awaitable[object]]) -> None:
    async def refused() -> Unreachable:
        with pytest.raises(Unreachable) as wrong:
            await work()
        return wrong.value

    speaks(await within(seconds, refused))


async def test_without_nats_everything_is_refused_at_once(real: Real) -> None:
    ledger = await real.ledger()
    await open_case(ledger)
    real.server.stop()
    await until(lambda: disconnected(ledger), "the client to notice")
    fact = f.Fact(stamp(), f.CaseCancelled("x"))
    record = encode(fact, evolve(told(opened()), fact), ())
    await refused_in(0.5, lambda: ledger.append(CASE_ID, record, 1))
    await refused_in(0.5, lambda: ledger.head(CASE_ID, fresh=True))
    await refused_in(0.5, lambda: ledger.history(CASE_ID))
    await refused_in(0.5, lambda: handle(ledger, CASE_ID, c.Amend("又来电"), stamp()))
    await refused_in(0.5, lambda: handle(ledger, case_id("r1", 0, "new"), c.Open(opened()), stamp()))


async def test_what_was_refused_is_not_stored_later(real: Real) -> None:
    ledger = await real.ledger()
    await open_case(ledger)
    real.server.stop()
    await until(lambda: disconnected(ledger), "the client to notice")
    with pytest.raises(Unreachable):
        await handle(ledger, CASE_ID, c.Amend("refused"), stamp())
    real.server.start()
    await until(lambda: not disconnected(ledger), "the client to come back")
    outcome = await handle(ledger, CASE_ID, c.Amend("later"), stamp())
    assert [one.text for one in outcome.head.case.report.supplements] == ["later"]
    assert len(await ledger.history(CASE_ID)) == 2


async def test_a_hung_server_is_given_up_in_bounded_time_and_the_repeat_is_stored_once(
    real: Real, hang: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = await real.ledger()
    await open_case(ledger)
    its = stamp()
    hang()
    try:
        await refused_in(BOUND, lambda: handle(ledger, CASE_ID, c.Amend("又来电"), its))
    finally:
        real.server.resume()
        monkeypatch.undo()
    fresh = await real.ledger()

    async def done() -> bool:
        try:
            outcome = await handle(fresh, CASE_ID, c.Amend("又来电"), its)
        except DomainError:
            return False
        return outcome.fact is not None

    await until(done, "the repeat to succeed")
    history = await fresh.history(CASE_ID)
    assert [one.record.fact.command_id for one in history].count(its.command_id) == 1


async def test_an_append_that_got_no_answer_is_ambiguous(real: Real, hang: Callable[[], None]) -> None:
    ledger = await real.ledger()
    await open_case(ledger)
    fact = f.Fact(stamp(), f.CaseCancelled("x"))
    record = encode(fact, evolve(told(opened()), fact), ())
    hang()
    try:
        with pytest.raises(Ambiguous):
            await ledger.append(CASE_ID, record, 1)
    finally:
        real.server.resume()


async def test_a_log_that_is_missing_is_unreachable_not_empty(nats: NatsServer) -> None:
    """No stream: nobody may conclude that a case has no history, or that an open was stored."""
    made = Real(nats)
    ledger = await made.ledger()
    try:
        await refused_in(BOUND, lambda: ledger.history(CASE_ID))
        await refused_in(BOUND, lambda: handle(ledger, CASE_ID, c.Open(opened()), stamp()))
    finally:
        await made.close()


async def test_two_processes_with_caches_of_their_own(real: Real) -> None:
    one, other = await real.ledger(), await real.ledger()
    await open_case(one)
    for number in range(10):
        ledger = (one, other)[number % 2]
        outcome = await handle(ledger, CASE_ID, c.Amend(f"{number}"), stamp())
        assert len(outcome.head.case.report.supplements) == number + 1
    assert [len(await ledger.history(CASE_ID)) for ledger in (one, other)] == [11, 11]
    stale = await one.head(CASE_ID)
    fresh = await one.head(CASE_ID, fresh=True)
    assert stale is not None
    assert fresh is not None
    assert stale.sequence <= fresh.sequence == (await other.head(CASE_ID, fresh=True)).sequence  # type: ignore[union-attr]


async def test_a_message_that_a_reader_is_given_first_is_still_the_one_that_its_writer_knows(real: Real) -> None:
    """A reader of the log in the same process notes it before the acknowledgement is there."""
    ledger, elsewhere, given = await real.ledger(), await real.ledger(), []

    def notes(message: Msg) -> None:
        given.append(replace(message, reply="$JS.ACK.LOG.reader.1.1.1.0.0"))
        ledger.observe(given[-1])

    await ledger._client.listen(NAMES.case(CASE_ID), notes)
    outcome = await handle(ledger, CASE_ID, c.Open(opened()), stamp())
    assert len(given) == 1
    assert await ledger.head(CASE_ID) is outcome.head
    assert "case" in vars(outcome.head), "decoded again"
    elsewhere.observe(given[0])
    read_anew = await elsewhere.head(CASE_ID, fresh=True)
    assert read_anew is not None
    assert read_anew.case == outcome.head.case
    assert await elsewhere.head(CASE_ID) is read_anew


async def test_only_the_last_heads_stay_decoded(real: Real, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jetstream, "DECODED_HEADS", 1)
    ledger, other_id = await real.ledger(), case_id("r1", 0, "other")
    head = (await handle(ledger, CASE_ID, c.Open(opened()), stamp())).head
    written = head.case
    other = (await handle(ledger, other_id, c.Open(opened(name=f"cases/{other_id}")), stamp())).head
    assert ("case" in vars(head), "case" in vars(other)) == (False, True)
    again = await ledger.head(CASE_ID)
    assert again is head
    assert again.case == written


async def test_many_processes_on_one_case_lose_none(real: Real) -> None:
    ledgers = [await real.ledger() for _ in range(4)]
    await open_case(ledgers[0])

    async def write(number: int) -> None:
        its = stamp(command_id=f"w-{number}")

        async def stored() -> bool:
            try:
                await handle(ledgers[number % 4], CASE_ID, c.Amend(f"{number}"), its)
            except DomainError:
                return False
            return True

        await until(stored, f"command {number}")

    await asyncio.gather(*(write(number) for number in range(24)))
    head = await ledgers[0].head(CASE_ID, fresh=True)
    assert head is not None
    texts = sorted(int(one.text) for one in head.case.report.supplements)
    assert texts == list(range(24))


async def test_what_was_acknowledged_survives_kill_9(real: Real) -> None:
    ledger = await real.ledger()
    acknowledged: dict[str, str] = {}
    enough, gone = asyncio.Event(), asyncio.Event()

    async def desk(number: int) -> None:
        count = 0
        while not gone.is_set():
            count += 1
            key, its = case_id("r1", 0, f"{number}-{count}"), stamp()
            try:
                await handle(ledger, key, c.Open(opened(name=f"cases/{key}")), its)
            except DomainError:
                continue  # a slow disk, or the end
            acknowledged[key] = its.command_id
            if len(acknowledged) > 150:
                enough.set()

    desks = [asyncio.create_task(desk(number)) for number in range(16)]
    await enough.wait()
    real.server.kill()
    gone.set()
    await asyncio.gather(*desks)
    assert len(acknowledged) > 150
    real.server.start()
    other = await real.ledger()
    for key, command_id in acknowledged.items():
        history = await other.history(key)
        assert [one.record.fact.command_id for one in history] == [command_id]
        assert fact_of(history[0].record).kind == "CaseOpened"
    await until(lambda: not disconnected(ledger), "the client to come back")
    await open_case(ledger)
