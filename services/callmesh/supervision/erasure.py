"""Erasing a case's personal data (删除个人信息).

The fact comes first: who wanted it, when and on what ground, and from then on the case has no words. Then the case's
data key is destroyed (kernel/vault.py), by the call itself and, should the process die between the two, by this reader
of the log: as often as it takes, which changes nothing more. What is left of the case can be read for ever.
"""

from __future__ import annotations

from collections.abc import Sequence

from nats.aio.msg import Msg

from callmesh.api.v1 import supervision_service_pb2 as pb
from callmesh.domain import commands as c
from callmesh.domain.errors import Invalid
from callmesh.domain.names import case_id_of
from callmesh.ledger.boot import Mesh
from callmesh.ledger.consume import each, kind_of
from callmesh.ledger.handle import Outcome

REASON_LENGTH = 200


class Erasure:
    """Erases, and finishes what was begun."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh

    async def erase(self, request: pb.EraseCaseRequest) -> Outcome:
        """Returns when nothing of the case's words can be read any more."""
        if len(request.reason) > REASON_LENGTH:
            zh = f"删除依据过长, 至多 {REASON_LENGTH} 字"
            raise Invalid("reason is too long", zh, {"reason": f"at most {REASON_LENGTH} characters"})
        case_id = case_id_of(request.name)
        outcome = await self._mesh.by_person(
            case_id, c.Erase(request.reason), request, request.request_id, request.etag
        )
        await self._mesh.runtime.vault.destroy(case_id)
        return outcome

    async def on_facts(self, messages: Sequence[Msg]) -> None:
        """Destroys the keys of erased cases that still have one."""
        await each(self._mesh, [one for one in messages if kind_of(one) == "case_erased"], self._on_fact)

    async def _on_fact(self, case_id: str, message: Msg) -> None:
        await self._mesh.runtime.vault.destroy(case_id)
