"""Limits as scheduled messages: one slot a case, holding its earliest running limit.

A fact moves the earliest limit. If it moved *earlier*, or nothing is known to be armed, the slot is
published anew (same subject, so it replaces). If it moved later or vanished, the armed message is
left alone: when it fires too soon the case is read, found not due, and armed again. So a whole
life costs about one timer message, and a lost or doubled message mends itself. What fires is
decided on the case itself (`MissDeadline`): each limit is escalated once, and never early.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, datetime

from nats.aio.msg import Msg
from opentelemetry.trace import SpanKind

from callmesh.domain import commands as c
from callmesh.domain.case import Case
from callmesh.kernel import headers, telemetry
from callmesh.kernel.ids import now
from callmesh.kernel.messaging import publish_once
from callmesh.ledger import stamps
from callmesh.ledger.boot import Mesh
from callmesh.ledger.consume import each, kind_of
from callmesh.ledger.handle import handle
from callmesh.ledger.record import decode, next_due_of

ARMED = 50_000
_ARMING = frozenset(
    {
        "case_transferred",
        "referral_received",
        "referral_accepted",
        "progress_reported",
        "return_granted",
        "return_denied",
        "case_reopened",
        "case_unmerged",
        "deadline_missed",
    }
)
_SCHEDULE_TTL = "168h"


class Clocks:
    """Arms limits and escalates those that ran out."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self._armed: OrderedDict[str, datetime] = OrderedDict()

    async def on_facts(self, messages: Sequence[Msg]) -> None:
        """Arms the next limit of every case that moved."""
        await each(self._mesh, messages, self._on_fact, self._moves_earlier)

    async def on_due(self, messages: Sequence[Msg]) -> None:
        """Escalates what ran out, arms what comes next."""
        await asyncio.gather(*(self._on_due(message) for message in messages))

    def _moves_earlier(self, case_id: str, message: Msg) -> bool:
        if kind_of(message) not in _ARMING:
            return False
        due, armed = next_due_of(decode(message.data)), self._armed.get(case_id)
        return due is not None and (armed is None or armed > due)

    async def _on_fact(self, case_id: str, message: Msg) -> None:
        due = next_due_of(decode(message.data))
        assert due is not None
        await self._arm(case_id, due)

    async def _arm(self, case_id: str, due: datetime) -> None:
        await self._schedule(case_id, due)
        self._remember(case_id, due)

    async def _schedule(self, case_id: str, at: datetime) -> None:
        runtime = self._mesh.runtime
        names = runtime.names
        moment = max(at, now()).astimezone(UTC)
        schedule = {
            headers.SCHEDULE: f"@at {moment.strftime('%Y-%m-%dT%H:%M:%S.%fZ')}",
            headers.SCHEDULE_TARGET: names.due(case_id),
            headers.SCHEDULE_TTL: _SCHEDULE_TTL,
        }
        message_id = f"{case_id}:{moment.timestamp():.6f}:{now().timestamp():.6f}"
        await publish_once(runtime.client, runtime.publisher, names.timer(case_id), b"", message_id, **schedule)

    async def _on_due(self, message: Msg) -> None:
        case_id = self._mesh.runtime.names.case_id(message.subject)
        with telemetry.Step("process due", SpanKind.CONSUMER):
            telemetry.mark(case=case_id)
            self._armed.pop(case_id, None)
            head = await self._mesh.ledger.head(case_id, fresh=True)
            case = await self._escalate(case_id, head.case) if head else None
            following = case.next_deadline() if case else None
            if following is not None:
                await self._arm(case_id, following[0])

    async def _escalate(self, case_id: str, case: Case) -> Case:
        """Every limit that ran out, each once; the case after it."""
        while (following := case.next_deadline()) and following[0] <= now():
            at, limit, referral = following
            stamp = stamps.by_timer(case_id, f"{limit.value}:{referral.name[-8:]}", at.isoformat())
            outcome = await handle(self._mesh.ledger, case_id, c.MissDeadline(referral.name, limit), stamp)
            if outcome.fact is not None and not outcome.repeated:
                telemetry.missed_total.add(1, {"agency": referral.agency, "limit": limit.value})
            if outcome.head.case == case:
                break
            case = outcome.head.case
        return case

    def _remember(self, case_id: str, at: datetime) -> None:
        self._armed[case_id] = at
        self._armed.move_to_end(case_id)
        if len(self._armed) > ARMED:
            self._armed.popitem(last=False)
