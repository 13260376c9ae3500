"""Random lives of a case, and the invariants of domain.md section 4 after each step.

`CALLMESH_HISTORIES=20000 pytest tests/unit/domain/test_properties_life.py` lives more of them.

Of the ten, here: 1 every transition is a stamped fact and the facts alone give the case, 2 a receipt, acceptance, timer
and the like a second time change nothing, and late acceptance is welcome, 3 one owner of record at every instant,
4 nothing closes without result and outcome or waiver, 5 support neither closes nor returns, 6 an emergency waits for
nothing, 9 an agency sees its part only, 10 returns end. Half here: 7, a state of the case and the facts after
it lead to the same case; that partner and origin do converge over a broken line is shown in tests/faults and
e2e/test_e2e_partners.py. Shown elsewhere: 2 for the same command id, contract/ledger and test_domain_histories.py;
8, one timeline by any number, is the read model's, contract/read_model and unit/tracking.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from callmesh.domain import commands as c
from callmesh.domain import facts as f
from callmesh.domain import returns, routing
from callmesh.domain.case import ENDED_CASE, Actor, Case, FollowUp
from callmesh.domain.decide import decide
from callmesh.domain.decide_after import UNREACHABLE
from callmesh.domain.oversight import of_city
from callmesh.domain.referral import Referral
from callmesh.domain.release import allowed_fields, view
from callmesh.domain.watch import FOR_COMMANDER, next_limit
from callmesh.domain.words import ActorKind, CaseState, Level, Limit, Mode, ReferralState, Role, Supervision
from support.builders import CALENDAR, GROUNDS, classification, reject, stamp
from support.city import HISTORIES
from support.life import AGENCIES, ANYBODY, CANARY, CITY, TEXTS, WHO, Machine, person

C, S = CaseState, ReferralState
PICK = st.integers(0, 7)
BODY = st.sampled_from(AGENCIES)
CATEGORIES = st.sampled_from(["gas_outage", "gas_leak", "theft_fraud", "water_outage", "neighbor", "policy"])


def held(*states: ReferralState) -> object:
    """Only when a referral of this round stands in one of these."""
    return precondition(lambda self: bool(self.held(*states)))


def standing(*states: CaseState) -> object:
    """Only when the case stands in one of these."""
    return precondition(lambda self: self.it.state in states)


class Onward(Machine):
    """Ordinary lives: each step is one that befits where the case stands, so that they get far."""

    @rule(turns=st.lists(st.integers(0, 11), min_size=3, max_size=9))
    def goes_onward(self, turns: list[int]) -> None:
        for turn in turns:
            steps = self.steps()
            if steps:
                self.send(*steps[turn % len(steps)])

    def steps(self) -> list[tuple[c.Command, Actor]]:
        case, desk = self.it, person(self.it.origin)
        if case.state == C.RECEIVED:
            return [(c.Classify(classification("gas_outage", Level.P2)), desk)]
        if case.state == C.DISPUTED:
            designation = c.Designate("裁定", self.target("119" if case.emergency else "gas"), CALENDAR)
            return [(designation, person("122", "commander")), *self.working()]
        if case.state in (C.CLASSIFIED, C.REFERRED):
            ends: list[c.Command] = [c.Answer("已告知", "您好"), reject()]
            return self.working() or [*[(self.key(), desk)] * 6, *((one, desk) for one in ends)]
        if case.state in (C.FOLLOW_UP, C.CLOSED):
            return self.ending()
        return []

    def key(self) -> c.Transfer:
        helped = self.it.classification is not None and self.now.minute % 2 == 0
        targets = routing.choose(CITY, self.question())
        if helped and "water" not in {one.agency for one in targets} | set(self.had()):
            targets = (*targets, self.target("water", Role.SUPPORT))
        return c.Transfer(targets, Mode.PUSH, CALENDAR)

    def had(self) -> list[str]:
        return [one.agency for one in self.it.this_round]

    def working(self) -> list[tuple[c.Command, Actor]]:
        found = []
        for one in self.it.this_round:
            if one.state == S.RETURN_REQUESTED:
                onward = returns.grant(CITY, self.it, one, self.question(one.sender), "", "同意")
                found += [(onward, person(one.sender)), (c.DenyReturn(one.name, "属你单位"), person(one.sender))]
            elif one.is_open:
                found += [(command, person(one.agency)) for command in self.work(one)]
        return found

    def work(self, one: Referral) -> list[c.Command]:
        back: list[c.Command] = [c.RequestReturn(one.name, "not_our_duty", "职责清单")]
        contest: list[c.Command] = [c.Contest(one.name, "不属本单位")] if one.return_count else []
        if one.state == S.OFFERED:
            return [c.Accept(one.name, "h-1", CALENDAR), *back, *contest]
        report = c.Progress(one.name, "在办", arrived=True)
        return [report, c.Resolve(one.name, "办好", "办好"), c.Resolve(one.name, "办好", "办好"), *back, *contest]

    def ending(self) -> list[tuple[c.Command, Actor]]:
        case, desk = self.it, person(self.it.origin)
        policy = CITY.policy
        failed, asked = FollowUp(False), FollowUp(True, solved=True, satisfied=4)
        again = c.Reopen("未解决", self.target("119"), CALENDAR, policy.reopen_days, of_city(CITY))
        if case.state == C.CLOSED:
            return [(again, desk), (again, replace(desk, role="commander"))]
        name = case.lead.name if case.lead else ""
        return [
            (c.RecordFollowUp(failed), desk),
            (c.Close("", policy.follow_up_attempts), desk),
            (c.RecordFollowUp(asked), desk),
            (c.SendBack(name, "照片不清"), desk),
            (c.Approve(name, "属实"), desk),
            (c.Close("免回访"), desk),
            (again, replace(desk, role="supervisor")),
        ]


class Receiver(Machine):
    """The first receiver: classify, transfer, answer, reject, cancel, recall, waive."""

    @rule(by=WHO, category=CATEGORIES, level=st.sampled_from(Level), reason=TEXTS, flags=st.integers(0, 7))
    def classify(self, by: Actor | None, category: str, level: Level, reason: str, flags: int) -> None:
        new = classification(category, level, reason=reason)
        self.send(c.Classify(new, "", flags == 0, flags < 3), by or person(self.it.origin))

    @rule(by=WHO, mode=st.sampled_from(Mode))
    def one_key(self, by: Actor | None, mode: Mode) -> None:
        who = by or person(self.it.origin)
        self.send(c.Transfer(routing.choose(CITY, self.question(who.agency)), mode, CALENDAR), who)

    @rule(by=WHO, named=st.lists(st.tuples(BODY, st.sampled_from(Role)), max_size=3))
    def transfer_to(self, by: Actor | None, named: list[tuple[str, Role]]) -> None:
        targets = tuple(self.target(agency, role) for agency, role in named)
        self.send(c.Transfer(targets, Mode.PUSH, CALENDAR), by or person(self.it.owner))

    @rule(plan=st.sampled_from(["gas-main", "water-main", "dispute-2n"]))
    def apply_plan(self, plan: str) -> None:
        asked = replace(self.question(), tried=frozenset())
        targets = routing.apply_plan(CITY, asked, CITY.plan[plan])
        self.send(c.Transfer(targets, Mode.PUSH, CALENDAR, plan), person(self.it.origin))

    @rule(by=WHO, text=TEXTS, how=st.integers(0, 11))
    def end(self, by: Actor | None, text: str, how: int) -> None:
        """Seldom: most lives go on."""
        ends: list[c.Command] = [c.Answer(text, text), reject("court", text), c.Cancel(text)]
        if how < len(ends):
            self.send(ends[how], by or person(self.it.origin))

    @held(S.OFFERED, S.ACCEPTED, S.IN_PROGRESS, S.RETURN_REQUESTED)
    @rule(pick=PICK, by=WHO, text=TEXTS, waive=st.sampled_from([True, True, False]))
    def take_back(self, pick: int, by: Actor | None, text: str, waive: bool) -> None:
        name, _, sender = self.named(pick, S.OFFERED, S.ACCEPTED, S.IN_PROGRESS)
        self.send(c.Waive(name, text) if waive else c.Recall(name, text), by or person(sender))

    @rule(by=WHO, text=TEXTS, advisory=st.booleans(), leader=st.sampled_from(["", "", "z-1", "z-2"]))
    def advice_or_shift_change(self, by: Actor | None, text: str, advisory: bool, leader: str) -> None:
        command = c.ChangeSupervisor(leader) if leader else c.Annotate(text, advisory)
        self.send(command, by or person(self.it.origin))


class Body(Machine):
    """The agency: receipt, acceptance, progress, return, contest, result."""

    @held(S.OFFERED)
    @rule(pick=PICK, by=WHO, receipt=st.booleans())
    def take(self, pick: int, by: Actor | None, receipt: bool) -> None:
        name, agency, _ = self.named(pick, S.OFFERED)
        if receipt:
            self.send(c.Receive(name, CALENDAR, CITY.policy.return_within), by or person(agency))
        else:
            command = c.Accept(name, "h-1", CALENDAR, "一班", CITY.policy.return_within)
            self.send(command, by or person(agency))

    @held(S.ACCEPTED, S.IN_PROGRESS)
    @rule(pick=PICK, by=WHO, text=TEXTS, how=st.sampled_from(["", "arrived", "started"]))
    def report(self, pick: int, by: Actor | None, text: str, how: str) -> None:
        name, agency, _ = self.named(pick, S.ACCEPTED, S.IN_PROGRESS)
        self.send(c.Progress(name, text, how == "arrived", how == "started"), by or person(agency))

    @held(S.OFFERED, S.ACCEPTED, S.IN_PROGRESS)
    @rule(pick=PICK, by=WHO, text=TEXTS)
    def give_back(self, pick: int, by: Actor | None, text: str) -> None:
        name, agency, _ = self.named(pick, S.OFFERED, S.ACCEPTED, S.IN_PROGRESS)
        self.send(c.RequestReturn(name, "not_our_duty", text), by or person(agency))

    @precondition(lambda self: any(one.return_count for one in self.it.this_round if one.is_open))
    @rule(pick=PICK, by=WHO, text=TEXTS)
    def contest(self, pick: int, by: Actor | None, text: str) -> None:
        name, agency, _ = self.named(pick, S.OFFERED, S.ACCEPTED, S.IN_PROGRESS)
        self.send(c.Contest(name, text), by or person(agency))

    @held(S.ACCEPTED, S.IN_PROGRESS)
    @rule(pick=PICK, by=WHO, text=TEXTS)
    def resolve(self, pick: int, by: Actor | None, text: str) -> None:
        name, agency, _ = self.named(pick, S.ACCEPTED, S.IN_PROGRESS)
        self.send(c.Resolve(name, text, text), by or person(agency))


class Judge(Machine):
    """Who decides about others: dispatcher, commander, reviewer, follow-up agent, timer."""

    @held(S.RETURN_REQUESTED)
    @rule(by=WHO, text=TEXTS, to=st.sampled_from(["", "", *AGENCIES]), granted=st.sampled_from([True, True, False]))
    def decide_return(self, by: Actor | None, text: str, to: str, granted: bool) -> None:
        one = self.held(S.RETURN_REQUESTED)[0]
        command: c.Command = c.DenyReturn(one.name, text)
        if granted:
            command = returns.grant(CITY, self.it, one, self.question(one.sender), to, text)
        self.send(command, by or person(one.sender))

    @standing(C.RECEIVED, C.CLASSIFIED, C.REFERRED, C.DISPUTED)
    @rule(by=WHO, text=TEXTS, to=st.sampled_from(["", *AGENCIES]), only_disputes=st.sampled_from([True, True, False]))
    def designate(self, by: Actor | None, text: str, to: str, only_disputes: bool) -> None:
        if only_disputes and self.it.state != C.DISPUTED:
            return
        target = self.target(to) if to else routing.last_resort(CITY, self.question())
        self.send(c.Designate(text, target, CALENDAR), by or person("122", "commander"))

    @held(S.RESOLVED)
    @rule(pick=PICK, by=WHO, text=TEXTS, back=st.booleans())
    def review(self, pick: int, by: Actor | None, text: str, back: bool) -> None:
        name, _, sender = self.named(pick, S.RESOLVED)
        self.send(c.SendBack(name, text) if back else c.Approve(name, text), by or person(sender))

    @standing(C.FOLLOW_UP, C.CLOSED)
    @rule(by=WHO, reached=st.booleans(), solved=st.booleans(), satisfied=st.sampled_from([0, 0, 1, 5, 6]))
    def follow_up(self, by: Actor | None, reached: bool, solved: bool, satisfied: int) -> None:
        said = FollowUp(reached, solved=solved and reached, satisfied=satisfied if reached else 0)
        self.send(c.RecordFollowUp(said), by or person(self.it.origin))

    @standing(C.FOLLOW_UP)
    @rule(by=WHO, waiver=st.sampled_from(["", "", "免回访"]))
    def close(self, by: Actor | None, waiver: str) -> None:
        self.send(c.Close(waiver, CITY.policy.follow_up_attempts), by or person(self.it.owner))

    @standing(C.FOLLOW_UP, C.CLOSED)
    @rule(by=WHO, text=TEXTS, to=BODY, role=st.sampled_from(["operator", "supervisor", "commander"]))
    def reopen(self, by: Actor | None, text: str, to: str, role: str) -> None:
        policy = CITY.policy
        command = c.Reopen(text, self.target(to), CALENDAR, policy.reopen_days, of_city(CITY))
        self.send(command, by or person(self.it.origin, role))

    @held(S.OFFERED, S.ACCEPTED, S.IN_PROGRESS)
    @rule(pick=PICK, limit=st.sampled_from(Limit))
    def timer(self, pick: int, limit: Limit) -> None:
        name, _, _ = self.named(pick, S.OFFERED, S.ACCEPTED, S.IN_PROGRESS)
        self.send(c.MissDeadline(name, limit), Actor(ActorKind.TIMER, "", "", limit))


class OutOfTurn(Machine):
    """Anybody, anything, at any time: what does not fit is refused, and what is repeated changes nothing."""

    @rule(pick=PICK, by=ANYBODY, text=TEXTS, to=BODY, kind=st.integers(0, 15))
    def anything(self, pick: int, by: Actor, text: str, to: str, kind: int) -> None:
        name, target = self.named(pick)[0], self.target(to)
        anything: tuple[c.Command, ...] = (
            c.Amend(text),
            c.Close(text),
            c.Contest(name, text),
            c.Designate(text, target, CALENDAR),
            c.SendBack(name, text),
            c.Approve(name, text),
            c.RecordFollowUp(FollowUp(True, satisfied=3)),
            c.Reopen(text, target, CALENDAR, CITY.policy.reopen_days),
            c.GrantReturn(name, text, target, CALENDAR),
            c.DenyReturn(name, text),
            c.Accept(name, text, CALENDAR),
            c.Resolve(name, text, text),
            c.RequestReturn(name, text, text),
            c.Recall(name, text),
            c.Waive(name, text),
            c.Cancel(text),
        )
        self.send(anything[kind], by)

    @held(S.ACCEPTED, S.IN_PROGRESS, S.RESOLVED)
    @rule(pick=PICK)
    def a_second_time(self, pick: int) -> None:
        """Invariant 2, for what is known by what it says."""
        one = self.some(pick, S.ACCEPTED, S.IN_PROGRESS, S.RESOLVED)
        assert one is not None
        facts = len(self.facts)
        self.send(c.Receive(one.name, CALENDAR, CITY.policy.return_within), person(one.agency))
        if one.is_working:
            self.send(c.Accept(one.name, "h-2", CALENDAR), person(one.agency))
        if self.it.supervisor:
            self.send(c.ChangeSupervisor(self.it.supervisor), person(self.it.origin))
        if one.missed:
            self.send(c.MissDeadline(one.name, one.missed[-1]), Actor(ActorKind.TIMER, "", "", "due"))
        if one.approved_at:
            self.send(c.Approve(one.name, "再看"), person("110", "supervisor"))
        assert len(self.facts) == facts


CASE_MOVES = {
    C.RECEIVED: {C.CLASSIFIED, C.REFERRED, C.ANSWERED, C.REJECTED, C.CANCELLED},
    C.CLASSIFIED: {C.REFERRED, C.ANSWERED, C.REJECTED, C.CANCELLED},
    C.REFERRED: {C.CLASSIFIED, C.RECEIVED, C.DISPUTED, C.FOLLOW_UP, C.CANCELLED},
    C.DISPUTED: {C.CLASSIFIED, C.RECEIVED, C.REFERRED, C.FOLLOW_UP, C.CANCELLED},
    C.FOLLOW_UP: {C.CLOSED, C.REFERRED, C.CANCELLED},
    C.CLOSED: {C.REFERRED},
}
REFERRAL_MOVES = {
    S.OFFERED: {S.ACCEPTED, S.RETURN_REQUESTED, S.RETURNED, S.RECALLED, S.WAIVED},
    S.ACCEPTED: {S.IN_PROGRESS, S.RETURN_REQUESTED, S.RETURNED, S.RESOLVED, S.RECALLED, S.WAIVED},
    S.IN_PROGRESS: {S.RETURN_REQUESTED, S.RETURNED, S.RESOLVED, S.RECALLED, S.WAIVED},
    S.RETURN_REQUESTED: {S.RETURNED, S.OFFERED, S.ACCEPTED, S.IN_PROGRESS, S.RECALLED},
    S.RESOLVED: {S.CLOSED, S.IN_PROGRESS},
}
OWNER_MOVES = (
    *(f.ReferralAccepted, f.ReturnGranted, f.DisputeOpened, f.JurisdictionDesignated),
    *(f.ReferralRecalled, f.CaseReopened),
)
BY_ITS_AGENCY = (f.ReferralReceived, f.ReferralAccepted, f.ProgressReported, f.ReturnRequested, f.ReferralResolved)
BY_WHO_ANSWERS = (f.CaseClassified, f.CaseAnswered, f.CaseRejected, f.CaseCancelled, f.CaseClosed, f.CaseReopened)
RANKED = ("commander", "supervisor", "follow_up")


class Invariants(Machine):
    """What every fact and every state must keep."""

    def __init__(self) -> None:
        super().__init__()
        self.hops = 0

    def judge_stamp(self, before: Case, fact: f.Fact, after: Case) -> None:
        """Invariant 1."""
        actor = fact.stamp.actor
        assert (after.updated_at, fact.stamp.at) == (self.now, self.now)
        assert actor.agency or (actor.kind != ActorKind.PERSON and fact.stamp.cause)
        if isinstance(fact.body, f.CaseRejected):
            assert fact.body.ground in {one.code for one in GROUNDS}
        else:
            assert getattr(fact.body, "reason", "said") or isinstance(fact.body, f.CaseTransferred)

    def judge_moves(self, before: Case, fact: f.Fact, after: Case) -> None:
        """Only along the ways of section 4; a referral never vanishes, a new one is offered."""
        if before.state != after.state:
            assert after.state in CASE_MOVES[before.state], f"{before.state} -> {after.state} by {fact.kind}"
        for old, new in zip(before.referrals, after.referrals, strict=False):
            assert old.state == new.state or new.state in REFERRAL_MOVES[old.state], f"{old.state} -> {new.state}"
            assert (old.name, old.agency, old.role, old.round) == (new.name, new.agency, new.role, new.round)
        assert all(one.state == S.OFFERED for one in after.referrals[len(before.referrals) :])
        assert len(after.referrals) >= len(before.referrals)

    def judge_owner(self, before: Case, fact: f.Fact, after: Case) -> None:
        """Invariant 3: the first receiver until a lead accepts, and again when that lead is gone."""
        assert after.owner in CITY.agency
        assert after.owner == before.owner or isinstance(fact.body, OWNER_MOVES), fact.kind
        lead = after.lead
        if lead is not None and lead.accepted_at is not None:
            assert after.owner == lead.agency
        elif after.state not in ENDED_CASE:
            senders = {one.sender for one in after.this_round}
            assert after.owner in {after.origin, *senders}, (fact.kind, after.owner)

    def judge_who(self, before: Case, fact: f.Fact, after: Case) -> None:
        """Invariant 5, and nobody acts on what is not theirs."""
        body, actor = fact.body, fact.stamp.actor
        referral = before.referral(getattr(body, "referral", ""))
        if actor.kind != ActorKind.PERSON:
            return
        if isinstance(body, BY_ITS_AGENCY):
            assert referral is not None and actor.agency == referral.agency
        if isinstance(body, BY_WHO_ANSWERS) and actor.role not in RANKED:
            senders = {one.sender for one in before.this_round}
            lead = before.lead.agency if before.lead else ""
            assert actor.agency in {before.origin, before.owner, lead, *senders}
        if isinstance(body, (f.ResolutionSentBack, f.ResolutionApproved)) and actor.role not in RANKED:
            assert referral is not None
            assert actor.agency != referral.agency and actor.agency in (referral.sender, before.origin)

    def judge_returns(self, before: Case, fact: f.Fact, after: Case) -> None:
        """Invariants 5 and 10: only a lead returns, nothing binding comes back, and the hops of a chain are few."""
        body = fact.body
        if isinstance(body, f.ReturnRequested):
            one = before.referral(body.referral)
            assert one is not None and one.role == Role.LEAD and not one.binding
        if isinstance(body, f.ReturnGranted):
            self.hops += 1
            assert self.hops <= CITY.policy.max_hops
            assert before.emergency or self.hops == 1 or all(one.binding for one in body.referrals)
            led = [one.agency for one in before.this_round if one.role == Role.LEAD]
            assert not {one.agency for one in body.referrals} & set(led), "never the same agency again"
        elif any(one.role == Role.LEAD for one in getattr(body, "referrals", ())):
            self.hops = 0  # a person chose anew
        if isinstance(body, f.DisputeOpened) and body.granted:
            assert not before.emergency, "an emergency waits for no dispute"
        if before.state == C.DISPUTED and after.state == C.REFERRED:
            assert isinstance(body, f.JurisdictionDesignated) or before.emergency

    def judge_designation(self, before: Case, fact: f.Fact, after: Case) -> None:
        if isinstance(fact.body, f.JurisdictionDesignated):
            assert fact.stamp.actor.role == "commander"
            assert after.state == C.REFERRED and after.lead is not None and after.lead.binding
            assert after.lead.name in {one.name for one in fact.body.referrals}

    def judge_emergency(self, before: Case, fact: f.Fact, after: Case) -> None:
        """Invariant 6: who leads it is an emergency service; only a person lowers the flag."""
        if before.emergency and not after.emergency:
            assert fact.stamp.actor.kind == ActorKind.PERSON
        if not before.emergency:
            return
        planned = isinstance(fact.body, f.CaseTransferred) and bool(fact.body.plan)
        led: list[Referral] = [one for one in getattr(fact.body, "referrals", ()) if one.role == Role.LEAD or planned]
        serves = [CITY.agency[one.agency].kind in CITY.policy.emergency_kinds for one in led]
        assert not led or (any(serves) if planned else all(serves)), fact.body

    def judge_watch(self, before: Case, fact: f.Fact, after: Case) -> None:
        assert after.supervision.rank >= before.supervision.rank
        if isinstance(fact.body, (f.CaseReopened, f.DisputeOpened)):
            assert after.supervision.rank >= Supervision.YELLOW.rank

    def judge_end(self, before: Case, fact: f.Fact, after: Case) -> None:
        """Invariant 4, and the rules of follow-up, close and reopen."""
        body, policy = fact.body, CITY.policy
        caller = before.report.caller
        if isinstance(body, f.FollowUpRecorded):
            assert not caller.confidential and not caller.silent
        if isinstance(body, f.CaseClosed):
            assert before.result
            lead = before.lead
            done = lead.resolved_at if lead else None
            asked = [one for one in before.follow_ups if one.at and done and one.at >= done]
            assert body.waiver or any(one.reached for one in asked)
            if body.waiver == UNREACHABLE:
                assert len(asked) >= policy.follow_up_attempts and not any(one.reached for one in asked)
        if isinstance(body, f.CaseReopened):
            closed = before.closed_at
            assert closed is None or fact.stamp.at <= closed + timedelta(days=policy.reopen_days)
            late = after.round >= CITY.supervision.commander_round
            assert after.round == before.round + 1
            by = fact.stamp.actor.role
            assert not late or (by in ("commander", "supervisor") and FOR_COMMANDER in after.flags)

    def judge_advice(self, before: Case, fact: f.Fact, after: Case) -> None:
        """A note and a change of shift move nothing."""
        if isinstance(fact.body, f.CaseAnnotated):
            assert replace(after, annotations=before.annotations, updated_at=before.updated_at) == before
        if isinstance(fact.body, f.SupervisorChanged):
            assert replace(after, supervisor=before.supervisor, updated_at=before.updated_at) == before

    def always_at_most_one_lead(self, case: Case) -> None:
        live = [one for one in case.this_round if one.role == Role.LEAD and (one.is_open or one.state == S.RESOLVED)]
        assert len(live) <= 1
        assert case.state != C.REFERRED or len(live) == 1
        assert len({one.name for one in case.referrals}) == len(case.referrals)
        busy = [one.agency for one in case.this_round if one.is_open]
        assert len(set(busy)) == len(busy), "nobody has it twice"

    def always_a_dispute_waits_for_a_commander(self, case: Case) -> None:
        if case.state == C.DISPUTED:
            assert case.lead is None or (case.lead.return_count and not case.lead.binding)

    def always_nothing_ends_half(self, case: Case) -> None:
        """Invariant 4."""
        if case.state in ENDED_CASE:
            assert not [one for one in case.referrals if one.is_open]
            assert next_limit(case) is None
            assert case.closed_at is not None
        if case.state in (C.FOLLOW_UP, C.CLOSED):
            assert case.result and case.public_reply
        for one in case.referrals:
            assert (one.resolved_at is not None) is (one.state in (S.RESOLVED, S.CLOSED))
            assert one.approved_at is None or one.resolved_at is not None

    def always_an_emergency_waits_for_nothing(self, case: Case) -> None:
        """Invariant 6: whatever consent, hour, history or dispute, the one key finds an emergency service now."""
        waiting = case.state in (C.RECEIVED, C.CLASSIFIED) or (case.state == C.DISPUTED and case.lead is None)
        if not case.emergency or not waiting:
            return
        targets = routing.choose(CITY, self.question("12345"))
        had = {one.agency for one in case.this_round if one.is_open or one.state == S.RETURNED}
        fresh = tuple(one for one in targets if one.role == Role.LEAD or one.agency not in had)
        if any(one.agency == targets[0].agency and one.state == S.RETURNED for one in case.this_round):
            return  # every emergency service there is has returned it
        by = person("12345")
        assert decide(case, c.Transfer(fresh, Mode.CALL, CALENDAR), stamp(by, self.now)) is not None

    def always_everybody_sees_their_part_only(self, case: Case) -> None:
        """Invariant 9."""
        secret = case.report.caller.confidential or case.report.caller.silent
        for agency in ("gas", "12345"):
            shown = view(case, agency, CITY)
            assert all(one.agency == agency for one in shown.referrals)
            released = "number" in allowed_fields(case, agency, CITY)
            assert (shown.report.caller.number == CANARY) is (released and not secret)
            assert (shown.caller_key, shown.follow_ups, shown.operator) == ("", (), "")
            leads = case.lead is not None and case.lead.agency == agency
            assert leads or all(one.agency == agency for one in shown.annotations)

    def always_a_late_acceptance_is_welcome(self, case: Case) -> None:
        """Invariant 2: whatever limit passed, who was offered it may take it."""
        for one in case.referrals:
            if one.state != S.OFFERED or Limit.ACCEPT not in one.missed:
                continue
            taken = decide(case, c.Accept(one.name, "h-1", CALENDAR), stamp(person(one.agency), self.now))
            assert isinstance(taken, f.ReferralAccepted)


class Life(Onward, Receiver, Body, Judge, OutOfTurn, Invariants):
    """All of it."""


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=HISTORIES or 200,
    stateful_step_count=40,
    deadline=None,
    derandomize=not HISTORIES,
    phases=tuple(Phase) if HISTORIES else (Phase.generate,),  # shortening a failing life takes minutes
    suppress_health_check=list(HealthCheck),
)


def test_the_lives_met_every_turn() -> None:
    """Lives that never dispute prove nothing about disputes."""
    if not Machine.seen:
        pytest.skip("nothing was lived in this process")
    missing = {one.__name__ for one in f.Body.__args__} - set(Machine.seen)
    assert not missing & {one.__name__ for one in MET}, missing


MET = (
    *(f.CaseClassified, f.CaseTransferred, f.ReferralAccepted, f.ReturnGranted, f.ReturnDenied, f.DisputeOpened),
    *(f.JurisdictionDesignated, f.ReferralResolved, f.ResolutionSentBack, f.ResolutionApproved, f.FollowUpRecorded),
    *(f.CaseClosed, f.CaseReopened, f.CaseAnnotated, f.SupervisorChanged, f.DeadlineMissed, f.ReferralRecalled),
    *(f.ReferralWaived, f.CaseCancelled, f.CaseAnswered, f.CaseRejected),
)
