"""Time asked for and decided: extensions (延期), pauses (挂账), what they do to every limit (domain.md section 3)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given as any_of
from hypothesis import strategies as st

from callmesh.domain import clocks
from callmesh.domain import commands as c
from callmesh.domain import facts as f
from callmesh.domain import facts_clocks as fc
from callmesh.domain.case import Actor, Case
from callmesh.domain.directory import Calendar, City, LimitProfile, Span, SupervisionRules
from callmesh.domain.errors import Invalid, NotFound, NotYours, WrongState
from callmesh.domain.evolve import evolve
from callmesh.domain.oversight import Oversight
from callmesh.domain.referral import Referral
from callmesh.domain.words import ActorKind, Level, Limit, PendingKind, ReferralState, Role
from support.builders import (
    CALENDAR,
    COMMANDER,
    GAS,
    POLICE,
    RETURN_WITHIN,
    RULE,
    TIMER,
    WATER,
    Answer,
    Given,
    classification,
    name,
    opened,
    stamp,
    target,
)

ONE = name(1)
BEIJING = timezone(timedelta(hours=8))
GENERAL = LimitProfile("L4", Span(1, "wd"), Span(1, "wd"), Span(5, "wd"), warn_before=Span(1, "wd"), warn_percent=80)
RULES = SupervisionRules()
OVER = Oversight(RULES, CALENDAR)
SUPERVISOR = Actor(ActorKind.PERSON, "12345", "leader-1", "supervisor")


def local(text: str) -> datetime:
    """A moment in Beijing."""
    return datetime.fromisoformat(text).replace(tzinfo=BEIJING)


@pytest.fixture(scope="module")
def calendar(demo_city: City) -> Calendar:
    """2026 by the State Council: 1 to 7 October off, Saturday the 10th works; 15 to 23 February off, the 14th works."""
    return demo_city.calendar


class Life:
    """A case as it goes on: each step decides, and evolves if it was allowed."""

    def __init__(self, at: datetime, calendar: Calendar = CALENDAR, level: Level = Level.P2, **profile: Any) -> None:
        self.at, self.calendar, self.over = at, calendar, Oversight(RULES, calendar)
        self.case: Case | None = None
        limits = replace(GENERAL, **profile)
        self.do(c.Open(opened()))
        self.do(c.Classify(classification("consumer", level)))
        self.do(c.Transfer((target(limits=limits),), None, calendar))  # type: ignore[arg-type]
        self.do(c.Receive(ONE, calendar, RETURN_WITHIN), GAS)
        self.do(c.Accept(ONE, "g-1", calendar), GAS)

    @property
    def one(self) -> Referral:
        assert self.case is not None
        return self.case.referrals[0]

    def when(self, command: c.Command, by: Actor = POLICE, at: str = "") -> Answer:
        """What it would lead to, at a moment in Beijing."""
        self.at = local(at) if at else self.at
        return Given(self.case).when(command, by, self.at)

    def do(self, command: c.Command, by: Actor = POLICE, at: str = "") -> f.Body:
        """It must be allowed, and happens."""
        answer = self.when(command, by, at)
        assert answer.refusal is None and answer.fact is not None, answer.refusal
        self.case = evolve(self.case, f.Fact(stamp(by, self.at), answer.fact))
        return answer.fact

    def pause(self, start: str, end: str) -> None:
        self.do(c.RequestSuspension(ONE, "等待检测报告", self.over), GAS, start)
        self.do(c.Suspend(ONE, "同意", self.over), POLICE, start)
        self.do(c.Resume(ONE, self.over), GAS, end)


def life(at: str = "2026-09-01 10:00", **more: Any) -> Life:
    return Life(local(at), **more)


class TestOffers:
    """Limits are stored with the offer; P0 and P1 know no office hours."""

    def test_friday_17_29_and_one_minute_later(self) -> None:
        assert life("2026-09-04 17:29").one.accept_due == local("2026-09-07 17:29")
        assert life("2026-09-04 17:59").one.accept_due == local("2026-09-08 08:30"), "closed: counts from Monday 08:30"

    def test_before_national_day_and_spring_festival(self, calendar: Calendar) -> None:
        assert life("2026-09-30 16:00", calendar=calendar).one.resolve_due == local("2026-10-13 16:00")
        before_spring = life("2026-02-13 10:00", calendar=calendar).one  # Friday; Saturday the 14th works
        assert before_spring.accept_due == local("2026-02-14 10:00")
        assert before_spring.resolve_due == local("2026-02-27 10:00")
        on_the_make_up_day = life("2026-02-14 10:00", calendar=calendar).one
        assert on_the_make_up_day.resolve_due == local("2026-02-28 10:00"), "the 28th is a make-up Saturday"

    @pytest.mark.parametrize("level", [Level.P0, Level.P1])
    def test_a_working_day_of_a_danger_is_a_day(self, level: Level) -> None:
        urgent = life("2026-09-04 17:59", level=level).one
        assert urgent.wall_time
        assert (urgent.accept_due, urgent.resolve_due) == (local("2026-09-05 17:59"), local("2026-09-09 17:59"))

    def test_no_summer_time_ever(self) -> None:
        """China has one zone without daylight saving; what the machine's zone does on such a night is nothing to us."""
        for start in ("2026-03-27 10:00", "2026-10-23 10:00"):
            due = life(start).one.accept_due
            assert due is not None and due - local(start) == timedelta(days=3)
            assert due.astimezone(BEIJING).time() == time(10)

    def test_warnings_come_a_working_day_before_or_by_share(self) -> None:
        one = life("2026-09-04 10:30").one  # Friday
        assert one.resolve_due == local("2026-09-11 10:30")
        assert one.resolve_warn_at == local("2026-09-10 10:30")
        # 80 % of a working day of nine hours: seven hours and twelve minutes after 10:30 on Friday
        assert one.accept_warn_at == local("2026-09-07 08:42")

    def test_a_warning_on_wall_time(self) -> None:
        limits = {"accept": Span(15, "m"), "feedback": Span(2, "h"), "resolve": Span(24, "h")}
        by_share = life(**limits, warn_before=None).one
        assert by_share.accept_warn_at == local("2026-09-01 10:12")
        hours = life(**limits, warn_before=Span(3, "h")).one
        assert hours.resolve_warn_at == local("2026-09-02 07:00")
        silent = life(**limits, warn_before=None, warn_percent=0).one
        assert (silent.accept_warn_at, silent.feedback_warn_at, silent.resolve_warn_at) == (None, None, None)


class TestExtensions:
    ASK = c.RequestExtension(ONE, "配件到货延迟", OVER)

    def test_asked_in_time_and_granted(self) -> None:
        it = life()
        asked = it.do(self.ASK, GAS, "2026-09-07 10:00")
        assert isinstance(asked, fc.ExtensionRequested)
        assert (asked.until, asked.special) == (local("2026-09-15 10:00"), False)
        assert asked.decision_due == local("2026-09-08 10:00")
        assert it.one.resolve_due == local("2026-09-08 10:00"), "asking moves nothing"
        assert it.one.pending[0].reason == "配件到货延迟", "who decides sees why"
        it.do(c.DecideExtension(ONE, True, "同意", CALENDAR), POLICE)
        assert it.one.resolve_due == local("2026-09-15 10:00")
        assert it.one.resolve_warn_at == local("2026-09-14 10:00")
        assert (it.one.extension_count, it.one.pending) == (1, ())

    def test_at_the_last_moment_but_not_after(self) -> None:
        it = life()
        assert it.when(self.ASK, GAS, "2026-09-08 09:59:59").fact
        late = it.when(self.ASK, GAS, "2026-09-08 10:00").then_refused(Invalid)
        assert list(late.violations) == ["until"]  # type: ignore[attr-defined]

    def test_one_ordinary_and_one_special(self) -> None:
        it = life()
        for special in (False, True):
            ask = replace(self.ASK, special=special)
            it.do(ask, GAS)
            it.when(ask, GAS).then_refused(WrongState, state="accepted")
            it.do(c.DecideExtension(ONE, True, "同意", CALENDAR))
        assert (it.one.extension_count, it.one.special_extension_count) == (2, 1)
        it.when(self.ASK, GAS).then_refused(WrongState, state="extended_ordinary")
        it.when(replace(self.ASK, special=True), GAS).then_refused(WrongState, state="extended_special")

    def test_denied_changes_nothing_and_may_be_asked_again(self) -> None:
        it = life()
        before = it.one
        it.do(self.ASK, GAS)
        it.do(c.DecideExtension(ONE, False, "理由不足", CALENDAR))
        assert it.one == replace(before, decision_reason="理由不足"), "nothing but the words of it"
        assert it.when(self.ASK, GAS).fact

    def test_who_decides(self) -> None:
        it = life()
        it.do(self.ASK, GAS)
        grant = c.DecideExtension(ONE, True, "同意", CALENDAR)
        own = Actor(ActorKind.PERSON, "gas", "g-9", "supervisor")
        for by in (GAS, WATER, own):
            it.when(grant, by).then_refused(NotYours)
        for by in (POLICE, SUPERVISOR, COMMANDER):
            assert it.when(grant, by).fact
        it.when(replace(grant, reason="")).then_missing("reason")

    def test_bounds(self) -> None:
        it = life()
        for until in ("2026-09-08 10:00", "2026-09-15 10:00:01"):
            refused = it.when(replace(self.ASK, until=local(until)), GAS).then_refused(Invalid)
            assert list(refused.violations) == ["until"]  # type: ignore[attr-defined]
        it.do(replace(self.ASK, until=local("2026-09-09 12:00")), GAS)
        less = c.DecideExtension(ONE, True, "少给一天", CALENDAR, local("2026-09-08 09:00"))
        it.when(less).then_refused(Invalid)
        it.do(replace(less, until=local("2026-09-08 17:00")))
        assert it.one.resolve_due == local("2026-09-08 17:00")

    def test_refused_out_of_state_and_without_words(self) -> None:
        it = life()
        it.when(replace(self.ASK, reason=""), GAS).then_missing("reason")
        it.when(self.ASK, WATER).then_refused(NotFound)
        it.when(c.DecideExtension(ONE, True, "同意", CALENDAR)).then_refused(WrongState)
        it.do(c.RequestReturn(ONE, "not_our_duty", "职责"), GAS)
        it.when(self.ASK, GAS).then_refused(WrongState, state="return_requested")

    def test_granted_after_the_limit_was_missed_the_new_one_is_watched(self) -> None:
        it = life()
        it.do(self.ASK, GAS)
        it.do(c.MissDeadline(ONE, Limit.RESOLVE), TIMER, "2026-09-08 10:00")
        assert it.one.missed == (Limit.RESOLVE,)
        it.do(c.DecideExtension(ONE, True, "审批迟了", CALENDAR), POLICE, "2026-09-09 10:00")
        assert it.one.missed == ()
        again = it.do(c.MissDeadline(ONE, Limit.RESOLVE), TIMER, "2026-09-15 10:00")
        assert isinstance(again, f.DeadlineMissed) and again.due == local("2026-09-15 10:00")


class TestPauses:
    ASK = c.RequestSuspension(ONE, "等待诉求人提供材料", OVER)

    def test_only_an_approved_pause_stops_the_clock(self) -> None:
        it = life()
        it.do(self.ASK, GAS)
        assert it.one.state == ReferralState.ACCEPTED
        assert it.one.running_limits()[0][:2] == (Limit.FEEDBACK, local("2026-09-02 10:00"))
        it.do(c.Suspend(ONE, "同意", OVER))
        assert (it.one.state, it.one.suspended_by, it.one.pending) == (ReferralState.SUSPENDED, "gas", ())
        assert it.one.running_limits() == ()

    def test_a_pause_ordered_by_the_sender_is_theirs(self) -> None:
        it = life()
        it.do(c.Suspend(ONE, "等公安取证", OVER), POLICE)
        assert it.one.suspended_by == "110"

    def test_limits_move_by_the_working_time_of_the_pause(self) -> None:
        it = life()  # Tuesday 10:00; feedback due Wednesday, result due Tuesday week, both at 10:00
        it.pause("2026-09-01 16:30", "2026-09-03 09:30")  # an hour, a day, an hour: eleven working hours
        assert it.one.feedback_due == local("2026-09-03 12:00"), "90 minutes of Wednesday and one of Tuesday were left"
        assert it.one.resolve_due == local("2026-09-09 12:00")
        assert it.one.resolve_warn_at == local("2026-09-08 12:00"), "the warning moves along"
        assert it.one.suspended_seconds == 41 * 3600

    def test_a_pause_over_a_holiday_costs_no_holiday(self, calendar: Calendar) -> None:
        it = life("2026-09-29 10:00", calendar=calendar)  # the result is due on Monday 12 October
        assert it.one.resolve_due == local("2026-10-12 10:00")
        it.pause("2026-09-30 17:00", "2026-10-08 09:00")  # half an hour before the holiday, half an hour after it
        assert it.one.resolve_due == local("2026-10-12 11:00")

    def test_a_pause_within_a_holiday_moves_nothing(self, calendar: Calendar) -> None:
        it = life("2026-09-29 10:00", calendar=calendar)
        it.pause("2026-10-02 09:00", "2026-10-06 18:00")
        assert it.one.resolve_due == local("2026-10-12 10:00")

    def test_a_limit_of_hours_moves_by_hours(self) -> None:
        it = life(accept=Span(30, "m"), feedback=Span(2, "h"), resolve=Span(24, "h"))
        it.pause("2026-09-01 20:00", "2026-09-02 04:00")
        assert it.one.resolve_due == local("2026-09-02 18:00")
        assert it.one.feedback_due == local("2026-09-01 12:00"), "what had run out stays where it was"

    def test_it_ends_by_itself(self) -> None:
        it = life()
        it.do(replace(self.ASK, until=local("2026-09-03 10:00")), GAS)
        it.do(c.Suspend(ONE, "同意", OVER))
        end = c.Resume(ONE, OVER)
        it.when(end, TIMER, "2026-09-03 09:59:59").then_nothing()
        it.do(end, TIMER, "2026-09-03 10:00")
        assert it.one.state == ReferralState.ACCEPTED and it.one.resolve_due == local("2026-09-10 10:00")
        it.when(end, TIMER).then_nothing()

    def test_work_begun_goes_on_where_it_was(self) -> None:
        it = life()
        it.do(c.Progress(ONE, "已联系"), GAS)
        it.pause("2026-09-01 11:00", "2026-09-01 12:00")
        assert it.one.state == ReferralState.IN_PROGRESS
        it.when(c.Resume(ONE, OVER), GAS).then_refused(WrongState, state="in_progress")

    def test_work_begun_without_a_word_goes_on_as_begun(self) -> None:
        it = life()
        it.do(c.Progress(ONE, "", started=True), GAS)
        it.pause("2026-09-01 11:00", "2026-09-01 12:00")
        assert it.one.state == ReferralState.IN_PROGRESS

    def test_an_answer_due_in_hours_keeps_its_hours(self) -> None:
        """The offices are closed when the pause begins: of working time nothing would be left of it."""
        it = life(at="2026-09-01 17:00")
        it.over = replace(it.over, rules=replace(RULES, answer_p2=Span(90, "m")))
        it.do(c.Remind(ONE, "催", it.over), at="2026-09-01 17:30")
        it.pause("2026-09-01 18:00", "2026-09-02 10:00")
        assert it.one.answer_due == local("2026-09-02 11:00")

    @pytest.mark.parametrize("level", [Level.P0, Level.P1])
    def test_urgent_cases_never_pause(self, level: Level) -> None:
        it = life(level=level)
        it.when(self.ASK, GAS).then_refused(WrongState, state=level.value)
        it.when(c.Suspend(ONE, "同意", OVER)).then_refused(WrongState, state=level.value)

    def test_who_turns_urgent_goes_on(self) -> None:
        it = life()
        it.do(c.Suspend(ONE, "同意", OVER))
        it.do(c.Classify(classification("gas_leak", Level.P1)), POLICE)
        assert it.do(c.Resume(ONE, OVER), RULE)

    def test_denied(self) -> None:
        it = life()
        it.do(self.ASK, GAS)
        it.when(self.ASK, GAS).then_refused(WrongState)
        it.when(c.DenySuspension(ONE, ""), POLICE).then_missing("reason")
        it.do(c.DenySuspension(ONE, "可以继续办理"), SUPERVISOR)
        assert it.one.asked_for(PendingKind.SUSPENSION) is None
        it.when(c.DenySuspension(ONE, "x")).then_refused(WrongState)

    def test_nothing_is_done_in_a_pause(self) -> None:
        it = life()
        it.do(c.Suspend(ONE, "同意", OVER))
        for command in (c.Progress(ONE, "x"), c.Resolve(ONE, "x", "x"), c.RequestReturn(ONE, "x", "x"), self.ASK):
            it.when(command, GAS).then_refused(WrongState, state="suspended", allowed=("ResumeReferral",))
        both = ("ResumeReferral", "RecallReferral")
        it.when(c.Remind(ONE, "催", OVER)).then_refused(WrongState, state="suspended", allowed=both)

    def test_bounds_and_words(self) -> None:
        it = life()
        it.when(replace(self.ASK, reason=""), GAS).then_missing("reason")
        for until in ("2026-09-01 10:00", "2027-01-01 10:00"):
            it.when(replace(self.ASK, until=local(until)), GAS).then_refused(Invalid)
        it.when(c.Suspend(ONE, "同意", OVER), GAS).then_refused(NotYours)
        it.do(c.Suspend(ONE, "同意", OVER))
        it.when(c.Resume(ONE, OVER), WATER).then_refused(NotYours)

    def test_support_may_pause_and_be_waived_meanwhile(self) -> None:
        helper = Actor(ActorKind.PERSON, "water", "w-1", "operator")
        it = life()
        it.do(c.Transfer((target("water", Role.SUPPORT, limits=GENERAL),), None, CALENDAR))  # type: ignore[arg-type]
        it.do(c.Accept(name(2), "w-1", CALENDAR), helper)
        it.do(c.Suspend(name(2), "等通知", OVER))
        it.when(c.Resolve(ONE, "x", "x"), GAS).then_refused(WrongState, state="support_open")
        it.do(c.Waive(name(2), "不需要"), GAS)


MOMENTS = st.datetimes(datetime(2026, 1, 5), datetime(2026, 11, 30)).map(lambda at: at.replace(tzinfo=BEIJING))
SPANS = st.timedeltas(timedelta(), timedelta(days=40))


@any_of(MOMENTS, SPANS, SPANS)
def test_working_time_adds_up(start: datetime, one: timedelta, other: timedelta) -> None:
    """Two stretches are the whole, and going on by the working time between two moments leads back to working time."""
    middle, end = start + one, start + one + other
    whole = clocks.working_time(start, end, CALENDAR)
    assert whole == clocks.working_time(start, middle, CALENDAR) + clocks.working_time(middle, end, CALENDAR)
    reached = clocks.add_working_time(start, whole, CALENDAR)
    assert clocks.working_time(start, reached, CALENDAR) == whole
    assert reached.tzinfo == UTC


@any_of(MOMENTS, SPANS, SPANS, st.booleans())
def test_what_was_left_is_left_again(start: datetime, before: timedelta, pause: timedelta, working: bool) -> None:
    """A pause takes nothing from the agency and gives it nothing."""
    days = CALENDAR if working else None
    due = clocks.add_working_days(start, 5, CALENDAR) if working else start + timedelta(days=5)
    paused, resumed = start + before, start + before + pause
    moved = clocks.moved(due, paused, resumed, days)
    assert moved is not None
    if due <= paused:
        assert moved == due
    elif days is None:
        assert moved - resumed == due - paused
    else:
        assert clocks.working_time(resumed, moved, days) == clocks.working_time(paused, due, days)


@any_of(MOMENTS, st.integers(1, 10))
def test_back_is_the_way_there(start: datetime, days: int) -> None:
    opening = clocks.next_opening(start, CALENDAR)
    there = clocks.add_working_days(start, days, CALENDAR)
    assert clocks.back_working_days(there, days, CALENDAR) == opening
