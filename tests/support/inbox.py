"""Deliveries that wait in an agency's inbox, as the projector puts them there."""

from __future__ import annotations

from nats.aio.client import Client

from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.kernel.vault import Vault
from support.service import NAMES


async def put(client: Client, vault: Vault, agency: str, number: int, filling: str = "") -> str:
    """One more; its referral's name."""
    case = f"r1-0-{number:026d}"
    name = f"cases/{case}/referrals/1"
    delivery = pb.Delivery(kind=pb.Delivery.OFFERED)
    delivery.referral.name = delivery.case.name = name
    delivery.case.report.narrative = filling
    sealed = (await vault.make(case)).seal(delivery.SerializeToString())
    await client.jetstream().publish(NAMES.inbox(agency, name), sealed)
    return name
