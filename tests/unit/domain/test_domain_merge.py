"""Folding (并单): who may, what becomes of both cases, and that nobody is lost in any order."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from callmesh.domain import commands as c
from callmesh.domain import commands_matters as cm
from callmesh.domain import facts as f
from callmesh.domain import facts_matters as m
from callmesh.domain.case import ENDED_CASE, Actor, Case, FollowUp
from callmesh.domain.decide_merge import FOLDED, dissents
from callmesh.domain.errors import DomainError, Invalid, NotDivertible, NotYours, Unreachable, WrongState
from callmesh.domain.evolve_matters import CHILDREN_NAMED, CONFIRMED
from callmesh.domain.matters import Link
from callmesh.domain.watch import next_limit
from callmesh.domain.words import CaseState, Level, Mode, ReferralState, Supervision
from callmesh.ledger.handle import handle
from callmesh.ledger.memory import MemoryLedger
from callmesh.ledger.pair import handle_pair
from callmesh.ledger.port import Ambiguous, Append, Head
from callmesh.ledger.record import case_of
from support.builders import (
    CALENDAR,
    CASE,
    COMMANDER,
    GAS,
    HOTLINE,
    LATER,
    NOW,
    POLICE,
    RULE,
    accepted,
    classified,
    given,
    offered,
    opened,
    resolved,
    stamp,
    target,
    told,
)
from support.city import HISTORIES
from support.waiting import at_once

OTHER = "cases/r1-0-01J00000000000000000000002"


def parent(*facts: f.Body, **changes: Any) -> Case:
    """Another open case about the same."""
    return replace(told(opened(), classified(), *facts), name=OTHER, **changes)


def merge(into: Case | None = None, reason: str = "") -> cm.Merge:
    return cm.Merge(into or parent(), reason)


CHILD = (opened(), classified())
MERGED = (*CHILD, m.CaseMerged(OTHER))


class TestMerge:
    def test_a_person_folds_and_the_open_referrals_are_recalled(self) -> None:
        given(*CHILD, offered(), accepted()).when(merge(reason="同一处")).then(m.CaseMerged(OTHER, "同一处"))
        case = told(*CHILD, offered(), accepted(), m.CaseMerged(OTHER))
        assert (case.state, case.parent, case.owner) == (CaseState.MERGED, OTHER, "110")
        assert [(one.state, one.ended_at) for one in case.referrals] == [(ReferralState.RECALLED, NOW)]
        assert next_limit(case) is None
        assert case.closed_at is None, "its own clock runs on"

    def test_again_is_nothing_and_elsewhere_is_refused(self) -> None:
        given(*MERGED).when(merge()).then_nothing()
        given(*MERGED).when(merge(replace(parent(), name=CASE[:-1] + "7"))).then_refused(WrongState, state="merged")

    def test_not_into_itself_nor_into_another_region(self) -> None:
        for name in (CASE, OTHER.replace("r1-", "r2-")):
            given(*CHILD).when(merge(replace(parent(), name=name))).then_refused(Invalid)

    def test_not_into_a_case_that_was_folded_or_ended(self) -> None:
        folded = parent(m.CaseMerged("cases/r1-0-01J00000000000000000000003"))
        given(*CHILD).when(merge(folded)).then_refused(WrongState, state="parent_merged")
        for state in ENDED_CASE - {CaseState.MERGED}:
            given(*CHILD).when(merge(parent(state=state))).then_refused(WrongState, state=state.value)

    @pytest.mark.parametrize("state", sorted(ENDED_CASE | {CaseState.FOLLOW_UP, CaseState.DISPUTED}))
    def test_only_what_waits_or_is_worked_on_goes_in(self, state: CaseState) -> None:
        case = replace(told(*CHILD), state=state)
        given(case).when(merge()).then_refused(WrongState, state=state.value)

    def test_strangers_may_not(self) -> None:
        given(*CHILD).when(merge(), GAS).then_refused(NotYours)
        given(*CHILD).when(merge(), COMMANDER).then(m.CaseMerged(OTHER))
        given(*CHILD).when(merge(parent(owner="gas")), GAS).then(m.CaseMerged(OTHER))

    def test_another_category_needs_a_reason(self) -> None:
        other = parent(classified("water_outage"))
        given(*CHILD).when(merge(other)).then_refused(Invalid)
        given(*CHILD).when(merge(other, "同一爆管所致")).then(m.CaseMerged(OTHER, "同一爆管所致"))

    def test_an_emergency_does_not_vanish_in_a_case_that_is_none(self) -> None:
        grave = (opened(emergency=True), classified(emergency=True))
        given(*grave).when(merge(reason="同一处")).then_refused(NotDivertible)
        given(*grave).when(merge(reason="同一处"), COMMANDER).then(m.CaseMerged(OTHER, "同一处"))
        given(*grave).when(merge(parent(emergency=True))).then(m.CaseMerged(OTHER))
        p0 = (opened(), classified(level=Level.P0), offered())
        given(*p0).when(merge(parent(emergency=True), "同一处")).then_refused(NotYours)


class TestMergeByRule:
    def test_it_folds_what_is_alike_and_says_so(self) -> None:
        given(*CHILD, offered()).when(merge(), RULE).then(m.CaseMerged(OTHER, "", (FOLDED,)))

    @pytest.mark.parametrize(
        ("case", "into"),
        [
            (told(opened(emergency=True), classified(emergency=True)), parent()),
            (told(opened(), classified(level=Level.P0)), parent()),
            (told(*CHILD), parent(emergency=True)),
            (told(*CHILD), parent(classified("water_outage"))),
            (told(*CHILD, offered(), accepted()), parent()),
        ],
        ids=["emergency", "P0", "into an emergency", "another category", "somebody took it"],
    )
    def test_everything_else_is_a_persons(self, case: Case, into: Case) -> None:
        given(case).when(merge(into), RULE).then_refused(WrongState)


class TestParent:
    def test_it_counts_and_names_the_last_few(self) -> None:
        given(*CHILD).when(cm.Join(OTHER)).then(m.ChildJoined(OTHER))
        case = told(*CHILD, *(m.ChildJoined(f"cases/{number}") for number in range(1_000)))
        assert (case.children_count, len(case.children)) == (1_000, CHILDREN_NAMED)
        assert case.children[-1] == "cases/999"
        assert CONFIRMED in case.flags
        assert CONFIRMED not in told(*CHILD, m.ChildJoined(OTHER), by=RULE).flags

    def test_a_name_that_just_joined_is_not_counted_twice(self) -> None:
        given(*CHILD, m.ChildJoined(OTHER)).when(cm.Join(OTHER)).then_nothing()
        given(*MERGED).when(cm.Join(OTHER)).then_refused(WrongState)

    def test_one_leaves(self) -> None:
        given(*CHILD, m.ChildJoined(OTHER)).when(cm.Leave(OTHER)).then(m.ChildLeft(OTHER))
        case = told(*CHILD, m.ChildJoined(OTHER), m.ChildLeft(OTHER))
        assert (case.children, case.children_count) == ((), 0)
        given(*CHILD).when(cm.Leave(OTHER)).then_nothing()


def said(solved: bool = True, satisfied: int = 5, reached: bool = True) -> f.FollowUpRecorded:
    return f.FollowUpRecorded(FollowUp(reached, True, solved, satisfied, round=1))


class TestOut:
    def test_a_person_takes_it_out_and_it_waits_again(self) -> None:
        given(*MERGED).when(cm.Unmerge("不是一处")).then(m.CaseUnmerged("不是一处", OTHER))
        case = told(*MERGED, m.CaseUnmerged("不是一处", OTHER))
        assert (case.state, case.parent, case.round) == (CaseState.CLASSIFIED, "", 1)
        assert case.links == (Link(OTHER, "merged"),)
        assert told(opened(), m.CaseMerged(OTHER), m.CaseUnmerged("x", OTHER)).state == CaseState.RECEIVED

    def test_guards(self) -> None:
        given(*CHILD).when(cm.Unmerge("x")).then_refused(WrongState)
        given(*MERGED).when(cm.Unmerge("")).then_missing("reason")
        given(*MERGED).when(cm.Unmerge("x"), GAS).then_refused(NotYours)
        given(*CHILD).when(cm.Unmerge("x"), RULE).then_nothing()

    def test_a_dissenting_caller_gets_a_round_of_their_own(self) -> None:
        out = cm.Unmerge("未解决", target(), CALENDAR)
        given(*MERGED).when(out, RULE).then_nothing()
        given(*MERGED, said()).when(out, RULE).then_nothing()
        answer = given(*MERGED, said(False)).when(out, RULE, LATER)
        assert isinstance(answer.fact, m.CaseUnmerged)
        case = told(*MERGED, said(False), answer.fact)
        assert (case.state, case.round, case.supervision) == (CaseState.REFERRED, 2, Supervision.YELLOW)
        assert [one.round for one in case.referrals] == [2]
        assert case.owner == "110"

    @pytest.mark.parametrize(
        ("words", "against"),
        [
            ((said(False),), True),
            ((said(True, 2),), True),
            ((said(True, 0),), False),
            ((said(False, reached=False),), False),
            ((said(False), said(True)), False),
            ((said(True), said(False)), True),
        ],
    )
    def test_who_dissents(self, words: tuple[f.FollowUpRecorded, ...], against: bool) -> None:
        assert dissents(told(*MERGED, *words)) is against


class TestEnd:
    closing = cm.CloseChild(OTHER, "已修", "已恢复")

    def test_with_the_parents_result_and_its_own_follow_up_or_a_waiver(self) -> None:
        given(*MERGED).when(self.closing, RULE).then(f.CaseClosed("随主单归档", "已修", "已恢复"))
        given(*MERGED, said()).when(self.closing, RULE).then(f.CaseClosed("", "已修", "已恢复"))
        case = told(*MERGED, said(), f.CaseClosed("", "已修", "已恢复"))
        assert (case.state, case.result, case.closed_at) == (CaseState.CLOSED, "已修", NOW)

    def test_not_against_the_callers_word_nor_for_another_parent(self) -> None:
        given(*MERGED, said(False)).when(self.closing, RULE).then_nothing()
        given(*MERGED).when(replace(self.closing, parent=CASE), RULE).then_nothing()
        given(*CHILD, offered(), accepted(), resolved()).when(self.closing, RULE).then_nothing()


NAMES = [f"cases/r1-0-01J0000000000000000000000{sign}" for sign in "ABC"]
FAR = "cases/r1-1-01J0000000000000000000000G"


class Folds(RuleBasedStateMachine):
    """Some cases folded, taken out, asked and ended in any order, through the ledger, as the services do it."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = MemoryLedger()
        self.now = NOW
        self.numbers: dict[str, str] = {}

    @initialize()
    def open(self) -> None:
        for place, name in enumerate((*NAMES, FAR)):
            report = replace(opened().report, caller=replace(opened().report.caller, number=f"1390000000{place}"))
            self.do(name, c.Open(opened(name=name, report=report)))
            self.do(name, c.Classify(classified().classification))
            self.numbers[name] = report.caller.number

    def case(self, name: str) -> Case:
        head = at_once(self.ledger.head(name.removeprefix("cases/")))
        assert head is not None
        return head.case

    def stamp(self, by: Actor) -> f.Stamp:
        self.now += timedelta(seconds=1)
        return stamp(by, self.now)

    def do(self, name: str, command: c.Command, by: Actor = POLICE) -> bool:
        try:
            at_once(handle(self.ledger, name.removeprefix("cases/"), command, self.stamp(by)))
        except DomainError:
            return False
        return True

    def both(self, name: str, other: str, command: Any, aside: c.Command, by: Actor) -> None:
        """As intake does: at once in one shard, else the other side by a reaction, or out again."""
        before = self.case(name)
        try:
            at_once(
                handle_pair(
                    self.ledger,
                    name.removeprefix("cases/"),
                    other.removeprefix("cases/"),
                    lambda mine, theirs: (command(mine, theirs), aside),
                    self.stamp(by),
                )
            )
        except DomainError:
            return
        apart = (name == FAR) != (other == FAR) and self.case(name) != before
        if apart and not self.do(other, aside, RULE) and isinstance(aside, cm.Join):
            self.do(name, cm.Unmerge("主单已结束"), RULE)

    @rule(name=st.sampled_from([*NAMES, FAR]), into=st.sampled_from([*NAMES, FAR]), by=st.sampled_from([POLICE, RULE]))
    def fold(self, name: str, into: str, by: Actor) -> None:
        self.both(name, into, lambda mine, theirs: cm.Merge(theirs, "同一处"), cm.Join(name), by)

    @rule(name=st.sampled_from([*NAMES, FAR]))
    def take_out(self, name: str) -> None:
        inside = self.case(name).parent
        if inside:
            self.both(name, inside, lambda mine, theirs: cm.Unmerge("不是一处"), cm.Leave(name), POLICE)

    @rule(name=st.sampled_from([*NAMES, FAR]), solved=st.booleans())
    def ask(self, name: str, solved: bool) -> None:
        self.do(name, c.RecordFollowUp(FollowUp(reached=True, solved=solved)))

    @rule(name=st.sampled_from([*NAMES, FAR]))
    def work(self, name: str) -> None:
        case = self.case(name)
        if case.lead is None:
            self.do(name, c.Transfer((target(),), Mode.PUSH, CALENDAR))
            case = self.case(name)
        if case.lead is not None:
            self.do(name, c.Accept(case.lead.name, "g-1", CALENDAR), GAS)
            self.do(name, c.Resolve(case.lead.name, "已修", "已恢复"), GAS)

    @rule(name=st.sampled_from([*NAMES, FAR]), cancelled=st.booleans())
    def end(self, name: str, cancelled: bool) -> None:
        """The parent ends, and its children with it (supervision.children)."""
        if not cancelled:
            self.work(name)
        if self.do(name, c.Cancel("误报") if cancelled else c.Close("免回访")):
            self.end_children(name)

    @rule(
        names=st.permutations([*NAMES, FAR]),
        words=st.lists(st.booleans(), max_size=2),
        cancelled=st.sampled_from([False, False, True]),
        out=st.booleans(),
    )
    def a_whole_story(self, names: list[str], words: list[bool], cancelled: bool, out: bool) -> None:
        """Two go into a third, one of them is asked, the third ends: so that histories get far."""
        child, other, into, _ = names
        for name in (child, other):
            self.both(name, into, lambda mine, theirs: cm.Merge(theirs, "同一处"), cm.Join(name), POLICE)
        for solved in words:
            self.ask(child, solved)
        if out:
            self.take_out(other)
            self.parents_count_right()
        self.end(into, cancelled)

    def end_children(self, name: str) -> None:
        ended = self.case(name)
        for child in [one for one in (*NAMES, FAR) if self.case(one).parent == name]:
            if self.case(child).state != CaseState.MERGED:
                continue
            if ended.state == CaseState.CANCELLED:
                self.both(child, name, lambda mine, theirs: cm.Unmerge("主单已撤销"), cm.Leave(child), RULE)
                continue
            against = dissents(self.case(child))
            self.do(child, cm.CloseChild(name, ended.result, ended.public_reply), RULE)
            assert (self.case(child).state == CaseState.CLOSED) is not against, "never against the caller's word"
            if against:
                out = cm.Unmerge("未解决", target(), CALENDAR)
                self.both(child, name, lambda mine, theirs, out=out: out, cm.Leave(child), RULE)
                assert (self.case(child).state, self.case(child).round > 1) == (CaseState.REFERRED, True)
            else:
                self.end_children(child)

    @invariant()
    def nobody_is_lost(self) -> None:
        """Each caller has a case with their number: it waits, is worked on, has ended, or leads to an open one."""
        for name, number in self.numbers.items():
            case = self.case(name)
            assert case.report.caller.number == number
            assert case.owner
            root, way = case, [name]
            while root.state == CaseState.MERGED:
                assert root.parent not in way, "folded in a circle"
                way.append(root.parent)
                root = self.case(root.parent)
            assert len(way) == 1 or root.state not in ENDED_CASE, f"{name} waits for {root.name}, which is {root.state}"

    @invariant()
    def parents_count_right(self) -> None:
        for name in self.numbers:
            parent = self.case(name)
            inside = [one for one in self.numbers if self.case(one).parent == name]
            waiting = [one for one in inside if self.case(one).state == CaseState.MERGED]
            ended = parent.state in ENDED_CASE - {CaseState.MERGED}
            assert parent.children_count == len(inside) or ended, (name, inside, parent.children)
            assert parent.children_count >= len(waiting)

    def teardown(self) -> None:
        """What stands beside each fact is its replay."""
        for name in self.numbers:
            history = at_once(self.ledger.history(name.removeprefix("cases/")))
            assert case_of(history[-1].record) == self.case(name)


TestFolds = Folds.TestCase
TestFolds.settings = settings(
    max_examples=HISTORIES or 100,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def test_what_another_case_did_pushes_no_command_out() -> None:
    """A surge joins a parent a thousand times, and a late retry of a person's command is still known."""
    ledger = MemoryLedger()
    mine = stamp(POLICE, command_id="mine")
    at_once(handle(ledger, CASE.removeprefix("cases/"), c.Open(opened()), mine))
    before = at_once(ledger.head(CASE.removeprefix("cases/")))
    for place, name in enumerate(NAMES):
        at_once(handle(ledger, name.removeprefix("cases/"), c.Open(opened(name=name)), stamp(HOTLINE)))
        ask = handle_pair(
            ledger,
            name.removeprefix("cases/"),
            CASE.removeprefix("cases/"),
            lambda one, other: (cm.Merge(other), cm.Join(one.name)),
            stamp(POLICE),
        )
        assert at_once(ask).head.case.parent == CASE
        after = at_once(ledger.head(CASE.removeprefix("cases/")))
        assert before is not None
        assert after is not None
        assert (list(after.recent), after.case.children_count) == (list(before.recent), place + 1)


def test_after_silence_nobody_claims_that_nothing_was_written() -> None:
    """Both were stored, then the log went away: the caller must repeat, not believe that it failed."""

    class Silent(MemoryLedger):
        away = False

        async def append_both(self, first: Append, second: Append) -> tuple[Head, Head]:
            await super().append_both(first, second)
            self.away = True
            raise Ambiguous

        async def head(self, case_id: str, fresh: bool = False) -> Head | None:
            if self.away:
                raise Unreachable("the log cannot be reached; nothing was changed, try again", "未保存任何内容")
            return await super().head(case_id, fresh)

    ledger, parent, child = Silent(), CASE.removeprefix("cases/"), NAMES[0].removeprefix("cases/")
    for name in (CASE, NAMES[0]):
        at_once(handle(ledger, name.removeprefix("cases/"), c.Open(opened(name=name)), stamp(POLICE)))
    fold, its = (lambda one, other: (cm.Merge(other), cm.Join(one.name))), stamp(POLICE)
    with pytest.raises(Unreachable, match="request_id"):
        at_once(handle_pair(ledger, child, parent, fold, its))
    ledger.away = False
    again = at_once(handle_pair(ledger, child, parent, fold, its))
    assert again.repeated and again.head.case.parent == CASE
