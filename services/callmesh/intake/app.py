"""Wiring of intake."""

from __future__ import annotations

from collections.abc import Sequence

from nats.aio.msg import Msg

from callmesh.api.v1 import intake_service_pb2, intake_service_pb2_grpc
from callmesh.intake.folding import Folding
from callmesh.intake.repeats import Repeats
from callmesh.intake.service import Intake
from callmesh.intake.servicer import IntakeServicer
from callmesh.kernel.runtime import Runtime
from callmesh.ledger.boot import open_mesh

LINGER_SECONDS = 0.05
"""A link may come this late; one wake-up serves many reports."""


def build(runtime: Runtime) -> None:
    """Parts: log, directory, use cases, servicer, the reader that links and folds."""
    mesh = open_mesh(runtime)
    folding, repeats = Folding(mesh), Repeats(mesh)
    servicer = IntakeServicer(mesh, Intake(mesh), folding)
    intake_service_pb2_grpc.add_IntakeServiceServicer_to_server(servicer, runtime.server.grpc)
    runtime.server.named(*intake_service_pb2.DESCRIPTOR.services_by_name.values())

    async def on_facts(messages: Sequence[Msg]) -> None:
        await repeats.on_facts(messages)
        await folding.on_facts(messages)

    mesh.consume_log("intake", on_facts, LINGER_SECONDS)
