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
from contextvars import ContextVar
from typing import Any

import msgspec
import structlog
from opentelemetry import metrics
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import INVALID_SPAN_CONTEXT, Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from callmesh.kernel import headers
from callmesh.kernel.config import Settings
from callmesh.kernel.counting import Counter, Gauge

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
_meter = metrics.get_meter("callmesh")
rpc_seconds = _meter.create_histogram("callmesh_rpc_seconds", "s", "time to serve a call")
facts_total = Counter(_meter, "callmesh_facts_total", "facts appended")
delivered_total = Counter(_meter, "callmesh_deliveries_total", "deliveries to partners")
redelivered_total = Counter(_meter, "callmesh_redelivered_total", "deliveries repeated")
parked_total = Counter(_meter, "callmesh_parked_total", "messages put aside")
missed_total = Counter(_meter, "callmesh_deadline_missed_total", "limits missed")
lag = Gauge(_meter, "callmesh_consumer_lag", "messages a consumer is behind")


def start(service: str, settings: Settings) -> None:
    """Sets logs, traces and metrics up for this process. Every step is traced, whatever its caller samples; exemplars
    (a trace beside each measurement) would double what a metric costs."""
    _start_logs(service, settings)
    resource = Resource.create({"service.name": f"callmesh-{service}"})
    readers = []
    if settings.otlp_endpoint:
        global _export
        _export = _Export(resource, _span_exporter(settings.otlp_endpoint))
        readers.append(_metric_exporter(settings.otlp_endpoint))
    metrics.set_meter_provider(MeterProvider(readers, resource, exemplar_filter=AlwaysOffExemplarFilter()))


def _span_exporter(endpoint: str) -> BatchSpanProcessor:
    from callmesh.kernel.export import SpanExporter

    exporter = SpanExporter(endpoint, insecure=endpoint.startswith("http:"), timeout=3)
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
        context = current()
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
    step = _step.get()
    if step is None:
        return
    said = {"callmesh.case": case, "callmesh.agency": agency} | {f"callmesh.{name}": one for name, one in more.items()}
    step.said.update({name: value for name, value in said.items() if value != ""})


def current() -> SpanContext:
    """The context of the current span (invalid outside one)."""
    step = _step.get()
    return INVALID_SPAN_CONTEXT if step is None else step.context


def traceparent() -> str:
    """The current context in W3C form, "" outside a trace."""
    context = current()
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


class _Export:
    """Where spans go that have ended: a bounded queue that a thread empties."""

    def __init__(self, resource: Resource, queue: SpanProcessor) -> None:
        self.resource, self.queue = resource, queue


class Step:
    """A span for one step, current while the block runs.

    `producer` is the context that the message or call carried, `age` its age in seconds, `attempt` its
    delivery count: a fresh one becomes the parent, an old or repeated one a link of a new root.
    The library's tracer is not asked: its samplers, limits, locks and copies cost four times what is kept here, and
    nobody else makes spans in our processes. What leaves is the library's own `ReadableSpan`, by its own exporter.
    """

    __slots__ = ("_begun", "_fresh", "_kind", "_name", "_parent", "_producer", "_status", "_token", "context", "said")
    context: SpanContext

    def __init__(
        self, name: str, kind: SpanKind, producer: SpanContext | None = None, age: float = 0.0, attempt: int = 1
    ) -> None:
        self._name, self._kind, self._producer = name, kind, producer
        self._fresh = producer is not None and age < CHILD_WITHIN_SECONDS and attempt == 1
        self._status = _UNSET
        self.said: dict[str, str | int] = {}
        """Attributes."""

    def __enter__(self) -> Step:
        outer = _step.get()
        self._parent = self._producer if self._fresh else outer.context if outer else None
        self.context = _child(self._parent) if self._parent else _root()
        self._begun = time.time_ns()
        self._token = _step.set(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, wrong: BaseException | None, _: object) -> None:
        _step.reset(self._token)
        if kind is not None:
            self.fail(kind.__name__)
        if _export is not None:
            _export.queue.on_end(self._ended(_export.resource))

    def fail(self, why: str) -> None:
        """The step came to nothing; `why` is the name of a type."""
        self._status = Status(StatusCode.ERROR, why)

    def _ended(self, resource: Resource) -> ReadableSpan:
        return ReadableSpan(
            self._name,
            self.context,
            self._parent,
            resource,
            self.said,
            links=(Link(self._producer),) if self._producer and not self._fresh else (),
            kind=self._kind,
            status=self._status,
            start_time=self._begun,
            end_time=time.time_ns(),
            instrumentation_scope=_SCOPE,
        )


_SCOPE, _UNSET = InstrumentationScope("callmesh"), Status()
_RANDOM = TraceFlags(TraceFlags.SAMPLED | TraceFlags.RANDOM_TRACE_ID)
_ids = RandomIdGenerator()
_step: ContextVar[Step | None] = ContextVar("step", default=None)
_export: _Export | None = None


def _root() -> SpanContext:
    return SpanContext(_ids.generate_trace_id(), _ids.generate_span_id(), False, _RANDOM)


def _child(parent: SpanContext) -> SpanContext:
    flags = TraceFlags(parent.trace_flags | TraceFlags.SAMPLED)
    return SpanContext(parent.trace_id, _ids.generate_span_id(), False, flags)


def incoming(metadata: Mapping[str, str]) -> SpanContext | None:
    """The caller's context from metadata or headers."""
    return parse_traceparent(metadata.get(headers.TRACEPARENT))


def shutdown() -> None:
    """Flushes what is queued; what a collector that hangs has not taken by then is dropped, and the process ends."""
    stops = [_export.queue.shutdown] if _export is not None else []
    stops += [stop] if (stop := getattr(metrics.get_meter_provider(), "shutdown", None)) else []
    flushing = [threading.Thread(target=one, daemon=True) for one in stops]
    for one in flushing:
        one.start()
    end = time.monotonic() + FLUSH_SECONDS
    for one in flushing:
        one.join(max(0.0, end - time.monotonic()))


def clock() -> float:
    """Monotonic seconds, for durations."""
    return time.monotonic()
