"""Wiring of transfer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from nats.aio.msg import Msg

from callmesh.api.v1 import transfer_service_pb2, transfer_service_pb2_grpc
from callmesh.kernel.messaging import Handler
from callmesh.kernel.runtime import Runtime
from callmesh.kernel.tasks import ended
from callmesh.ledger.boot import Mesh, open_mesh
from callmesh.transfer.legs import Legs
from callmesh.transfer.line_switch import LineSwitch
from callmesh.transfer.policy import Policy
from callmesh.transfer.service import Transfers
from callmesh.transfer.servicer import TransferServicer

LINGER_SECONDS = 0.02
"""What travels by itself may wait this long; the key does not pass here."""


def build(runtime: Runtime) -> None:
    """Parts: log, directory, use cases, servicer, the rules that read the log, the telephone switch if there is one."""
    mesh = open_mesh(runtime)
    transfers = Transfers(mesh)
    servicer = TransferServicer(mesh, transfers)
    transfer_service_pb2_grpc.add_TransferServiceServicer_to_server(servicer, runtime.server.grpc)
    runtime.server.named(*transfer_service_pb2.DESCRIPTOR.services_by_name.values())
    rules = [Policy(mesh, transfers).on_facts, *_calls(mesh)]

    async def on_facts(messages: Sequence[Msg]) -> None:
        for rule in rules:
            await rule(messages)

    mesh.consume_log("transfer", on_facts, LINGER_SECONDS)


def _calls(mesh: Mesh) -> list[Handler]:
    """Nothing rings where no switch is attached."""
    runtime = mesh.runtime
    if not runtime.settings.switch:
        return []
    legs = Legs(mesh, partial(LineSwitch, runtime.settings.switch))

    attending: list[asyncio.Task[None]] = []

    async def attend() -> None:
        attending.append(asyncio.create_task(legs.switch.run()))

    async def leave() -> None:
        await ended(*attending)

    runtime.on_start.append(attend)
    runtime.on_stop.append(leave)
    return [legs.on_facts]
