"""The six services as typed stubs, and a signed-in person acting through them.

Each call carries who acts (agency, staff number, role) and a deadline. With mTLS the console holds a certificate of
every agency whose people sign in here, and calls with that of the person's agency (kernel/rpc/secure.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

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
from callmesh.console.accounts import Account
from callmesh.kernel.rpc import client
from callmesh.kernel.rpc.secure import Wallet

SECONDS = 5.0
Q = TypeVar("Q")
R = TypeVar("R")


class Method(Protocol[Q, R]):
    """A unary method of a stub."""

    def __call__(
        self, request: Q, *, timeout: float | None = None, metadata: client.Metadata | None = None
    ) -> "grpc.aio.UnaryUnaryCall[Q, R]":
        """Calls it."""


@dataclass(frozen=True)
class Clients:
    """A stub a service, one channel each."""

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


def connect(addresses: Mapping[str, str], identities: str = "") -> Clients:
    """Stubs at these addresses; nothing is called yet, so the services may come later."""
    wallet = Wallet(Path(identities)) if identities else None
    channels = {name: client.channel(address, wallet) for name, address in addresses.items()}
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


@dataclass(frozen=True)
class Acting:
    """A person of an agency, calling the mesh."""

    mesh: Clients
    account: Account

    async def do(self, method: "Method[Q, R]", request: Q, seconds: float = SECONDS) -> R:
        """Calls a method as this person; raises grpc.aio.AioRpcError, which the app turns into a sentence."""
        return await method(request, timeout=seconds, metadata=self.metadata)

    @property
    def metadata(self) -> client.Metadata:
        """Who calls."""
        return client.identity(self.account.agency, self.account.person, self.account.role)
