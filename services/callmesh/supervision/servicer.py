"""SupervisionService: parse, call, format."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from callmesh.api.v1 import case_pb2, common_pb2
from callmesh.api.v1 import supervision_service_pb2 as pb
from callmesh.api.v1.supervision_service_pb2_grpc import SupervisionServiceServicer
from callmesh.domain import commands as c
from callmesh.domain import routing
from callmesh.domain.case import Case, FollowUp
from callmesh.domain.errors import Invalid, missing
from callmesh.domain.names import case_id_of, case_of_referral
from callmesh.domain.release import view
from callmesh.domain.words import Role, Supervision
from callmesh.kernel.ids import now
from callmesh.ledger.boot import Mesh
from callmesh.ledger.handle import Ask
from callmesh.ledger.port import Head
from callmesh.ledger.wire import enum_numbers, from_proto, from_timestamp, to_proto
from callmesh.supervision import requests
from callmesh.supervision.erasure import Erasure

_LEVELS = {number: word for word, number in enum_numbers(Supervision, common_pb2.Supervision.DESCRIPTOR).items()}

STAFF_NUMBER_LENGTH = 64
NOTE_LENGTH = 4_000


class SupervisionServicer(SupervisionServiceServicer):
    """One method an RPC."""

    def __init__(self, mesh: Mesh, erasure: Erasure) -> None:
        self._mesh, self._erasure = mesh, erasure

    async def RecordFollowUp(self, request: pb.RecordFollowUpRequest, context: Any) -> case_pb2.Case:
        if not request.HasField("follow_up"):
            raise missing("follow_up", "回访结果")
        if len(request.follow_up.note) > NOTE_LENGTH:
            reason = {"follow_up.note": f"at most {NOTE_LENGTH} characters"}
            raise Invalid("the note is too long", "回访备注过长", reason)
        command = c.RecordFollowUp(from_proto(FollowUp, request.follow_up), self._mesh.oversight)
        return await self._do(command, request)

    async def CloseCase(self, request: pb.CloseCaseRequest, context: Any) -> case_pb2.Case:
        return await self._do(c.Close(request.waiver, self._mesh.city.policy.follow_up_attempts), request)

    async def ReopenCase(self, request: pb.ReopenCaseRequest, context: Any) -> case_pb2.Case:
        actor = self._mesh.caller()

        def ask(case: Case) -> c.Command:
            city = self._mesh.city
            target = self._target(case, request.agency, actor.agency)
            days = city.policy.reopen_days
            return c.Reopen(request.reason, target, city.calendar, days, self._mesh.oversight)

        return await self._do(ask, request)

    async def SendBackResolution(self, request: pb.SendBackResolutionRequest, context: Any) -> case_pb2.Case:
        return await self._do_referral(c.SendBack(request.name, request.reason), request)

    async def ApproveResolution(self, request: pb.ApproveResolutionRequest, context: Any) -> case_pb2.Case:
        return await self._do_referral(c.Approve(request.name, request.reason), request)

    async def ChangeSupervisor(self, request: pb.ChangeSupervisorRequest, context: Any) -> case_pb2.Case:
        if len(request.supervisor) > STAFF_NUMBER_LENGTH:
            reason = {"supervisor": f"at most {STAFF_NUMBER_LENGTH} characters"}
            raise Invalid("supervisor is too long", "督办人工号过长", reason)
        return await self._do(c.ChangeSupervisor(request.supervisor), request)

    async def DecideExtension(self, request: pb.DecideExtensionRequest, context: Any) -> case_pb2.Case:
        calendar, until = self._mesh.city.calendar, _until(request)
        command = c.DecideExtension(request.name, request.granted, request.reason, calendar, until)
        return await self._do_referral(command, request)

    async def SuspendReferral(self, request: pb.SuspendReferralRequest, context: Any) -> case_pb2.Case:
        command = c.Suspend(request.name, request.reason, self._mesh.oversight, _until(request))
        return await self._do_referral(command, request)

    async def DenySuspension(self, request: pb.DenySuspensionRequest, context: Any) -> case_pb2.Case:
        return await self._do_referral(c.DenySuspension(request.name, request.reason), request)

    async def ResumeReferral(self, request: pb.ResumeReferralRequest, context: Any) -> case_pb2.Case:
        return await self._do_referral(c.Resume(request.name, self._mesh.oversight, request.reason), request)

    async def RemindReferral(self, request: pb.RemindReferralRequest, context: Any) -> case_pb2.Case:
        return await self._do_referral(c.Remind(request.name, request.reason, self._mesh.oversight), request)

    async def RaiseSupervision(self, request: pb.RaiseSupervisionRequest, context: Any) -> case_pb2.Case:
        return await self._do(c.RaiseSupervision(_LEVELS.get(request.supervision), request.reason), request)

    async def LiftSupervision(self, request: pb.LiftSupervisionRequest, context: Any) -> case_pb2.Case:
        return await self._do(c.LiftSupervision(request.reason), request)

    async def RecordMediation(self, request: pb.RecordMediationRequest, context: Any) -> case_pb2.Case:
        return await self._do(requests.mediation(request), request)

    async def AdvanceRepeat(self, request: pb.AdvanceRepeatRequest, context: Any) -> case_pb2.Case:
        return await self._do(requests.repeat_step(request), request)

    async def RectifyFinding(self, request: pb.RectifyFindingRequest, context: Any) -> case_pb2.Case:
        return await self._do(requests.rectified(request), request)

    async def VerifyFinding(self, request: pb.VerifyFindingRequest, context: Any) -> case_pb2.Case:
        return await self._do(requests.verified(request), request)

    async def GrantDisclosure(self, request: pb.GrantDisclosureRequest, context: Any) -> case_pb2.Case:
        command = c.DecideDisclosure(request.name, request.granted, request.reason, tuple(request.fields))
        return await self._do_referral(command, request)

    async def EraseCase(self, request: pb.EraseCaseRequest, context: Any) -> case_pb2.Case:
        return (await self._erasure.erase(request)).head.reply()

    def _target(self, case: Case, agency: str, origin: str) -> c.Target:
        """The agency named, else the lead of the last round, else whom the city's data names."""
        city = self._mesh.city
        question = routing.Question(case.category, case.division, origin, now(), case.emergency)
        leads = [one.agency for one in case.this_round if one.role == Role.LEAD]
        named = agency or (leads[-1] if leads else "")
        if named:
            return routing.name_agency(city, question, named, Role.LEAD, "重办")
        return next(iter(routing.choose(city, question)), routing.fallback(city, question))

    async def _do(self, ask: Ask, request: Any) -> case_pb2.Case:
        return (await self._carry_out(case_id_of(request.name), ask, request)).reply()

    async def _do_referral(self, ask: Ask, request: Any) -> case_pb2.Case:
        """The same for what is about a referral; the agency that has it sees its own part of the case only."""
        head = await self._carry_out(case_of_referral(request.name), ask, request)
        agency, referral = self._mesh.caller().agency, head.case.referral(request.name)
        if referral is None or referral.agency != agency:
            return head.reply()
        shown = to_proto(view(head.case, agency, self._mesh.city), case_pb2.Case)
        shown.etag = head.etag
        return shown

    async def _carry_out(self, case_id: str, ask: Ask, request: Any) -> Head:
        return (await self._mesh.by_person(case_id, ask, request, request.request_id, request.etag)).head


def _until(request: pb.DecideExtensionRequest | pb.SuspendReferralRequest) -> datetime | None:
    return from_timestamp(request.until, "until") if request.HasField("until") else None
