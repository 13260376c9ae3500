"""Cases, facts, actors and limits with sensible defaults; a test states only what it is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

from callmesh.domain import commands as c
from callmesh.domain import facts as f
from callmesh.domain.case import Actor, Case, Classification
from callmesh.domain.clocks import due
from callmesh.domain.decide import decide
from callmesh.domain.directory import Calendar, LimitProfile, RejectionGround, Span
from callmesh.domain.errors import DomainError, Invalid
from callmesh.domain.evolve import evolve
from callmesh.domain.referral import Referral
from callmesh.domain.report import Caller, Place, Report
from callmesh.domain.words import ActorKind, Level, Mode, ReferralState, Role, Verdict

NOW = datetime(2026, 9, 1, 2, 0, tzinfo=UTC)  # a Tuesday, 10:00 in Beijing
LATER = NOW + timedelta(hours=1)
CASE_ID = "r1-0-01J00000000000000000000001"
CASE = f"cases/{CASE_ID}"
CALENDAR = Calendar()
RETURN_WITHIN = Span(2, "wd")
LIMITS = LimitProfile("L2", Span(30, "m"), Span(2, "h"), Span(24, "h"))
GROUNDS = (
    RejectionGround("abuse", "恶意骚扰", "Abuse"),
    RejectionGround("court", "已进入诉讼", "In court", explain=True),
)
POLICE = Actor(ActorKind.PERSON, "110", "p-7", "operator")
HOTLINE = Actor(ActorKind.PERSON, "12345", "h-1", "operator")
GAS = Actor(ActorKind.PERSON, "gas", "g-1", "operator")
FIRE = Actor(ActorKind.PERSON, "119", "f-1", "operator")
WATER = Actor(ActorKind.PERSON, "water", "w-1", "operator")
COMMANDER = Actor(ActorKind.PERSON, "122", "c-1", "commander")
RULE = Actor(ActorKind.POLICY, "", "", "transfer")
TIMER = Actor(ActorKind.TIMER, "", "", "accept")
_numbers = count()


def stamp(by: Actor = POLICE, at: datetime = NOW, command_id: str = "") -> f.Stamp:
    """A stamp with a command id of its own."""
    cause = "" if by.kind == ActorKind.PERSON else "ev/1"
    return f.Stamp(command_id or f"c-{next(_numbers)}", at, by, cause, 7)


def opened(**changes: Any) -> f.CaseOpened:
    """A report of a phone call to 110."""
    report = Report(Caller("13900000000", name="张三"), "厨房停气了", place=Place("望江路1号"))
    given: dict[str, Any] = {"name": CASE, "channel": "phone", "origin": "110", "report": report}
    return f.CaseOpened(**(given | changes))


def classification(category: str = "gas_outage", level: Level = Level.P2, **changes: Any) -> Classification:
    given: dict[str, Any] = {"verdict": Verdict.ROUTE, "level": level, "category": category, "at": NOW}
    return Classification(**(given | changes))


def classified(category: str = "gas_outage", level: Level = Level.P2, emergency: bool = False) -> f.CaseClassified:
    return f.CaseClassified(classification(category, level), emergency)


def target(agency: str = "gas", role: Role = Role.LEAD, **changes: Any) -> c.Target:
    given: dict[str, Any] = {"limits": LIMITS, "basis": "派单目录", "emergency_service": agency in {"110", "119"}}
    return c.Target(agency, role, **(given | changes))


def transfer(*targets: c.Target, **changes: Any) -> c.Transfer:
    return c.Transfer(targets or (target(),), Mode.PUSH, CALENDAR, **changes)


def reject(ground: str = "abuse", reason: str = "") -> c.Reject:
    return c.Reject(ground, GROUNDS, reason)


def name(number: int = 1) -> str:
    """The name of the case's referral of that number."""
    return f"{CASE}/referrals/{number}"


def referral(agency: str = "gas", number: int = 1, role: Role = Role.LEAD, **changes: Any) -> Referral:
    """As `offer` makes it out of `target`, offered NOW by 110."""
    given: dict[str, Any] = {
        "mode": Mode.PUSH,
        "sender": "110",
        "basis": "派单目录",
        "profile": LIMITS.id,
        "accept_within": LIMITS.accept,
        "feedback_within": LIMITS.feedback,
        "resolve_within": LIMITS.resolve,
        "offered_at": NOW,
        "accept_due": due(NOW, LIMITS.accept, CALENDAR),
        "feedback_due": due(NOW, LIMITS.feedback, CALENDAR),
        "resolve_due": due(NOW, LIMITS.resolve, CALENDAR),
    }
    return Referral(name(number), agency, role, **(given | changes))


def offered(*referrals: Referral) -> f.CaseTransferred:
    return f.CaseTransferred(referrals or (referral(),))


def received(number: int = 1, at: datetime = NOW) -> f.ReferralReceived:
    spans = (LIMITS.accept, LIMITS.feedback, LIMITS.resolve, RETURN_WITHIN)
    return f.ReferralReceived(name(number), *(due(at, span, CALENDAR) for span in spans))


def accepted(number: int = 1, handler: str = "g-1") -> f.ReferralAccepted:
    return f.ReferralAccepted(name(number), handler)


def progressed(number: int = 1) -> f.ProgressReported:
    return f.ProgressReported(name(number), "已到场", True)


def asked_back(number: int = 1) -> f.ReturnRequested:
    return f.ReturnRequested(name(number), "not_our_duty", "职责清单第3条")


def resolved(number: int = 1) -> f.ReferralResolved:
    return f.ReferralResolved(name(number), "已恢复供气", "您好, 已恢复供气")


def in_state(case: Case, state: ReferralState, number: int = 1) -> Case:
    """The case with a referral put into a state, whatever led there."""
    changed = (replace(one, state=state) if one.name == name(number) else one for one in case.referrals)
    return replace(case, referrals=tuple(changed))


def told(*facts: f.Body, by: Actor = POLICE, at: datetime = NOW) -> Case:
    """The case after these facts."""
    case: Case | None = None
    for body in facts:
        case = evolve(case, f.Fact(stamp(by, at), body))
    assert case is not None
    return case


@dataclass(frozen=True)
class Given:
    """Given facts (or a case), when a command, then facts: `Given(...).when(...).then(...)`."""

    case: Case | None

    def when(self, command: c.Command, by: Actor = POLICE, at: datetime = NOW) -> Answer:
        """Decides."""
        again = partial(self.when, by=by, at=at)
        try:
            return Answer(decide(self.case, command, stamp(by, at)), None, command, again)
        except DomainError as refused:
            return Answer(None, refused, command, again)


@dataclass(frozen=True)
class Answer:
    """What a command led to."""

    fact: f.Body | None
    refusal: DomainError | None
    command: c.Command
    again: Callable[[Any], Answer]

    def then(self, wanted: f.Body) -> None:
        """Exactly this fact."""
        assert self.refusal is None, f"refused: {self.refusal!r}"
        assert self.fact == wanted

    def then_nothing(self) -> None:
        """It is so already."""
        assert self.refusal is None, f"refused: {self.refusal!r}"
        assert self.fact is None

    def then_refused(self, kind: type[DomainError], **wanted: Any) -> DomainError:
        """An error of exactly this kind, with a sentence for the operator and these attributes."""
        assert type(self.refusal) is kind, f"not {kind.__name__}: {self.refusal!r}, {self.fact}"
        speaks(self.refusal)
        for attribute, value in wanted.items():
            assert getattr(self.refusal, attribute) == value
        return self.refusal

    def then_missing(self, field: str) -> None:
        """Refused because that field is empty; and, where it is a text, when there is nothing but space in it."""
        self.then_refused(Invalid, violations={field: "required"})
        if isinstance(getattr(self.command, field, None), str):
            spaced = self.again(replace(self.command, **{field: " \u3000"}))  # type: ignore[type-var]
            spaced.then_refused(Invalid, violations={field: "required"})


def given(*facts: f.Body | Case) -> Given:
    """The case after these facts; none at all when there are none."""
    if not facts:
        return Given(None)
    if isinstance(facts[0], Case):
        return Given(facts[0])
    return Given(told(*[one for one in facts if not isinstance(one, Case)]))


def speaks(error: DomainError) -> None:
    """An English sentence for developers and a Chinese one for the operator."""
    assert error.message and error.message.isascii()
    assert any("\u4e00" <= letter <= "\u9fff" for letter in error.zh), error.zh
