"""The bench's arithmetic, without a mesh."""

import asyncio
import time

import pytest

from callmesh.cli.bench import _show, measure, targets
from callmesh.cli.bench.measure import Snapshot
from callmesh.cli.output import Failure


@pytest.mark.parametrize(
    ("values", "share", "wanted"),
    [([], 0.5, 0), ([3], 0.99, 3), ([1, 2, 3, 4], 0.5, 2), (list(range(1, 101)), 0.99, 99), ([5, 1, 9], 1.0, 9)],
)
def test_a_quantile_is_a_measured_value(values, share, wanted):
    assert measure.quantile(values, share) == wanted


def test_the_median_round_counts_number_by_number():
    rounds = [{"a": 1, "in": {"b": 30.0}, "word": "x"}, {"a": 9, "in": {"b": 10.0}}, {"a": 2, "in": {"b": 20.0}}]
    assert measure.median_of(rounds) == {"a": 2.0, "in": {"b": 20.0}, "word": "x"}


def test_no_floor_no_ratio():
    assert measure.ratio(3.0, 0.0) is None
    assert measure.ratio(3.0, 2.0) == 1.5


def test_cpu_is_shared_out_over_what_was_done():
    before, after = Snapshot(10.0, {"nats": 1.0, "intake": 2.0}), Snapshot(12.0, {"nats": 1.5, "intake": 3.5})
    used = before.until(after, 1_000)
    assert used["cpu_us"] == pytest.approx(2_000)
    assert used["cpu_us_by_process"] == pytest.approx({"nats": 500, "intake": 1_500})
    assert used["cores"] == pytest.approx(1.0)


async def test_a_closed_load_does_each_once_and_never_more_at_once_than_asked():
    done, now, most = [], 0, 0

    async def work(number):
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        done.append(number)
        now -= 1

    await measure.closed(50, 4, work)
    assert sorted(done) == list(range(50))
    assert most == 4


async def test_a_paced_load_does_not_wait_for_slow_ones():
    begun, released = [], asyncio.Event()

    async def work(number):
        begun.append(time.monotonic())
        if number == 9:
            released.set()
        await released.wait()

    before = time.monotonic()
    await measure.paced(10, 500.0, work)
    assert len(begun) == 10
    assert begun[-1] - before >= 9 / 500.0 * 0.9


def _flows(**counted):
    none = dict.fromkeys(("lost", "doubled", "strangers", "delivered_twice", "undrained"), 0)
    return {
        "cpu_us": 2_000.0,
        "bare": {"cpu_us": 1_000.0, "per_second": 3_600.0},
        "flows_per_second": 160.0,
        "facts_per_flow": 9,
        "counted": {"failed": {}, **none, **counted},
    }


def test_a_ratio_is_judged_against_its_floor_and_a_number_alone():
    judged = {one.target.name: one for one in targets.judge({"flows": _flows()})}
    assert set(judged) == {"cpu_per_fact", "flows_per_second", "lost_or_doubled"}
    assert all(one.ok for one in judged.values())
    assert judged["cpu_per_fact"].ratio == 2.0
    assert judged["flows_per_second"].as_json()["bound"] == "at_least"


def test_flows_stand_beside_what_the_bare_pipeline_could_do_and_are_judged_alone():
    slow_machine = _flows() | {"bare": {"cpu_us": 1_000.0, "per_second": 900.0}}
    fast, slow = (
        next(one for one in targets.judge({"flows": flows}) if one.target.name == "flows_per_second")
        for flows in (_flows(), slow_machine)
    )
    assert (fast.floor, fast.ratio, slow.ratio) == (400.0, 0.4, 1.6)
    assert fast.ok and slow.ok
    assert not next(
        one.ok for one in targets.judge({"flows": slow_machine | {"flows_per_second": 149.0}}) if one.target.absolute
    )


@pytest.mark.parametrize("counted", [{"lost": 1}, {"doubled": 1}, {"delivered_twice": 1}, {"failed": {"CHANGED": 1}}])
def test_anything_lost_doubled_or_refused_shows(counted):
    judged = {one.target.name: one for one in targets.judge({"flows": _flows(**counted)})}
    assert not judged["lost_or_doubled"].ok
    assert judged["lost_or_doubled"].figure == 1


def test_a_run_that_lost_something_ends_with_what_it_was():
    flows = _flows(lost=1, failed={"CHANGED": 2}) | {"odd": {"cases/r1-0-X": ["case_opened"]}}
    with pytest.raises(Failure) as told:
        _show({"targets": {}, "flows": flows}, as_json=True)
    assert told.value.exit_code == 1
    for word in ("1 lost", "2 refused CHANGED", "cases/r1-0-X"):
        assert word in told.value.message


def test_a_floor_of_nothing_is_not_a_pass():
    flows = _flows() | {"bare": {"cpu_us": 0.0, "per_second": 3_600.0}}
    judged = {one.target.name: one for one in targets.judge({"flows": flows})}
    assert judged["cpu_per_fact"].ratio is None
    assert not judged["cpu_per_fact"].ok


def test_target_names_are_unique():
    names = [one.name for one in targets.TARGETS]
    assert len(names) == len(set(names))
