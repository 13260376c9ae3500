"""A case's timeline without any service: read from the log on NATS, made by the same code that tracking runs.

It shows no words, so it needs no key.
"""

from __future__ import annotations

from callmesh.api.v1 import case_pb2
from callmesh.api.v1 import tracking_service_pb2 as pb
from callmesh.cli import endpoints
from callmesh.cli.endpoints import Endpoints
from callmesh.cli.output import Failure
from callmesh.domain import access
from callmesh.domain.case import Actor, Case
from callmesh.domain.errors import DomainError
from callmesh.domain.words import ActorKind
from callmesh.kernel.ids import now
from callmesh.kernel.subjects import Names
from callmesh.kernel.vault import NoKeys
from callmesh.ledger.jetstream import JetStreamLedger
from callmesh.ledger.wire import from_proto, to_proto
from callmesh.tracking.timeline import timeline as told

_OPS = Actor(ActorKind.PERSON, role=access.OPS)
"""Who reads the log itself runs the mesh, and is shown what tracking would show: the way of a case, not its report."""


async def timeline(where: Endpoints, name: str) -> pb.Timeline:
    """The timeline of `cases/{case}` as ops see it; Failure when NATS is away too or there is no such case."""
    case_id = name.removeprefix("cases/")
    names = Names(case_id.split("-", 1)[0])
    async with endpoints.connected(where) as client:
        ledger = JetStreamLedger(client, client.jetstream(timeout=5), names, "trace", NoKeys())
        try:
            heads = await ledger.history(case_id)
        except DomainError as wrong:
            raise Failure(f"the log cannot be read: {wrong.message}") from None
    if not heads:
        raise Failure(f"no case {case_id}")
    found = told(case_id, heads, names.case_stream(case_id), now())
    way = to_proto(access.seen(from_proto(Case, found.case), _OPS, None), case_pb2.Case)
    way.etag = found.case.etag
    way.ClearField("report")
    found.case.CopyFrom(way)
    return found
