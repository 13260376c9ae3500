"""What a handler is given: a delivery, and what can be done to its referral."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from callmesh.api.v1 import case_pb2, referral_pb2
from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.kernel.ids import new_id

Act = Callable[[pb.Action], Awaitable[referral_pb2.Referral]]
Kind = pb.Delivery.Kind


class Actions:
    """What an agency does to one referral of its own. Each returns the referral after it.

    Each raises Refused (one of its classes), Unanswered or Stopped. `request_id` (1 to 64 printable characters without
    spaces) makes a repeat harmless, also after a restart of your program: store it before the call. Left out, a fresh
    one is taken, and only the client's own repeats are harmless.
    """

    def __init__(self, name: str, act: Act) -> None:
        self.name, self._act = name, act

    async def accept(self, handler: str, unit: str = "", *, request_id: str = "") -> referral_pb2.Referral:
        """A person takes it (签收): `handler` is the staff number, `unit` where they belong."""
        return await self._do(request_id, accept=pb.AcceptReferralRequest(name=self.name, handler=handler, unit=unit))

    async def progress(
        self, text: str = "", *, arrived: bool = False, started: bool = False, request_id: str = ""
    ) -> referral_pb2.Referral:
        """A note (反馈), at most 4,000 characters; `arrived`: somebody is on site; `started`: work begins."""
        request = pb.ReportProgressRequest(name=self.name, text=text, arrived=arrived, started=started)
        return await self._do(request_id, progress=request)

    async def give_back(self, reason: str, basis: str, *, request_id: str = "") -> referral_pb2.Referral:
        """Not ours (退单): a code of the city's return reasons, and the rule it rests on."""
        request = pb.ReturnReferralRequest(name=self.name, reason=reason, basis=basis)
        return await self._do(request_id, return_referral=request)

    async def contest(self, reason: str, *, request_id: str = "") -> referral_pb2.Referral:
        """Not ours in spite of the denial (提出争议)."""
        return await self._do(request_id, contest=pb.ContestReturnRequest(name=self.name, reason=reason))

    async def resolve(self, result: str, public_reply: str = "", *, request_id: str = "") -> referral_pb2.Referral:
        """Done (办结): what was done, and, when you lead, what the caller is told."""
        request = pb.ResolveReferralRequest(name=self.name, result=result, public_reply=public_reply)
        return await self._do(request_id, resolve=request)

    async def request_extension(
        self, reason: str, until: datetime | None = None, *, special: bool = False, request_id: str = ""
    ) -> referral_pb2.Referral:
        """More time (延期), before the result is due; without `until` as long as the city allows."""
        request = pb.RequestExtensionRequest(name=self.name, reason=reason, until=_stamp(until), special=special)
        return await self._do(request_id, request_extension=request)

    async def request_suspension(
        self, reason: str, until: datetime | None = None, *, request_id: str = ""
    ) -> referral_pb2.Referral:
        """A pause (挂账), P2 and P3 only."""
        request = pb.RequestSuspensionRequest(name=self.name, reason=reason, until=_stamp(until))
        return await self._do(request_id, request_suspension=request)

    async def request_disclosure(
        self, fields: Sequence[str], reason: str, *, request_id: str = ""
    ) -> referral_pb2.Referral:
        """Personal fields beyond the release policy, named as there; a person at the sender decides."""
        request = pb.RequestDisclosureRequest(name=self.name, fields=fields, reason=reason)
        return await self._do(request_id, request_disclosure=request)

    async def _do(self, request_id: str, **action: Any) -> referral_pb2.Referral:
        return await self._act(pb.Action(request_id=request_id or new_id(), **action))


class Delivery(Actions):
    """One delivery: `kind` says why it came, `referral` is yours, `case` what your release policy lets you see.

    `id` is the same when it comes again; `attempt` counts from 1. `late`: a later state of this case was handed to
    you before, so do not go by what this one says of the case.
    """

    def __init__(self, message: pb.Delivery, act: Act, late: bool = False) -> None:
        super().__init__(message.referral.name, act)
        self.message, self.late = message, late

    @property
    def id(self) -> str:
        """Identifies the delivery; store it with what you store."""
        return self.message.delivery_id

    @property
    def kind(self) -> "Kind.ValueType":
        """OFFERED, RECALLED, ...; a number without a name when the mesh is newer than this package."""
        return self.message.kind

    @property
    def kind_name(self) -> str:
        """The kind in words; the number for one that is not known here."""
        return Kind.Name(self.kind) if self.kind in Kind.values() else str(int(self.kind))

    @property
    def attempt(self) -> int:
        """How often it was delivered so far, this time included."""
        return self.message.attempt

    @property
    def referral(self) -> referral_pb2.Referral:
        """Your referral."""
        return self.message.referral

    @property
    def case(self) -> case_pb2.Case:
        """The case, as it was then."""
        return self.message.case

    @property
    def leads(self) -> bool:
        """True when you answer for the case (主办), false when you support (协办)."""
        return self.referral.role == referral_pb2.Referral.LEAD

    def __repr__(self) -> str:
        return f"<{self.kind_name} {self.name} attempt {self.attempt}>"


def _stamp(at: datetime | None) -> Timestamp | None:
    if at is None:
        return None
    made = Timestamp()
    made.FromDatetime(at)
    return made
