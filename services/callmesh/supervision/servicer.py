"""SupervisionService: parse, call, format."""

from __future__ import annotations

from typing import Any

from callmesh.api.v1 import case_pb2
from callmesh.api.v1 import supervision_service_pb2 as pb
from callmesh.api.v1.supervision_service_pb2_grpc import SupervisionServiceServicer
from callmesh.domain import commands as c
from callmesh.domain import routing
from callmesh.domain.case import Case, FollowUp
from callmesh.domain.errors import Invalid, missing
from callmesh.domain.names import case_id_of, case_of_referral
from callmesh.domain.words import Role
from callmesh.kernel.ids import now
from callmesh.ledger.boot import Mesh
from callmesh.ledger.handle import Ask
from callmesh.ledger.wire import from_proto

STAFF_NUMBER_LENGTH = 64
NOTE_LENGTH = 4_000


class SupervisionServicer(SupervisionServiceServicer):
    """One method an RPC."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh

    async def RecordFollowUp(self, request: pb.RecordFollowUpRequest, context: Any) -> case_pb2.Case:
        if not request.HasField("follow_up"):
            raise missing("follow_up", "回访结果")
        if len(request.follow_up.note) > NOTE_LENGTH:
            reason = {"follow_up.note": f"at most {NOTE_LENGTH} characters"}
            raise Invalid("the note is too long", "回访备注过长", reason)
        command = c.RecordFollowUp(from_proto(FollowUp, request.follow_up))
        return await self._do(command, request)

    async def CloseCase(self, request: pb.CloseCaseRequest, context: Any) -> case_pb2.Case:
        return await self._do(c.Close(request.waiver, self._mesh.city.policy.follow_up_attempts), request)

    async def ReopenCase(self, request: pb.ReopenCaseRequest, context: Any) -> case_pb2.Case:
        actor = self._mesh.caller()

        def ask(case: Case) -> c.Command:
            city = self._mesh.city
            target = self._target(case, request.agency, actor.agency)
            return c.Reopen(request.reason, target, city.calendar, city.policy.reopen_days, city.policy.commander_round)

        return await self._do(ask, request)

    async def SendBackResolution(self, request: pb.SendBackResolutionRequest, context: Any) -> case_pb2.Case:
        return await self._review(c.SendBack(request.name, request.reason), request)

    async def ApproveResolution(self, request: pb.ApproveResolutionRequest, context: Any) -> case_pb2.Case:
        return await self._review(c.Approve(request.name, request.reason), request)

    async def ChangeSupervisor(self, request: pb.ChangeSupervisorRequest, context: Any) -> case_pb2.Case:
        if len(request.supervisor) > STAFF_NUMBER_LENGTH:
            reason = {"supervisor": f"at most {STAFF_NUMBER_LENGTH} characters"}
            raise Invalid("supervisor is too long", "督办人工号过长", reason)
        return await self._do(c.ChangeSupervisor(request.supervisor), request)

    def _target(self, case: Case, agency: str, origin: str) -> c.Target:
        """The agency named, else the lead of the last round, else whom the city's data names."""
        city = self._mesh.city
        question = routing.Question(case.category, case.division, origin, now(), case.emergency)
        leads = [one.agency for one in case.this_round if one.role == Role.LEAD]
        named = agency or (leads[-1] if leads else "")
        if named:
            return routing.name_agency(city, question, named, Role.LEAD, "重办")
        return next(iter(routing.choose(city, question)), routing.fallback(city, question))

    async def _review(self, command: c.Command, request: Any) -> case_pb2.Case:
        case_id = case_of_referral(request.name)
        outcome = await self._mesh.by_person(case_id, command, request, request.request_id, request.etag)
        return outcome.head.reply()

    async def _do(self, ask: Ask, request: Any) -> case_pb2.Case:
        case_id = case_id_of(request.name)
        outcome = await self._mesh.by_person(case_id, ask, request, request.request_id, request.etag)
        return outcome.head.reply()
