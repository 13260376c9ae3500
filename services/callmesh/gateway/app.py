"""Wiring of the gateway."""

from __future__ import annotations

from callmesh.api.v1 import gateway_service_pb2, gateway_service_pb2_grpc
from callmesh.gateway.actions import Actions
from callmesh.gateway.bus import Bus
from callmesh.gateway.inbox import Inbox
from callmesh.gateway.presence import Presences
from callmesh.gateway.pumps import Pumps
from callmesh.gateway.servicer import GatewayServicer
from callmesh.kernel.runtime import Runtime
from callmesh.ledger.boot import open_mesh


def build(runtime: Runtime) -> None:
    """Parts: log, directory, projector, pumps, presences, actions, servicer, commands over NATS."""
    mesh = open_mesh(runtime)
    pumps = Pumps(mesh)
    mesh.directory.on_change.append(pumps.keep)
    presences = Presences(runtime, pumps)
    actions = Actions(mesh, pumps)
    servicer = GatewayServicer(mesh, actions, pumps, presences)
    gateway_service_pb2_grpc.add_GatewayServiceServicer_to_server(servicer, runtime.server.grpc)
    runtime.server.named(*gateway_service_pb2.DESCRIPTOR.services_by_name.values())
    mesh.consume_log("gateway", Inbox(mesh).on_facts)
    runtime.on_start += [pumps.start, presences.start, Bus(mesh, actions, pumps).start]
    runtime.on_drain.append(pumps.hang_up)
    runtime.on_stop += [presences.close, pumps.close]
