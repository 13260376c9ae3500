"""Wiring of intake."""

from __future__ import annotations

from callmesh.api.v1 import intake_service_pb2, intake_service_pb2_grpc
from callmesh.intake.service import Intake
from callmesh.intake.servicer import IntakeServicer
from callmesh.kernel.runtime import Runtime
from callmesh.ledger.boot import open_mesh


def build(runtime: Runtime) -> None:
    """Parts: log, directory, use cases, servicer."""
    mesh = open_mesh(runtime)
    servicer = IntakeServicer(mesh, Intake(mesh))
    intake_service_pb2_grpc.add_IntakeServiceServicer_to_server(servicer, runtime.server.grpc)
    runtime.server.named(*intake_service_pb2.DESCRIPTOR.services_by_name.values())
