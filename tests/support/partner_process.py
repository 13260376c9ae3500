"""A partner in a process of its own, to be stopped and killed: ADDRESS AGENCY CERT KEY CA."""

from __future__ import annotations

import asyncio
import sys

from callmesh.partner import Delivery, Partner, TlsFiles

address, agency, *identity = sys.argv[1:]
partner = Partner(address, agency, identity=TlsFiles(*identity))


@partner.on_news
async def store(delivery: Delivery) -> None:
    print(delivery.name, flush=True)  # noqa: T201


asyncio.run(partner.run())
