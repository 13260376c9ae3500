"""The tables of the read model. Everything in them is derived from the log.

No personal data stands here in the clear: the words of a case are in its snapshot, sealed as they are on the log,
and a caller's number is a keyed hash, which goes when the case is erased. Times are microseconds since 1970 in UTC
(fast and equal on both databases; NULL: did not happen).
Words are those of callmesh.domain.words. Text sorts by code point on PostgreSQL too, so that pages
and digests are the same on both. A change here raises VERSION: a model of another version is dropped
at start and filled again from the log, there are no migrations.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, String, Table

VERSION = 8
metadata = MetaData()
_TEXT = String().with_variant(String(collation="C"), "postgresql")


def _key(name: str) -> Column[str]:
    return Column(name, _TEXT, primary_key=True)


def _text(name: str) -> Column[str]:
    return Column(name, _TEXT, nullable=False)


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False)


def _number(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _time(name: str) -> Column[int | None]:
    return Column(name, BigInteger, nullable=True)


cases = Table(
    "cases",
    metadata,
    _key("id"),
    _text("state"),
    _text("level"),
    _text("category"),
    _text("verdict"),
    _text("division"),
    _text("channel"),
    _text("origin"),
    _text("owner"),
    _flag("emergency"),
    _number("opened_at"),
    _number("updated_at"),
    _time("closed_at"),
    _number("sequence"),
    Column("round", Integer, nullable=False),
    _text("supervision"),
    _flag("overdue"),  # a limit was missed, by whomever it binds
    _flag("diverted"),  # offered to an agency that is not the origin
    _flag("asked"),  # a follow-up was tried
    _flag("reached"),  # the caller answered one
    _flag("solved"),  # what the caller said the last time
    Column("satisfied", Integer, nullable=False),
    _text("city_version"),
    _number("marks"),  # callmesh.tracking.marks
    _number("attention"),  # callmesh.tracking.attention
    _time("next_due"),  # end of the next limit that nobody has met
    Column("snapshot", LargeBinary, nullable=False),  # the message of the log, as it is stored: words sealed
    # figures read this alone, never the rows with their snapshots; a page looks only at the rows that match
    Index("cases_opened", "opened_at", "id", "marks", "category", "division", "channel", "level", "origin"),
    Index("cases_state", "state", "opened_at", "id"),
    Index("cases_owner", "owner", "opened_at", "id"),
)
Index(
    "cases_overdue",
    cases.c.opened_at,
    cases.c.id,
    sqlite_where=cases.c.overdue.is_(True),
    postgresql_where=cases.c.overdue.is_(True),
)

Index(
    "cases_due",
    cases.c.opened_at,
    cases.c.id,
    cases.c.next_due,
    sqlite_where=cases.c.next_due.is_not(None),
    postgresql_where=cases.c.next_due.is_not(None),
)
Index(
    "cases_attention",
    cases.c.opened_at,
    cases.c.id,
    sqlite_where=cases.c.attention > 0,
    postgresql_where=cases.c.attention > 0,
)

referrals = Table(
    "referrals",
    metadata,
    _key("case_id"),
    Column("number", Integer, primary_key=True, autoincrement=False),
    _text("agency"),
    _text("role"),
    _text("state"),
    _text("sender"),
    Column("round", Integer, nullable=False),
    Column("hop", Integer, nullable=False),
    _number("opened_at"),  # the case's, for windows and pages
    _flag("again"),  # the agency held the case before
    _time("offered_at"),
    _time("received_at"),
    _time("accepted_at"),
    _time("feedback_at"),
    _time("arrived_at"),
    _time("resolved_at"),
    _time("ended_at"),
    _time("accept_due"),
    _time("feedback_due"),
    _time("resolve_due"),
    _flag("missed_accept"),
    _flag("missed_feedback"),
    _flag("missed_resolve"),
    Column("returns", Integer, nullable=False),  # returns asked for
    _number("marks"),
    _time("waits_until"),  # due time of an acceptance that is still waited for
    _time("took"),  # from receipt to acceptance
    _number("case_marks"),  # the case's, as are the next four
    _text("category"),
    _text("division"),
    _text("channel"),
    _text("level"),
    Index("referrals_agency", "agency", "opened_at", "case_id"),
    Index(
        *("referrals_figures", "opened_at", "agency", "marks", "case_marks", "category", "division"),
        *("channel", "level", "waits_until", "took"),
    ),
    Index("referrals_due", "resolve_due", "marks", "agency", "category", "division", "channel", "level"),
)

events = Table(
    "events",
    metadata,
    _key("stream"),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    _text("case_id"),
    _text("kind"),
    _number("at"),
    _text("actor_kind"),
    _text("actor_agency"),
    _text("actor_person"),
    _text("actor_role"),
    _text("referral"),
    _text("trace_id"),
    _text("state"),
    _text("summary"),
    Index("events_case", "case_id", "sequence"),
    sqlite_with_rowid=False,
)

parties = Table(  # who may see a case at all: who opened it or answers for it, holds, held or sent a referral
    "parties",
    metadata,
    _key("agency"),
    _key("case_id"),
    _number("opened_at"),  # the case's, for windows and pages
    Index("parties_opened", "agency", "opened_at", "case_id"),
    sqlite_with_rowid=False,
)

EXTERNAL, CALLER, SHIELDED, SHORT = "external", "caller", "shielded", "short"
identifiers = Table(  # what a case can be found by: numbers elsewhere, its own short one, the (shielded) caller's key
    "identifiers",
    metadata,
    _key("kind"),
    _key("value"),
    _key("case_id"),
    sqlite_with_rowid=False,
)

hotspots = Table(  # cases by cell of the map, hour of opening and category
    "hotspots",
    metadata,
    Column("hour", BigInteger, primary_key=True, autoincrement=False),  # its start
    _key("cell"),
    _key("category"),
    Column("count", Integer, nullable=False),
    sqlite_with_rowid=False,
)
alerts = Table(  # hotspots that reached the city's threshold; what was decided is kept when the model is rebuilt
    "alerts",
    metadata,
    Column("hour", BigInteger, primary_key=True, autoincrement=False),
    _key("cell"),
    _key("category"),
    Column("count", Integer, nullable=False),
    Column("threshold", Integer, nullable=False),
    _text("stream"),
    _number("sequence"),
    _text("case_id"),
    _number("at"),
    Index("alerts_sequence", "stream", "sequence"),
)

position = Table("position", metadata, _key("stream"), _number("sequence"))
model = Table("model", metadata, Column("version", Integer, primary_key=True, autoincrement=False))
