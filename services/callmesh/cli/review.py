"""The review of a repeated matter (重复警情), by a supervisor of the origin, when an end is refused for want of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import grpc

from callmesh.api.v1 import case_pb2
from callmesh.api.v1 import supervision_service_pb2 as pb
from callmesh.api.v1 import tracking_service_pb2 as tracking
from callmesh.cli.clients import SECONDS, allowed_instead, me
from callmesh.kernel.ids import new_id
from callmesh.kernel.rpc.clients import Clients

_Stage = case_pb2.Repeat.Stage
_STEPS = {
    _Stage.SORTED: "已梳理历次报警",
    _Stage.ASSESSED: "研判为同一矛盾",
    _Stage.ROUTED: "已交责任单位",
    _Stage.SUPERVISED: "纳入督办",
    _Stage.RECHECKED: "复核已解决",
}


async def ended(clients: Clients, end: Callable[[], Awaitable[case_pb2.Case]], case: case_pb2.Case) -> case_pb2.Case:
    """Ends a case; where the mesh wants the review of a repeated matter first, does that and ends it then."""
    try:
        return await end()
    except grpc.aio.AioRpcError as refused:
        if "AdvanceRepeat" not in allowed_instead(refused):
            raise
    await _review(clients, case)
    return await end()


async def _review(clients: Clients, case: case_pb2.Case) -> None:
    request = tracking.GetCaseRequest(name=case.name, min_etag=case.etag)
    seen = await clients.tracking.GetCase(request, metadata=me(case.origin), timeout=SECONDS)
    for stage, text in _STEPS.items():
        if stage > seen.repeat.stage or stage == _Stage.RECHECKED:
            step = pb.AdvanceRepeatRequest(
                request_id=new_id(), name=case.name, stage=stage, text=text, settled=stage == _Stage.RECHECKED
            )
            chief = me(case.origin, "supervisor")
            await clients.supervision.AdvanceRepeat(step, metadata=chief, timeout=SECONDS)
