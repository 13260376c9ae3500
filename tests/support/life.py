"""A machine that lives cases: any command, by anybody, in any order, straight through `decide` and `evolve`.

How to add to it: write a mixin with `@rule` methods that call `self.send(command, actor)`, and put it among the
bases of `Life` in tests/unit/domain/test_properties_life.py. A method `judge_...(before, fact, after)` of a mixin
is asked about every fact, a method `always_...(case)` about every new state of the case.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from callmesh.domain import commands as c
from callmesh.domain import facts as f
from callmesh.domain import routing
from callmesh.domain.case import Actor, Case
from callmesh.domain.decide import decide
from callmesh.domain.errors import DomainError, WrongState
from callmesh.domain.evolve import evolve
from callmesh.domain.referral import Referral
from callmesh.domain.report import Caller, Report
from callmesh.domain.routing import Question
from callmesh.domain.words import ActorKind, Consent, ReferralState, Role
from support.builders import CASE, NOW, opened, speaks, stamp
from support.city import demo_city

CITY = demo_city()
CANARY = "13911112222"
AGENCIES = ("110", "119", "12345", "gas", "water", "police-jiangcheng", "minsheng110", "mediation")
ROLES = ("operator", "operator", "commander", "supervisor", "follow_up")
PEOPLE = st.builds(Actor, st.just(ActorKind.PERSON), st.sampled_from(AGENCIES), st.just("p-1"), st.sampled_from(ROLES))
RULES = st.sampled_from([Actor(ActorKind.POLICY, "", "", "rule"), Actor(ActorKind.TIMER, "", "", "due")])
ANYBODY = st.one_of(PEOPLE, PEOPLE, RULES)
WHO = st.one_of(st.none(), st.none(), st.none(), ANYBODY)
"""None is whom it befits, so that histories get far."""
TEXTS = st.sampled_from(["文字", "文字", "文字", ""])


def person(agency: str, role: str = "operator") -> Actor:
    """Somebody at that agency."""
    return Actor(ActorKind.PERSON, agency, "p-1", role)


class Machine(RuleBasedStateMachine):
    """One case and its facts. `seen` counts, over the whole run, which kinds of facts there were."""

    seen: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.now, self.count = NOW, 0
        self.facts: list[f.Fact] = []
        self.case: Case | None = None

    def teardown(self) -> None:
        """Invariant 1: the facts alone lead to the case, and so does any state on the way with the facts after it
        (the partner that was away and the origin that was not agree once both have them all: invariant 7)."""
        states: list[Case | None] = [None]
        for fact in self.facts:
            states.append(evolve(states[-1], fact))
        assert states[-1] == self.case
        half = len(self.facts) // 2
        late = states[half]
        for fact in self.facts[half:]:
            late = evolve(late, fact)
        assert late == self.case

    @initialize(
        emergency=st.sampled_from([False, False, True]),
        caller=st.builds(
            Caller,
            st.just(CANARY),
            confidential=st.sampled_from([False, False, False, True]),
            silent=st.sampled_from([False, False, False, True]),
            consent=st.sampled_from([None, None, Consent.GIVEN, Consent.REFUSED]),
        ),
        origin=st.sampled_from(AGENCIES[:3]),
    )
    def open(self, emergency: bool, caller: Caller, origin: str) -> None:
        """One report at one of three front doors."""
        report = Report(caller, "出事了")
        self.send(c.Open(opened(report=report, emergency=emergency, origin=origin, division="990101")), person(origin))

    @rule(minutes=st.sampled_from([1, 20, 90, 60 * 24, 60 * 24 * 4, 60 * 24 * 12]))
    def time_passes(self, minutes: int) -> None:
        """Nothing happens meanwhile."""
        self.now += timedelta(minutes=minutes)

    # --- how ---------------------------------------------------------------------------------------

    def send(self, command: c.Command, by: Actor) -> f.Body | None:
        """Decides, judges, evolves; the fact, or None when refused or nothing new."""
        self.count += 1
        self.now += timedelta(milliseconds=1)
        cause = "" if by.kind == ActorKind.PERSON else f"ev/{self.count}"
        mark = replace(stamp(by, self.now, f"c-{self.count}"), cause=cause)
        before = self.case
        try:
            body = decide(before, command, mark)
        except DomainError as refused:
            speaks(refused)
            assert not isinstance(refused, WrongState) or refused.state, "a wrong state names the state"
            return None
        if body is None:
            return None
        fact = f.Fact(mark, body)
        after = evolve(before, fact)
        self.facts.append(fact)
        self.case = after
        Machine.seen[fact.kind] += 1
        if before is not None:
            for judge in self._asked("judge_"):
                judge(before, fact, after)
        for always in self._asked("always_"):
            always(after)
        return body

    def _asked(self, prefix: str) -> list:  # type: ignore[type-arg]
        return [getattr(self, name) for name in dir(type(self)) if name.startswith(prefix)]

    # --- what rules need ---------------------------------------------------------------------------

    @property
    def it(self) -> Case:
        """The case, which every rule has."""
        assert self.case is not None
        return self.case

    def held(self, *states: ReferralState, role: Role | None = None) -> list[Referral]:
        """Referrals of this round in these states."""
        return [one for one in self.it.this_round if one.state in states and role in (None, one.role)]

    def some(self, pick: int, *states: ReferralState) -> Referral | None:
        """One referral of this round, in these states if there is one, else any; None when there is none."""
        fitting = self.held(*states) or list(self.it.referrals)
        return fitting[pick % len(fitting)] if fitting else None

    def named(self, pick: int, *states: ReferralState) -> tuple[str, str, str]:
        """Name, agency and sender of some referral; sometimes one that does not exist."""
        one = self.some(pick, *states)
        if one is None or pick == 7:
            return f"{CASE}/referrals/99", "110", self.it.origin
        return one.name, one.agency, one.sender

    def question(self, origin: str = "") -> Question:
        """What routing is asked now."""
        leads = (one for one in self.it.this_round if one.role == Role.LEAD)
        gone = frozenset(one.agency for one in leads if not one.is_open or one.state == ReferralState.RETURN_REQUESTED)
        return Question(self.it.category, self.it.division, origin or self.it.origin, self.now, self.it.emergency, gone)

    def target(self, agency: str, role: Role = Role.LEAD) -> c.Target:
        """That agency."""
        return routing.name_agency(CITY, self.question(), agency, role, "指定")
