"""TransferService: parse, call, format."""

from __future__ import annotations

from typing import Any

from callmesh.api.v1 import case_pb2, common_pb2
from callmesh.api.v1 import transfer_service_pb2 as pb
from callmesh.api.v1.transfer_service_pb2_grpc import TransferServiceServicer
from callmesh.domain import commands as c
from callmesh.domain.case import Case
from callmesh.domain.errors import need_text
from callmesh.domain.guards import find_referral, need_part_of
from callmesh.domain.names import case_id_of, case_of_referral
from callmesh.domain.oversight import of_city
from callmesh.domain.words import Mode
from callmesh.ledger.boot import Mesh
from callmesh.ledger.handle import Ask
from callmesh.ledger.wire import enum_numbers
from callmesh.transfer.service import Transfers, Wish

_MODES = {number: mode for mode, number in enum_numbers(Mode, common_pb2.Mode.DESCRIPTOR).items()}


class TransferServicer(TransferServiceServicer):
    """One method an RPC."""

    def __init__(self, mesh: Mesh, transfers: Transfers) -> None:
        self._mesh, self._transfers = mesh, transfers

    async def TransferCase(self, request: pb.TransferCaseRequest, context: Any) -> case_pb2.Case:
        actor, case_id = self._mesh.caller(), case_id_of(request.name)
        mode = _MODES.get(request.mode)
        wish = Wish(
            agency=request.agency,
            support=tuple(request.support),
            plan=request.plan,
            mode=mode,
            reason=request.reason,
            flags=("unknown_mode",) if request.mode and mode is None else (),
            conference=request.conference,
        )

        def ask(case: Case) -> c.Command:
            if not case.emergency:
                need_part_of(case, actor, "转接")
            return self._transfers.transfer(case, actor.agency, wish)

        return await self._do(case_id, ask, request)

    async def DecideReturn(self, request: pb.DecideReturnRequest, context: Any) -> case_pb2.Case:
        case_id = case_of_referral(request.name)
        need_text(request.reason, "reason", "审批意见")
        if not request.granted:
            return await self._do(case_id, c.DenyReturn(request.name, request.reason), request)

        def ask(case: Case) -> c.Command:
            referral = find_referral(case, request.name)
            return self._transfers.grant(case, referral, request.agency, request.reason)

        return await self._do(case_id, ask, request)

    async def DesignateJurisdiction(self, request: pb.DesignateJurisdictionRequest, context: Any) -> case_pb2.Case:
        def ask(case: Case) -> c.Command:
            return self._transfers.designate(case, request.agency, request.reason)

        return await self._do(case_id_of(request.name), ask, request)

    async def RecallReferral(self, request: pb.RecallReferralRequest, context: Any) -> case_pb2.Case:
        case_id = case_of_referral(request.name)
        return await self._do(case_id, c.Recall(request.name, request.reason, of_city(self._mesh.city)), request)

    async def WaiveReferral(self, request: pb.WaiveReferralRequest, context: Any) -> case_pb2.Case:
        case_id = case_of_referral(request.name)
        return await self._do(case_id, c.Waive(request.name, request.reason), request)

    async def ConferenceCase(self, request: pb.ConferenceCaseRequest, context: Any) -> case_pb2.Case:
        def ask(case: Case) -> c.Command:
            return self._transfers.rung(case, request.agency, request.language)

        return await self._do(case_id_of(request.name), ask, request)

    async def LeaveCall(self, request: pb.LeaveCallRequest, context: Any) -> case_pb2.Case:
        return await self._do(case_id_of(request.name), c.LeaveCall(request.leg), request)

    async def EndCallLeg(self, request: pb.EndCallLegRequest, context: Any) -> case_pb2.Case:
        return await self._do(case_id_of(request.name), c.HangUp(request.leg), request)

    async def RecordCallBack(self, request: pb.RecordCallBackRequest, context: Any) -> case_pb2.Case:
        command = c.RecordCallBack(request.leg, request.reached)
        return await self._do(case_id_of(request.name), command, request)

    async def _do(self, case_id: str, ask: Ask, request: Any) -> case_pb2.Case:
        outcome = await self._mesh.by_person(case_id, ask, request, request.request_id, request.etag)
        return outcome.head.reply()
