"""A receipt ends a delivery wherever it was given out."""

from __future__ import annotations

from pathlib import Path

from callmesh.domain.directory import City
from callmesh.gateway.pumps import Pumps
from callmesh.kernel.runtime import Runtime
from callmesh.ledger.boot import open_mesh
from support.inbox import put
from support.nats_server import NatsServer
from support.service import NAMES, lay_out, running, settings
from support.waiting import until


async def test_a_receipt_at_another_process_ends_the_delivery(
    nats: NatsServer, demo_city: City, tmp_path: Path
) -> None:
    await lay_out(nats, demo_city)
    made: list[Pumps] = []

    def build(runtime: Runtime) -> None:
        made.append(Pumps(open_mesh(runtime)))
        runtime.on_start.append(made[-1].start)

    mine, others = (settings(nats, data_dir=str(tmp_path / name)) for name in ("mine", "others"))
    async with running("gateway", mine, build) as one, running("gateway", others, build) as two:
        await one.until_health("SERVING")
        await two.until_health("SERVING")
        client = one.runtime.client
        name = await put(client, one.runtime.vault, "water", 1)
        given = await made[0].of("water").pull(10)
        assert [each.referral.name for each in given] == [name]

        pump, number = made[0].of("water"), given[0].delivery_id
        assert pump.gave(number, name) and pump.gave(number, "") and not pump.gave(number, f"{name}1")
        await made[1].receipted("water", given[0].delivery_id, name)

        async def acknowledged() -> bool:
            info = await one.runtime.js.consumer_info(NAMES.inbox_stream, NAMES.inbox_durable("water"))
            return not info.num_ack_pending and not info.num_pending

        await until(acknowledged, "the delivery to be over")
        assert not made[0].of("water").attempts(given[0].delivery_id)
