"""Wiring of transfer."""

from __future__ import annotations

from callmesh.api.v1 import transfer_service_pb2, transfer_service_pb2_grpc
from callmesh.kernel.runtime import Runtime
from callmesh.ledger.boot import open_mesh
from callmesh.transfer.policy import Policy
from callmesh.transfer.service import Transfers
from callmesh.transfer.servicer import TransferServicer

LINGER_SECONDS = 0.02
"""What travels by itself may wait this long; the key does not pass here."""


def build(runtime: Runtime) -> None:
    """Parts: log, directory, use cases, servicer, the rules that read the log."""
    mesh = open_mesh(runtime)
    transfers = Transfers(mesh)
    servicer = TransferServicer(mesh, transfers)
    transfer_service_pb2_grpc.add_TransferServiceServicer_to_server(servicer, runtime.server.grpc)
    runtime.server.named(*transfer_service_pb2.DESCRIPTOR.services_by_name.values())
    mesh.consume_log("transfer", Policy(mesh, transfers).on_facts, LINGER_SECONDS)
