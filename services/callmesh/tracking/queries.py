"""Questions to the read model: one case, pages of cases and of events."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, select, tuple_

from callmesh.api.v1 import case_pb2
from callmesh.kernel.vault import DataKey
from callmesh.ledger.port import Head
from callmesh.tracking import schema
from callmesh.tracking.filters import CaseFilter
from callmesh.tracking.pages import PAGE_BYTES

CASES_TOKEN = re.compile(r"c:([0-9a-f]{8}):(-?[0-9]{1,18}):([0-9A-Za-z-]{1,64})")
EVENTS_TOKEN = re.compile(r"e:([0-9A-Za-z-]{1,64}):([0-9]{1,18})")
_cases, _referrals, _events, _parties = schema.cases.c, schema.referrals.c, schema.events.c, schema.parties.c
Key = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Stored:
    """A case as the model holds it."""

    sequence: int
    opened_at: int
    case_id: str
    snapshot: bytes

    def reply(self, key: DataKey | None = None) -> case_pb2.Case:
        """As the API shows it."""
        return Head(self.snapshot, self.sequence, key=key).reply()


def found(connection: Connection, case_id: str) -> Stored | None:
    """The case of that id."""
    row = connection.execute(_columns().where(_cases.id == case_id)).first()
    return Stored(*row) if row else None


def listed(connection: Connection, wanted: CaseFilter, after: Key | None, size: int) -> tuple[list[Stored], bool]:
    """A page, newest first, and whether there is more. Ends early when it grows too long to send."""
    rows = connection.execute(_page(wanted, after).limit(size + 1)).all()
    page: list[Stored] = []
    used = 0
    for row in rows[:size]:
        used += len(row.snapshot)
        if page and used > PAGE_BYTES:
            return page, True
        page.append(Stored(*row))
    return page, len(rows) > size


def events_of(connection: Connection, case_id: str, after: int, size: int) -> list[Mapping[str, Any]]:
    """A case's events behind a sequence, oldest first."""
    query = (
        select(schema.events)
        .where(_events.case_id == case_id, _events.sequence > after)
        .order_by(_events.sequence)
        .limit(size)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def _columns() -> Select[Any]:
    return select(_cases.sequence, _cases.opened_at, _cases.id, _cases.snapshot)


def _page(wanted: CaseFilter, after: Key | None) -> Select[Any]:
    """Driven by the referrals of an agency, if one is asked for (each case once, by its first there), else by the
    cases an agency has a part in, if it may see no others."""
    opened, key = _cases.opened_at, _cases.id
    query = _columns()
    if wanted.party and wanted.agency:
        query = query.where(_cases.id.in_(select(_parties.case_id).where(_parties.agency == wanted.party)))
    elif wanted.party:
        opened, key = _parties.opened_at, _parties.case_id
        query = query.select_from(schema.parties.join(schema.cases, _cases.id == _parties.case_id))
        query = query.where(_parties.agency == wanted.party)
    if wanted.agency:
        opened, key = _referrals.opened_at, _referrals.case_id
        query = query.select_from(schema.referrals.join(schema.cases, _cases.id == _referrals.case_id))
        query = query.where(_referrals.agency == wanted.agency, _referrals.again.is_(False))
    if after is not None:
        query = query.where(tuple_(opened, key) < tuple_(*after))
    return query.where(*wanted.where(), *wanted.window(opened)).order_by(opened.desc(), key.desc())


def after_of(parts: Sequence[str]) -> Key:
    """The key in a token of ListCases."""
    return int(parts[1]), parts[2]
