"""Whole histories: any commands by anybody in any order, and the invariants of domain.md section 4 after each.

`CALLMESH_HISTORIES=20000 pytest tests/unit/domain/test_domain_histories.py` runs more of them.
Commands go through `ledger.handle` on the log in memory, so every fact is stored and read back; every
one is sent again, at once or much later, and must change nothing twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from callmesh.domain import commands as c
from callmesh.domain import facts as f
from callmesh.domain import facts_clocks as fc
from callmesh.domain import routing
from callmesh.domain.case import ENDED_CASE, Actor, Case, FollowUp
from callmesh.domain.decide import decide
from callmesh.domain.errors import DomainError
from callmesh.domain.evolve import evolve
from callmesh.domain.oversight import of_city
from callmesh.domain.referral import OPEN_REFERRAL, Referral
from callmesh.domain.release import allowed_fields, view
from callmesh.domain.report import Caller, Report, Situation
from callmesh.domain.routing import Question
from callmesh.domain.watch import Alarm, Watch, next_limit, next_watch
from callmesh.domain.words import ActorKind, CaseState, Consent, Level, Limit, Mode, ReferralState, Role, Supervision
from callmesh.ledger.handle import Outcome, handle
from callmesh.ledger.memory import MemoryLedger
from callmesh.ledger.record import RECENT, case_of, decode, fact_of
from support.builders import CASE, CASE_ID, NOW, classification, opened, speaks, stamp
from support.city import HISTORIES, demo_city
from support.waiting import at_once

CITY = demo_city()
OVER = of_city(CITY)
CANARY = "13911112222"
AGENCIES = ("110", "119", "12345", "gas", "water", "police-jiangcheng", "minsheng110")
ROLES = ("operator", "operator", "supervisor", "commander")
PEOPLE = st.builds(Actor, st.just(ActorKind.PERSON), st.sampled_from(AGENCIES), st.just("p-1"), st.sampled_from(ROLES))
RULES = st.sampled_from([Actor(ActorKind.POLICY, "", "", "transfer"), Actor(ActorKind.TIMER, "", "", "due")])
ACTORS = st.one_of(PEOPLE, PEOPLE, PEOPLE, RULES)
CATEGORIES = st.sampled_from(["gas_outage", "gas_leak", "theft_fraud", "water_outage", "policy", "prank_abuse"])
TEXTS = st.sampled_from(["", "文字", "文字"])


def person(agency: str, role: str = "operator") -> Actor:
    """Somebody at that agency."""
    return Actor(ActorKind.PERSON, agency, "p-1", role)


@dataclass(frozen=True)
class Sent:
    """A command as somebody sent it."""

    command: c.Command
    stamp: f.Stamp


class Histories(RuleBasedStateMachine):
    """One case; `sent` holds every command that led to a fact, to be sent again."""

    sent = Bundle("sent")

    def __init__(self) -> None:
        super().__init__()
        self.ledger = MemoryLedger()
        self.now = NOW
        self.count = 0
        self.stored: list[bytes] = []
        self.ids: list[str] = []
        self.case: Case | None = None
        self.judged: Case | None = None
        self.escalated: set[tuple[str, Limit, datetime]] = set()

    def teardown(self) -> None:
        """Invariant 1: the facts alone, read back from the log, lead to the case."""
        state: Case | None = None
        for fact in self.facts():
            state = evolve(state, fact)
        assert state == self.case

    # --- what can happen ------------------------------------------------------------------------

    @initialize(
        emergency=st.booleans(),
        caller=st.builds(
            Caller,
            st.just(CANARY),
            confidential=st.booleans(),
            silent=st.booleans(),
            consent=st.sampled_from([None, Consent.GIVEN, Consent.REFUSED]),
        ),
        origin=st.sampled_from(AGENCIES[:3]),
    )
    def open(self, emergency: bool, caller: Caller, origin: str) -> None:
        report = Report(caller, "出事了")
        by = Actor(ActorKind.PERSON, origin, "p-1", "operator")
        self.send(c.Open(opened(report=report, emergency=emergency, origin=origin, division="990101")), by)

    @rule(minutes=st.sampled_from([1, 20, 90, 60 * 24, 60 * 24 * 4]))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(target=sent, by=ACTORS, text=TEXTS, trapped=st.sampled_from([None, 0, 2]))
    def amend(self, by: Actor, text: str, trapped: int | None) -> Sent:
        return self.send(c.Amend(text, None if trapped is None else Situation(trapped)), by)

    @rule(
        target=sent,
        by=ACTORS,
        category=CATEGORIES,
        level=st.sampled_from(Level),
        reason=TEXTS,
        machine=st.sampled_from(["", "gas_outage"]),
        emergency=st.booleans(),
        lower=st.booleans(),
    )
    def classify(
        self, by: Actor, category: str, level: Level, reason: str, machine: str, emergency: bool, lower: bool
    ) -> Sent:
        new = classification(category, level, reason=reason)
        return self.send(c.Classify(new, machine, emergency, lower, oversight=OVER, diverts=bool(machine)), by)

    @rule(target=sent, by=ACTORS, text=TEXTS, how=st.sampled_from([c.Cancel, "reject", "answer"]))
    def end(self, by: Actor, text: str, how: object) -> Sent:
        ends: dict[str, c.Command] = {"answer": c.Answer(text, text), "reject": c.Reject("abuse", CITY.grounds, text)}
        return self.send(ends[how] if isinstance(how, str) else c.Cancel(text), by)

    @rule(target=sent, by=ACTORS, mode=st.sampled_from(Mode))
    def one_key(self, by: Actor, mode: Mode) -> Sent:
        return self.send(c.Transfer(self.chosen(by.agency), mode, CITY.calendar, city_version="v1"), by)

    @rule(
        target=sent,
        by=ACTORS,
        named=st.lists(st.tuples(st.sampled_from(AGENCIES), st.sampled_from(Role)), max_size=3),
    )
    def transfer_to(self, by: Actor, named: list[tuple[str, Role]]) -> Sent:
        targets = tuple(routing.name_agency(CITY, self.question(), one, role, "指定") for one, role in named)
        return self.send(c.Transfer(targets, Mode.PUSH, CITY.calendar), by)

    @rule(target=sent, plan=st.sampled_from(["gas-main", "water-main"]))
    def apply_plan(self, plan: str) -> Sent:
        by = Actor(ActorKind.PERSON, "110", "p-1", "operator")
        asked = replace(self.question("110"), tried=frozenset())
        targets = routing.apply_plan(CITY, asked, CITY.plan[plan])
        return self.send(c.Transfer(targets, Mode.PUSH, CITY.calendar, plan), by)

    @rule(target=sent, pick=st.integers(0, 5), by=ACTORS, itself=st.booleans(), text=TEXTS, kind=st.integers(0, 4))
    def agency_acts(self, pick: int, by: Actor, itself: bool, text: str, kind: int) -> Sent:
        name, agency = self.some_referral(pick)
        command = (
            c.Receive(name, CITY.calendar, CITY.policy.return_within),
            c.Accept(name, text, CITY.calendar, "一班"),
            c.Progress(name, text, arrived=not text),
            c.RequestReturn(name, "not_our_duty", text, oversight=OVER),
            c.Resolve(name, text, text, OVER),
        )[kind]
        return self.send(command, replace(by, kind=ActorKind.PERSON, agency=agency) if itself else by)

    @rule(
        target=sent,
        steps=st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0, 0, 1, 1, 2, 3])), min_size=1, max_size=8),
        to=st.sampled_from(AGENCIES),
    )
    def goes_onward(self, steps: list[tuple[int, int]], to: str) -> Sent:
        """A few steps of an ordinary life, by whom they befit, so that histories get far."""
        return [self.step(pick, turn, to) for pick, turn in steps][-1]

    def step(self, pick: int, turn: int, to: str) -> Sent:
        assert self.case is not None
        held = self.case.this_round
        if self.case.state in (CaseState.FOLLOW_UP, CaseState.CLOSED):
            return self.send(self.ending(turn, to), person(held[-1 - pick % len(held)].agency))
        if self.case.lead is None:
            answer = c.Answer("已告知", "您好")
            return self.send(answer, person(to)) if turn == 3 else self.one_key_by(self.case.origin)
        open_ones = [one for one in held if one.is_open] or held
        one = open_ones[-1 - pick % len(open_ones)]
        name, sender = one.name, person(one.sender)
        if one.state == ReferralState.RETURN_REQUESTED:
            target = routing.name_agency(CITY, self.question(), to, Role.LEAD, "改派")
            return self.send(c.GrantReturn(name, "同意", target, CITY.calendar), sender)
        if turn == 3 and one.is_open and one.role == Role.LEAD:
            return self.send(c.Recall(name, "误派"), person(one.sender, "commander"))
        return self.send(self.step_of(one, turn), person(one.agency))

    def one_key_by(self, agency: str) -> Sent:
        case = self.case
        assert case is not None
        if not case.category:
            return self.send(c.Classify(classification("gas_leak", Level.P2)), person(agency))
        helped = case.category == "gas_leak" and not case.this_round
        extra = routing.name_agency(CITY, self.question(), "water", Role.SUPPORT, "指定")
        targets = self.chosen(agency) + ((extra,) if helped else ())
        return self.send(c.Transfer(targets, Mode.PUSH, CITY.calendar), person(agency))

    def ending(self, turn: int, to: str) -> c.Command:
        target = routing.name_agency(CITY, self.question(), to, Role.LEAD, "重办")
        waived, again = c.Close("免回访"), c.Reopen("未解决", target, CITY.calendar)
        return (waived, c.RecordFollowUp(FollowUp(reached=True, satisfied=3)), again, c.Close())[turn]

    def step_of(self, one: Referral, turn: int) -> c.Command:
        back = c.RequestReturn(one.name, "not_our_duty", "职责清单")
        if one.state == ReferralState.OFFERED:
            return back if turn == 2 else c.Accept(one.name, "p-1", CITY.calendar)
        if turn == 0 and one.feedback_at is None:
            return c.Progress(one.name, "在办")
        return back if turn == 2 else c.Resolve(one.name, "办好", "办好")

    @rule(target=sent, pick=st.integers(0, 5), by=ACTORS, text=TEXTS, to=st.sampled_from(["", *AGENCIES]))
    def grant(self, pick: int, by: Actor, text: str, to: str) -> Sent:
        name, _ = self.some_referral(pick)
        asked = self.question(by.agency)
        found = self.case.referral(name) if self.case else None
        if to:
            target = routing.name_agency(CITY, asked, to, Role.LEAD, "改派")
        elif found is not None and found.hop + 1 >= CITY.policy.max_hops:
            target = routing.fallback(CITY, asked)
        else:
            target = routing.reassign(CITY, asked, ["water_outage"], False)
        return self.send(c.GrantReturn(name, text, target, CITY.calendar), by)

    @rule(
        target=sent,
        pick=st.integers(0, 5),
        by=ACTORS,
        text=TEXTS,
        how=st.sampled_from([c.DenyReturn, c.Recall, c.Waive]),
    )
    def sender_acts(self, pick: int, by: Actor, text: str, how: type) -> Sent:
        return self.send(how(self.some_referral(pick)[0], text), by)

    @rule(target=sent, by=ACTORS, reached=st.booleans(), satisfied=st.integers(-1, 6))
    def follow_up(self, by: Actor, reached: bool, satisfied: int) -> Sent:
        return self.send(c.RecordFollowUp(FollowUp(reached=reached, satisfied=satisfied)), by)

    @rule(target=sent, by=ACTORS, waiver=TEXTS)
    def close(self, by: Actor, waiver: str) -> Sent:
        return self.send(c.Close(waiver), by)

    @rule(target=sent, by=ACTORS, text=TEXTS, to=st.sampled_from(AGENCIES))
    def reopen(self, by: Actor, text: str, to: str) -> Sent:
        target = routing.name_agency(CITY, self.question(), to, Role.LEAD, "重办")
        return self.send(c.Reopen(text, target, CITY.calendar, oversight=OVER), by)

    @rule(target=sent, pick=st.integers(0, 5), limit=st.sampled_from(Limit), warn=st.booleans())
    def timer(self, pick: int, limit: Limit, warn: bool) -> Sent:
        name = "" if limit in (Limit.DIVERSION, Limit.FOLLOW_UP) else self.some_referral(pick)[0]
        command = c.WarnDeadline(name, limit) if warn else c.MissDeadline(name, limit)
        return self.send(command, Actor(ActorKind.TIMER, "", "", limit))

    @rule(minutes=st.sampled_from([0, 1, 60, 60 * 24 * 3]))
    def the_next_moment_comes(self, minutes: int) -> None:
        """What supervision does when its timer fires: everything that is due, the earliest first, until nothing is."""
        before = next_watch(self.case, self.now) if self.case else None
        if before is None:
            return
        self.now = max(self.now, before.at + timedelta(minutes=minutes))
        for _ in range(50):
            assert self.case is not None
            watch = next_watch(self.case, self.now)
            if watch is None or watch.at > self.now:
                return
            known = self.case
            self.send(self.answer_to(watch), Actor(ActorKind.TIMER, "", "", "timer"))
            lapsed = watch.lapses is not None and watch.lapses <= self.now
            assert self.case != known or lapsed, f"{watch} comes again and again"
        raise AssertionError("the timer never rests")

    def answer_to(self, watch: Watch) -> c.Command:
        if watch.alarm == Alarm.RESUME or watch.limit is None:
            return c.Resume(watch.referral, OVER)
        kind = c.WarnDeadline if watch.alarm == Alarm.WARN else c.MissDeadline
        return kind(watch.referral, watch.limit)

    @rule(
        target=sent,
        pick=st.integers(0, 5),
        by=ACTORS,
        text=TEXTS,
        kind=st.integers(0, 7),
        itself=st.booleans(),
        yes=st.booleans(),
    )
    def time_and_watch(self, pick: int, by: Actor, text: str, kind: int, itself: bool, yes: bool) -> Sent:
        name, agency = self.some_referral(pick)
        command = (
            c.RequestExtension(name, text, OVER, special=yes),
            c.RequestSuspension(name, text, OVER),
            c.DecideExtension(name, yes, text, CITY.calendar),
            c.Suspend(name, text, OVER),
            c.DenySuspension(name, text),
            c.Resume(name, OVER, text),
            c.Remind(name, text, OVER),
            c.RaiseSupervision(Supervision.YELLOW if yes else Supervision.RED, text),
        )[kind]
        asker = person(agency) if kind < 2 else person("110" if agency != "110" else "12345", "supervisor")
        return self.send(command, asker if itself else by)

    @rule(target=sent, by=ACTORS, text=TEXTS)
    def lift(self, by: Actor, text: str) -> Sent:
        return self.send(c.LiftSupervision(text), by)

    @rule(late=consumes(sent))
    def a_late_duplicate(self, late: Sent) -> None:
        """Invariant 2: known by its id while it is among the last, and always harmless when it led to a fact."""
        if late.stamp.command_id in self.ids[-RECENT:]:
            self.again(late)

    # --- how -------------------------------------------------------------------------------------

    def send(self, command: c.Command, by: Actor) -> Sent:
        self.count += 1
        self.now += timedelta(milliseconds=1)
        cause = "" if by.kind == ActorKind.PERSON else f"ev/{self.count}"
        it = Sent(command, replace(stamp(by, self.now, f"c-{self.count}"), cause=cause, fingerprint=self.count))
        before = self.case
        try:
            outcome = self.carry_out(it)
        except DomainError as refused:
            speaks(refused)
            assert len(self.history()) == len(self.stored), "refused and yet stored"
            return it
        assert not outcome.repeated
        if outcome.fact is None:
            assert outcome.head.case == before
            return it
        assert before is None or outcome.head.case == evolve(before, outcome.fact)
        self.case = outcome.head.case
        self.judge(before, outcome.fact)
        self.judge_log(outcome.fact)
        self.again(it)
        return it

    def carry_out(self, it: Sent) -> Outcome:
        return at_once(handle(self.ledger, CASE_ID, it.command, it.stamp))

    def again(self, it: Sent) -> None:
        outcome = self.carry_out(it)
        assert outcome.repeated
        assert outcome.fact is not None
        assert outcome.fact.stamp.command_id == it.stamp.command_id
        assert self.history() == self.stored
        assert outcome.head.case == self.case

    def history(self) -> list[bytes]:
        return [one.data for one in at_once(self.ledger.history(CASE_ID))]

    def facts(self) -> list[f.Fact]:
        return [fact_of(one.record) for one in at_once(self.ledger.history(CASE_ID))]

    def question(self, origin: str = "") -> Question:
        case = self.case
        assert case is not None
        tried = frozenset(one.agency for one in case.this_round if one.role == Role.LEAD)
        at: datetime = self.now
        return Question(case.category, case.division, origin or case.origin, at, case.emergency, tried)

    def chosen(self, origin: str) -> tuple[c.Target, ...]:
        return routing.choose(CITY, self.question(origin))

    def some_referral(self, pick: int) -> tuple[str, str]:
        """A referral's name and agency; sometimes one that does not exist."""
        held = self.case.referrals if self.case else ()
        if not held or pick == 5:
            return f"{CASE}/referrals/99", "110"
        one = held[-1 - pick % len(held)]
        return one.name, one.agency

    # --- what each new fact must keep --------------------------------------------------------------

    def judge(self, before: Case | None, fact: f.Fact) -> None:
        body, after = fact.body, self.case
        assert after is not None
        assert (after.updated_at, fact.stamp.at) == (self.now, self.now)
        if before is None:
            return
        self.judge_actor(before, fact)
        self.judge_watch(before, fact)
        self.judge_time(before, fact)
        offers = getattr(body, "referrals", ())
        if before.emergency:  # invariant 6
            planned = isinstance(body, f.CaseTransferred) and body.plan  # a plan may put the repair crew in charge
            led = [one for one in offers if one.role == Role.LEAD or planned]
            serves = [CITY.agency[one.agency].kind in CITY.policy.emergency_kinds for one in led]
            assert any(serves) or not led, body
            assert all(serves) or planned, body
        if after.owner != before.owner:  # invariant 3: only these move it
            moved = (f.ReferralAccepted, f.ReturnGranted, f.DisputeOpened, f.ReferralRecalled, f.CaseReopened)
            assert isinstance(body, moved), body

    def judge_log(self, fact: f.Fact) -> None:
        """Invariant 1: one more fact, stamped, and all before it as they were."""
        history = self.history()
        assert history[:-1] == self.stored
        last = at_once(self.ledger.history(CASE_ID))[-1]
        assert fact_of(decode(last.data)) == fact
        assert case_of(decode(last.data)) == self.case
        assert fact.stamp.command_id not in self.ids
        assert fact.stamp.actor.kind is not None
        assert fact.stamp.actor.agency or fact.stamp.cause
        self.stored, self.ids = history, [*self.ids, fact.stamp.command_id]

    def judge_actor(self, before: Case, fact: f.Fact) -> None:
        body, actor = fact.body, fact.stamp.actor
        referral = before.referral(getattr(body, "referral", ""))
        person = actor.kind == ActorKind.PERSON
        if isinstance(body, f.ReturnRequested):  # invariant 5
            assert referral is not None
            assert referral.role == Role.LEAD
            assert not referral.binding
        ordinary = person and actor.role != "commander"  # a commander overrides for the city, whatever body he is of
        if isinstance(body, f.CaseClosed) and ordinary and actor.agency not in (before.origin, before.owner):
            helpers = [one.agency for one in before.this_round if one.role == Role.SUPPORT]
            assert actor.agency not in helpers
        if isinstance(body, (f.ReferralAccepted, f.ProgressReported, f.ReferralResolved, f.ReturnRequested)) and person:
            assert referral is not None
            assert actor.agency == referral.agency
        judged = isinstance(body, (f.ReturnGranted, f.ReturnDenied, f.ReferralRecalled))
        if judged and person and actor.role != "commander":
            assert referral is not None
            assert actor.agency in (referral.sender, before.origin) or actor.agency != referral.agency
        if before.emergency and not self.case.emergency:  # type: ignore[union-attr]
            assert person

    def judge_watch(self, before: Case, fact: f.Fact) -> None:
        """Supervision only rises until a person lifts it, with a reason."""
        assert self.case is not None
        if isinstance(fact.body, fc.SupervisionLifted):
            assert fact.stamp.actor.kind == ActorKind.PERSON and fact.body.reason
            return
        assert Supervision(self.case.supervision).rank >= Supervision(before.supervision).rank

    def judge_time(self, before: Case, fact: f.Fact) -> None:
        """Never early, each once, and nothing runs in a pause; P0 and P1 do not pause."""
        body = fact.body
        if isinstance(body, f.DeadlineMissed):
            assert fact.stamp.at >= body.due
            key = (body.referral, body.limit, body.due)
            assert key not in self.escalated
            self.escalated.add(key)
            one = before.referral(body.referral)
            paused = one is not None and one.state == ReferralState.SUSPENDED
            assert not paused or body.limit == Limit.DECISION
        if isinstance(body, fc.DeadlineWarned):
            assert fact.stamp.at < body.due
        if isinstance(body, fc.ReferralSuspended):
            assert not before.emergency and before.level not in (Level.P0, Level.P1)
            assert body.asked_by

    # --- what must hold always ---------------------------------------------------------------------

    @invariant()
    def all_of_it(self) -> None:
        """Looked at anew whenever the case changed."""
        if self.case is self.judged:
            return
        self.judged = self.case
        self.one_owner_and_at_most_one_lead()
        self.nothing_ends_half()
        self.an_emergency_waits_for_nothing()
        self.everybody_sees_their_part_only()
        self.hops_are_bounded()

    def one_owner_and_at_most_one_lead(self) -> None:
        """Invariant 3."""
        assert self.case is not None
        assert self.case.owner in CITY.agency
        live = OPEN_REFERRAL | {ReferralState.RESOLVED}
        leads = [one for one in self.case.this_round if one.role == Role.LEAD and one.state in live]
        assert len(leads) <= 1
        if self.case.state == CaseState.REFERRED:
            assert len(leads) == 1
        names = [one.name for one in self.case.referrals]
        assert len(set(names)) == len(names)

    def nothing_ends_half(self) -> None:
        """Invariant 4, and nobody is left with a referral of an ended case."""
        case = self.case
        assert case is not None
        if case.state not in ENDED_CASE:
            return
        assert not [one for one in case.referrals if one.is_open]
        assert next_limit(case) is None
        assert next_watch(case, self.now) is None
        assert case.closed_at is not None
        if case.state == CaseState.CLOSED:
            assert case.result
            assert case.waiver or any(one.round == case.round for one in case.follow_ups)

    def an_emergency_waits_for_nothing(self) -> None:
        """Invariant 6: whatever consent, hour or history, the one key finds an emergency service now."""
        case = self.case
        assert case is not None
        if not case.emergency or case.state not in {CaseState.RECEIVED, CaseState.CLASSIFIED}:
            return
        by = Actor(ActorKind.PERSON, "12345", "p-1", "operator")
        targets = routing.choose(CITY, self.question("12345"))
        held = {one.agency for one in case.this_round if one.is_open or one.state == ReferralState.RETURNED}
        fresh = tuple(one for one in targets if one.role == Role.LEAD or one.agency not in held)
        if targets[0].agency in held:
            return  # it helps already: a person decides who leads
        assert decide(case, c.Transfer(fresh, Mode.CALL, CITY.calendar), stamp(by, self.now)) is not None

    def everybody_sees_their_part_only(self) -> None:
        """Invariant 9."""
        assert self.case is not None
        for agency in AGENCIES:
            shown = view(self.case, agency, CITY)
            assert all(one.agency == agency for one in shown.referrals)
            released = "number" in allowed_fields(self.case, agency, CITY)
            secret = self.case.report.caller.confidential or self.case.report.caller.silent
            assert (shown.report.caller.number == CANARY) is (released and not secret)
            assert (shown.caller_key, shown.follow_ups, shown.operator) == ("", (), "")

    def hops_are_bounded(self) -> None:
        """Invariant 10: a chain of returns never comes back to an agency, so it ends."""
        assert self.case is not None
        for number in range(1, self.case.round + 1):
            leads = [one for one in self.case.referrals if one.round == number and one.role == Role.LEAD]
            returned = [one.agency for one in leads if one.state == ReferralState.RETURNED]
            assert len(set(returned)) == len(returned)
            assert all(one.hop < len(CITY.agencies) for one in leads)


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=HISTORIES or 200,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
