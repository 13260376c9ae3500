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
from callmesh.domain.case import Case
from callmesh.domain.errors import Invalid, NotFound
from callmesh.domain.names import case_of_referral
from callmesh.domain.release import allowed_fields, fields_in, mask_for, released
from callmesh.domain.report import Attachment, Report
from callmesh.gateway.pump import Pump
from callmesh.gateway.pumps import Pumps
from callmesh.kernel import telemetry
from callmesh.kernel.ids import fingerprint
from callmesh.ledger import flags
from callmesh.ledger.boot import Mesh
from callmesh.ledger.handle import Ask, Outcome
from callmesh.ledger.port import Head
from callmesh.ledger.wire import from_proto, from_timestamp, to_proto

TEXT_LENGTH, SHORT_LENGTH, CODE_LENGTH = 4_000, 500, 64
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
        """Receipt, answered with the referral."""
        return self._own(await self.receipt(request), request.name)

    async def receipt(self, request: pb.AcknowledgeReferralRequest) -> Head:
        """The clocks start, the delivery is done with. A repeat changes nothing."""
        case_id = case_of_referral(request.name)
        telemetry.mark(case=case_id)
        agency = self._mesh.caller().agency
        _need_delivery_of(self._pumps.of(agency), request)
        head = await self._mesh.ledger.head(case_id)
        if head is None or not await self._says_nothing_new(head, request):
            head = await self._recorded(head, request)
        if request.delivery_id:
            await self._pumps.receipted(agency, request.delivery_id, request.name)
        return head

    async def _says_nothing_new(self, head: Head, request: pb.AcknowledgeReferralRequest) -> bool:
        """Most receipts but the first of a referral. Told by the item and by what is stored in the clear, because to
        decode a case that others have changed since costs more than all else that is done about such a receipt."""
        agency, name = self._mesh.caller().agency, request.name
        mine = [one for one in head.stored.case.referrals if one.name == name and one.agency == agency]
        if not mine or not mine[0].HasField("received_at"):
            return False
        item = await self._pumps.of(agency).item(request.delivery_id)
        if item is None:
            return False
        return set(fields_in(from_proto(Report, item.case.report))).issubset(mine[0].released)

    async def _recorded(self, head: Head | None, request: pb.AcknowledgeReferralRequest) -> Head:
        """That the referral was received, or what later items of it brought, becomes a fact."""
        if head is None or not self._received(head, request.name):
            return (await self._receive(request.name, request.delivery_id)).head
        if more := self._released_since(head, request.name):
            return (await self._record_release(request.name, more)).head
        return head

    def _received(self, head: Head, name: str) -> bool:
        """Only the first item of a referral starts its clocks; the receipts of later ones are not facts."""
        referral = head.case.referral(name)
        mine = referral is not None and referral.agency == self._mesh.caller().agency
        return mine and referral is not None and referral.received_at is not None

    async def _receive(self, name: str, delivery_id: str) -> Outcome:
        city, agency = self._mesh.city, self._mesh.caller().agency
        attempts = self._pumps.of(agency).attempts(delivery_id)

        def ask(case: Case) -> c.Command:
            fields, purpose = released(case, agency, city)
            return c.Receive(name, city.calendar, city.policy.return_within, attempts, fields, purpose)

        content = pb.AcknowledgeReferralRequest(name=name)
        number = name.rpartition("/")[2]
        return await self._mesh.by_person(case_of_referral(name), ask, content, f"receipt-{number}")

    def _released_since(self, head: Head, name: str) -> tuple[str, ...]:
        """Personal fields that later items brought: supplements, what was granted, another category's policy."""
        referral = head.case.referral(name)
        fields, _ = released(head.case, self._mesh.caller().agency, self._mesh.city)
        return tuple(one for one in fields if referral is not None and one not in referral.released)

    async def _record_release(self, name: str, fields: tuple[str, ...]) -> Outcome:
        city, agency = self._mesh.city, self._mesh.caller().agency

        def ask(case: Case) -> c.Command:
            return c.RecordRelease(name, *released(case, agency, city))

        content = pb.AcknowledgeReferralRequest(name=name)
        request_id = f"release-{name.rpartition('/')[2]}-{fingerprint('.'.join(fields).encode()):x}"
        return await self._mesh.by_person(case_of_referral(name), ask, content, request_id)

    async def accept(self, request: pb.AcceptReferralRequest, request_id: str) -> referral_pb2.Referral:
        """A person takes it."""
        _bounded(SHORT_LENGTH, handler=request.handler, unit=request.unit)
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
        _bounded(CODE_LENGTH, reason=request.reason)
        _bounded(basis=request.basis)
        flagged = flags.of_return_reason(self._mesh.city, request.reason)
        command = c.RequestReturn(request.name, request.reason, request.basis, flagged, self._mesh.oversight)
        return await self._do(command, request, request_id)

    async def contest(self, request: pb.ContestReturnRequest, request_id: str) -> referral_pb2.Referral:
        """Not ours in spite of the denial."""
        _bounded(reason=request.reason)
        return await self._do(c.Contest(request.name, request.reason, self._mesh.oversight), request, request_id)

    async def resolve(self, request: pb.ResolveReferralRequest, request_id: str) -> referral_pb2.Referral:
        """Done."""
        _bounded(result=request.result, public_reply=request.public_reply)
        command = c.Resolve(request.name, request.result, request.public_reply, self._mesh.oversight)
        return await self._do(command, request, request_id)

    async def request_extension(self, request: pb.RequestExtensionRequest, request_id: str) -> referral_pb2.Referral:
        """More time, please."""
        _bounded(reason=request.reason)
        until = wished(request)
        command = c.RequestExtension(request.name, request.reason, self._mesh.oversight, until, request.special)
        return await self._do(command, request, request_id)

    async def request_suspension(self, request: pb.RequestSuspensionRequest, request_id: str) -> referral_pb2.Referral:
        """A pause, please."""
        _bounded(reason=request.reason)
        command = c.RequestSuspension(request.name, request.reason, self._mesh.oversight, wished(request))
        return await self._do(command, request, request_id)

    async def request_disclosure(self, request: pb.RequestDisclosureRequest, request_id: str) -> referral_pb2.Referral:
        """More of the report, please."""
        _bounded(reason=request.reason)
        agency, fields = self._mesh.caller().agency, tuple(request.fields)

        def ask(case: Case) -> c.Command:
            allowed = allowed_fields(case, agency, self._mesh.city)
            return c.RequestDisclosure(request.name, fields, request.reason, allowed, self._mesh.oversight)

        return await self._do(ask, request, request_id)

    async def _do(self, command: Ask, request: Any, request_id: str) -> referral_pb2.Referral:
        case_id = case_of_referral(request.name)
        outcome = await self._mesh.by_person(case_id, command, request, request_id)
        return self._own(outcome.head, request.name)

    def _own(self, head: Head, name: str) -> referral_pb2.Referral:
        """The agency's referral, with what it may know only."""
        mask = mask_for(head.case, self._mesh.caller().agency, self._mesh.city)
        for stored, one in zip(head.record.case.referrals, head.case.referrals, strict=True):
            if one.name == name:
                shown = mask(one)
                return stored if shown is one else to_proto(shown, referral_pb2.Referral)
        raise NotFound("no such referral", "没有这个转办单, 请核对编号")


def _need_delivery_of(pump: Pump, request: pb.AcknowledgeReferralRequest) -> None:
    """A receipt names the delivery that it is for: with another's, that one would be over, and nobody would have it."""
    if request.delivery_id and not (request.delivery_id.isdecimal() and pump.gave(request.delivery_id, request.name)):
        raise Invalid(
            "the delivery is not of this referral",
            "投递编号与转办单不符, 请按收到的原样回执",
            {"delivery_id": "as it came with this referral"},
        )


def wished(request: pb.RequestExtensionRequest | pb.RequestSuspensionRequest) -> datetime | None:
    """The time that is asked for, None for as long as the city allows."""
    return from_timestamp(request.until, "until") if request.HasField("until") else None


def _pictures(given: Sequence[report_pb2.Attachment]) -> tuple[Attachment, ...]:
    """References of pictures; raises Invalid."""
    found = tuple(from_proto(Attachment, one) for one in given)
    wrong = [one for one in found if not 0 < len(one.reference) <= REFERENCE_LENGTH or one.size < 0]
    if len(found) > PICTURES or wrong or not all(one.media_type.startswith("image/") for one in found):
        reason = {"attachments": f"at most {PICTURES} pictures, each with a reference and an image's media type"}
        raise Invalid("attachments are no pictures, or too many", f"照片最多 {PICTURES} 张, 且须为图片格式", reason)
    return found


def _bounded(most: int = TEXT_LENGTH, **texts: str) -> None:
    wrong = {name: f"at most {most} characters" for name, text in texts.items() if len(text) > most}
    if wrong:
        long = ", ".join(wrong)
        raise Invalid(f"too long, at most {most} characters: {long}", f"内容过长, 最多 {most} 字: {long}", wrong)
