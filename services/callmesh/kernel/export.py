"""Spans on their way out: the library's exporter, with its settings and retries, and a shorter way into its message.

Every fact makes two spans, and the library's encoder took as long over one as sealing its record. A plain span is
written field by field into the message that holds all of them; what stands around them, and spans with links or
errors, which are few, are left to the library.
"""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, SpanFlags
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext

_LOCAL = SpanFlags.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK
_REMOTE = _LOCAL | SpanFlags.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK


class SpanExporter(OTLPSpanExporter):
    """Sends the spans of one process."""

    def _translate_data(self, data: Sequence[ReadableSpan]) -> ExportTraceServiceRequest:
        return request_of(data)


def request_of(spans: Sequence[ReadableSpan]) -> ExportTraceServiceRequest:
    """The message that carries spans of one resource and scope, at least one; in any order."""
    plain = [one for one in spans[1:] if not one.links and one.status.is_unset]
    others = [spans[0], *(one for one in spans[1:] if one.links or not one.status.is_unset)]
    request: ExportTraceServiceRequest = encode_spans(others)
    into = request.resource_spans[0].scope_spans[0].spans
    for one in plain:
        _write(one, into.add())
    return request


def _write(one: ReadableSpan, span: Span) -> None:
    context: SpanContext = one.context
    span.trace_id, span.span_id = context.trace_id.to_bytes(16), context.span_id.to_bytes(8)
    span.flags = _LOCAL
    if one.parent is not None:
        span.parent_span_id = one.parent.span_id.to_bytes(8)
        span.flags = _REMOTE if one.parent.is_remote else _LOCAL
    span.name, span.kind = one.name, one.kind.value + 1  # type: ignore[assignment]  # the library counts from 0
    span.start_time_unix_nano, span.end_time_unix_nano = one.start_time or 0, one.end_time or 0
    span.status.SetInParent()
    for name, value in (one.attributes or {}).items():
        said = span.attributes.add(key=name).value
        if isinstance(value, int):
            said.int_value = value
        else:
            said.string_value = str(value)
