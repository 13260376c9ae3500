"""`handle`: load, decide, append, and again; what a caller may rely on whatever the log does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from callmesh.domain import commands as c
from callmesh.domain import facts as f
from callmesh.domain.case import Actor, Case
from callmesh.domain.errors import Changed, DomainError, Invalid, NotFound, Overloaded, Reused, Unreachable, WrongState
from callmesh.domain.report import Situation
from callmesh.domain.words import ActorKind, Supervision
from callmesh.facts.v1 import facts_pb2
from callmesh.ledger.handle import ATTEMPTS, Outcome, handle
from callmesh.ledger.memory import MemoryLedger
from callmesh.ledger.port import Ambiguous, Conflict, Head
from callmesh.ledger.record import RECENT
from support.builders import CASE_ID, LATER, NOW, POLICE, classification, opened, reject, speaks, stamp, transfer
from support.waiting import at_once

OPEN = c.Open(opened())
AMEND = c.Amend("又来电")


class Rough(MemoryLedger):
    """A log that misbehaves: `on_append` is called before each append, `answers` counts them."""

    def __init__(self, *troubles: Callable[[Rough], None]) -> None:
        super().__init__()
        self.troubles = list(troubles)
        self.stale: Head | None = None
        self.lost = self.silent = 0
        self.reads: list[bool] = []

    async def head(self, case_id: str, fresh: bool = False) -> Head | None:
        self.reads.append(fresh)
        if not fresh and self.stale is not None:
            return Head(self.stale.data, self.stale.sequence)
        return await super().head(case_id, fresh)

    async def append(self, case_id: str, record: facts_pb2.Record, expected: int) -> Head:
        if self.troubles:
            self.troubles.pop(0)(self)
        if self.lost:
            self.lost -= 1
            raise Ambiguous
        stored = await super().append(case_id, record, expected)
        if self.silent:
            self.silent -= 1
            raise Ambiguous
        return stored

    @property
    def messages(self) -> int:
        return len(at_once(self.history(CASE_ID)))


def do(ledger: MemoryLedger, command: c.Command, its_stamp: f.Stamp | None = None, etag: str = "") -> Outcome:
    return at_once(handle(ledger, CASE_ID, command, its_stamp or stamp(), etag))


def refused(ledger: MemoryLedger, kind: type[DomainError], command: c.Command, *args: object) -> DomainError:
    before = len(at_once(ledger.history(CASE_ID)))
    with pytest.raises(kind) as wrong:
        do(ledger, command, *args)  # type: ignore[arg-type]
    assert len(at_once(ledger.history(CASE_ID))) == before
    speaks(wrong.value)
    return wrong.value


@pytest.fixture
def ledger() -> Rough:
    """A log with one open case."""
    made = Rough()
    do(made, OPEN)
    made.reads.clear()
    return made


def test_a_command_becomes_a_fact_and_the_case_after_it(ledger: Rough) -> None:
    its = stamp(at=LATER)
    outcome = do(ledger, AMEND, its)
    assert outcome.fact is not None
    assert outcome.fact.stamp == its
    assert not outcome.repeated
    assert outcome.head.case.report.supplements[0].text == "又来电"
    assert outcome.head.etag == outcome.head.reply().etag == "2"


def test_nothing_new_is_nothing_stored(ledger: Rough) -> None:
    do(ledger, c.Classify(classification()))
    do(ledger, transfer())
    outcome = do(ledger, transfer())
    assert (outcome.fact, outcome.repeated, ledger.messages) == (None, False, 3)


def test_nothing_to_do_on_an_old_head_is_decided_anew(ledger: Rough) -> None:
    """Another process raised it: answered as done, the lift would never have been."""
    boss = Actor(ActorKind.PERSON, "122", "c-1", "commander")
    ledger.stale = at_once(ledger.head(CASE_ID))
    at_once(handle(ledger, CASE_ID, c.RaiseSupervision(Supervision.RED, "x"), stamp(boss)))
    outcome = do(ledger, c.LiftSupervision("已办妥"), stamp(boss))
    assert outcome.fact is not None and outcome.head.case.supervision == Supervision.NONE


def test_facts_keep_the_order_of_their_times_when_clocks_do_not_agree(ledger: Rough) -> None:
    do(ledger, AMEND, stamp(at=LATER))
    outcome = do(ledger, c.Amend("从慢钟来"), stamp(at=NOW))
    assert outcome.fact is not None
    assert outcome.fact.stamp.at == LATER
    assert outcome.head.case.updated_at == LATER


class TestRepeat:
    @pytest.mark.parametrize("command", [OPEN, AMEND], ids=["open", "amend"])
    def test_the_same_command_again_is_answered_not_repeated(self, command: c.Command) -> None:
        ledger = Rough()
        if command is AMEND:
            do(ledger, OPEN)
        its = stamp()
        first = do(ledger, command, its)
        do(ledger, c.Amend("之间"))
        again = do(ledger, command, its)
        assert again.repeated
        assert again.fact == first.fact
        assert again.head.case.report.supplements[-1].text == "之间"

    def test_an_id_used_for_something_else(self, ledger: Rough) -> None:
        do(ledger, AMEND, f.Stamp("one", NOW, POLICE, fingerprint=1))
        refused(ledger, Reused, c.Cancel("撤"), f.Stamp("one", NOW, POLICE, fingerprint=2))

    def test_a_repeat_is_looked_for_before_the_etag(self, ledger: Rough) -> None:
        its = stamp()
        do(ledger, AMEND, its, "1")
        assert do(ledger, AMEND, its, "1").repeated

    def test_a_repeat_is_known_while_it_is_among_the_last(self, ledger: Rough) -> None:
        its = stamp()
        do(ledger, AMEND, its)
        for _ in range(RECENT - 1):
            do(ledger, AMEND)
        assert do(ledger, AMEND, its).repeated

    def test_an_older_one_changes_nothing_twice(self, ledger: Rough) -> None:
        its = stamp()
        do(ledger, AMEND, its)
        for _ in range(RECENT):
            do(ledger, AMEND)
        before = ledger.messages
        assert do(ledger, AMEND, its).repeated
        assert ledger.messages == before

    def test_opening_under_another_id_finds_the_same_case(self, ledger: Rough) -> None:
        outcome = do(ledger, c.Open(opened(channel="sms")))
        assert (outcome.fact, ledger.messages) == (None, 1)
        assert outcome.head.case.channel == "phone"


class TestAsking:
    """The command may be asked for, from the case as it is: `handle(ledger, id, lambda case: ...)`."""

    def test_it_is_asked_again_after_a_conflict(self, ledger: Rough) -> None:
        seen: list[int] = []

        def ask(case: Case) -> c.Command:
            seen.append(len(case.report.supplements))
            return AMEND

        ledger.troubles = [lambda _: do(ledger, c.Amend("更快"))]  # type: ignore[list-item]
        outcome = at_once(handle(ledger, CASE_ID, ask, stamp()))
        assert outcome.fact is not None
        assert seen == [0, 1]

    def test_a_repeat_is_answered_without_asking(self, ledger: Rough) -> None:
        its = stamp()
        do(ledger, AMEND, its)

        def ask(case: Case) -> c.Command:
            raise AssertionError("asked")

        assert at_once(handle(ledger, CASE_ID, ask, its)).repeated

    def test_there_must_be_a_case(self) -> None:
        with pytest.raises(NotFound):
            at_once(handle(Rough(), CASE_ID, lambda _: AMEND, stamp()))


class TestEtag:
    def test_a_stale_one_is_told_the_fresh_one(self, ledger: Rough) -> None:
        do(ledger, AMEND, None, "1")
        wrong = refused(ledger, Changed, AMEND, None, "1")
        assert isinstance(wrong, Changed)
        assert wrong.etag == "2"

    def test_a_stale_cache_is_not_a_stale_etag(self, ledger: Rough) -> None:
        ledger.stale = at_once(ledger.head(CASE_ID))
        do(ledger, AMEND)
        assert do(ledger, AMEND, None, "2").head.etag == "3"


class TestConflict:
    def test_somebody_was_faster(self, ledger: Rough) -> None:
        ledger.troubles = [lambda _: do(ledger, c.Amend("更快"))] * 2  # type: ignore[list-item]
        outcome = do(ledger, AMEND)
        assert outcome.fact is not None
        assert "又来电" in [one.text for one in outcome.head.case.report.supplements]
        assert ledger.messages == 4

    def test_a_stale_cache_costs_a_read(self, ledger: Rough) -> None:
        ledger.stale = at_once(ledger.head(CASE_ID))
        do(ledger, AMEND)
        ledger.reads.clear()
        outcome = do(ledger, c.Amend(situation=Situation(3)))
        assert outcome.head.case.report.supplements[0].text == "又来电"
        assert ledger.reads == [False, True]

    def test_the_loser_decides_again_on_what_is_now(self, ledger: Rough) -> None:
        ledger.troubles = [lambda _: do(ledger, c.Cancel("撤"))]  # type: ignore[list-item]
        before = ledger.messages
        with pytest.raises(WrongState):
            do(ledger, reject())
        assert ledger.messages == before + 1

    def test_too_much_at_once_is_said(self, ledger: Rough) -> None:
        def conflict(_: Rough) -> None:
            raise Conflict

        ledger.troubles = [conflict] * (ATTEMPTS + 1)
        refused(ledger, Overloaded, AMEND)
        assert len(ledger.troubles) == 1


class TestStaleRefusal:
    def test_a_refusal_on_a_cached_head_is_decided_again(self, ledger: Rough) -> None:
        do(ledger, c.Classify(classification()))
        ledger.stale = at_once(ledger.head(CASE_ID))
        do(ledger, transfer())
        name = f"cases/{CASE_ID}/referrals/1"
        assert do(ledger, c.Recall(name, "误派")).fact is not None

    def test_a_refusal_on_the_fresh_head_stands(self, ledger: Rough) -> None:
        do(ledger, c.Cancel("撤"))
        ledger.stale = at_once(ledger.history(CASE_ID))[0]
        refused(ledger, WrongState, reject())

    def test_no_case_is_looked_for_once(self) -> None:
        refused(Rough(), NotFound, AMEND)

    def test_an_open_that_says_nothing(self) -> None:
        refused(Rough(), Invalid, c.Open(opened(report=opened().report.__class__())))


class TestAmbiguous:
    @pytest.mark.parametrize("lost", [0, 3])
    def test_stored_but_not_answered_is_found(self, ledger: Rough, lost: int) -> None:
        ledger.lost, ledger.silent = lost, 1
        its = stamp()
        outcome = do(ledger, AMEND, its)
        assert outcome.repeated
        assert outcome.fact is not None
        assert outcome.fact.stamp == its
        assert ledger.messages == 2

    @pytest.mark.parametrize("times", [1, ATTEMPTS - 1])
    def test_not_stored_is_tried_again(self, ledger: Rough, times: int) -> None:
        ledger.lost = times
        outcome = do(ledger, AMEND)
        assert outcome.fact is not None
        assert not outcome.repeated
        assert ledger.messages == 2

    def test_a_log_that_never_answers(self, ledger: Rough) -> None:
        ledger.lost = ATTEMPTS
        wrong = refused(ledger, Unreachable, AMEND)
        assert "request_id" in wrong.message

    def test_an_open_that_was_stored_but_not_answered(self) -> None:
        ledger = Rough()
        ledger.silent = 1
        outcome = do(ledger, OPEN)
        assert outcome.repeated
        assert ledger.messages == 1

    def test_after_silence_nobody_claims_that_nothing_was_written(self, ledger: Rough) -> None:
        """The append was stored, then the log went away: the caller must repeat, not believe it failed."""

        def gone(one: Rough) -> None:
            async def no_head(case_id: str, fresh: bool = False) -> Head | None:
                raise Unreachable("the log cannot be reached; nothing was changed, try again", "未保存任何内容")

            one.silent, one.head = 1, no_head  # type: ignore[method-assign]

        ledger.troubles = [gone]
        with pytest.raises(Unreachable) as wrong:
            do(ledger, AMEND)
        assert "request_id" in wrong.value.message
        assert "nothing was changed" not in wrong.value.message
