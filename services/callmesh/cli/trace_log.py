"""A case's timeline without any service: read from the log on NATS, made by the same code that tracking runs.

A number finds its cases by reading the last message of every case, once: slower than tracking's index, and as true.
Numbers that other systems gave stand there open. The caller's number is hashed with the mesh's secret and sealed, so
looking it up needs that secret and the mesh's key-encryption key; the way itself shows no words,
nor why a round was opened, and needs no key.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import tzinfo

from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from callmesh.api.v1 import case_pb2
from callmesh.api.v1 import tracking_service_pb2 as pb
from callmesh.cli import clients, endpoints, trace
from callmesh.cli.endpoints import Endpoints, Hangs
from callmesh.cli.output import Failure
from callmesh.directory.codec import Undecodable
from callmesh.domain import access
from callmesh.domain.case import Actor, Case
from callmesh.domain.errors import DomainError, elsewhere
from callmesh.domain.words import ActorKind
from callmesh.kernel.ids import now
from callmesh.kernel.kek import BadKey
from callmesh.kernel.subjects import Names
from callmesh.kernel.vault import Keys, NoKeys, open_vault
from callmesh.ledger.chain import Entry
from callmesh.ledger.jetstream import JetStreamLedger
from callmesh.ledger.port import Head
from callmesh.ledger.scan import latest
from callmesh.ledger.wire import from_proto, to_proto
from callmesh.tracking.filters import parse
from callmesh.tracking.timeline import timeline as told

_OPS = Actor(ActorKind.PERSON, role=access.OPS)
"""Who reads the log itself runs the mesh, and is shown what tracking would show: the way of a case, not its report."""
_AT_ONCE = 256


async def timeline(where: Endpoints, name: str) -> pb.Timeline:
    """The timeline of `cases/{case}` as ops see it; Failure when NATS is away too or there is no such case."""
    case_id = name.removeprefix("cases/")
    names = Names(case_id.split("-", 1)[0])
    async with endpoints.connected(where) as (client, js):
        ledger = JetStreamLedger(client, js, names, "trace", NoKeys())
        try:
            heads = await ledger.history(case_id)
        except DomainError as wrong:
            raise Failure(f"the log cannot be read: {wrong.message}{_region(where, names)}") from None
    if not heads:
        raise Failure(f"no case {case_id}")
    found = told(case_id, heads, now())
    way = to_proto(access.seen(from_proto(Case, found.case), _OPS, None), case_pb2.Case)
    way.etag = found.case.etag
    way.ClearField("report")
    found.case.CopyFrom(way)
    return found


async def zone(where: Endpoints) -> tzinfo | None:
    """The zone of the city in force; None, this machine's, without one."""
    try:
        return (await clients.city_in_force(where)).calendar.zone
    except Hangs:
        raise  # so does the log: whoever waits for it waits twice
    except (Failure, Undecodable):
        return None


def _region(where: Endpoints, names: Names) -> str:
    """Why there may be no such log, where the case's region is not the one of the settings."""
    ours = endpoints.at(where).region
    return "" if names.region == ours else f"; {elsewhere(names.region, ours).message} (CALLMESH_REGION)"


async def known_as(where: Endpoints, number: str) -> list[case_pb2.Case]:
    """The cases that have this number in any way, by the first that has any, newest first; Failure without NATS."""
    found: list[case_pb2.Case] = []
    settings = endpoints.at(where)
    stream = Names(settings.region).log_stream(settings.shard)
    async with endpoints.connected(where) as (client, js):
        try:
            for wanted in trace.known_by(number):
                keys = await open_vault(client, js, settings) if wanted.number else NoKeys()
                fits = parse(wanted, settings.number_key)
                found = [one async for one in _cases(js, stream, keys) if fits.matches(one)]
                if found:
                    break
        except BadKey as wrong:
            raise Failure(f"the caller's number cannot be looked up: {wrong}") from None
        except DomainError as wrong:
            raise Failure(f"the log cannot be read: {wrong.message}") from None
        except (NatsError, OSError, TimeoutError) as wrong:
            raise Failure(f"the log cannot be read ({type(wrong).__name__}); is NATS up?") from None
    last = {one.name: one for one in found}
    return sorted(last.values(), key=lambda one: (one.opened_at.ToNanoseconds(), one.name), reverse=True)


async def _cases(js: JetStreamContext, stream: str, keys: Keys) -> AsyncIterator[case_pb2.Case]:
    """Every case as it stands, read with these keys."""
    batch: list[Entry] = []
    async for entry in latest(js, stream):
        batch.append(entry)
        if len(batch) == _AT_ONCE:
            for one in await _opened(batch, keys):
                yield one
            batch = []
    for one in await _opened(batch, keys):
        yield one


async def _opened(batch: list[Entry], keys: Keys) -> list[case_pb2.Case]:
    names = [Names.case_id(one.subject) for one in batch]
    held = await keys.load_all(names)
    return [Head(one.data, one.sequence, key=held[name]).record.case for one, name in zip(batch, names, strict=True)]
