"""The city's rules of supervision with its calendar: until when somebody must answer, decide, ask, divert.

Commands carry one, so that deciding stays pure; where none is given nothing is watched.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from callmesh.domain.case import Case
from callmesh.domain.clocks import due, on_wall_time
from callmesh.domain.directory import Calendar, City, Span, SupervisionRules
from callmesh.domain.words import Level


@dataclass(frozen=True, slots=True)
class Oversight:
    """Rules and calendar of one city."""

    rules: SupervisionRules
    calendar: Calendar
    return_within: Span = field(default_factory=lambda: Span(2, "wd"))

    def answer_due(self, case: Case, at: datetime) -> datetime:
        """Feedback after a reminder at `at`."""
        return self.until(case, at, self.answer_within(case))

    def answer_within(self, case: Case) -> Span:
        """How long feedback after a reminder may take; by level, an unclassified case counts as P2."""
        level = Level.P0 if case.emergency else case.level or Level.P2
        spans = {
            Level.P0: self.rules.answer_p0,
            Level.P1: self.rules.answer_p1,
            Level.P2: self.rules.answer_p2,
            Level.P3: self.rules.answer_p3,
        }
        return spans[level]

    def decision_due(self, case: Case, at: datetime) -> datetime:
        """Deciding what an agency asked for at `at`."""
        return self.keep_due(at, _urgent(case))

    def keep_due(self, at: datetime, urgent: bool) -> datetime:
        """Answering, or offering after all, what was opened at `at` and its first receiver keeps."""
        return due(at, self.rules.decide_urgent if urgent else self.rules.decide_within, self.calendar, urgent)

    def diversion_due(self, at: datetime, urgent: bool) -> datetime:
        """The first offer of a case that was opened, or became urgent, at `at`."""
        return due(at, self.rules.divert_urgent if urgent else self.rules.divert_within, self.calendar, urgent)

    def follow_up_due(self, at: datetime) -> datetime:
        """Asking the caller after a result at `at`; working days for every level, the danger is over."""
        return due(at, self.rules.follow_up_within, self.calendar)

    def until(self, case: Case, at: datetime, span: Span) -> datetime:
        """`span` from `at`, in the case's sort of time."""
        return due(at, span, self.calendar, _urgent(case))


def decide_by(oversight: Oversight | None, case: Case, at: datetime) -> datetime | None:
    """Until when somebody must decide what came up at `at`; None where nothing is watched."""
    return oversight.decision_due(case, at) if oversight else None


def of_city(city: City) -> Oversight:
    """The rules in force."""
    return Oversight(city.supervision, city.calendar, city.policy.return_within)


def _urgent(case: Case) -> bool:
    return case.emergency or on_wall_time(case.level)
