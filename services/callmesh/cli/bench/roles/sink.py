"""A collector that swallows: traces and metrics are received, counted and dropped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as metrics_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as trace_grpc


class Sink:
    """Counts what the two services below are sent."""

    def __init__(self, folder: Path) -> None:
        self._spans = self._exports = 0

    async def start(self) -> dict[str, Any]:
        """Listens."""
        self._server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
        trace_grpc.add_TraceServiceServicer_to_server(_Traces(self), self._server)  # type: ignore[no-untyped-call]
        metrics_grpc.add_MetricsServiceServicer_to_server(_Metrics(), self._server)  # type: ignore[no-untyped-call]
        port = self._server.add_insecure_port("127.0.0.1:0")
        await self._server.start()
        return {"endpoint": f"http://127.0.0.1:{port}"}

    async def counted(self) -> dict[str, Any]:
        """What came in so far."""
        return {"spans": self._spans, "exports": self._exports}

    def note(self, request: trace.ExportTraceServiceRequest) -> None:
        """Counts the spans of an export."""
        self._exports += 1
        self._spans += sum(len(scope.spans) for one in request.resource_spans for scope in one.scope_spans)


class _Traces(trace_grpc.TraceServiceServicer):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    async def Export(self, request: Any, context: Any) -> trace.ExportTraceServiceResponse:
        self._sink.note(request)
        return trace.ExportTraceServiceResponse()


class _Metrics(metrics_grpc.MetricsServiceServicer):
    async def Export(self, request: Any, context: Any) -> metrics.ExportMetricsServiceResponse:
        return metrics.ExportMetricsServiceResponse()
