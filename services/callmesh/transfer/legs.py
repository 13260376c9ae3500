"""Legs of a call (通话): what the log wants of the switch, and what the switch says, brought together.

A leg travels: CaseTransferred says that data and call go together -> this rule appends a leg that rings
(CallLegChanged) -> that fact makes the switch ring the agency's first number -> what the switch says is appended in
turn: answered, three on one line, ended, failed. Nobody answers within the city's limit (supervision's timer says so),
or it is busy: the fact of that rings the next number; after the last one the referral goes on as a pushed work
order. The data never waits for any of this: the work order is with the agency since CaseTransferred.

What can fail: the switch is away -> the leg fails with that reason and a call-back is owed, in one fact. It died in
mid-call -> the legs that it does not know when it is back were dropped, the same. This service died -> the facts not
acted on come again, and the switch tells its legs when it is connected: what was missed is heard then, and what people
wished meanwhile is done. A leg's id is made by us, so whatever happens twice happens once. Several processes may
listen: the second one finds the change made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from nats.aio.msg import Msg
from opentelemetry.trace import SpanKind

from callmesh.api.v1 import case_pb2, common_pb2, referral_pb2
from callmesh.domain import commands as c
from callmesh.domain import facts as f
from callmesh.domain import ringing
from callmesh.domain.calls import LIVE_LEG, NEXT_TARGET, CallLeg, case_of_leg
from callmesh.domain.case import Case
from callmesh.domain.decide_calls import has_voice
from callmesh.domain.errors import DomainError, NoDirectory, Overloaded, Unreachable
from callmesh.domain.words import ATTENDED, LegReason, LegState, Mode, Role
from callmesh.kernel import telemetry
from callmesh.kernel.ids import new_id
from callmesh.kernel.messaging import sequence_of
from callmesh.kernel.retry import patiently
from callmesh.ledger import stamps
from callmesh.ledger.boot import Mesh
from callmesh.ledger.consume import each, kind_of
from callmesh.ledger.handle import handle
from callmesh.ledger.record import body_of, decode
from callmesh.transfer.calls import Heard, Listener, Ringing, Switch, SwitchAway

_CHANGED, _TRANSFERRED, _OPENED = "call_leg_changed", "case_transferred", "case_opened"
_FOR_EVER = float("inf")
_TAKEN_BACK = frozenset({"referral_recalled", "case_cancelled", "case_merged"})
_KINDS = frozenset({_CHANGED, _TRANSFERRED, _OPENED}) | _TAKEN_BACK


class Legs:
    """Rings by the log, writes down what is heard. Implements `Listener`."""

    def __init__(self, mesh: Mesh, attach: Callable[[Listener], Switch]) -> None:
        self._mesh, self.switch = mesh, attach(self)
        self._live: set[str] = set()

    # what the log wants

    async def on_facts(self, messages: Sequence[Msg]) -> None:
        """Reports in another language, transfers with the call, what is taken back, and every change of a leg."""
        await each(self._mesh, messages, self._on_fact, _concerns)

    async def _on_fact(self, case_id: str, message: Msg) -> None:
        head, sequence = await self._mesh.ledger.seen(message), sequence_of(message)
        body = body_of(head.record)
        if isinstance(body, f.CallLegChanged):
            await self._follow(case_id, body.leg.leg, sequence)
        elif isinstance(body, f.CaseTransferred):
            await self._transferred(head.case, body, sequence)
        elif not isinstance(body, f.CaseOpened):
            await self._taken_back(head.case, sequence)
        elif has_voice(head.case):
            await self._interpret(head.case, sequence)

    async def _transferred(self, case: Case, body: f.CaseTransferred, sequence: int) -> None:
        lead = next(one for one in body.referrals if one.role == Role.LEAD and one.mode == Mode.CALL)
        wanted = ringing.agency(self._mesh.city, lead.agency, lead.name, body.conference)
        if has_voice(case) and wanted.targets:
            await self._mesh.by_policy(case.id, wanted, "ring", sequence)

    async def _taken_back(self, case: Case, sequence: int) -> None:
        """A phone does not ring on for a referral that was taken back."""
        for leg in case.call_legs:
            referral = case.referral(leg.referral)
            if leg.state == LegState.RINGING and referral is not None and not referral.is_open:
                await self._mesh.by_policy(case.id, c.HangUp(leg.leg), f"hang_up:{leg.leg[-8:]}", sequence)

    async def _interpret(self, case: Case, sequence: int) -> None:
        """The interpreter joins while the call-taker still writes."""
        city, language = self._mesh.city, case.report.caller.language
        if ringing.is_foreign(city, language):
            await self._mesh.by_policy(case.id, ringing.interpreter(city, language), "interpret", sequence)

    async def _follow(self, case_id: str, leg_id: str, sequence: int) -> None:
        """The switch does what the log wants of a leg by now; then comes the next number, if this was of no use."""
        head = await self._mesh.ledger.head(case_id)
        leg = head.case.leg(leg_id) if head else None
        if head is None or leg is None:
            return
        await self._settle(head.case, leg)
        if leg.reason in NEXT_TARGET and leg.target < leg.targets:
            await self._mesh.by_policy(case_id, ringing.following(self._mesh.city, leg), "ring", sequence)

    async def _settle(self, case: Case, leg: CallLeg) -> None:
        try:
            await self._tell(case, leg)
        except SwitchAway:
            if leg.is_live:
                await self._write(Heard(leg.leg, LegState.FAILED, LegReason.SWITCH_AWAY))

    async def _tell(self, case: Case, leg: CallLeg) -> None:
        if not leg.is_live:
            self._live.discard(leg.leg)
            await self.switch.hang_up(leg.leg)
        elif leg.state == LegState.RINGING:
            await self._ring(case, leg)
        elif leg.conference != (leg.state == LegState.CONFERENCE):
            await (self.switch.conference if leg.conference else self.switch.leave)(leg.leg)

    async def _ring(self, case: Case, leg: CallLeg) -> None:
        number = ringing.number(self._mesh.city, leg)
        if number:
            await self.switch.ring(Ringing(leg.leg, case.desk or case.id, number, leg.conference))
            self._live.add(leg.leg)
        else:
            await self._write(Heard(leg.leg, LegState.FAILED, LegReason.NO_LINE))

    # what the switch says

    async def heard(self, news: Heard) -> None:
        """Written down, however long that takes: what a switch said it does not say again."""
        await patiently(partial(self._write, news), _FOR_EVER)

    async def connected(self, known: tuple[Heard, ...]) -> None:
        """What was missed is heard; legs that it does not know any more were dropped."""
        lost = self._live - {one.leg for one in known}
        for leg in sorted(lost):
            await self.heard(Heard(leg, LegState.FAILED, LegReason.DROPPED))
        for one in known:
            await self.heard(one)
            if one.state in LIVE_LEG:
                await self._again(one.leg)

    async def away(self) -> None:
        """Nobody knows what becomes of the calls: each is given up, and its caller is called back."""
        for leg in sorted(self._live):
            await self.heard(Heard(leg, LegState.FAILED, LegReason.SWITCH_AWAY))

    async def _again(self, leg_id: str) -> None:
        """What people wished of a leg while the switch could not be told."""
        head = await self._mesh.ledger.head(case_of_leg(leg_id))
        leg = head.case.leg(leg_id) if head else None
        if head is not None and leg is not None:
            await self._settle(head.case, leg)

    async def _write(self, news: Heard) -> None:
        """Once for each step; what only tells how it stands has no step."""
        case_id = case_of_leg(news.leg)
        stamp = stamps.by_switch(case_id, f"{news.leg}:{news.step or new_id()}")
        with telemetry.Step("hear call", SpanKind.CONSUMER):
            telemetry.mark(case=case_id)
            command = c.Hear(news.leg, news.state, self._mesh.city.calls, news.reason)
            try:
                after = (await handle(self._mesh.ledger, case_id, command, stamp)).head.case.leg(news.leg)
            except (Unreachable, Overloaded, NoDirectory):
                raise
            except DomainError as refused:
                telemetry.log.info("nothing left to do", case=case_id, reason=type(refused).__name__)
                return
        (self._live.add if after is not None and after.is_live else self._live.discard)(news.leg)


def _concerns(case_id: str, message: Msg) -> bool:
    kind = kind_of(message)
    if kind not in _KINDS:
        return False
    record = decode(message.data)
    if kind == _TRANSFERRED:
        return any(map(_with_call, record.fact.case_transferred.referrals))
    if kind in _TAKEN_BACK:
        return any(one.state == case_pb2.CallLeg.RINGING for one in record.case.call_legs)
    return kind == _CHANGED or record.case.channel in ATTENDED


def _with_call(one: referral_pb2.Referral) -> bool:
    """Who helps is told by data alone: the caller has one voice on the line."""
    return one.role == referral_pb2.Referral.LEAD and one.mode == common_pb2.MODE_CALL
