"""GetFigures: counts and rates of the cases opened in a window, each with numerator and denominator.

What is counted (domain.md section 6 has the formulas; where it leaves room, this is our reading):

cases_opened        cases opened in the window; cases_by_state, _channel, _level, _category: the same by key
cases_by_agency     cases an agency holds or held a referral of; a case of three agencies counts for each
diversion_rate      offered to an agency other than the origin / classified and not an emergency
closed_rate         CLOSED or ANSWERED / opened
accept_on_time      accepted by the due time / accepted, or the due time passed before it ended or by now
accept_seconds_*    from delivery to acceptance: mean, p50, p95 (nearest rank); numerator: how many accepted
return_rate         referrals with a return asked for / referrals offered
right_first_time    referrals not returned / referrals offered
solved              last answered follow-up says solved / cases with an answered follow-up
satisfied           last answered follow-up says 4 or 5 / those that say anything
follow_up_reached   cases with an answered follow-up / cases with a follow-up tried
arrival_within_*    on site within 5 or 10 minutes of delivery / referrals somebody arrived for
limits_missed       referrals that missed the limit / referrals offered, by limit

All of it is one state of the model. A rate of nothing has denominator 0: unknown, not zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select
from sqlalchemy.sql.expression import true

from callmesh.api.v1 import tracking_service_pb2 as api
from callmesh.tracking import schema
from callmesh.tracking.words import SECOND, timestamp

_MINUTE = 60 * SECOND
_SATISFIED = 4
_cases, _referrals, _parties = schema.cases.c, schema.referrals.c, schema.parties.c
_GROUPS: tuple[tuple[str, str, ColumnElement[str]], ...] = (
    ("cases_by_state", "按状态", _cases.state),
    ("cases_by_channel", "按渠道", _cases.channel),
    ("cases_by_level", "按级别", _cases.level),
    ("cases_by_category", "按类别", _cases.category),
)
_classified = and_(_cases.category != "", _cases.emergency.is_(False))
_said = and_(_cases.reached.is_(True), _cases.satisfied > 0)
_accepted = _referrals.accepted_at.is_not(None)
_arrived = and_(_referrals.arrived_at.is_not(None), _referrals.received_at.is_not(None))
_took = _referrals.accepted_at - _referrals.received_at

Rate = tuple[str, str, str, ColumnElement[bool], ColumnElement[bool]]
_CASE_RATES: tuple[Rate, ...] = (
    ("diversion_rate", "", "分流率", and_(_classified, _cases.diverted.is_(True)), _classified),
    ("closed_rate", "", "办结率", _cases.state.in_(("closed", "answered")), true()),
    ("solved", "", "解决率", _cases.solved.is_(True), _cases.reached.is_(True)),
    ("satisfied", "", "满意率", and_(_said, _cases.satisfied >= _SATISFIED), _said),
    ("follow_up_reached", "", "回访接通率", _cases.reached.is_(True), _cases.asked.is_(True)),
)


def figures(connection: Connection, start: int, end: int, now: int, agency: str = "") -> list[api.Figure]:
    """All figures of the cases opened in [start, end), judged at `now`; microseconds. Of an agency: those of the cases
    it has a part in, and of the referrals it holds, sent, or that came of cases it opened."""
    cases = _within(_cases.opened_at, start, end)
    referrals = _within(_referrals.opened_at, start, end)
    if agency:
        cases = and_(cases, _cases.id.in_(select(_parties.case_id).where(_parties.agency == agency)))
        opened_here = _referrals.case_id.in_(select(_cases.id).where(_cases.origin == agency))
        referrals = and_(referrals, or_(_referrals.agency == agency, _referrals.sender == agency, opened_here))
    return [
        _opened(connection, cases),
        *_grouped(connection, cases),
        *_by_agency(connection, referrals),
        *_rates(connection, cases, _CASE_RATES),
        *_rates(connection, referrals, _referral_rates(now)),
        *_accept_seconds(connection, referrals),
    ]


def _within(opened: ColumnElement[int], start: int, end: int) -> ColumnElement[bool]:
    return and_(opened >= start, opened < end)


def _opened(connection: Connection, window: ColumnElement[bool]) -> api.Figure:
    count = connection.scalar(select(func.count()).select_from(schema.cases).where(window))
    return api.Figure(id="cases_opened", zh="接报数", numerator=count or 0)


def _grouped(connection: Connection, window: ColumnElement[bool]) -> Iterator[api.Figure]:
    for name, zh, column in _GROUPS:
        query = select(column, func.count()).where(window).group_by(column).order_by(column)
        for key, count in connection.execute(query):
            yield api.Figure(id=name, key=key, zh=zh, numerator=count)


def _by_agency(connection: Connection, window: ColumnElement[bool]) -> Iterator[api.Figure]:
    agency = _referrals.agency
    query = select(agency, func.count()).where(window, _referrals.again.is_(False))
    for key, count in connection.execute(query.group_by(agency).order_by(agency)):
        yield api.Figure(id="cases_by_agency", key=key, zh="按单位", numerator=count)


def _rates(connection: Connection, window: ColumnElement[bool], rates: tuple[Rate, ...]) -> Iterator[api.Figure]:
    """Any number of rates over one table in one pass."""
    sums = [_count(part) for rate in rates for part in rate[3:]]
    counts = [int(one or 0) for one in connection.execute(select(*sums).where(window)).one()]
    for place, (name, key, zh, *_) in enumerate(rates):
        numerator, denominator = counts[2 * place : 2 * place + 2]
        yield api.Figure(id=name, key=key, zh=zh, numerator=numerator, denominator=denominator)


def _count(condition: ColumnElement[bool]) -> ColumnElement[Any]:
    return func.sum(case((condition, 1), else_=0))


def _referral_rates(now: int) -> tuple[Rate, ...]:
    r = _referrals
    passed = and_(r.accept_due.is_not(None), r.accept_due < func.coalesce(r.ended_at, now))
    on_time = and_(_accepted, or_(r.accept_due.is_(None), r.accepted_at <= r.accept_due))
    waited = r.arrived_at - r.received_at
    return (
        ("accept_on_time", "", "按时签收率", on_time, or_(_accepted, passed)),
        ("return_rate", "", "退单率", r.returns > 0, true()),
        ("right_first_time", "", "一次派准率", r.state != "returned", true()),
        ("arrival_within", "5m", "五分钟到场率", and_(_arrived, waited <= 5 * _MINUTE), _arrived),
        ("arrival_within", "10m", "十分钟到场率", and_(_arrived, waited <= 10 * _MINUTE), _arrived),
        ("limits_missed", "accept", "签收超时", r.missed_accept.is_(True), true()),
        ("limits_missed", "feedback", "反馈超时", r.missed_feedback.is_(True), true()),
        ("limits_missed", "resolve", "办结超时", r.missed_resolve.is_(True), true()),
    )


def _accept_seconds(connection: Connection, window: ColumnElement[bool]) -> Iterator[api.Figure]:
    measured = and_(window, _accepted, _referrals.received_at.is_not(None))
    summed = select(func.count(), func.sum(_took)).where(measured)
    count, total = connection.execute(summed).one()
    mean = float(total) / count / SECOND if count else 0.0
    yield api.Figure(id="accept_seconds_mean", zh="平均签收时长", numerator=count, seconds=mean)
    for percent, zh in ((50, "签收时长中位数"), (95, "签收时长九五分位")):
        rank = max(0, -(-count * percent // 100) - 1)
        query = select(_took).where(measured).order_by(_took).limit(1).offset(rank)
        seconds = (connection.scalar(query) or 0) / SECOND
        yield api.Figure(id=f"accept_seconds_p{percent}", zh=zh, numerator=count, seconds=seconds)


def response(found: list[api.Figure], start: int, end: int) -> api.GetFiguresResponse:
    """The figures with their window."""
    return api.GetFiguresResponse(figures=found, start_time=timestamp(start), end_time=timestamp(end))
