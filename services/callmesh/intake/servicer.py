"""IntakeService: parse, call, format."""

from __future__ import annotations

from typing import Any

from callmesh.api.v1 import case_pb2
from callmesh.api.v1 import intake_service_pb2 as pb
from callmesh.api.v1.intake_service_pb2_grpc import IntakeServiceServicer
from callmesh.domain import commands as c
from callmesh.domain.errors import Invalid
from callmesh.domain.names import case_id_of
from callmesh.domain.oversight import of_city
from callmesh.domain.release import view
from callmesh.domain.report import Situation
from callmesh.intake.folding import Folding
from callmesh.intake.service import NARRATIVE_LENGTH, NOTE_LENGTH, Intake
from callmesh.ledger.boot import Mesh
from callmesh.ledger.wire import from_proto, to_proto


class IntakeServicer(IntakeServiceServicer):
    """One method an RPC."""

    def __init__(self, mesh: Mesh, intake: Intake, folding: Folding) -> None:
        self._mesh, self._intake, self._folding = mesh, intake, folding

    async def OpenCase(self, request: pb.OpenCaseRequest, context: Any) -> case_pb2.Case:
        opened = self._intake.opened(request, self._mesh.caller())
        case_id = opened.name.removeprefix("cases/")
        return await self._do(case_id, c.Open(opened, of_city(self._mesh.city)), request)

    async def AmendCase(self, request: pb.AmendCaseRequest, context: Any) -> case_pb2.Case:
        if len(request.text) > NARRATIVE_LENGTH:
            reason = {"text": f"at most {NARRATIVE_LENGTH} characters"}
            raise Invalid("text is too long", f"补充内容过长, 最多 {NARRATIVE_LENGTH} 字", reason)
        given = request.HasField("situation")
        situation = from_proto(Situation, request.situation) if given else None
        return await self._do(case_id_of(request.name), c.Amend(request.text, situation), request)

    async def AnswerCase(self, request: pb.AnswerCaseRequest, context: Any) -> case_pb2.Case:
        command = c.Answer(request.result, request.public_reply)
        return await self._do(case_id_of(request.name), command, request)

    async def RejectCase(self, request: pb.RejectCaseRequest, context: Any) -> case_pb2.Case:
        command = c.Reject(request.ground, self._mesh.city.grounds, request.reason)
        return await self._do(case_id_of(request.name), command, request)

    async def CancelCase(self, request: pb.CancelCaseRequest, context: Any) -> case_pb2.Case:
        return await self._do(case_id_of(request.name), c.Cancel(request.reason), request)

    async def AnnotateCase(self, request: pb.AnnotateCaseRequest, context: Any) -> case_pb2.Case:
        if len(request.text) > NOTE_LENGTH:
            reason = {"text": f"at most {NOTE_LENGTH} characters"}
            raise Invalid("text is too long", f"意见内容过长, 最多 {NOTE_LENGTH} 字", reason)
        actor, city = self._mesh.caller(), self._mesh.city
        command = c.Annotate(request.text, city.agency[actor.agency].advisory)
        outcome = await self._mesh.by_person(
            case_id_of(request.name), command, request, request.request_id, request.etag
        )
        if actor.agency in (outcome.head.case.origin, outcome.head.case.owner):
            return outcome.head.reply()
        shown = to_proto(view(outcome.head.case, actor.agency, city), case_pb2.Case)  # advice opens no files
        shown.etag = outcome.head.etag
        return shown

    async def MergeCase(self, request: pb.MergeCaseRequest, context: Any) -> case_pb2.Case:
        return (await self._folding.merge(request)).head.reply()

    async def UnmergeCase(self, request: pb.UnmergeCaseRequest, context: Any) -> case_pb2.Case:
        return (await self._folding.unmerge(request)).head.reply()

    async def _do(self, case_id: str, command: c.Command, request: Any) -> case_pb2.Case:
        etag = getattr(request, "etag", "")
        outcome = await self._mesh.by_person(case_id, command, request, request.request_id, etag)
        return outcome.head.reply()
