"""Which cases: one filter, as SQL over the model and as a test of a case that just changed.

Both forms agree (a test holds them together). A division matches what lies below it: codes of GB/T 2260
name a province, a city or a county in pairs of digits, `00` at the end standing for "all of it", and
longer town and grid codes begin with their county's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, or_, select

from callmesh.api.v1 import case_pb2, tracking_service_pb2
from callmesh.domain.errors import Invalid
from callmesh.domain.names import SHORT, short
from callmesh.domain.numbers import dialled
from callmesh.kernel.ids import keyed_hash
from callmesh.tracking import attention, schema
from callmesh.tracking.rows import is_shielded, parties_of
from callmesh.tracking.words import CASE_STATE, LEVEL, Words, clean, micros, time_asked

_COUNTY = 6
_cases = schema.cases.c


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """What a case must be; empty fields match all."""

    states: frozenset[str] = frozenset()
    levels: frozenset[str] = frozenset()
    agency: str = ""
    owner: str = ""
    origin: str = ""
    category: str = ""
    division: str = ""
    channel: str = ""
    opened_from: int | None = None
    opened_until: int | None = None
    overdue: bool = False
    external_id: str = ""
    caller_key: str = ""
    id: str = ""
    """What the case's id ends with, SHORT signs at least."""
    attention: int = 0
    due_before: int | None = None
    party: str = ""
    """Only cases that this agency has a part in; "" for who may look at all of them."""
    asker: str = ""
    """Agency that asks: a shielded caller's number finds the cases that this agency received itself, no others."""

    def where(self) -> list[ColumnElement[bool]]:
        """Conditions on the table `cases`; agency and party are the query's affair (queries.listed)."""
        found = [column == given for column, given in self._equal() if given]
        if self.states:
            found.append(_cases.state.in_(sorted(self.states)))
        if self.levels:
            found.append(_cases.level.in_(sorted(self.levels)))
        if self.division:
            found.append(_cases.division.startswith(self.division, autoescape=True))
        if self.overdue:
            found.append(_cases.overdue.is_(True))
        if self.attention:
            found += [_cases.attention > 0, _cases.attention.bitwise_and(self.attention) > 0]
        if self.due_before is not None:
            found.append(_cases.next_due < self.due_before)
        return found + self._known_by()

    def window(self, opened: ColumnElement[int]) -> list[ColumnElement[bool]]:
        """Conditions on the time of opening, on whichever table drives the query."""
        found = []
        if self.opened_from is not None:
            found.append(opened >= self.opened_from)
        if self.opened_until is not None:
            found.append(opened < self.opened_until)
        return found

    def matches(self, case: case_pb2.Case) -> bool:
        """True when the case is one of them."""
        return (
            all(given in ("", held) for given, held in self._held(case))
            and (not self.states or CASE_STATE.word(case.state) in self.states)
            and (not self.levels or LEVEL.word(case.classification.level) in self.levels)
            and case.division.startswith(self.division)
            and (not self.overdue or attention.is_late(case))
            and self._calls(case)
            and (not self.agency or any(one.agency == self.agency for one in case.referrals))
            and (not self.party or self.party in parties_of(case))
            and (not self.external_id or any(one.value == self.external_id for one in case.external_ids))
            and case.name.endswith(self.id)
            and self._opened_within(micros(case.opened_at))
        )

    def _calls(self, case: case_pb2.Case) -> bool:
        if self.attention and not attention.attention(case) & self.attention:
            return False
        due = attention.next_due(case) if self.due_before is not None else None
        return self.due_before is None or (due is not None and due < self.due_before)

    def _equal(self) -> Iterable[tuple[ColumnElement[str], str]]:
        return (
            (_cases.owner, self.owner),
            (_cases.origin, self.origin),
            (_cases.category, self.category),
            (_cases.channel, self.channel),
        )

    def _held(self, case: case_pb2.Case) -> Iterable[tuple[str, str]]:
        return (
            (self.owner, case.owner),
            (self.origin, case.origin),
            (self.category, case.classification.category),
            (self.channel, case.channel),
            (self.caller_key, case.caller_key if not is_shielded(case) or case.origin == self.asker else ""),
        )

    def _known_by(self) -> list[ColumnElement[bool]]:
        found = []
        if self.id:
            found += [_has(schema.SHORT, short(self.id)), _cases.id.endswith(self.id, autoescape=True)]
        if self.external_id:
            found.append(_has(schema.EXTERNAL, self.external_id))
        if self.caller_key:
            own = and_(_has(schema.SHIELDED, self.caller_key), _cases.origin == self.asker)
            found.append(or_(_has(schema.CALLER, self.caller_key), own))
        return found

    def _opened_within(self, at: int) -> bool:
        after = self.opened_from is None or at >= self.opened_from
        return after and (self.opened_until is None or at < self.opened_until)


def _has(kind: str, value: str) -> ColumnElement[bool]:
    table = schema.identifiers.c
    return _cases.id.in_(select(table.case_id).where(table.kind == kind, table.value == value))


def parse(given: tracking_service_pb2.CaseFilter, number_key: str) -> CaseFilter:
    """The filter of a request; raises Invalid."""
    return CaseFilter(
        states=_words(given.states, CASE_STATE, "filter.states"),
        levels=_words(given.levels, LEVEL, "filter.levels"),
        agency=clean(given.agency),
        owner=clean(given.owner),
        origin=clean(given.origin),
        category=clean(given.category),
        division=prefix(clean(given.division)),
        channel=clean(given.channel),
        opened_from=time_asked(given.opened_from) if given.HasField("opened_from") else None,
        opened_until=time_asked(given.opened_until) if given.HasField("opened_until") else None,
        overdue=given.overdue,
        attention=sum(attention.bit(one) for one in _known(given.attention)),
        due_before=time_asked(given.due_before) if given.HasField("due_before") else None,
        external_id=clean(given.external_id),
        id=_id(clean(given.id).strip()),
        caller_key=keyed_hash(number_key, dialled(given.number)),
    )


def _id(asked: str) -> str:
    """A case's number as it is written, of which people type a part, in small letters too."""
    region, dash, own = asked.removeprefix("cases/").rpartition("-")
    if asked and len(own) < SHORT:
        reason = {"filter.id": f"at least {SHORT} signs"}
        raise Invalid(f"say at least the last {SHORT} signs of the number", f"请至少填写单号的后 {SHORT} 位", reason)
    return f"{region.lower()}{dash}{own.upper()}"


def prefix(division: str) -> str:
    """What the codes of a division and of all below it begin with."""
    while len(division) <= _COUNTY and division.endswith("00") and len(division) % 2 == 0:
        division = division[:-2]
    return division


def _known(asked: Iterable[int]) -> set[int]:
    found = set(asked)
    if found - (set(tracking_service_pb2.CaseFilter.Attention.values()) - {0}):
        reason = {"filter.attention": "unknown value"}
        raise Invalid("filter.attention has an unknown value", "筛选条件中有无法识别的取值", reason)
    return found


def _words(numbers: Iterable[int], words: Words, field: str) -> frozenset[str]:
    found = [words.words.get(number, "") for number in numbers]
    if "" in found:
        raise Invalid(f"{field} has an unknown value", "筛选条件中有无法识别的取值", {field: "unknown value"})
    return frozenset(found)
