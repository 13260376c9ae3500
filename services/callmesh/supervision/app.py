"""Wiring of supervision."""

from __future__ import annotations

from callmesh.api.v1 import supervision_service_pb2, supervision_service_pb2_grpc
from callmesh.kernel.runtime import Runtime
from callmesh.ledger.boot import open_mesh
from callmesh.supervision.clocks import Clocks
from callmesh.supervision.ended import Ended
from callmesh.supervision.servicer import SupervisionServicer

LINGER_SECONDS = 0.05
"""Limits are seconds and more; one wake-up serves many facts."""

ENDED_LINGER_SECONDS = 0.2
"""Nobody waits for the patrol, and folded cases end in their hundreds."""


def build(runtime: Runtime) -> None:
    """Parts: log, directory, clocks, servicer, the readers of log and timers, what follows an end."""
    mesh = open_mesh(runtime)
    clocks = Clocks(mesh)
    servicer = SupervisionServicer(mesh)
    supervision_service_pb2_grpc.add_SupervisionServiceServicer_to_server(servicer, runtime.server.grpc)
    runtime.server.named(*supervision_service_pb2.DESCRIPTOR.services_by_name.values())
    runtime.consume_log("supervision", clocks.on_facts, LINGER_SECONDS)
    runtime.consume_log("supervision_ended", Ended(mesh).on_facts, ENDED_LINGER_SECONDS)
    due = f"due.{runtime.names.region}.>"
    runtime.consume(runtime.names.timers_stream, "supervision_due", due, clocks.on_due)
