"""Wiring of supervision."""

from __future__ import annotations

from collections.abc import Sequence

from nats.aio.msg import Msg

from callmesh.api.v1 import supervision_service_pb2, supervision_service_pb2_grpc
from callmesh.kernel.runtime import Runtime
from callmesh.ledger.boot import open_mesh
from callmesh.supervision.clocks import Clocks
from callmesh.supervision.ended import Ended
from callmesh.supervision.erasure import Erasure
from callmesh.supervision.notary import Notary
from callmesh.supervision.servicer import SupervisionServicer
from callmesh.supervision.unreachable import Unreachable

LINGER_SECONDS = 0.05
"""Limits are seconds and more; one wake-up serves many facts."""


def build(runtime: Runtime) -> None:
    """Parts: log, directory, clocks, notary, servicer, the readers of log and timers, what follows an end."""
    mesh = open_mesh(runtime)
    clocks = Clocks(mesh)
    erasure = Erasure(mesh)
    servicer = SupervisionServicer(mesh, erasure)
    supervision_service_pb2_grpc.add_SupervisionServiceServicer_to_server(servicer, runtime.server.grpc)
    runtime.server.named(*supervision_service_pb2.DESCRIPTOR.services_by_name.values())
    ended, unreachable = Ended(mesh), Unreachable(mesh)

    async def on_facts(messages: Sequence[Msg]) -> None:
        await clocks.on_facts(messages)
        await unreachable.on_facts(messages)
        await erasure.on_facts(messages)
        await ended.on_facts(messages)

    mesh.consume_log("supervision", on_facts, LINGER_SECONDS)
    names, shard = runtime.names, runtime.settings.shard
    runtime.consume(names.timers_stream, f"supervision_due_{shard}", names.due_of(shard), clocks.on_due)
    runtime.on_start.append(Notary(runtime).start)
