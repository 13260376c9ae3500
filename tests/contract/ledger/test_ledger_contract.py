"""What every implementation of `ledger.port.Ledger` must do."""

from __future__ import annotations

import asyncio

import pytest

from callmesh.domain import commands as c
from callmesh.domain import facts as f
from callmesh.domain.case import Case
from callmesh.domain.errors import Overloaded, Reused
from callmesh.domain.evolve import evolve
from callmesh.facts.v1 import facts_pb2
from callmesh.kernel.ids import case_id
from callmesh.ledger.handle import handle
from callmesh.ledger.port import Append, Conflict, Head, Ledger
from callmesh.ledger.record import case_of, encode, fact_of
from support.builders import CASE_ID, NOW, POLICE, opened, stamp, told

OTHER = case_id("r1", 0, "another")


def record(text: str = "x", command_id: str = "") -> facts_pb2.Record:
    """Some record; the log does not look inside."""
    fact = f.Fact(stamp(command_id=command_id), f.CaseCancelled(text))
    return encode(fact, evolve(told(opened()), fact), ())


def text_of(head: Head) -> str:
    return head.record.fact.case_cancelled.reason


async def test_an_unknown_case_has_nothing(ledger: Ledger) -> None:
    for fresh in (False, True):
        assert await ledger.head(CASE_ID, fresh) is None
    assert await ledger.history(CASE_ID) == []


async def test_what_is_appended_is_the_head_and_in_the_history(ledger: Ledger) -> None:
    first = await ledger.append(CASE_ID, record("one"), 0)
    second = await ledger.append(CASE_ID, record("two"), first.sequence)
    assert second.sequence > first.sequence
    for fresh in (False, True):
        head = await ledger.head(CASE_ID, fresh)
        assert head is not None
        assert (text_of(head), head.sequence, head.etag) == ("two", second.sequence, second.etag)
    history = await ledger.history(CASE_ID)
    assert [(text_of(one), one.sequence) for one in history] == [("one", first.sequence), ("two", second.sequence)]


async def test_bytes_come_back_as_they_went(ledger: Ledger) -> None:
    sent = record("换行\n和零\x00和表情😀" * 50)
    stored = await ledger.append(CASE_ID, sent, 0)
    assert stored.record == sent
    assert [(one.data, one.record) for one in await ledger.history(CASE_ID)] == [(stored.data, sent)]
    assert case_of(stored.record) == case_of(sent)


async def test_cases_do_not_meet(ledger: Ledger) -> None:
    mine = await ledger.append(CASE_ID, record("mine"), 0)
    other = await ledger.append(OTHER, record("other"), 0)
    assert other.sequence != mine.sequence
    assert [text_of(one) for one in await ledger.history(CASE_ID)] == ["mine"]
    assert [text_of(one) for one in await ledger.history(OTHER)] == ["other"]
    await ledger.append(CASE_ID, record("mine too"), mine.sequence)


@pytest.mark.parametrize("expected", ["none", "older", "newer"])
async def test_a_wrong_guard_stores_nothing(ledger: Ledger, expected: str) -> None:
    first = await ledger.append(CASE_ID, record("one"), 0)
    last = await ledger.append(CASE_ID, record("two"), first.sequence)
    wrong = {"none": 0, "older": first.sequence, "newer": last.sequence + 1}[expected]
    with pytest.raises(Conflict):
        await ledger.append(CASE_ID, record("three"), wrong)
    assert [text_of(one) for one in await ledger.history(CASE_ID)] == ["one", "two"]


async def test_a_guard_on_a_case_that_is_not_there(ledger: Ledger) -> None:
    with pytest.raises(Conflict):
        await ledger.append(CASE_ID, record(), 7)
    assert await ledger.head(CASE_ID, fresh=True) is None


async def test_of_fifty_writers_one_wins(ledger: Ledger) -> None:
    start = (await ledger.append(CASE_ID, record("start"), 0)).sequence
    for round_ in range(5):
        tries = [ledger.append(CASE_ID, record(f"{round_}-{one}"), start) for one in range(50)]
        results = await asyncio.gather(*tries, return_exceptions=True)
        won = [one for one in results if isinstance(one, Head)]
        assert len(won) == 1
        assert all(isinstance(one, (Head, Conflict)) for one in results)
        head = await ledger.head(CASE_ID, fresh=True)
        assert head is not None
        assert head.data == won[0].data
        start = won[0].sequence
    assert len(await ledger.history(CASE_ID)) == 6


async def test_the_same_command_id_is_stored_once(ledger: Ledger) -> None:
    """Whatever the guard says, and also when both are under way at once."""
    sent = record("one", "same-id")
    results = await asyncio.gather(*[ledger.append(CASE_ID, sent, 0) for _ in range(5)], return_exceptions=True)
    assert sum(isinstance(one, Head) for one in results) == 1
    head = await ledger.head(CASE_ID, fresh=True)
    assert head is not None
    with pytest.raises(Conflict):
        await ledger.append(CASE_ID, sent, head.sequence)
    assert len(await ledger.history(CASE_ID)) == 1


async def test_a_long_history_comes_whole_and_in_order(ledger: Ledger) -> None:
    last = 0
    for number in range(600):
        last = (await ledger.append(CASE_ID, record(str(number)), last)).sequence
    await ledger.append(OTHER, record("other"), 0)
    assert [text_of(one) for one in await ledger.history(CASE_ID)] == [str(number) for number in range(600)]


class TestHandle:
    async def test_many_commands_at_once_lose_none(self, ledger: Ledger) -> None:
        await handle(ledger, CASE_ID, c.Open(opened()), stamp())
        wanted = {f"words-{number}": stamp(command_id=f"many-{number}") for number in range(20)}

        async def until_done(text: str, its: f.Stamp) -> int:
            """As a client does: told to try again, it repeats the same command."""
            tries = 1
            while True:
                try:
                    outcome = await handle(ledger, CASE_ID, c.Amend(text), its)
                except Overloaded:
                    tries += 1
                    continue
                assert outcome.fact is not None
                assert outcome.fact.stamp == its
                return tries

        await asyncio.gather(*(until_done(text, its) for text, its in wanted.items()))
        head = await ledger.head(CASE_ID, fresh=True)
        assert head is not None
        assert sorted(one.text for one in head.case.report.supplements) == sorted(wanted)
        assert len(await ledger.history(CASE_ID)) == 21

    async def test_the_log_alone_leads_to_the_case(self, ledger: Ledger) -> None:
        await handle(ledger, CASE_ID, c.Open(opened()), stamp())
        await handle(ledger, CASE_ID, c.Amend("又来电"), stamp())
        outcome = await handle(ledger, CASE_ID, c.Cancel("撤"), stamp())
        state: Case | None = None
        for one in await ledger.history(CASE_ID):
            state = evolve(state, fact_of(one.record))
            assert case_of(one.record) == state
        assert state == outcome.head.case

    async def test_twenty_desks_open_the_same_report_at_once(self, ledger: Ledger) -> None:
        its = stamp()
        tries = [handle(ledger, CASE_ID, c.Open(opened()), its) for _ in range(20)]
        outcomes = await asyncio.gather(*tries)
        assert sum(not one.repeated for one in outcomes) == 1
        assert {one.head.etag for one in outcomes} == {outcomes[0].head.etag}
        assert len(await ledger.history(CASE_ID)) == 1

    async def test_a_reused_id_is_refused(self, ledger: Ledger) -> None:
        await handle(ledger, CASE_ID, c.Open(opened()), f.Stamp("id", NOW, POLICE, fingerprint=1))
        with pytest.raises(Reused):
            await handle(ledger, CASE_ID, c.Open(opened()), f.Stamp("id", NOW, POLICE, fingerprint=2))


class TestAppendBoth:
    """Two cases in one step: both or neither."""

    async def test_both_are_stored_and_are_the_heads(self, ledger: Ledger) -> None:
        mine = await ledger.append(CASE_ID, record("mine"), 0)
        other = await ledger.append(OTHER, record("other"), 0)
        pair = Append(CASE_ID, record("mine 2"), mine.sequence), Append(OTHER, record("other 2"), other.sequence)
        first, second = await ledger.append_both(*pair)
        for which, head, text in ((CASE_ID, first, "mine 2"), (OTHER, second, "other 2")):
            for fresh in (False, True):
                found = await ledger.head(which, fresh)
                assert found is not None
                assert (text_of(found), found.sequence) == (text, head.sequence)
        await ledger.append(CASE_ID, record("mine 3"), first.sequence)
        await ledger.append(OTHER, record("other 3"), second.sequence)
        assert [text_of(one) for one in await ledger.history(OTHER)] == ["other", "other 2", "other 3"]

    @pytest.mark.parametrize("stale", [0, 1])
    async def test_one_stale_guard_stores_neither(self, ledger: Ledger, stale: int) -> None:
        mine = await ledger.append(CASE_ID, record("mine"), 0)
        other = await ledger.append(OTHER, record("other"), 0)
        expected = [mine.sequence, other.sequence]
        expected[stale] += 7
        with pytest.raises(Conflict):
            await ledger.append_both(
                Append(CASE_ID, record("mine 2"), expected[0]), Append(OTHER, record("other 2"), expected[1])
            )
        assert [text_of(one) for one in await ledger.history(CASE_ID)] == ["mine"]
        assert [text_of(one) for one in await ledger.history(OTHER)] == ["other"]

    async def test_the_same_ids_are_stored_once(self, ledger: Ledger) -> None:
        mine = await ledger.append(CASE_ID, record("mine"), 0)
        other = await ledger.append(OTHER, record("other"), 0)
        sent = record("mine 2", "left"), record("other 2", "right")
        first, second = await ledger.append_both(
            Append(CASE_ID, sent[0], mine.sequence), Append(OTHER, sent[1], other.sequence)
        )
        for expected in ((mine.sequence, other.sequence), (first.sequence, second.sequence)):
            with pytest.raises(Conflict):
                await ledger.append_both(Append(CASE_ID, sent[0], expected[0]), Append(OTHER, sent[1], expected[1]))
        assert len(await ledger.history(CASE_ID)) == len(await ledger.history(OTHER)) == 2

    async def test_of_twenty_writers_one_wins(self, ledger: Ledger) -> None:
        mine = (await ledger.append(CASE_ID, record("mine"), 0)).sequence
        other = (await ledger.append(OTHER, record("other"), 0)).sequence
        tries = [
            ledger.append_both(Append(CASE_ID, record(f"m{one}"), mine), Append(OTHER, record(f"o{one}"), other))
            for one in range(20)
        ]
        results = await asyncio.gather(*tries, return_exceptions=True)
        assert sum(isinstance(one, tuple) for one in results) == 1
        assert all(isinstance(one, (tuple, Conflict)) for one in results)
        texts = [text_of((await ledger.history(one))[-1])[1:] for one in (CASE_ID, OTHER)]
        assert texts[0] == texts[1]
