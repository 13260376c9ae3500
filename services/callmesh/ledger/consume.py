"""Reading the log: which facts concern a service, each handled under its own span.

Only kinds that the service acts on are handled, at once for different cases (the cache of heads had every message as
it arrived: Mesh.consume_log). A refusal by the domain means the case moved on: nothing is left to do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from nats.aio.msg import Msg
from opentelemetry.trace import SpanKind

from callmesh.domain.errors import DomainError, NoDirectory, Overloaded, Unreachable
from callmesh.kernel import headers, telemetry
from callmesh.kernel.messaging import age_of, attempt_of
from callmesh.ledger.boot import Mesh

OnFact = Callable[[str, Msg], Awaitable[None]]
Concerns = Callable[[str, Msg], bool]


def kind_of(message: Msg) -> str:
    """The fact's name in the contract, e.g. "case_opened"."""
    return (message.headers or {}).get(headers.CE_TYPE, "")


def _all(case_id: str, message: Msg) -> bool:
    return True


async def each(mesh: Mesh, messages: Sequence[Msg], act: OnFact, concerns: Concerns = _all) -> None:
    """Hands every fact that `concerns` the service to `act`; raises only what a later try can mend."""
    wanted = []
    for message in messages:
        case_id = mesh.runtime.names.case_id(message.subject)
        if concerns(case_id, message):
            wanted.append(_one(case_id, message, act))
    if len(wanted) == 1:
        await wanted[0]  # what most batches come to: no task of its own
    elif wanted:
        await asyncio.gather(*wanted)


async def _one(case_id: str, message: Msg, act: OnFact) -> None:
    given = message.headers or {}
    producer = telemetry.parse_traceparent(given.get(headers.TRACEPARENT))
    name = f"process {kind_of(message)}"
    with telemetry.Step(name, SpanKind.CONSUMER, producer, age_of(message), attempt_of(message)):
        telemetry.mark(case=case_id, agency=given.get(headers.CE_AGENCY, ""))
        try:
            await act(case_id, message)
        except (Unreachable, Overloaded, NoDirectory):
            raise
        except DomainError as refused:
            telemetry.log.info("nothing left to do", case=case_id, reason=type(refused).__name__)
