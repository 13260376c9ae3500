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

from callmesh.console.accounts import Account
from callmesh.kernel.rpc import client
from callmesh.kernel.rpc.clients import Clients, clients_of
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


def connect(addresses: Mapping[str, str], identities: str = "") -> Clients:
    """Stubs at these addresses; nothing is called yet, so the services may come later."""
    wallet = Wallet(Path(identities)) if identities else None
    return clients_of({name: client.channel(address, wallet) for name, address in addresses.items()})


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
