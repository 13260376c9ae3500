"""Time as scheduled messages: one slot a case, holding the next moment it is watched for (domain/watch.py).

A moment is a warning, a limit that runs out (of an agency, of who must decide, ask, divert or mend, of an answer to a
reminder, to a lost call), the end of a pause, or a phone that rang long enough. A fact moves the earliest one. If it
moved *earlier*, or nothing is known to be armed, the slot is published anew (same subject, so it replaces). If it moved
later or vanished, the armed message is left alone: when it fires too soon the case is read, found not due, and armed
again. So a whole life costs few timer messages, and a lost or doubled message mends itself.

What fires is decided on the case as this process last saw it: acting on an old one is refused by the log and decided
anew, and a fact that it has not seen yet is still to come and arms what it moved. So each moment is acted on once, and
never early. What fell due while NATS or this service was down is done when both are back, the earliest first; a
warning whose limit has run out is skipped.

A P2 or P3 case in a pause that turns out urgent goes on at once: P0 and P1 never pause.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, datetime

from nats.aio.msg import Msg
from opentelemetry.trace import SpanKind

from callmesh.api.v1 import common_pb2, referral_pb2
from callmesh.domain import commands as c
from callmesh.domain.case import Case
from callmesh.domain.errors import DomainError, NoDirectory, Overloaded, Unreachable
from callmesh.domain.watch import Alarm, Watch, next_watch
from callmesh.domain.words import ReferralState
from callmesh.kernel import headers, telemetry
from callmesh.kernel.ids import now
from callmesh.kernel.messaging import publish_once, sequence_of
from callmesh.ledger import stamps
from callmesh.ledger.boot import Mesh
from callmesh.ledger.consume import each, kind_of
from callmesh.ledger.handle import handle
from callmesh.ledger.record import next_due_of

ARMED = 50_000
_CLASSIFIED = "case_classified"
_URGENT = (common_pb2.LEVEL_P0, common_pb2.LEVEL_P1)
_ARMING = frozenset(
    {
        "case_opened",
        _CLASSIFIED,
        "case_transferred",
        "referral_received",
        "referral_accepted",
        "progress_reported",
        "return_requested",
        "return_granted",
        "return_denied",
        "dispute_opened",
        "referral_recalled",
        "follow_up_recorded",
        "case_reopened",
        "jurisdiction_designated",
        "resolution_sent_back",
        "case_unmerged",
        "finding_recorded",
        "call_leg_changed",
        "deadline_missed",
        "deadline_warned",
        "referral_reminded",
        "referral_resolved",
        "disclosure_requested",
        "extension_requested",
        "extension_decided",
        "suspension_requested",
        "suspension_denied",
        "referral_suspended",
        "referral_resumed",
    }
)
_SCHEDULE_TTL = "168h"


class Clocks:
    """Arms the next moment of every case and acts on those that came."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self._armed: OrderedDict[str, datetime] = OrderedDict()

    async def on_facts(self, messages: Sequence[Msg]) -> None:
        """Arms the next moment of every case that moved; of several facts of a case the last one knows it."""
        last = {self._case_id(one): one for one in messages if kind_of(one) in _ARMING}
        moved = [one for case_id, one in last.items() if self._earlier(case_id, one)]
        await each(self._mesh, moved, self._on_moved)
        await each(self._mesh, [one for one in messages if self._must_go_on(one)], self._end_pauses)

    async def on_due(self, messages: Sequence[Msg]) -> None:
        """Acts on what came due, arms what comes next."""
        await self._mesh.runtime.vault.load_all(self._case_id(one) for one in messages)
        await asyncio.gather(*(self._on_due(message) for message in messages))

    def _case_id(self, message: Msg) -> str:
        return self._mesh.runtime.names.case_id(message.subject)

    def _earlier(self, case_id: str, message: Msg) -> datetime | None:
        """The next moment of the case, if nothing is known to be armed before it."""
        due, armed = next_due_of(self._mesh.ledger.glance(message)), self._armed.get(case_id)
        return due if due is not None and (armed is None or armed > due) else None

    def _must_go_on(self, message: Msg) -> bool:
        """A classification that made a case urgent while somebody pauses in it."""
        if kind_of(message) != _CLASSIFIED:
            return False
        case = self._mesh.ledger.glance(message).case
        urgent = case.emergency or case.classification.level in _URGENT
        return urgent and any(one.state == referral_pb2.Referral.SUSPENDED for one in case.referrals)

    async def _on_moved(self, case_id: str, message: Msg) -> None:
        due = self._earlier(case_id, message)
        if due is not None:
            await self._arm(case_id, due)

    async def _end_pauses(self, case_id: str, message: Msg) -> None:
        """Whatever pauses in a case that became urgent goes on."""
        head = await self._mesh.ledger.head(case_id)
        for one in head.case.referrals if head else ():
            if one.state == ReferralState.SUSPENDED:
                command = c.Resume(one.name, self._mesh.oversight, "转为紧急, 不得挂账")
                await self._mesh.by_policy(case_id, command, f"resume:{one.name[-8:]}", sequence_of(message))

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
        case_id = self._case_id(message)
        with telemetry.Step("process due", SpanKind.CONSUMER):
            self._armed.pop(case_id, None)
            head = await self._mesh.ledger.head(case_id)
            telemetry.mark(case=case_id, agency=head.case.owner if head else "")
            case = await self._catch_up(case_id, head.case) if head else None
            following = next_watch(case, now()) if case else None
            if following is not None:
                await self._arm(case_id, following.at)

    async def _catch_up(self, case_id: str, case: Case) -> Case | None:
        """Everything that came due, each once; the case after it, None when nothing more can be done."""
        while (following := next_watch(case, now())) and following.at <= now():
            after = await self._act(case_id, following)
            if after is None or after == case:
                return after
            case = after
        return case

    async def _act(self, case_id: str, watch: Watch) -> Case | None:
        """One moment; the case after it. A refusal is a defect: it is told, and not tried for ever."""
        limit = watch.limit.value if watch.limit else ""
        rule = f"{limit}:{watch.referral[-8:]}"
        rule = rule if watch.alarm == Alarm.MISS else f"{watch.alarm.value}:{rule}"
        stamp = stamps.by_timer(case_id, rule, watch.at.isoformat())
        try:
            outcome = await handle(self._mesh.ledger, case_id, self._command(watch), stamp)
        except (Unreachable, Overloaded, NoDirectory):
            raise
        except DomainError as refused:
            telemetry.log.error("a timer was refused", case=case_id, reason=type(refused).__name__)
            return None
        if outcome.fact is not None and not outcome.repeated and watch.alarm == Alarm.MISS:
            telemetry.missed_total.add(1, {"agency": watch.agency, "limit": limit})
        return outcome.head.case

    def _command(self, watch: Watch) -> c.Command:
        if watch.alarm == Alarm.LAPSE:
            return c.Lapse(watch.referral, self._mesh.city.calls)
        if watch.alarm == Alarm.RESUME or watch.limit is None:
            return c.Resume(watch.referral, self._mesh.oversight, "挂账期满")
        if watch.alarm == Alarm.WARN:
            return c.WarnDeadline(watch.referral, watch.limit)
        return c.MissDeadline(watch.referral, watch.limit)

    def _remember(self, case_id: str, at: datetime) -> None:
        self._armed[case_id] = at
        self._armed.move_to_end(case_id)
        if len(self._armed) > ARMED:
            self._armed.popitem(last=False)
