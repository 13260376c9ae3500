"""What a partner does to a referral: the same actions on the stream and as unary calls."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from google.protobuf.message import Message

from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.api.v1 import referral_pb2, report_pb2
from callmesh.domain import commands as c
from callmesh.domain.case import Attachment
from callmesh.domain.errors import Invalid, NotFound
from callmesh.domain.names import case_of_referral
from callmesh.domain.oversight import Oversight, of_city
from callmesh.gateway.pump import Pumps
from callmesh.ledger import flags
from callmesh.ledger.boot import Mesh
from callmesh.ledger.handle import Outcome
from callmesh.ledger.port import Head
from callmesh.ledger.wire import from_proto, from_timestamp

TEXT_LENGTH = 4_000
PICTURES, REFERENCE_LENGTH = 6, 200


class Actions:
    """Carries actions out; each answers with the partner's referral."""

    def __init__(self, mesh: Mesh, pumps: Pumps) -> None:
        self._mesh, self._pumps = mesh, pumps

    async def turn(self, request: Message) -> None:
        """Returns when the agency may act again: on a stream a flood is slowed down, not refused."""
        while (pause := self._mesh.access.pause(self._mesh.caller(), request)) > 0:  # noqa: ASYNC110  # time is awaited
            await asyncio.sleep(pause)

    async def acknowledge(self, request: pb.AcknowledgeReferralRequest) -> referral_pb2.Referral:
        """Receipt: the clocks start, the delivery is done with. A repeat changes nothing."""
        head = await self._mesh.ledger.head(case_of_referral(request.name))
        if head is None or not self._received(head, request.name):
            head = (await self._receive(request.name, request.delivery_id)).head
        if request.delivery_id:
            await self._pumps.of(self._mesh.caller().agency).receipted(request.delivery_id)
        return _own(head, request.name)

    def _received(self, head: Head, name: str) -> bool:
        """Only the first item of a referral starts its clocks; the receipts of later ones are not facts."""
        referral = head.case.referral(name)
        mine = referral is not None and referral.agency == self._mesh.caller().agency
        return mine and referral is not None and referral.received_at is not None

    async def _receive(self, name: str, delivery_id: str) -> Outcome:
        city = self._mesh.city
        attempts = self._pumps.of(self._mesh.caller().agency).attempts(delivery_id)
        command = c.Receive(name, city.calendar, city.policy.return_within, attempts)
        content = pb.AcknowledgeReferralRequest(name=name)
        number = name.rpartition("/")[2]
        return await self._mesh.by_person(case_of_referral(name), command, content, f"receipt-{number}")

    async def accept(self, request: pb.AcceptReferralRequest, request_id: str) -> referral_pb2.Referral:
        """A person takes it."""
        city = self._mesh.city
        within = city.policy.return_within
        command = c.Accept(request.name, request.handler, city.calendar, request.unit, within)
        return await self._do(command, request, request_id)

    async def progress(self, request: pb.ReportProgressRequest, request_id: str) -> referral_pb2.Referral:
        """Progress, start of work, or arrival."""
        _bounded(text=request.text)
        pictures = _pictures(request.attachments)
        command = c.Progress(request.name, request.text, request.arrived, request.started, pictures)
        return await self._do(command, request, request_id)

    async def give_back(self, request: pb.ReturnReferralRequest, request_id: str) -> referral_pb2.Referral:
        """Not ours."""
        _bounded(basis=request.basis)
        flagged = flags.of_return_reason(self._mesh.city, request.reason)
        command = c.RequestReturn(request.name, request.reason, request.basis, flagged, self._oversight())
        return await self._do(command, request, request_id)

    async def contest(self, request: pb.ContestReturnRequest, request_id: str) -> referral_pb2.Referral:
        """Not ours in spite of the denial."""
        _bounded(reason=request.reason)
        return await self._do(c.Contest(request.name, request.reason), request, request_id)

    async def resolve(self, request: pb.ResolveReferralRequest, request_id: str) -> referral_pb2.Referral:
        """Done."""
        _bounded(result=request.result, public_reply=request.public_reply)
        command = c.Resolve(request.name, request.result, request.public_reply, self._oversight())
        return await self._do(command, request, request_id)

    async def request_extension(self, request: pb.RequestExtensionRequest, request_id: str) -> referral_pb2.Referral:
        """More time, please."""
        _bounded(reason=request.reason)
        until = wished(request)
        command = c.RequestExtension(request.name, request.reason, self._oversight(), until, request.special)
        return await self._do(command, request, request_id)

    async def request_suspension(self, request: pb.RequestSuspensionRequest, request_id: str) -> referral_pb2.Referral:
        """A pause, please."""
        _bounded(reason=request.reason)
        command = c.RequestSuspension(request.name, request.reason, self._oversight(), wished(request))
        return await self._do(command, request, request_id)

    def _oversight(self) -> Oversight:
        return of_city(self._mesh.city)

    async def _do(self, command: c.Command, request: Any, request_id: str) -> referral_pb2.Referral:
        case_id = case_of_referral(request.name)
        outcome = await self._mesh.by_person(case_id, command, request, request_id)
        return _own(outcome.head, request.name)


def _own(head: Head, name: str) -> referral_pb2.Referral:
    for one in head.record.case.referrals:
        if one.name == name:
            return one
    raise NotFound("no such referral", "没有这个转办单, 请核对编号")


def wished(request: pb.RequestExtensionRequest | pb.RequestSuspensionRequest) -> datetime | None:
    """The time that is asked for, None for as long as the city allows."""
    return from_timestamp(request.until) if request.HasField("until") else None


def _pictures(given: Sequence[report_pb2.Attachment]) -> tuple[Attachment, ...]:
    """References of pictures; raises Invalid."""
    found = tuple(from_proto(Attachment, one) for one in given)
    wrong = [one for one in found if not 0 < len(one.reference) <= REFERENCE_LENGTH or one.size < 0]
    if len(found) > PICTURES or wrong or not all(one.media_type.startswith("image/") for one in found):
        reason = {"attachments": f"at most {PICTURES} pictures, each with a reference and an image's media type"}
        raise Invalid("attachments are no pictures, or too many", f"照片最多 {PICTURES} 张, 且须为图片格式", reason)
    return found


def _bounded(**texts: str) -> None:
    wrong = {name: f"at most {TEXT_LENGTH} characters" for name, text in texts.items() if len(text) > TEXT_LENGTH}
    if wrong:
        raise Invalid(f"too long: {', '.join(wrong)}", f"内容过长: {', '.join(wrong)}", wrong)
