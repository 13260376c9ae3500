"""The services of a mesh as typed stubs, for who calls all of them: the command line, the web desk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import grpc

from callmesh.api.v1 import (
    classification_service_pb2_grpc,
    directory_service_pb2_grpc,
    gateway_service_pb2_grpc,
    intake_service_pb2_grpc,
    supervision_service_pb2_grpc,
    tracking_service_pb2_grpc,
    transfer_service_pb2_grpc,
)


@dataclass(frozen=True)
class Clients:
    """A stub a service, one channel a process: classification serves the directory as well."""

    channels: Mapping[str, grpc.aio.Channel]
    intake: "intake_service_pb2_grpc.IntakeServiceAsyncStub"
    classification: "classification_service_pb2_grpc.ClassificationServiceAsyncStub"
    directory: "directory_service_pb2_grpc.DirectoryServiceAsyncStub"
    transfer: "transfer_service_pb2_grpc.TransferServiceAsyncStub"
    gateway: "gateway_service_pb2_grpc.GatewayServiceAsyncStub"
    supervision: "supervision_service_pb2_grpc.SupervisionServiceAsyncStub"
    tracking: "tracking_service_pb2_grpc.TrackingServiceAsyncStub"

    async def close(self) -> None:
        """Closes the channels."""
        for one in self.channels.values():
            await one.close(None)


def clients_of(channels: Mapping[str, grpc.aio.Channel]) -> Clients:
    """Stubs on channels by the services' names; nothing is called yet, so they may come up later."""
    return Clients(
        channels=channels,
        intake=intake_service_pb2_grpc.IntakeServiceStub(channels["intake"]),
        classification=classification_service_pb2_grpc.ClassificationServiceStub(channels["classification"]),
        directory=directory_service_pb2_grpc.DirectoryServiceStub(channels["classification"]),
        transfer=transfer_service_pb2_grpc.TransferServiceStub(channels["transfer"]),
        gateway=gateway_service_pb2_grpc.GatewayServiceStub(channels["gateway"]),
        supervision=supervision_service_pb2_grpc.SupervisionServiceStub(channels["supervision"]),
        tracking=tracking_service_pb2_grpc.TrackingServiceStub(channels["tracking"]),
    )
