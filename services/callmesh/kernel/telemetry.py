"""Logs, traces and metrics of a process. None of them may block, and none may carry personal data.

Logs: one JSON object a line on standard error, only keys of the allow-list, trace ids added.
Traces: one short trace a step; the producer's W3C context rides in the message, a consumer within
60 s is its child, later it is a new root with a link. Export by a bounded queue that drops.
Metrics: counts and times by method, fact and agency, never by id.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from opentelemetry import context as context_api
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from callmesh.kernel.config import Settings

ALLOWED_KEYS = frozenset(
    {
        "event", "level", "time", "service", "trace_id", "span_id", "method", "code", "reason",
        "milliseconds", "case", "referral", "agency", "fact", "sequence", "stream", "durable",
        "subject", "port", "host", "version", "city", "count", "attempt", "error", "seconds",
        "waiting", "limit", "problem", "signal", "database", "rate",
    }
)  # fmt: skip
CHILD_WITHIN_SECONDS = 60.0
FLUSH_SECONDS = 3.0
"""The library alone would wait half a minute for each of spans and metrics: longer than a service may take to end."""
_TRACEPARENT = re.compile("[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}

log = structlog.get_logger()
tracer = trace.get_tracer("callmesh")
_meter = metrics.get_meter("callmesh")
rpc_seconds = _meter.create_histogram("callmesh_rpc_seconds", "s", "time to serve a call")
facts_total = _meter.create_counter("callmesh_facts_total", "1", "facts appended")
delivered_total = _meter.create_counter("callmesh_deliveries_total", "1", "deliveries to partners")
redelivered_total = _meter.create_counter("callmesh_redelivered_total", "1", "deliveries repeated")
parked_total = _meter.create_counter("callmesh_parked_total", "1", "messages put aside")
missed_total = _meter.create_counter("callmesh_deadline_missed_total", "1", "limits missed")
lag = _meter.create_gauge("callmesh_consumer_lag", "1", "messages a consumer is behind")


def start(service: str, settings: Settings) -> None:
    """Sets logs, traces and metrics up for this process. Every step is traced, whatever its caller samples; exemplars
    (a trace beside each measurement) would double what a metric costs."""
    _start_logs(service, settings)
    resource = Resource.create({"service.name": f"callmesh-{service}"})
    spans = TracerProvider(sampler=ALWAYS_ON, resource=resource)
    readers = []
    if settings.otlp_endpoint:
        spans.add_span_processor(_span_exporter(settings.otlp_endpoint))
        readers.append(_metric_exporter(settings.otlp_endpoint))
    trace.set_tracer_provider(spans)
    global tracer
    tracer = spans.get_tracer("callmesh")  # not the proxy: it is asked for every step
    metrics.set_meter_provider(MeterProvider(readers, resource, exemplar_filter=AlwaysOffExemplarFilter()))


def _span_exporter(endpoint: str) -> BatchSpanProcessor:
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    exporter = OTLPSpanExporter(endpoint, insecure=endpoint.startswith("http:"), timeout=3)
    return BatchSpanProcessor(exporter, max_queue_size=4096, export_timeout_millis=3000)


def _metric_exporter(endpoint: str) -> PeriodicExportingMetricReader:
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter

    exporter = OTLPMetricExporter(endpoint, insecure=endpoint.startswith("http:"), timeout=3)
    return PeriodicExportingMetricReader(exporter, export_timeout_millis=3000)


def _start_logs(service: str, settings: Settings) -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", key="time"),
            _Common(service),
            _only_allowed,
            structlog.processors.JSONRenderer(serializer=_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS.get(settings.log_level, 20)),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    for noisy in ("nats", "opentelemetry", "grpc"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)


def _json(value: Any, **_: Any) -> bytes:
    return msgspec.json.encode(value)


class _Common:
    """Adds the service and the current trace."""

    def __init__(self, service: str) -> None:
        self.service = service

    def __call__(self, logger: Any, name: str, event: Any) -> Any:
        event["service"] = self.service
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            event["trace_id"] = f"{context.trace_id:032x}"
            event["span_id"] = f"{context.span_id:016x}"
        return event


def _only_allowed(logger: Any, name: str, event: Any) -> Any:
    return {key: value for key, value in event.items() if key in ALLOWED_KEYS}


def fault(wrong: BaseException) -> str:
    """What a defect is and where, innermost first, without its words: they may be a caller's."""
    frames = reversed(traceback.extract_tb(wrong.__traceback__)[-5:])
    where = " < ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames)
    return f"{type(wrong).__name__} at {where}"


def mark(case: str = "", agency: str = "", **more: str | int) -> None:
    """Puts case id and agency on the current span; every span of the mesh carries them."""
    span = trace.get_current_span()
    if not span.is_recording():
        return
    said = {"callmesh.case": case, "callmesh.agency": agency} | {f"callmesh.{name}": one for name, one in more.items()}
    span.set_attributes({name: value for name, value in said.items() if value != ""})


def current() -> SpanContext:
    """The context of the current span (invalid outside one)."""
    return trace.get_current_span().get_span_context()


def traceparent() -> str:
    """The current context in W3C form, "" outside a trace."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return ""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def parse_traceparent(text: str | None) -> SpanContext | None:
    """A W3C context, None when there is none or it is malformed."""
    found = _TRACEPARENT.fullmatch(text or "")
    if found is None:
        return None
    trace_id, span_id, flags = (int(part, 16) for part in found.groups())
    context = SpanContext(trace_id, span_id, True, TraceFlags(flags))
    return context if context.is_valid else None


class Step:
    """A span for one step, current while the block runs.

    `producer` is the context that the message or call carried, `age` its age in seconds, `attempt` its
    delivery count: a fresh one becomes the parent, an old or repeated one a link of a new root.
    Written out because the library's own context manager costs as much again as the span.
    """

    __slots__ = ("_args", "_token", "span")

    def __init__(
        self, name: str, kind: SpanKind, producer: SpanContext | None = None, age: float = 0.0, attempt: int = 1
    ) -> None:
        self._args = (name, kind, producer, producer is not None and age < CHILD_WITHIN_SECONDS and attempt == 1)

    def __enter__(self) -> trace.Span:
        name, kind, producer, fresh = self._args
        parent = trace.set_span_in_context(trace.NonRecordingSpan(producer)) if producer and fresh else None
        links = [Link(producer)] if producer and not fresh else None
        self.span = tracer.start_span(name, parent, kind, links=links)
        self._token = context_api.attach(trace.set_span_in_context(self.span))
        return self.span

    def __exit__(self, kind: type[BaseException] | None, wrong: BaseException | None, _: object) -> None:
        if kind is not None:
            self.span.set_status(Status(StatusCode.ERROR, kind.__name__))
        context_api.detach(self._token)
        self.span.end()


def incoming(metadata: Mapping[str, str]) -> SpanContext | None:
    """The caller's context from metadata or headers."""
    return parse_traceparent(metadata.get("traceparent"))


def shutdown() -> None:
    """Flushes what is queued; what a collector that hangs has not taken by then is dropped, and the process ends."""
    providers = (trace.get_tracer_provider(), metrics.get_meter_provider())
    stops = [getattr(one, "shutdown", None) for one in providers]
    flushing = [threading.Thread(target=stop, daemon=True) for stop in stops if stop is not None]
    for one in flushing:
        one.start()
    end = time.monotonic() + FLUSH_SECONDS
    for one in flushing:
        one.join(max(0.0, end - time.monotonic()))


def clock() -> float:
    """Monotonic seconds, for durations."""
    return time.monotonic()
