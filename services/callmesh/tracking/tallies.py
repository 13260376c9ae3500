"""Rows of a window, grouped and counted by their marks: the SQL under the figures.

Cases are counted on `cases`; by agency (or of one agency) on `referrals`, each case once for an agency, by its
first referral there. Both have an index that holds every column needed, in order of opening, so that a window
costs its own cases and no others. Who may not look over the city counts the cases it has a part in, and of
their referrals those it holds, sent, or that came of cases it opened or answers for. A filter beyond the agency
is a look-up of the cases that match.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, literal, literal_column, or_, select

from callmesh.api.v1 import tracking_service_pb2 as api
from callmesh.tracking import marks as m
from callmesh.tracking import schema
from callmesh.tracking.filters import CaseFilter
from callmesh.tracking.periods import PERIODS, Zone, label
from callmesh.tracking.words import SECOND

By = api.GetFiguresRequest
Key = tuple[str, ...]
Tallies = dict[Key, dict[int, int]]
_DAY, TENTH = 86_400 * SECOND, SECOND // 10
_cases, _referrals, _parties = schema.cases.c, schema.referrals.c, schema.parties.c


@dataclass(frozen=True, slots=True)
class Question:
    """Which rows, grouped how, and what the city's data says about them."""

    start: int
    end: int
    now: int
    groups: tuple[int, ...]
    wanted: CaseFilter
    zone: Zone
    police: frozenset[str] = frozenset()

    @property
    def by_agency(self) -> bool:
        """Whether cases are counted by their referrals."""
        return By.AGENCY in self.groups or bool(self.wanted.agency)


@dataclass(slots=True)
class Took:
    """Acceptance times of a group: how many in each tenth of a second, and their exact sum."""

    tenths: list[tuple[int, int]] = field(default_factory=list)
    count: int = 0
    total: int = 0

    def add(self, tenth: int, count: int, total: int) -> None:
        """So many of that tenth."""
        self.tenths.append((tenth, count))
        self.count += count
        self.total += total

    def mean(self) -> float:
        """Seconds; 0 of none."""
        return self.total / self.count / SECOND if self.count else 0.0

    def percentile(self, percent: int) -> float:
        """Nearest rank, in seconds; 0 of none."""
        rank = -(-self.count * percent // 100)
        for tenth, count in sorted(self.tenths):
            rank -= count
            if rank <= 0:
                return tenth / 10
        return 0.0


def cases(connection: Connection, asked: Question) -> Tallies:
    """Cases by their marks."""
    if asked.by_agency:
        own = (_referrals.marks.bitwise_and(m.AGAIN) == 0,)
        return _tally(connection, asked, _referrals, _case_marks(_referrals, _referrals.case_marks, asked), own)
    return _tally(connection, asked, _cases, _case_marks(_cases, _cases.marks, asked), ())


def referrals(connection: Connection, asked: Question) -> Tallies:
    """Referrals by their marks; an acceptance that is overdue by now counts as passed."""
    overdue = case((_referrals.waits_until < asked.now, m.PASSED), else_=0)
    return _tally(connection, asked, _referrals, _referrals.marks + overdue, ())


def due(connection: Connection, asked: Question) -> Tallies:
    """Leads whose result was due in the window and is there, or should be."""
    marks, none = _referrals.marks, m.RETURNED | m.RECALLED
    own = (
        marks.bitwise_and(m.LEAD) != 0,
        marks.bitwise_and(none) == 0,
        or_(marks.bitwise_and(m.RESOLVED) != 0, _referrals.resolve_due < asked.now),
    )
    return _tally(connection, asked, _referrals, marks, own, _referrals.resolve_due)


def took(connection: Connection, asked: Question) -> dict[Key, Took]:
    """Acceptance times."""
    keys = _keys(asked, _referrals, _referrals.opened_at)
    tenth = (_referrals.took // TENTH).label("tenth")
    query = select(*keys, tenth, func.count(), func.sum(_referrals.took)).group_by(*_named(*keys, tenth))
    query = query.where(_referrals.took.is_not(None), *_where(asked, _referrals, _referrals.opened_at))
    found: dict[Key, Took] = defaultdict(Took)
    for row in connection.execute(query):
        found[_key(asked, row)].add(int(row[-3]), int(row[-2]), int(row[-1]))
    return dict(found)


def _tally(
    connection: Connection,
    asked: Question,
    table: Any,
    marks: ColumnElement[int],
    own: Sequence[ColumnElement[bool]],
    moment: ColumnElement[int] | None = None,
) -> Tallies:
    at = table.opened_at if moment is None else moment
    keys, marked = _keys(asked, table, at), marks.label("marked")
    query = select(*keys, marked, func.count()).where(*_where(asked, table, at), *own)
    query = query.group_by(*_named(*keys, marked))
    found: Tallies = defaultdict(dict)
    for row in connection.execute(query):
        group = found[_key(asked, row)]
        group[row[-2]] = group.get(row[-2], 0) + row[-1]
    return dict(found)


def _case_marks(table: Any, marks: ColumnElement[int], asked: Question) -> ColumnElement[int]:
    """The stored marks and the one that the city's data adds."""
    if not asked.police:
        return marks
    return marks + case((table.category.in_(sorted(asked.police)), m.POLICE), else_=0)


def _keys(asked: Question, table: Any, at: ColumnElement[int]) -> list[ColumnElement[Any]]:
    return [_column(by, asked, table, at).label(f"key{place}") for place, by in enumerate(asked.groups)]


def _named(*labels: Any) -> list[ColumnElement[Any]]:
    """By name: an expression said twice is two different ones to PostgreSQL once it holds parameters."""
    return [literal_column(one.name) for one in labels]


def _column(by: int, asked: Question, table: Any, at: ColumnElement[int]) -> ColumnElement[Any]:
    if by in PERIODS:
        return (at + literal(asked.zone.micros)) // literal(_DAY)
    if by == By.DISTRICT:
        return func.substr(table.division, 1, 6)
    names: dict[int, str] = {By.AGENCY: "agency", By.CATEGORY: "category", By.CHANNEL: "channel", By.LEVEL: "level"}
    found: ColumnElement[Any] = table[names[by]]
    return found


def _key(asked: Question, row: Any) -> Key:
    pairs = zip(asked.groups, row[: len(asked.groups)], strict=True)
    return tuple(label(by, int(value)) if by in PERIODS else str(value) for by, value in pairs)


def _where(asked: Question, table: Any, at: ColumnElement[int]) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [and_(at >= asked.start, at < asked.end)]
    wanted, referred = asked.wanted, table is _referrals
    found += wanted.window(table.opened_at)
    if wanted.agency and referred:
        found.append(_referrals.agency == wanted.agency)
    if wanted.party:
        found.append(_seen_referrals(wanted.party) if referred else _seen_cases(wanted.party))
    of_case = wanted.where()
    if of_case and referred:
        opened = (_cases.opened_at >= asked.start, _cases.opened_at < asked.end) if at is table.opened_at else ()
        return [*found, _referrals.case_id.in_(select(_cases.id).where(*of_case, *opened))]
    return found + of_case


def _seen_cases(party: str, case_id: ColumnElement[str] = _cases.id) -> ColumnElement[bool]:
    return case_id.in_(select(_parties.case_id).where(_parties.agency == party))


def _seen_referrals(party: str) -> ColumnElement[bool]:
    """Looked for among the cases of the party alone: who holds or sent a referral has a part in its case."""
    whole = select(_cases.id).where(_seen_cases(party), or_(_cases.origin == party, _cases.owner == party))
    own = or_(_referrals.agency == party, _referrals.sender == party, _referrals.case_id.in_(whole))
    return and_(_seen_cases(party, _referrals.case_id), own)
