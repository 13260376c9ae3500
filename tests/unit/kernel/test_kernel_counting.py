"""What is counted is exported as the library's own instruments would."""

from __future__ import annotations

from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from callmesh.kernel.counting import Counter, Gauge


def exported(reader: InMemoryMetricReader) -> list[dict[str, Any]]:
    data = reader.get_metrics_data()
    assert data is not None
    found = []
    for metric in data.resource_metrics[0].scope_metrics[0].metrics:
        told: dict[str, Any] = vars(metric.data)
        points = [(dict(one.attributes or {}), getattr(one, "value", None)) for one in metric.data.data_points]
        how = told.get("aggregation_temporality"), told.get("is_monotonic")
        found.append({"kind": type(metric.data), "unit": metric.unit, "how": how, "points": points})
    return found


def test_counters_and_gauges_say_what_the_librarys_say() -> None:
    reader = InMemoryMetricReader()
    meter = MeterProvider([reader]).get_meter("test")
    ours, theirs = Counter(meter, "ours", "ours"), meter.create_counter("theirs", "1", "theirs")
    for one in (ours, theirs):
        one.add(1, {"fact": "a"})
        one.add(2, {"fact": "b"})
        one.add(1, {"fact": "a"})
    counted = exported(reader)
    assert counted[0] == counted[1]
    assert counted[0]["points"] == [({"fact": "a"}, 2), ({"fact": "b"}, 2)]


def test_a_gauge_says_the_last() -> None:
    reader = InMemoryMetricReader()
    meter = MeterProvider([reader]).get_meter("test")
    ours, theirs = Gauge(meter, "ours", "ours"), meter.create_gauge("theirs", "1", "theirs")
    for one in (ours, theirs):
        one.set(5, {"durable": "x"})
        one.set(3, {"durable": "x"})
    told = exported(reader)
    assert told[0] == told[1]
    assert told[0]["points"] == [({"durable": "x"}, 3)]
