"""The guard of our services: the table of domain/access.py, applied to calls, cases and replies.

A call passes here three times. At the edge: does the method have a row, has the agency the role, is it too much
(kernel/rpc/limits.py). With the case loaded, inside `handle`: how does the agency stand to it. On the way out: as much
of a case as it may see. So a new RPC is refused until it has a row, and then needs nothing of its own.

Until the city's data is known nobody has more than an ordinary role, and everybody a partner's allowance.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from callmesh.api.v1 import case_pb2
from callmesh.directory.store import DirectoryWatch
from callmesh.domain import access
from callmesh.domain import commands as c
from callmesh.domain.case import Actor, Case
from callmesh.domain.directory import City
from callmesh.domain.errors import NoDirectory, NotFound, NotYours
from callmesh.kernel.config import Settings
from callmesh.kernel.rpc.limits import Allowance, Limits
from callmesh.ledger.handle import Ask
from callmesh.ledger.pair import AskBoth
from callmesh.ledger.wire import from_proto, to_proto

IsEmergency = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Sight:
    """A case as somebody sees it; `whole` when what all agencies do about it is seen, not only the own part."""

    case: case_pb2.Case
    whole: bool

    def has(self, referral: str) -> bool:
        """Whether something about this referral ("": about the case) is seen."""
        return self.whole or not referral or any(one.name == referral for one in self.case.referrals)


class Access:
    """One process's guard. `is_emergency` says of a case's name, without waiting, whether it is known to be one."""

    def __init__(self, directory: DirectoryWatch, settings: Settings, is_emergency: IsEmergency) -> None:
        self._directory, self._is_emergency = directory, is_emergency
        self._limits = Limits(settings.max_concurrent)
        self._partner = Allowance(
            settings.partner_rate, settings.partner_burst, settings.partner_at_once, settings.partner_streams
        )
        self._desk = Allowance(settings.desk_rate, settings.desk_burst, settings.desk_at_once, settings.desk_streams)

    @property
    def city(self) -> City | None:
        """The city in force, if there is one."""
        try:
            return self._directory.city
        except NoDirectory:
            return None

    # at the edge

    def admit(self, actor: Actor, method: str, request: Any) -> None:
        """An agency of this city, the row and the role, then a token; raises NotYours, Overloaded."""
        city = self.city
        if city is not None and actor.agency and actor.agency not in city.agency:
            raise NotYours(f"no agency {actor.agency!r} in this city", "本市没有登记该单位, 请核对身份")
        access.require_role(method, actor, city)
        who, allowance = self._of(actor)
        self._limits.token(who, allowance, lambda: self._urgent(request))

    async def place(self, actor: Actor, request: Any) -> AbstractContextManager[None]:
        """A place among the agency's unary calls, in turn; raises Overloaded."""
        return await self._limits.place(*self._of(actor), lambda: self._urgent(request))

    def stream(self, actor: Actor) -> AbstractContextManager[None]:
        """A place among the agency's streams; raises Overloaded."""
        return self._limits.stream(*self._of(actor))

    async def hold(self, actor: Actor) -> None:
        """Before a refusal goes out: a flood waits for its refusals."""
        await self._limits.hold(*self._of(actor))

    def shown(self, actor: Actor, method: str, reply: Any) -> Any:
        """A case as far as the caller may see it; other replies are their servicer's own care."""
        return self.case(actor, reply) if isinstance(reply, case_pb2.Case) else reply

    def pause(self, actor: Actor, request: Any) -> float:
        """Seconds to wait before the next action on a stream is carried out; 0: none, and a token is taken."""
        who, allowance = self._of(actor)
        return self._limits.wait(who, allowance, lambda: self._urgent(request))

    def _of(self, actor: Actor) -> tuple[str, Allowance]:
        """Whose bucket, and how large: wide for ops and for agencies that answer calls."""
        if not actor.agency:
            return f"svc/{actor.role}", self._desk
        city = self.city
        known = city.agency.get(actor.agency) if city else None
        if known is None or city is None:
            return actor.agency, self._partner
        answers = access.DESK in known.roles or actor.agency in (city.policy.emergency_desk, city.policy.hotline)
        return actor.agency, self._desk if answers else self._partner

    def _urgent(self, request: Any) -> bool:
        """Whether an emergency depends on this call, as far as it can be said without asking anybody."""
        if request is None:
            return False
        fields = request.DESCRIPTOR.fields_by_name
        if "emergency" in fields and request.emergency:
            return True
        if "situation" in fields and (request.situation.trapped or request.situation.injured):
            return True
        name = request.name if "name" in fields else ""
        return bool(name) and self._is_emergency(name)

    # with the case

    def guarded(self, request: Message, actor: Actor, ask: Ask) -> Ask:
        """The same question, answered only to who may ask it; the method is the one the request is named after."""
        if isinstance(ask, c.Open):
            return ask
        method = method_of(request)

        def checked(case: Case) -> c.Command:
            access.require_relation(method, case, actor, self.city)
            return ask(case) if callable(ask) else ask

        return checked

    def guarded_pair(self, request: Message, actor: Actor, ask: AskBoth) -> AskBoth:
        """The same for a question about two cases."""
        method = method_of(request)

        def checked(first: Case, second: Case) -> tuple[c.Command, c.Command]:
            access.require_of_both(method, first, second, actor)
            return ask(first, second)

        return checked

    def require(self, method: str, case: Case, actor: Actor) -> None:
        """For reads; raises NotFound, NotYours."""
        access.require_relation(method, case, actor, self.city)

    def require_of_both(self, method: str, first: Case, second: Case | None, actor: Actor) -> None:
        """The same of a call about two cases."""
        access.require_of_both(method, first, second, actor)

    # on the way out

    def case(self, actor: Actor, reply: case_pb2.Case) -> case_pb2.Case:
        """The reply as far as the actor may see it: of a case it has no part in, the name alone."""
        if reply.origin == actor.agency and actor.agency:
            return reply
        try:
            return self.seen(actor, reply)
        except NotFound:
            return case_pb2.Case(name=reply.name)

    def seen(self, actor: Actor, stored: case_pb2.Case) -> case_pb2.Case:
        """A stored case as far as the actor may see it; raises NotFound."""
        return self.sight(actor, stored).case

    def sight(self, actor: Actor, stored: case_pb2.Case) -> Sight:
        """What the actor sees of a stored case; raises NotFound."""
        if stored.origin == actor.agency and actor.agency:
            return Sight(stored, whole=True)
        case = from_proto(Case, stored)
        shown = access.seen(case, actor, self.city)
        made = stored
        if shown is not case:
            made = to_proto(shown, case_pb2.Case)
            made.etag = stored.etag
        return Sight(made, access.sees_everybody(case, actor))


def method_of(request: Message) -> str:
    """The RPC that a request belongs to: each is named after its own."""
    return type(request).__name__.removesuffix("Request")
