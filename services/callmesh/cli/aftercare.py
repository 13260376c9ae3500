"""What the origin does once a case is on its way: follow-up (回访), reopening (重办), closing (归档).

Confidential and silent callers are never called back: their case closes with a waiver. Who says it is
not solved gets a second round of the same case, which then is. A case whose script is to be ignored has
reached its end when the partner's machine has it: nobody accepts it, its limit will be escalated.
"""

from __future__ import annotations

from callmesh.api.v1 import case_pb2
from callmesh.api.v1 import supervision_service_pb2 as pb
from callmesh.cli import review
from callmesh.cli.calls import Call
from callmesh.cli.clients import SECONDS, me
from callmesh.cli.desk import Settled, leads
from callmesh.cli.watching import Watching
from callmesh.kernel.ids import new_id
from callmesh.kernel.rpc.clients import Clients

_State = case_pb2.Case.State
_METHODS = {"phone": case_pb2.FollowUp.PHONE, "video": case_pb2.FollowUp.PHONE, "sms": case_pb2.FollowUp.SMS}


class Aftercare:
    """Sees cases to their end."""

    def __init__(self, clients: Clients, watching: Watching, seconds: float) -> None:
        self._clients, self._watching, self._seconds = clients, watching, seconds

    async def finish(self, settled: Settled) -> case_pb2.Case:
        """The case at its end; TimeoutError when the partners do not get there."""
        call, case = settled.call, settled.case
        if not leads(case):
            return case  # answered, or kept by its first receiver
        if call.script.do == "ignore":
            return await self._watching.until(case, _received, self._seconds)
        case = await self._resolved(case)
        if case.state == _State.MERGED:
            return case  # it ends with the case it went into
        if not call.script.solved and not _spared(call):
            case = await self._again(call, case)
        return await self._close(call, case)

    async def _resolved(self, case: case_pb2.Case) -> case_pb2.Case:
        """Its round is resolved, or it went into another case."""
        turn = case.round
        return await self._watching.until(
            case, lambda one: one.round == turn and one.state in (_State.FOLLOW_UP, _State.MERGED), self._seconds
        )

    async def _again(self, call: Call, case: case_pb2.Case) -> case_pb2.Case:
        case = await self._ask(call, case, False)
        request = pb.ReopenCaseRequest(request_id=new_id(), name=case.name, reason="回访未解决, 二次交办")
        case = await self._clients.supervision.ReopenCase(request, metadata=me(case.origin), timeout=SECONDS)
        return await self._resolved(case)

    async def _close(self, call: Call, case: case_pb2.Case) -> case_pb2.Case:
        waiver = _spared(call)
        if not waiver:
            case = await self._ask(call, case, True)
        request = pb.CloseCaseRequest(request_id=new_id(), name=case.name, waiver=waiver)

        async def close() -> case_pb2.Case:
            return await self._clients.supervision.CloseCase(request, metadata=me(case.origin), timeout=SECONDS)

        return await review.ended(self._clients, close, case)

    async def _ask(self, call: Call, case: case_pb2.Case, solved: bool) -> case_pb2.Case:
        asked = case_pb2.FollowUp(
            reached=True,
            contacted=True,
            solved=solved,
            satisfied=5 if solved else 1,
            method=_METHODS.get(call.channel, case_pb2.FollowUp.APP),
        )
        request = pb.RecordFollowUpRequest(request_id=new_id(), name=case.name, follow_up=asked)
        return await self._clients.supervision.RecordFollowUp(request, metadata=me(case.origin), timeout=SECONDS)


def _received(case: case_pb2.Case) -> bool:
    """The lead's machine has it."""
    return any(one.HasField("received_at") for one in leads(case))


def _spared(call: Call) -> str:
    """Why this caller is not called back; "" for those who are."""
    if call.silent:
        return "静默报警, 免回访"
    return "保密来电人, 免回访" if call.confidential else ""
