"""Every figure of domain.md section 6 by its formula, on both databases; the reports' figures are the data."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from read_model_kit import Model
from tracking_play import START, MemorySource

from callmesh.api.v1 import case_pb2, referral_pb2
from callmesh.api.v1 import tracking_service_pb2 as api
from callmesh.domain.directory import FigureRules
from callmesh.facts.v1 import facts_pb2
from callmesh.tracking import figures
from callmesh.tracking.filters import CaseFilter
from callmesh.tracking.items import Item
from callmesh.tracking.periods import Zone
from callmesh.tracking.store import Store
from callmesh.tracking.tallies import By, Question
from callmesh.tracking.words import SECOND, micros_of, timestamp

_C, _R = case_pb2.Case, referral_pb2.Referral
HOUR = timedelta(hours=1)
Found = dict[tuple[str, ...], api.Figure]
_numbers = count(1)


def item(sequence: int, at: datetime = START, **given: Any) -> Item:
    """A case as it stands, in one message: `given` are fields of the case."""
    case_id = f"r1-0-{next(_numbers):026d}"
    record = facts_pb2.Record()
    record.fact.case_classified.SetInParent()
    record.fact.at.CopyFrom(timestamp(micros_of(at)))
    whole = {"origin": "110", "channel": "phone", "division": "990101", "round": 1, "state": _C.REFERRED} | given
    record.case.CopyFrom(_C(name=f"cases/{case_id}", opened_at=timestamp(micros_of(at)), **whole))
    record.case.classification.category = record.case.classification.category or "water_outage"
    return Item(sequence, case_id, record.SerializeToString())


def referral(number: int, agency: str, at: datetime, **seconds: float) -> referral_pb2.Referral:
    """A referral offered at `at`, with times in seconds after it."""
    made = _R(name=f"cases/x/referrals/{number}", agency=agency, role=_R.LEAD, round=1, state=_R.OFFERED)
    for name, after in ({"offered": 0, "received": 0} | seconds).items():
        field = name if name.endswith("due") else f"{name}_at"
        getattr(made, field).CopyFrom(timestamp(micros_of(at) + round(after * SECOND)))
    return made


async def write(store: Store, items: list[Item], threshold: int = 0) -> None:
    """Projects the items as one log."""
    from callmesh.tracking.projector import Projector

    projector = Projector(store, MemorySource(lambda: items, 1000), threshold=lambda: threshold)
    await projector.start()


async def ask(store: Store, *groups: int, start: datetime = START, days: float = 1, **more: Any) -> Found:
    """Figures by id, key and groups."""
    first = micros_of(start)
    last = first + round(days * 86_400 * SECOND)
    given = {"wanted": CaseFilter(), "zone": Zone(480), "now": last} | {
        key: more.pop(key) for key in ("wanted", "now", "police") if key in more
    }
    asked = Question(first, last, given.pop("now"), groups, given.pop("wanted"), given.pop("zone"), **given)  # type: ignore[arg-type]
    found = await store.read(lambda connection: figures.figures(connection, asked, **more))
    return {(one.id, one.key, *(group.key for group in one.groups)): one for one in found}


def sequence() -> Iterator[int]:
    return iter(count(1))


async def test_row_19_numerator_and_denominator_are_shown(store: Store) -> None:
    """Row 19 (Shaowu): 17,912 of 18,220. The report prints 98.6 %; what the formula gives is 98.31 %."""
    up = sequence()
    happy = {"follow_ups": [_follow_up(5)], "state": _C.CLOSED, "closed_at": timestamp(micros_of(START + HOUR))}
    unhappy = happy | {"follow_ups": [_follow_up(2)]}
    items = [item(next(up), **(happy if place < 17_912 else unhappy)) for place in range(18_220)]
    await write(store, items)
    found = (await ask(store))["satisfied", ""]
    assert (found.numerator, found.denominator) == (17_912, 18_220)
    assert found.value == pytest.approx(0.983095, abs=1e-6) and found.unit == api.Figure.RATE


def _follow_up(satisfied: int, **more: Any) -> case_pb2.FollowUp:
    return case_pb2.FollowUp(**({"reached": True, "solved": satisfied > 2, "satisfied": satisfied} | more))


async def test_row_15_effective_handling_shows_raw_counts(store: Store) -> None:
    """Row 15 (Xiamen): 280 orders a day at 81 agencies, 99.7 % handled: 279 of 280 is 99.6 %, and is shown as that."""
    up = sequence()
    done = lambda place: referral(1, f"agency{place % 81:02d}", START, accepted=60, resolved=600)  # noqa: E731
    items = [item(next(up), referrals=[done(place)]) for place in range(279)]
    returned = referral(1, "agency00", START)
    returned.state = _R.RETURNED
    items += [item(next(up), referrals=[referral(1, "agency01", START)]), item(next(up), referrals=[returned])]
    await write(store, items)
    found = (await ask(store))["effective_handling", ""]
    assert (found.numerator, found.denominator) == (279, 280)
    by_agency = await ask(store, By.AGENCY)
    assert len({key[2] for key in by_agency if key[0] == "cases_opened"}) == 81
    assert by_agency["effective_handling", "", "agency01"].denominator == 5


async def test_row_24_arrival_within_five_and_ten_minutes(store: Store) -> None:
    """Row 24 (Zhangzhou): at least 80 % in 5 minutes, 100 % in 10."""
    up = sequence()
    took = [299] * 79 + [300] + [301] * 19 + [600]
    items = [item(next(up), referrals=[referral(1, "110", START, accepted=9, arrived=one)]) for one in took]
    items.append(item(next(up), referrals=[referral(1, "110", START, accepted=9)]))
    await write(store, items)
    found = await ask(store)
    five, ten = found["arrival_within", "5m"], found["arrival_within", "10m"]
    assert (five.numerator, five.denominator, five.value) == (80, 100, pytest.approx(0.8))
    assert (ten.numerator, ten.denominator, ten.value) == (100, 100, 1.0)


async def test_row_3_diversions_and_sign_for_beside_the_year_before(store: Store) -> None:
    """Row 3 (Zhejiang, scaled): 553 diverted, 7.3 % more; signing for takes 23 s less."""
    up, before = sequence(), datetime(2025, 3, 2, 1, 0, tzinfo=UTC)
    items = []
    for at, diverted, kept, seconds in ((before, 1000, 40, 83.0), (START, 1073, 50, 60.0)):
        gone = {"referrals": [referral(1, "12345", at, accepted=seconds)]}
        items += [item(next(up), at, **gone) for _ in range(diverted)]
        items += [item(next(up), at, referrals=[referral(1, "110", at)]) for _ in range(kept)]
    await write(store, items)
    found = await ask(store, year_before=True)
    diverted_now = found["diverted", ""]
    assert (diverted_now.numerator, diverted_now.previous_numerator) == (1073, 1000)
    assert diverted_now.change == pytest.approx(0.073)
    for name in ("mean", "p50", "p95"):
        took = found[f"accept_seconds_{name}", ""]
        assert (took.seconds, took.previous_seconds) == (60, 83) and took.change == pytest.approx(-23)
    rate = found["diversion_rate", ""]
    assert (rate.numerator, rate.denominator) == (1073, 1123)
    assert rate.previous_denominator == 1040 and rate.change == pytest.approx(1073 / 1123 - 1000 / 1040)


async def test_police_matters_and_emergencies_are_no_diversions(store: Store) -> None:
    up = sequence()
    gone = {"referrals": [referral(1, "gas", START)]}
    theft = {"classification": {"category": "theft"}}
    items = [item(next(up), **gone), item(next(up)), item(next(up), emergency=True, **gone)]
    items.append(item(next(up), **gone, **theft))
    await write(store, items)
    found = await ask(store, police=frozenset({"theft"}))
    assert (found["diversion_rate", ""].numerator, found["diversion_rate", ""].denominator) == (1, 2)
    assert found["diverted", ""].numerator == 3


async def test_row_23_late_diversions_and_the_patrols_rates(store: Store) -> None:
    """Row 23 (Liaocheng): overdue diversions; the patrol visits every closed case, every finding is rectified."""
    up, closed = sequence(), {"state": _C.CLOSED, "closed_at": timestamp(micros_of(START + HOUR))}
    late = {"referrals": [referral(1, "gas", START + HOUR)], "flags": ["late_diversion"]}
    visit = case_pb2.Patrol(round=1)
    finding = lambda state: case_pb2.Finding(rule="no_reply", agency="gas", state=state)  # noqa: E731
    items = [
        item(next(up), referrals=[referral(1, "gas", START + timedelta(minutes=10))], **closed),
        item(next(up), **late, findings=[finding(case_pb2.Finding.OPEN)], patrol=visit, **closed),
        item(
            *(next(up), START),
            findings=[finding(case_pb2.Finding.RECTIFIED), finding(case_pb2.Finding.VERIFIED)],
            patrol=visit,
            **closed,
        ),
    ]
    await write(store, items)
    found = await ask(store)
    counts = {key: (one.numerator, one.denominator) for key, one in found.items()}
    assert counts["late_diversion", ""] == (1, 2)
    assert counts["audit_rectified", ""] == (2, 3)
    assert counts["audit_coverage", ""] == (2, 3)


async def test_row_27_closure_times_and_graded_counts(store: Store) -> None:
    """Row 27: counts by category and period, year on year; closed within 24 h, 72 h."""
    up, hours = sequence(), (0.5, 1, 3, 24, 25, 72, 73, 200)
    items = [
        item(next(up), state=_C.CLOSED, closed_at=timestamp(micros_of(START + one * HOUR)), division="990101")
        for one in hours
    ]
    items.append(item(next(up), START - timedelta(days=365), classification={"category": "noise"}))
    items.append(item(next(up), START + timedelta(days=1), classification={"category": "noise"}))
    await write(store, items)
    found = await ask(store)
    buckets = [found["closure_time", key].numerator for key in ("1h", "4h", "24h", "72h", "7d", "more")]
    assert buckets == [2, 1, 1, 2, 1, 1] and sum(buckets) == found["closed_rate", ""].numerator
    within = [
        (found["closed_within", key].numerator, found["closed_within", key].denominator) for key in ("24h", "72h")
    ]
    assert within == [(4, 8), (6, 8)]

    graded = await ask(store, By.CATEGORY, By.DAY, days=2, year_before=True)
    assert graded["cases_opened", "", "water_outage", "2026-03-02"].numerator == 8
    noise = graded["cases_opened", "", "noise", "2026-03-03"]
    assert (noise.numerator, noise.previous_numerator) == (1, 0) and not noise.HasField("change")
    assert noise.start_time.seconds - START.timestamp() == 15 * 3600  # midnight in the city
    months = await ask(store, By.CATEGORY, By.MONTH, days=2, year_before=True)
    noise = months["cases_opened", "", "noise", "2026-03"]
    assert (noise.numerator, noise.previous_numerator, noise.change) == (1, 1, 0.0)


async def test_the_follow_up_rates_leave_the_unreached_out_and_tell_them(store: Store) -> None:
    up = sequence()
    told = [
        [_follow_up(5, contacted=True)],
        [_follow_up(1), case_pb2.FollowUp()],
        [case_pb2.FollowUp()],
        [_follow_up(0, solved=True)],
    ]
    await write(store, [item(next(up), follow_ups=one) for one in told])
    rules = FigureRules(response_weight=2.0, solved_weight=1.0, satisfied_weight=1.0)
    found = await ask(store, rules=rules)
    counts = {key: (one.numerator, one.denominator) for key, one in found.items()}
    assert counts["response", ""] == (1, 3) and counts["solved", ""] == (2, 3)
    assert counts["satisfied", ""] == (1, 2)
    assert counts["follow_up_reached", ""] == (3, 4) and counts["follow_up_unreached", ""] == (1, 4)
    assert found["score", ""].value == pytest.approx((2 * 1 / 3 + 2 / 3 + 1 / 2) / 4)


async def test_agencies_are_ranked_by_their_score(store: Store) -> None:
    up, good, bad = sequence(), [_follow_up(5, contacted=True)], [_follow_up(1)]
    ways = [("gas", good), ("water", bad), ("street", good), ("power", bad + good), ("health", [])]
    items = [item(next(up), referrals=[referral(1, name, START)], follow_ups=told) for name, told in ways]
    items.append(item(next(up), referrals=[referral(1, "water", START)], follow_ups=good))
    await write(store, items)
    found = await ask(store)
    ranking = {key[1]: (one.numerator, one.denominator) for key, one in found.items() if key[0] == "agency_ranking"}
    assert ranking == {"gas": (1, 4), "power": (1, 4), "street": (1, 4), "water": (4, 4)}
    assert found["agency_ranking", "water"].value == pytest.approx(0.5)
    grouped = await ask(store, By.DISTRICT, By.AGENCY)
    assert grouped["agency_ranking", "water", "990101", "water"].numerator == 4


async def test_rates_of_repeats_rounds_and_due_results(store: Store) -> None:
    up = sequence()
    met = referral(1, "gas", START, accepted=1, resolved=3600, resolve_due=3600)
    broken = referral(1, "gas", START, accepted=1, resolve_due=7200)
    later = referral(1, "gas", START, accepted=1, resolve_due=40 * 3600)
    items = [
        item(next(up), links=[{"case": "cases/r1-0-x", "kind": "same_caller"}], referrals=[met]),
        item(next(up), round=2, referrals=[broken]),
        item(next(up), state=_C.CLOSED, closed_at=timestamp(micros_of(START)), referrals=[later]),
    ]
    await write(store, items)
    found = {key: (one.numerator, one.denominator) for key, one in (await ask(store)).items()}
    assert found["repeat_rate", ""] == (1, 3) and found["reopen_rate", ""] == (1, 2)
    assert found["on_time", ""] == (1, 2)


GROUPS: list[tuple[int, str]] = [
    (By.AGENCY, "water"),
    (By.CATEGORY, "water_outage"),
    (By.DISTRICT, "990101"),
    (By.CHANNEL, "phone"),
    (By.LEVEL, "p2"),
    (By.DAY, "2026-03-02"),
    (By.WEEK, "2026-W10"),
    (By.MONTH, "2026-03"),
]


@pytest.mark.parametrize(("by", "key"), GROUPS)
async def test_groups_sum_to_the_whole(model: Model, by: int, key: str) -> None:
    """Every plain count, group by group; by agency a case counts for each of its agencies."""
    await model.feed()
    whole, grouped = await ask(model.store), await ask(model.store, by)
    assert ("cases_opened", "", key) in grouped
    names = ["referrals_offered", "accept_on_time", "return_rate"] + (["cases_opened"] if by != By.AGENCY else [])
    for name in names:
        parts = [one for found, one in grouped.items() if found[0] == name]
        assert sum(one.numerator for one in parts) == whole[name, ""].numerator
        assert sum(one.denominator for one in parts) == whole[name, ""].denominator
    assert all(one.groups[0].by == by for one in grouped.values())


FILTERS: list[tuple[dict[str, Any], int, int]] = [
    ({"category": "noise"}, 1, 1),
    ({"agency": "water"}, 3, 3),
    ({"agency": "street"}, 2, 2),
    ({"channel": "app"}, 1, 3),
    ({"owner": "street"}, 0, 0),
    ({"division": "9902"}, 1, 1),
    ({"overdue": True}, 1, 1),
    ({"external_id": "W-7"}, 1, 3),
    ({"levels": frozenset({"p3"})}, 1, 1),
    ({"opened_from": micros_of(START + HOUR)}, 0, 0),
]


@pytest.mark.parametrize(("wanted", "cases", "referrals"), FILTERS)
async def test_filters_choose_cases_and_referrals(
    model: Model, wanted: dict[str, Any], cases: int, referrals: int
) -> None:
    await model.feed()
    found = await ask(model.store, wanted=CaseFilter(**wanted))
    assert (found["cases_opened", ""].numerator, found["referrals_offered", ""].numerator) == (cases, referrals)


async def test_figures_of_a_group_tell_its_part_of_the_window(model: Model) -> None:
    await model.feed()
    found = await ask(model.store, By.MONTH, start=datetime(2026, 2, 20, tzinfo=UTC), days=30)
    opened = found["cases_opened", "", "2026-03"]
    assert opened.start_time.ToDatetime(UTC) == datetime(2026, 2, 28, 16, 0, tzinfo=UTC)
    assert opened.end_time.ToDatetime(UTC) == datetime(2026, 3, 22, tzinfo=UTC)


def _percentile(tenths: list[int], percent: int) -> float:
    return sorted(tenths)[-(-len(tenths) * percent // 100) - 1] / 10


async def test_acceptance_times_are_exact_to_the_tenth(store: Store) -> None:
    up, took = sequence(), [7 * place % 101 + 1 for place in range(60)]
    items = [item(next(up), referrals=[referral(1, "gas", START, accepted=one / 10)]) for one in took]
    await write(store, items)
    found = await ask(store)
    assert found["accept_seconds_p50", ""].seconds == _percentile(took, 50)
    assert found["accept_seconds_p95", ""].seconds == _percentile(took, 95)
    assert found["accept_seconds_mean", ""].seconds == pytest.approx(sum(took) / 600)


@pytest.mark.parametrize("groups", [(), (By.CATEGORY, By.AGENCY)])
async def test_only_the_wanted_figures_and_the_same_as_among_all(model: Model, groups: tuple[int, ...]) -> None:
    await model.feed()
    ids = {"cases_opened", "satisfied", "on_time", "accept_seconds_mean", "agency_ranking", "return_rate"}
    whole, some = await ask(model.store, *groups), await ask(model.store, *groups, ids=ids)
    assert {key: one for key, one in whole.items() if key[0] in ids} == some
    assert {key[0] for key in some} == ids
