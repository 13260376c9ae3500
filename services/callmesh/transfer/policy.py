"""What travels without an operator: reports from unattended channels that are sure or an emergency,
emergencies that reached somebody who is no emergency service, and returns that the city grants by
rule. An emergency call that an emergency desk answers is with the emergency desk already: its
operator presses the key, or applies a plan. Everything else waits in the operators' queue."""

from __future__ import annotations

from collections.abc import Sequence

from nats.aio.msg import Msg

from callmesh.domain import commands as c
from callmesh.domain.case import Case
from callmesh.domain.decide import may_travel_alone
from callmesh.domain.words import Channel, ReferralState
from callmesh.kernel.messaging import sequence_of
from callmesh.ledger.boot import Mesh
from callmesh.ledger.consume import each, kind_of
from callmesh.ledger.record import decode
from callmesh.transfer.service import Transfers, Wish

_ATTENDED = frozenset(one.value for one in Channel if one.attended)


class Policy:
    """Reads the log and answers facts by rule."""

    def __init__(self, mesh: Mesh, transfers: Transfers) -> None:
        self._mesh, self._transfers = mesh, transfers

    async def on_facts(self, messages: Sequence[Msg]) -> None:
        """Classified cases and returns; the rest passes."""
        await each(self._mesh, messages, self._on_fact, _concerns)

    async def _on_fact(self, case_id: str, message: Msg) -> None:
        case = await self._transfers.case(case_id)
        sequence = sequence_of(message)
        if kind_of(message) == "case_classified":
            await self._classified(case_id, case, sequence)
        else:
            await self._returned(case_id, case, sequence)

    async def _classified(self, case_id: str, case: Case, sequence: int) -> None:
        allowed = case.emergency or self._mesh.city.policy.auto_route
        if not (allowed and self._by_itself(case) and may_travel_alone(case)):
            return

        def ask(now: Case) -> c.Command:
            return self._transfers.transfer(now, now.origin, Wish())

        await self._mesh.by_policy(case_id, ask, "transfer", sequence)

    def _by_itself(self, case: Case) -> bool:
        city = self._mesh.city
        desk = city.agency.get(case.origin)
        answered = desk is not None and desk.kind in city.policy.emergency_kinds
        return case.channel not in _ATTENDED or (case.emergency and not answered)

    async def _returned(self, case_id: str, case: Case, sequence: int) -> None:
        for referral in case.this_round:
            if referral.state != ReferralState.RETURN_REQUESTED:
                continue
            if referral.hop >= self._mesh.city.policy.auto_grant_returns and not case.emergency:
                continue  # a dispatcher decides; an emergency waits for nobody
            command: c.Command = self._transfers.grant(case, referral, "", "按规则准予退单, 自动改派")
            await self._mesh.by_policy(case_id, command, "grant_return", sequence)


def _concerns(case_id: str, message: Msg) -> bool:
    """A return, or a classification of an emergency or of an unattended report."""
    kind = kind_of(message)
    if kind != "case_classified":
        return kind == "return_requested"
    case = decode(message.data).case
    return case.emergency or case.channel not in _ATTENDED
