"""GetFigures: tallies of a window (tallies.py) and the formulas (measures.py) become figures.

The way of a request: two grouped counts (cases, referrals), the same of a year before if asked for, then each
formula for each group. Without groups the whole is told, with the counts by state, channel, level, category and
agency and the ranking of the agencies; with groups each of them gets its own figures. All of it is read in one
transaction, so it is one state of the model.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from callmesh.api.v1 import tracking_service_pb2 as api
from callmesh.domain.directory import FigureRules
from callmesh.tracking import marks as m
from callmesh.tracking import measures, tallies
from callmesh.tracking.change import compared
from callmesh.tracking.periods import PERIODS, year_later
from callmesh.tracking.tallies import By, Key, Question, Took
from callmesh.tracking.words import CASE_STATE, timestamp

_F = api.Figure
RANKING = "agency_ranking"
_KINDS = ((By.CHANNEL, "channel", "按渠道"), (By.LEVEL, "level", "按级别"), (By.CATEGORY, "category", "按类别"))


@dataclass(slots=True)
class Group:
    """What was counted for one group."""

    cases: dict[int, int] = field(default_factory=dict)
    referrals: dict[int, int] = field(default_factory=dict)
    due: dict[int, int] = field(default_factory=dict)
    took: Took = field(default_factory=Took)


Groups = dict[Key, Group]


def figures(
    connection: Connection,
    asked: Question,
    rules: FigureRules | None = None,
    year_before: bool = False,
    ids: Iterable[str] = (),
) -> list[api.Figure]:
    """The figures with these ids (default: all) of the cases that the question is about, judged at its `now`."""
    wanted = frozenset(ids)
    weights = rules or FigureRules()
    found = list(_all(connection, asked, weights, wanted))
    if not year_before:
        return found
    zone = asked.zone
    earlier = replace(asked, start=zone.year_before(asked.start), end=zone.year_before(asked.end))
    return compared(found, _shifted(list(_all(connection, earlier, weights, wanted)), asked.groups))


def _all(connection: Connection, asked: Question, weights: FigureRules, ids: frozenset[str]) -> Iterator[api.Figure]:
    if not asked.groups:
        yield from (one for one in _whole(connection, asked, weights) if not ids or one.id in ids)
        return
    groups = count(connection, asked)
    for key in sorted(groups):
        yield from _placed(_of_group(groups[key], weights, ids), asked, key)
    if By.AGENCY in asked.groups and (not ids or RANKING in ids):
        yield from _rankings(groups, asked, weights)


def _summed(found: tallies.Tallies) -> dict[int, int]:
    whole: dict[int, int] = defaultdict(int)
    for tally in found.values():
        for marks, rows in tally.items():
            whole[marks] += rows
    return whole


def count(connection: Connection, asked: Question, known: tallies.Tallies | None = None) -> Groups:
    """Everything that the formulas need, by group; the cases may be `known` already."""
    groups: Groups = defaultdict(Group)
    for key, cases in (tallies.cases(connection, asked) if known is None else known).items():
        groups[key].cases = cases
    for key, referrals in tallies.referrals(connection, asked).items():
        groups[key].referrals = referrals
    for key, due in tallies.due(connection, asked).items():
        groups[key].due = due
    for key, took in tallies.took(connection, asked).items():
        groups[key].took = took
    return groups


def _whole(connection: Connection, asked: Question, weights: FigureRules) -> Iterator[api.Figure]:
    """The window as one group, and its cases by this and that."""
    by_kind = tallies.cases(connection, replace(asked, groups=tuple(by for by, _, _ in _KINDS)))
    whole = count(connection, asked, {(): _summed(by_kind)} if by_kind else {}).get((), Group())
    agencies = replace(asked, groups=(By.AGENCY,))
    by_agency = {key: Group(cases=found) for key, found in tallies.cases(connection, agencies).items()}
    opened, *rest = _of_group(whole, weights)
    found = [opened, *_by_state(whole), *_by_kind(by_kind), *_by_agency(by_agency), *rest]
    yield from _placed([*found, *_ranking(by_agency, weights, 0)], asked, ())


def _of_group(group: Group, weights: FigureRules, ids: frozenset[str] = frozenset()) -> Iterator[api.Figure]:
    """The formulas of one group, those that are wanted."""
    if not ids:
        yield from _formulas(group, weights)
        return
    rated = ((measures.CASE_RATES, group.cases), (measures.REFERRAL_RATES, group.referrals))
    for rates, tally in (*rated, ((measures.ON_TIME,), group.due)):
        yield from (_rate(one, tally) for one in rates if one.id in ids)
    if ids - measures.RATE_IDS:
        yield from (one for one in _formulas(group, weights, rates=False) if one.id in ids)


def _formulas(group: Group, weights: FigureRules, rates: bool = True) -> Iterator[api.Figure]:
    cases, referrals = group.cases, group.referrals
    yield _count("cases_opened", "接报数", sum(cases.values()))
    diverted = sum(rows for marks, rows in cases.items() if marks & m.DIVERTED)
    yield _count("diverted", "分流数", diverted)
    for rate in measures.CASE_RATES if rates else ():
        yield _rate(rate, cases)
    yield _score(cases, weights)
    yield _count("referrals_offered", "转办数", sum(referrals.values()))
    if rates:
        yield from (_rate(one, referrals) for one in measures.REFERRAL_RATES)
        yield _rate(measures.ON_TIME, group.due)
    yield from _seconds(group.took)


def _count(name: str, zh: str, number: int, key: str = "") -> api.Figure:
    return _F(id=name, zh=zh, key=key, numerator=number, unit=_F.COUNT)


def _rate(rate: measures.Rate, tally: Mapping[int, int]) -> api.Figure:
    part, whole = rate.of(tally)
    made = _F(id=rate.id, key=rate.key, zh=rate.zh, numerator=part, denominator=whole, unit=_F.RATE)
    if whole:
        made.value = part / whole
    return made


def _score(cases: Mapping[int, int], weights: FigureRules) -> api.Figure:
    """Only of rates that somebody answered for; without a single one there is no score."""
    rated = (
        (measures.RESPONSE, weights.response_weight),
        (measures.SOLVED, weights.solved_weight),
        (measures.RATED, weights.satisfied_weight),
    )
    parts = [(part / whole, weight) for (part, whole), weight in ((one.of(cases), by) for one, by in rated) if whole]
    answered = measures.RESPONSE.of(cases)[1]
    made = _F(id="score", zh="综合得分", numerator=answered, denominator=answered, unit=_F.SCORE)
    total = sum(weight for _, weight in parts)
    if total:
        made.value = sum(rate * weight for rate, weight in parts) / total
    return made


def _seconds(took: Took) -> Iterator[api.Figure]:
    of: Iterable[tuple[str, str, Callable[[], float]]] = (
        ("accept_seconds_mean", "平均签收时长", took.mean),
        ("accept_seconds_p50", "签收时长中位数", lambda: took.percentile(50)),
        ("accept_seconds_p95", "签收时长九五分位", lambda: took.percentile(95)),
    )
    for name, zh, seconds in of:
        yield _F(id=name, zh=zh, numerator=took.count, seconds=seconds(), unit=_F.SECONDS)


def _by_state(whole: Group) -> Iterator[api.Figure]:
    counts: dict[str, int] = defaultdict(int)
    for marks, rows in whole.cases.items():
        counts[CASE_STATE.word(m.state(marks))] += rows
    for state in sorted(counts):
        yield _count("cases_by_state", "按状态", counts[state], state)


def _by_kind(found: tallies.Tallies) -> Iterator[api.Figure]:
    for place, (_, name, zh) in enumerate(_KINDS):
        counts: dict[str, int] = defaultdict(int)
        for key, tally in found.items():
            counts[key[place]] += sum(tally.values())
        for key_of in sorted(counts):
            yield _count(f"cases_by_{name}", zh, counts[key_of], key_of)


def _by_agency(groups: Groups) -> Iterator[api.Figure]:
    for (agency,), group in sorted(groups.items(), key=lambda one: one[0]):
        yield _count("cases_by_agency", "按单位", sum(group.cases.values()), agency)


def _rankings(groups: Groups, asked: Question, weights: FigureRules) -> Iterator[api.Figure]:
    """Among the agencies of the same category, month, ..."""
    place = asked.groups.index(By.AGENCY)
    apart: dict[Key, Groups] = defaultdict(dict)
    for key, group in groups.items():
        apart[(*key[:place], *key[place + 1 :])][key] = group
    for others in sorted(apart):
        for one in _ranking(apart[others], weights, place):
            key = (*others[:place], one.key, *others[place:])
            yield from _placed([one], asked, key)


def _ranking(groups: Groups, weights: FigureRules, place: int) -> Iterator[api.Figure]:
    """Equal scores share a place, the next one is left out."""
    scored = [(_score(group.cases, weights), key[place]) for key, group in groups.items()]
    known = sorted(((one.value, agency) for one, agency in scored if one.HasField("value")), key=lambda one: -one[0])
    for score, agency in sorted(known, key=lambda one: (-one[0], one[1])):
        rank = 1 + sum(other > score for other, _ in known)
        made = _F(id=RANKING, key=agency, zh="单位排名", numerator=rank, denominator=len(known), unit=_F.RANK)
        made.value = score
        yield made


def _placed(found: Iterable[api.Figure], asked: Question, key: Key) -> Iterator[api.Figure]:
    """With the group and the window that they are for."""
    start, end = asked.start, asked.end
    for by, text in zip(asked.groups, key, strict=True):
        if by in PERIODS:
            first, following = asked.zone.starts(by, text)
            start, end = max(start, first), min(end, following)
    groups = [api.FigureGroup(by=by, key=text) for by, text in zip(asked.groups, key, strict=True)]  # type: ignore[arg-type]
    for one in found:
        one.groups.extend(groups)
        one.start_time.CopyFrom(timestamp(start))
        one.end_time.CopyFrom(timestamp(end))
        yield one


def _shifted(found: list[api.Figure], groups: tuple[int, ...]) -> list[api.Figure]:
    """Figures of a year before, under the labels of this year's periods."""
    for one in found:
        for group in one.groups:
            if group.by in PERIODS:
                group.key = year_later(group.key)
    return found


def response(found: list[api.Figure], asked: Question, year_before: bool) -> api.GetFiguresResponse:
    """The figures with their window and zone."""
    made = api.GetFiguresResponse(
        figures=found,
        start_time=timestamp(asked.start),
        end_time=timestamp(asked.end),
        zone=str(asked.zone),
    )
    if year_before:
        made.previous_start_time.CopyFrom(timestamp(asked.zone.year_before(asked.start)))
        made.previous_end_time.CopyFrom(timestamp(asked.zone.year_before(asked.end)))
    return made
