"""GatewayService: parse, call, format."""

from __future__ import annotations

from typing import Any

from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.api.v1 import referral_pb2
from callmesh.api.v1.gateway_service_pb2_grpc import GatewayServiceServicer
from callmesh.domain.errors import Invalid
from callmesh.gateway.actions import Actions
from callmesh.gateway.presence import Presences
from callmesh.gateway.pumps import Pumps
from callmesh.gateway.stream import PartnerStream
from callmesh.kernel.rpc.edge import Requests
from callmesh.ledger.boot import Mesh

MAX_PULL = 100
DEFAULT_PULL = 20


class GatewayServicer(GatewayServiceServicer):
    """One method an RPC."""

    def __init__(self, mesh: Mesh, actions: Actions, pumps: Pumps, presences: Presences) -> None:
        self._mesh, self._actions, self._pumps, self._presences = mesh, actions, pumps, presences

    async def ReceiveReferrals(self, requests: Requests, context: Any) -> None:  # type: ignore[override]
        agency = self._mesh.caller().agency
        await PartnerStream(agency, self._pumps.of(agency), self._actions, context.write).run(requests.read)

    async def PullReferrals(self, request: pb.PullReferralsRequest, context: Any) -> pb.PullReferralsResponse:
        pump = self._pumps.of(self._mesh.caller().agency)
        if not 0 <= request.max_items <= MAX_PULL:
            reason = {"max_items": f"1 to {MAX_PULL}"}
            raise Invalid("max_items is out of range", f"max_items 须为 1 至 {MAX_PULL}", reason)
        deliveries = await pump.pull(request.max_items or DEFAULT_PULL)
        return pb.PullReferralsResponse(deliveries=deliveries)

    async def AcknowledgeReferral(self, request: pb.AcknowledgeReferralRequest, context: Any) -> referral_pb2.Referral:
        return await self._actions.acknowledge(request)

    async def AcceptReferral(self, request: pb.AcceptReferralRequest, context: Any) -> referral_pb2.Referral:
        return await self._actions.accept(request, request.request_id)

    async def ReportProgress(self, request: pb.ReportProgressRequest, context: Any) -> referral_pb2.Referral:
        return await self._actions.progress(request, request.request_id)

    async def ReturnReferral(self, request: pb.ReturnReferralRequest, context: Any) -> referral_pb2.Referral:
        return await self._actions.give_back(request, request.request_id)

    async def ContestReturn(self, request: pb.ContestReturnRequest, context: Any) -> referral_pb2.Referral:
        return await self._actions.contest(request, request.request_id)

    async def ResolveReferral(self, request: pb.ResolveReferralRequest, context: Any) -> referral_pb2.Referral:
        return await self._actions.resolve(request, request.request_id)

    async def RequestExtension(self, request: pb.RequestExtensionRequest, context: Any) -> referral_pb2.Referral:
        return await self._actions.request_extension(request, request.request_id)

    async def RequestDisclosure(self, request: pb.RequestDisclosureRequest, context: Any) -> referral_pb2.Referral:
        return await self._actions.request_disclosure(request, request.request_id)

    async def RequestSuspension(self, request: pb.RequestSuspensionRequest, context: Any) -> referral_pb2.Referral:
        return await self._actions.request_suspension(request, request.request_id)

    async def ListPresences(self, request: pb.ListPresencesRequest, context: Any) -> pb.ListPresencesResponse:
        known = [one.id for one in self._mesh.city.agencies]
        if unknown := set(request.agencies).difference(known):
            reason = {"agencies": f"not in the directory: {', '.join(sorted(unknown))}"}
            raise Invalid("no such agency", "没有这个单位, 请核对单位编号", reason)
        wanted = [one for one in known if not request.agencies or one in request.agencies]
        return pb.ListPresencesResponse(presences=self._presences.of(wanted))
