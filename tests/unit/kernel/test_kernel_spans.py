"""What is exported of a step, as the library's exporter is given it."""

from __future__ import annotations

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, SpanKind, StatusCode, TraceFlags

from callmesh.kernel import telemetry
from callmesh.kernel.export import request_of
from callmesh.kernel.telemetry import CHILD_WITHIN_SECONDS, Step, mark

PRODUCER = SpanContext(1, 2, True, TraceFlags(TraceFlags.DEFAULT))


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    export = telemetry._Export(Resource({"service.name": "x"}), SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "_export", export)
    return exporter


def the_only(exported: InMemorySpanExporter) -> ReadableSpan:
    (span,) = exported.get_finished_spans()
    return span


def test_a_step_says_what_was_marked_in_it(exported: InMemorySpanExporter) -> None:
    with Step("x", SpanKind.CONSUMER, PRODUCER):
        mark(case="c-1")
        mark(agency="110", fact="case_opened", count=2)
    span = the_only(exported)
    assert (span.name, span.kind, span.parent) == ("x", SpanKind.CONSUMER, PRODUCER)
    assert span.context is not None and span.context.trace_id == PRODUCER.trace_id
    said = {"callmesh.case": "c-1", "callmesh.agency": "110", "callmesh.fact": "case_opened", "callmesh.count": 2}
    assert dict(span.attributes or {}) == said
    assert span.status.status_code == StatusCode.UNSET
    assert span.start_time and span.end_time and span.start_time <= span.end_time


@pytest.mark.parametrize(("age", "attempt"), [(CHILD_WITHIN_SECONDS, 1), (0.0, 2)])
def test_an_old_or_repeated_one_begins_anew_and_points_back(
    exported: InMemorySpanExporter, age: float, attempt: int
) -> None:
    with Step("x", SpanKind.CONSUMER, PRODUCER, age, attempt):
        pass
    span = the_only(exported)
    assert span.parent is None
    assert [one.context for one in span.links] == [PRODUCER]
    assert span.context is not None and span.context.trace_id != PRODUCER.trace_id


def test_steps_within_a_step_are_its_children(exported: InMemorySpanExporter) -> None:
    with Step("outer", SpanKind.SERVER) as outer, Step("inner", SpanKind.INTERNAL):
        mark(case="c-1")
    inner, outside = exported.get_finished_spans()
    assert inner.parent == outer.context
    assert not outside.attributes


def test_what_was_raised_is_told_by_its_type_alone(exported: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="who"), Step("x", SpanKind.SERVER):
        raise ValueError("who called")
    status = the_only(exported).status
    assert (status.status_code, status.description) == (StatusCode.ERROR, "ValueError")


def test_what_is_sent_is_what_the_library_would_send(exported: InMemorySpanExporter) -> None:
    """Roots, children of our own and of others, numbers and words, links, errors; and what is around them."""
    with Step("first", SpanKind.INTERNAL):
        pass
    for kind in SpanKind:
        with Step(f"{kind}", kind, PRODUCER), Step("within", kind):
            mark(case="c-1", agency="一一〇", count=2)
    with Step("again", SpanKind.CONSUMER, PRODUCER, attempt=2), pytest.raises(ValueError), Step("x", SpanKind.SERVER):
        raise ValueError
    spans = exported.get_finished_spans()
    assert len(spans) == 3 + 2 * len(SpanKind)
    assert in_order(request_of(spans)) == in_order(encode_spans(spans))


def in_order(request: ExportTraceServiceRequest) -> ExportTraceServiceRequest:
    request.resource_spans[0].scope_spans[0].spans.sort(key=lambda one: one.span_id)
    return request
