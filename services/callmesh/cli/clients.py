"""The six services of a running mesh as gRPC stubs, one channel each, and what a refusal says."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence

import grpc
from google.rpc import error_details_pb2

from callmesh.api.v1 import tracking_service_pb2 as trk
from callmesh.cli import endpoints
from callmesh.cli.endpoints import Endpoints
from callmesh.cli.output import Failure
from callmesh.directory import store
from callmesh.domain.directory import City
from callmesh.kernel.config import SERVICES
from callmesh.kernel.rpc import client
from callmesh.kernel.rpc.clients import Clients, clients_of

SECONDS = 10.0
PERSON = "play"


@contextlib.asynccontextmanager
async def connect(where: Endpoints, *needed: str) -> AsyncIterator[Clients]:
    """Stubs of a mesh; Failure when one of the `needed` services (default: any of them) does not answer."""
    async with contextlib.AsyncExitStack() as stack:
        channels = {}
        for name in SERVICES:
            ready = not needed or name in needed
            opened = endpoints.channel(where, name) if ready else client.channel(where.address(name), where.wallet)
            channels[name] = await stack.enter_async_context(opened)
        yield clients_of(channels)


async def city_in_force(where: Endpoints) -> City:
    """The city's data as the mesh has it; Failure when there is none."""
    async with endpoints.jetstream(where) as js:
        city = await store.fetch(js)
    if city is None:
        raise Failure("no city data is in force; publish some with: callmesh directory apply deploy/city")
    return city


async def zone_of(clients: Clients, metadata: Sequence[tuple[str, str]], seconds: float = SECONDS) -> str:
    """The city's zone like "+08:00", as tracking tells it with figures of no time at all; "" from one too old."""
    probe = trk.GetFiguresRequest(ids=["-"])
    probe.start_time.seconds = probe.end_time.seconds = 1
    return str((await clients.tracking.GetFigures(probe, metadata=metadata, timeout=seconds)).zone)


def me(agency: str, role: str = "operator") -> Sequence[tuple[str, str]]:
    """Metadata of a simulated person at an agency."""
    return client.identity(agency, f"{PERSON}-{agency}", role)


def ops() -> Sequence[tuple[str, str]]:
    """Metadata of who runs the mesh: sees the way of every case, never its report."""
    return client.identity("", PERSON, "ops")


def asking(agency: str) -> Sequence[tuple[str, str]]:
    """Metadata of a reader: a person of the agency, or ops when none is named."""
    return me(agency) if agency else ops()


def why(error: grpc.aio.AioRpcError) -> str:
    """A refusal in one line with its reason code; refusals.py has the whole."""
    return f"{client.sentence(error)} ({client.reason_of(error)})"


def allowed_instead(error: grpc.aio.AioRpcError) -> str:
    """What the mesh says may be done instead of what it refused; "" when it says nothing."""
    failure = client.detail(client.status_details(error), error_details_pb2.PreconditionFailure)
    return " ".join(one.description for one in failure.violations) if failure else ""
