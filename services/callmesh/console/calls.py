"""A person's hand on a call: three-way, leave, hang up, called back. One press is one RPC, safe to repeat."""

from __future__ import annotations

from dataclasses import dataclass

from callmesh.api.v1 import case_pb2
from callmesh.api.v1 import transfer_service_pb2 as pb
from callmesh.console.clients import Acting

_L = case_pb2.CallLeg


@dataclass(frozen=True)
class Calls:
    """A person and the request id of this press. Without a leg the mesh takes the only one that can be meant."""

    acting: Acting
    request_id: str

    async def conference(self, case: str, agency: str = "") -> case_pb2.Case:
        """Brings the agency, or who leads, on the line."""
        request = pb.ConferenceCaseRequest(request_id=self.request_id, name=case, agency=agency)
        return await self.acting.do(self.acting.mesh.transfer.ConferenceCase, request)

    async def leave(self, case: str, leg: str = "") -> case_pb2.Case:
        """Leaves caller and agency to themselves."""
        request = pb.LeaveCallRequest(request_id=self.request_id, name=case, leg=leg)
        return await self.acting.do(self.acting.mesh.transfer.LeaveCall, request)

    async def hang_up(self, case: str, leg: str = "") -> case_pb2.Case:
        """Ends a leg."""
        request = pb.EndCallLegRequest(request_id=self.request_id, name=case, leg=leg)
        return await self.acting.do(self.acting.mesh.transfer.EndCallLeg, request)

    async def called_back(self, case: str, leg: str = "", reached: bool = True) -> case_pb2.Case:
        """The caller whose call broke was called back, or did not answer."""
        request = pb.RecordCallBackRequest(request_id=self.request_id, name=case, leg=leg, reached=reached)
        return await self.acting.do(self.acting.mesh.transfer.RecordCallBack, request)


def is_pushed(leg: case_pb2.CallLeg) -> bool:
    """Whether it was the last try: the referral went on without a call."""
    last = leg.state == _L.FAILED and leg.target >= leg.targets
    return last and bool(leg.referral) and not leg.HasField("call_back")
