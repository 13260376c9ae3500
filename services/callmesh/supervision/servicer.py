"""SupervisionService: parse, call, format."""

from __future__ import annotations

from typing import Any

from callmesh.api.v1 import case_pb2
from callmesh.api.v1 import supervision_service_pb2 as pb
from callmesh.api.v1.supervision_service_pb2_grpc import SupervisionServiceServicer
from callmesh.domain import commands as c
from callmesh.domain import routing
from callmesh.domain.case import Case, FollowUp
from callmesh.domain.errors import missing
from callmesh.domain.names import case_id_of
from callmesh.domain.words import Role
from callmesh.kernel.ids import now
from callmesh.ledger.boot import Mesh
from callmesh.ledger.handle import Ask
from callmesh.ledger.wire import from_proto
from callmesh.supervision import requests


class SupervisionServicer(SupervisionServiceServicer):
    """One method an RPC."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh

    async def RecordFollowUp(self, request: pb.RecordFollowUpRequest, context: Any) -> case_pb2.Case:
        if not request.HasField("follow_up"):
            raise missing("follow_up", "回访结果")
        command = c.RecordFollowUp(from_proto(FollowUp, request.follow_up))
        return await self._do(command, request)

    async def CloseCase(self, request: pb.CloseCaseRequest, context: Any) -> case_pb2.Case:
        return await self._do(c.Close(request.waiver), request)

    async def ReopenCase(self, request: pb.ReopenCaseRequest, context: Any) -> case_pb2.Case:
        actor = self._mesh.caller()

        def ask(case: Case) -> c.Command:
            target = self._target(case, request.agency, actor.agency)
            return c.Reopen(request.reason, target, self._mesh.city.calendar)

        return await self._do(ask, request)

    async def RecordMediation(self, request: pb.RecordMediationRequest, context: Any) -> case_pb2.Case:
        return await self._do(requests.mediation(request), request)

    async def AdvanceRepeat(self, request: pb.AdvanceRepeatRequest, context: Any) -> case_pb2.Case:
        return await self._do(requests.repeat_step(request), request)

    async def RectifyFinding(self, request: pb.RectifyFindingRequest, context: Any) -> case_pb2.Case:
        return await self._do(requests.rectified(request), request)

    async def VerifyFinding(self, request: pb.VerifyFindingRequest, context: Any) -> case_pb2.Case:
        return await self._do(requests.verified(request), request)

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
        case_id = case_id_of(request.name)
        outcome = await self._mesh.by_person(case_id, ask, request, request.request_id, request.etag)
        return outcome.head.reply()
