"""Wiring of classification."""

from __future__ import annotations

from callmesh.api.v1 import (
    classification_service_pb2,
    classification_service_pb2_grpc,
    directory_service_pb2,
    directory_service_pb2_grpc,
)
from callmesh.classification.directory_servicer import DirectoryServicer
from callmesh.classification.drafts import Drafts
from callmesh.classification.service import Classification
from callmesh.classification.servicer import ClassificationServicer
from callmesh.kernel.runtime import Runtime
from callmesh.ledger.boot import open_mesh

LINGER_SECONDS = 0.05
"""An unattended report may wait this long; one wake-up serves many facts."""


def build(runtime: Runtime) -> None:
    """Parts: log, directory, engine, servicer, the reader for unattended cases."""
    mesh = open_mesh(runtime)
    service = Classification(mesh)
    servicer = ClassificationServicer(mesh, service)
    classification_service_pb2_grpc.add_ClassificationServiceServicer_to_server(servicer, runtime.server.grpc)
    drafts = DirectoryServicer(Drafts(mesh, service.engine_of))
    directory_service_pb2_grpc.add_DirectoryServiceServicer_to_server(drafts, runtime.server.grpc)
    for described in (classification_service_pb2, directory_service_pb2):
        runtime.server.named(*described.DESCRIPTOR.services_by_name.values())

    async def start() -> None:
        await service.warm()
        runtime.background(service.remember())
        runtime.background(service.watch())

    runtime.on_start.append(start)
    mesh.directory.on_change.append(lambda _: runtime.background(service.warm()))
    mesh.consume_log("classification", service.on_facts, LINGER_SECONDS)
