"""What travels without an operator: reports from unattended channels that are sure or an emergency,
emergencies that reached somebody who is no emergency service, and returns that the city grants by
rule. An emergency call that an emergency desk answers is with the emergency desk already: its
operator presses the key, or applies a plan. Everything else waits in the operators' queue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nats.aio.msg import Msg

from callmesh.api.v1 import common_pb2
from callmesh.domain import commands as c
from callmesh.domain.case import Case
from callmesh.domain.decide import may_travel_alone
from callmesh.domain.words import ATTENDED, ReferralState
from callmesh.kernel.messaging import sequence_of
from callmesh.ledger.boot import Mesh
from callmesh.ledger.consume import each, kind_of
from callmesh.ledger.record import decode
from callmesh.transfer.folding import Folding
from callmesh.transfer.service import Transfers, Wish


class Policy:
    """Reads the log and answers facts by rule."""

    def __init__(self, mesh: Mesh, transfers: Transfers) -> None:
        self._mesh, self._transfers = mesh, transfers
        self._folding = Folding(mesh)

    async def on_facts(self, messages: Sequence[Msg]) -> None:
        """Classified cases, returns, threats, and what a person folded; the rest passes."""
        await each(self._mesh, messages, self._on_fact, self._concerns)

    async def _on_fact(self, case_id: str, message: Msg) -> None:
        case = await self._mesh.case(case_id)
        sequence = sequence_of(message)
        kind = kind_of(message)
        if kind == "case_classified":
            if not await self._folding.fold(case, sequence):
                await self._classified(case_id, case, sequence)
        elif kind == "repeat_advanced":
            await self._threatened(case_id, case, sequence)
        elif kind == "case_merged":
            await self._folding.confirmed(case, sequence)
        else:
            await self._returned(case_id, case, sequence)

    async def _classified(self, case_id: str, case: Case, sequence: int) -> None:
        if _found_later(case) and self._by_itself(case):
            return await self._joined(case_id, sequence)
        allowed = case.emergency or self._mesh.city.policy.auto_route
        if not (allowed and self._by_itself(case) and may_travel_alone(case)):
            return None

        def ask(now: Case) -> c.Command:
            return self._transfers.transfer(now, now.origin, Wish())

        await self._mesh.by_policy(case_id, ask, "transfer", sequence)
        return None

    async def _joined(self, case_id: str, sequence: int) -> None:
        """Who leads goes on with the matter it knows; the danger is for others, at once."""

        def ask(now: Case) -> c.Command:
            return self._transfers.joining(now, "补充内容出现险情, 立即增派")

        await self._mesh.by_policy(case_id, ask, "danger", sequence)

    def _by_itself(self, case: Case) -> bool:
        city = self._mesh.city
        desk = city.agency.get(case.origin)
        answered = desk is not None and desk.kind in city.policy.emergency_kinds
        return case.channel not in ATTENDED or (case.emergency and not answered)

    async def _returned(self, case_id: str, case: Case, sequence: int) -> None:
        for referral in case.this_round:
            if referral.state != ReferralState.RETURN_REQUESTED:
                continue
            if referral.hop >= self._mesh.city.policy.auto_grant_returns and not case.emergency:
                continue  # a dispatcher decides; an emergency waits for nobody
            command: c.Command = self._transfers.grant(case, referral, "", "按规则准予退单, 自动改派")
            await self._mesh.by_policy(case_id, command, "grant_return", sequence)

    async def _threatened(self, case_id: str, case: Case, sequence: int) -> None:
        """A threat of extreme acts forces 110: it leads, or where another body leads already, it goes as well."""
        city = self._mesh.city
        desk = city.policy.emergency_desk
        if case.lead is None or case.lead.agency == desk:
            return await self._classified(case_id, case, sequence)
        kinds = city.policy.emergency_kinds
        serving = {one.agency for one in case.this_round if one.is_open or one.state == ReferralState.RESOLVED}
        if case.origin == desk or any(city.agency[one].kind in kinds for one in serving if one in city.agency):
            return None

        def ask(now: Case) -> c.Command:
            wish = Wish(support=(desk,), reason="扬言极端, 110 先行处置")
            return replace(self._transfers.transfer(now, now.origin, wish), forced=True)

        await self._mesh.by_policy(case_id, ask, "threat", sequence)
        return None

    def _concerns(self, case_id: str, message: Msg) -> bool:
        """A return, a threat, a folding by a person, and classifications of what may travel or be folded."""
        kind = kind_of(message)
        if kind == "case_classified":
            case = decode(message.data).case
            moves = case.emergency or case.channel not in ATTENDED
            return moves or self._folding.concerns(case.classification.category)
        if kind == "repeat_advanced":
            return decode(message.data).fact.repeat_advanced.threat
        if kind == "case_merged":
            return decode(message.data).fact.actor.kind == common_pb2.ACTOR_KIND_PERSON
        return kind == "return_requested"


def _found_later(case: Case) -> bool:
    """Whether the machine heard an emergency in what was added after somebody had begun to lead."""
    said, lead = case.classification, case.lead
    if not case.emergency or lead is None or said is None or said.by_person or said.at is None:
        return False
    return lead.offered_at is not None and lead.offered_at < said.at
