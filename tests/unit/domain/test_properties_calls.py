"""Random calls of a case: rings, answers, lapses, losses and wishes in any order, and what holds after each."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

from callmesh.domain import commands as c
from callmesh.domain import facts as f
from callmesh.domain import ringing
from callmesh.domain.calls import CallLeg
from callmesh.domain.case import Actor, Case
from callmesh.domain.decide_calls import has_voice
from callmesh.domain.words import ActorKind, LegReason, LegState, Mode
from support.builders import CALENDAR
from support.city import HISTORIES
from support.life import CITY, WHO, Machine, person

SWITCH = Actor(ActorKind.POLICY, "", "", "switch")
PICK = st.integers(0, 5)
BODY = st.sampled_from(["gas", "119", "12345"])
LOST = (LegReason.DROPPED, LegReason.SWITCH_AWAY)


class Calls(Machine):
    """A case whose caller is on the line, handed on and rung by rules and people alike."""

    def leg(self, pick: int) -> str:
        legs = self.it.call_legs
        return legs[pick % len(legs)].leg if legs else "nobody.1"

    def by(self, who: Actor | None) -> Actor:
        return who or person(self.it.origin)

    @rule(agency=BODY, who=WHO)
    def hands_over(self, agency: str, who: Actor | None) -> None:
        self.send(c.Transfer((self.target(agency),), Mode.CALL, CALENDAR), self.by(who))

    @rule(agency=BODY, three=st.booleans())
    def rings_by_rule(self, agency: str, three: bool) -> None:
        held = next((one.name for one in self.it.this_round if one.agency == agency and one.is_open), "")
        self.send(ringing.agency(CITY, agency, held, three), SWITCH)

    @rule(language=st.sampled_from(["en", "sw"]))
    def interprets(self, language: str) -> None:
        self.send(ringing.interpreter(CITY, language), SWITCH)

    @rule(pick=PICK)
    def rings_the_next(self, pick: int) -> None:
        leg = self.it.leg(self.leg(pick))
        if leg is not None and leg.target < leg.targets:
            self.send(ringing.following(CITY, leg), SWITCH)

    @rule(pick=PICK, state=st.sampled_from(LegState), reason=st.sampled_from(LegReason))
    def hears(self, pick: int, state: LegState, reason: LegReason) -> None:
        self.send(c.Hear(self.leg(pick), state, CITY.calls, reason), SWITCH)

    @rule(pick=PICK)
    def lapses(self, pick: int) -> None:
        self.send(c.Lapse(self.leg(pick), CITY.calls), SWITCH)

    @rule(pick=PICK, agency=BODY, turn=st.integers(0, 3), who=WHO)
    def wishes(self, pick: int, agency: str, turn: int, who: Actor | None) -> None:
        leg = self.leg(pick)
        confer = c.Confer(ringing.agency(CITY, agency))
        wish = (confer, c.LeaveCall(leg), c.HangUp(leg), c.RecordCallBack(leg, pick > 1))[turn]
        self.send(wish, self.by(who))

    def judge_a_call_moves_nothing_else(self, before: Case, fact: f.Fact, after: Case) -> None:
        """The data never waits for a call, and no telephone makes an owner."""
        if not isinstance(fact.body, f.CallLegChanged):
            return
        modes = tuple(replace(one, mode=None) for one in after.referrals)
        assert modes == tuple(replace(one, mode=None) for one in before.referrals)
        same = {"referrals": before.referrals, "call_legs": before.call_legs, "flags": before.flags}
        assert replace(after, **same, updated_at=before.updated_at) == before
        assert len(after.call_legs) - len(before.call_legs) in (0, 1)

    def judge_what_is_over_stays_over(self, before: Case, fact: f.Fact, after: Case) -> None:
        for old in before.call_legs:
            new = after.leg(old.leg)
            assert new is not None
            assert old.is_live or not new.is_live or old.reason == LegReason.SWITCH_AWAY

    def always_who_may_not_be_called_is_not(self, case: Case) -> None:
        assert has_voice(case) or not case.call_legs

    def always_nobody_rings_twice_at_once(self, case: Case) -> None:
        live = [(one.agency, one.language) for one in case.call_legs if one.is_live]
        assert len(live) == len(set(live))

    def always_a_leg_is_whole(self, case: Case) -> None:
        """A lost call is owed a call-back, a live one ends by itself some day."""
        for one in case.call_legs:
            assert self._whole(one), one

    @staticmethod
    def _whole(one: CallLeg) -> bool:
        if one.is_live:
            return one.due is not None and one.call_back is None
        owed = one.state == LegState.FAILED and one.reason in LOST
        return one.due is None and (one.call_back is not None or not owed)


TestCalls = Calls.TestCase
TestCalls.settings = settings(
    max_examples=HISTORIES or 40,
    stateful_step_count=30,
    deadline=None,
    derandomize=not HISTORIES,
    phases=tuple(Phase) if HISTORIES else (Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


def test_the_lives_had_calls() -> None:
    if not Machine.seen:
        pytest.skip("nothing was lived in this process")
    assert Machine.seen["CallLegChanged"] > 100
