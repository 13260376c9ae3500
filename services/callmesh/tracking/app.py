"""The parts of the tracking service and how they hang together."""

from __future__ import annotations

from collections.abc import Sequence

from nats.aio.msg import Msg

from callmesh.api.v1 import tracking_service_pb2
from callmesh.api.v1.tracking_service_pb2_grpc import add_TrackingServiceServicer_to_server
from callmesh.directory.store import DirectoryWatch
from callmesh.domain.directory import City
from callmesh.kernel.runtime import Runtime
from callmesh.ledger.access import Access
from callmesh.ledger.jetstream import JetStreamLedger
from callmesh.tracking.items import items_from
from callmesh.tracking.projector import Projector
from callmesh.tracking.service import Tracking
from callmesh.tracking.servicer import TrackingServicer
from callmesh.tracking.sights import Sights
from callmesh.tracking.source import LogSource
from callmesh.tracking.store import Store, url_of
from callmesh.tracking.watch import Hub

DURABLE = "tracking"
LINGER_SECONDS = 0.1
"""A transaction for many facts costs little more than one for a single fact."""


def build(runtime: Runtime) -> None:
    """Hangs the service on the runtime."""
    settings, names = runtime.settings, runtime.names
    store, hub = Store(url_of(settings)), Hub()
    directory = DirectoryWatch()

    async def follow_city() -> None:
        await directory.start(runtime.js)

    ledger = JetStreamLedger(runtime.client, runtime.js, names, runtime.name, runtime.vault)
    access = Access(directory, settings, ledger.is_emergency)
    runtime.server.guarded(access)

    def city() -> City | None:
        """None before a city is in force: figures then count by the defaults."""
        return access.city

    def threshold() -> int:
        found = city()
        return found.figures.hotspot_threshold if found else 0

    def projected(shard: int) -> Projector:
        """Who writes what a shard tells into the model."""
        source = LogSource(runtime.client, runtime.js, names, shard, runtime.vault)
        projector = Projector(store, source, hub.tell, threshold)

        async def on_facts(messages: Sequence[Msg]) -> None:
            await projector.take(await items_from(messages, runtime.vault))

        reads = {"linger": LINGER_SECONDS, "known": lambda: projector.position}
        runtime.consume_shard(shard, DURABLE, on_facts, **reads)
        return projector

    projectors = [projected(one) for one in settings.tracked]
    tracking = Tracking(store, projectors, hub, ledger, city=city, keys=runtime.vault.load_all)

    runtime.on_start += [follow_city, *(one.start for one in projectors)]
    runtime.on_drain.append(hub.close)
    runtime.on_stop += [*(one.stop for one in projectors), store.close, directory.close]
    servicer = TrackingServicer(tracking, Sights(access), settings.number_key)
    add_TrackingServiceServicer_to_server(servicer, runtime.server.grpc)
    runtime.server.named(tracking_service_pb2.DESCRIPTOR.services_by_name["TrackingService"])
