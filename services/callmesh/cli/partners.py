"""The simulated partners: every agency of the city, working what it gets like people would.

A lead takes the referral, reports (on site for emergencies) and resolves it; while supporting agencies
are at work the mesh refuses that, and the lead waits for the news that they are done. Supporting agencies
resolve their part. The first lead of a case follows the call's script: return it (after a first response
when there is danger), or leave it lying. Who gets it after a return, or in a second round, works it.
Leftovers of other runs are worked like any case; news of what is over changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

from google.rpc import status_pb2

from callmesh.api.v1 import common_pb2, referral_pb2
from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.cli.calls import Script
from callmesh.cli.clients import Clients
from callmesh.cli.partner_stream import PartnerStream
from callmesh.cli.scripts import Scripts
from callmesh.domain.directory import City
from callmesh.kernel.ids import new_id
from callmesh.kernel.rpc import client

_K = pb.Delivery.Kind
_LEAD = referral_pb2.Referral.LEAD
_URGENT = frozenset({common_pb2.LEVEL_P0, common_pb2.LEVEL_P1})
Problem = Callable[[str, str], None]


class Partners:
    """All agencies, entered for the time of a run. `delay` is the longest pause of a person, in seconds."""

    def __init__(
        self, clients: Clients, city: City, scripts: Scripts, delay: float, seed: int, problem: Problem
    ) -> None:
        self._scripts, self._delay, self._random, self._problem = scripts, delay, Random(seed), problem
        self._reasons = {code: reason.zh for code, reason in city.return_reason.items()}
        self._workers = [_Worker(self, clients, one.id) for one in city.agencies]
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Partners:
        for worker in self._workers:
            self.start(worker.stream.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs beside, until done or the end of the run."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def script(self, delivery: pb.Delivery) -> Script:
        """What its agency does with this referral: the case's script for the first lead, else work."""
        referral = delivery.referral
        script = await self._scripts.of(delivery.case.name)
        first = referral.role == _LEAD and referral.hop == 0 and referral.round == 1 and not referral.binding
        return script if first else Script()

    def knows(self, delivery: pb.Delivery) -> bool:
        """Whether it is a case of this run."""
        return self._scripts.ours(delivery.case.name)

    async def pause(self) -> None:
        """A person needs a moment."""
        await asyncio.sleep(self._random.random() * self._delay)

    def basis(self, script: Script) -> str:
        """The rule a return rests on."""
        return script.basis or self._reasons.get(script.reason, "") or "依据派单目录, 不属于本单位"

    def failed(self, agency: str, delivery: pb.Delivery, step: str, status: status_pb2.Status) -> None:
        """Tells what was refused, if it is a case of this run."""
        if self.knows(delivery):
            self._problem(delivery.case.name, f"{agency}: {step} refused: {status.message}")


class _Worker:
    """The people of one agency."""

    def __init__(self, partners: Partners, clients: Clients, agency: str) -> None:
        self._partners = partners
        self.stream = PartnerStream(clients, agency, self._on_delivery)
        self._support_done: dict[str, asyncio.Event] = {}

    def _on_delivery(self, delivery: pb.Delivery) -> None:
        name = delivery.referral.name
        match delivery.kind:
            case _K.OFFERED:
                self._partners.start(self._offered(delivery))
            case _K.RETURN_DENIED | _K.SENT_BACK:
                self._partners.start(self._work(delivery))
            case _K.SUPPORT_DONE if name in self._support_done:
                self._support_done[name].set()
            case _K.SUPPORT_DONE if not self._partners.knows(delivery):
                self._partners.start(self._work(delivery))  # a former run's lead waited for this

    async def _offered(self, delivery: pb.Delivery) -> None:
        script = await self._partners.script(delivery)
        if script.do == "return":
            await self._give_back(delivery, script)
        elif script.do == "resolve":
            await self._work(delivery)

    async def _work(self, delivery: pb.Delivery) -> None:
        name = delivery.referral.name
        if name in self._support_done:
            return  # somebody is at it
        done = self._support_done[name] = asyncio.Event()
        try:
            if await self._respond(delivery) and await self._resolve(delivery, True):
                await done.wait()
                await self._resolve(delivery, False)
        finally:
            del self._support_done[name]

    async def _respond(self, delivery: pb.Delivery) -> bool:
        """A person takes it and reports; whether it is ours to go on with."""
        name, agency = delivery.referral.name, self.stream.agency
        urgent = delivery.case.emergency or delivery.case.classification.level in _URGENT
        accept = pb.AcceptReferralRequest(name=name, handler=f"{agency}-01", unit="值班室")
        said = "已到达现场, 正在处置" if urgent else "已联系来电人, 正在办理"
        progress = pb.ReportProgressRequest(name=name, text=said, arrived=urgent)
        return await self._do(delivery, "accept", pb.Action(accept=accept)) and await self._do(
            delivery, "progress", pb.Action(progress=progress)
        )

    async def _resolve(self, delivery: pb.Delivery, may_wait: bool) -> bool:
        """Done; True when supporting agencies are still at work and this lead has to wait for them."""
        lead = delivery.referral.role == _LEAD
        request = pb.ResolveReferralRequest(
            name=delivery.referral.name,
            result="现场处置完毕" if lead else "协办事项已完成",
            public_reply="您反映的事项已办理完毕, 感谢您的来电。" if lead else "",
        )
        await self._partners.pause()
        status = await self._act(pb.Action(resolve=request))
        if may_wait and lead and _is_support_open(status):
            return True
        self._note(delivery, "resolve", status)
        return False

    async def _give_back(self, delivery: pb.Delivery, script: Script) -> None:
        urgent = delivery.case.emergency or delivery.case.classification.level in _URGENT
        if urgent and not await self._respond(delivery):
            return
        basis = self._partners.basis(script)
        request = pb.ReturnReferralRequest(name=delivery.referral.name, reason=script.reason, basis=basis)
        await self._do(delivery, "return", pb.Action(return_referral=request))

    async def _do(self, delivery: pb.Delivery, step: str, action: pb.Action) -> bool:
        await self._partners.pause()
        status = await self._act(action)
        self._note(delivery, step, status)
        return not status.code

    async def _act(self, action: pb.Action) -> status_pb2.Status:
        action.request_id = new_id()
        return await self.stream.act(action)

    def _note(self, delivery: pb.Delivery, step: str, status: status_pb2.Status) -> None:
        if status.code:
            self._partners.failed(self.stream.agency, delivery, step, status)


def _is_support_open(status: status_pb2.Status) -> bool:
    """The mesh says: supporting agencies are still at work."""
    from google.rpc import error_details_pb2

    failure = client.detail(status, error_details_pb2.PreconditionFailure)
    return failure is not None and any(one.subject == "support_open" for one in failure.violations)
