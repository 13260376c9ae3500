"""The simulated partners: every agency of the city, working what it gets like people would.

A lead takes the referral, reports (on site for emergencies) and resolves it; while supporting agencies
are at work the mesh refuses that, and the lead waits for the news that they are done. Supporting agencies
resolve their part. The first lead of a case follows the call's script: return it (after a first response
when there is danger), or leave it lying. Who gets it after a return, or in a second round, works it.
Leftovers of other runs are worked like any case; news of what is over changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

from callmesh.api.v1 import common_pb2
from callmesh.cli.calls import Script
from callmesh.cli.clients import PERSON
from callmesh.cli.scripts import Scripts
from callmesh.domain.directory import City
from callmesh.kernel.rpc.clients import Clients
from callmesh.partner import Delivery, Kind, Partner, PartnerError, Refused, WrongState

IN_FLIGHT = 256
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
        self._inside = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Partners:
        await asyncio.gather(*(self._inside.enter_async_context(one.partner) for one in self._workers))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._inside.aclose()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs beside, until done or the end of the run."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def script(self, delivery: Delivery) -> Script:
        """What its agency does with this referral: the case's script for the first lead, else work."""
        referral = delivery.referral
        script = await self._scripts.of(delivery.case.name)
        first = delivery.leads and referral.hop == 0 and referral.round == 1 and not referral.binding
        return script if first else Script()

    def knows(self, delivery: Delivery) -> bool:
        """Whether it is a case of this run."""
        return self._scripts.ours(delivery.case.name)

    async def pause(self) -> None:
        """A person needs a moment."""
        await asyncio.sleep(self._random.random() * self._delay)

    def basis(self, script: Script) -> str:
        """The rule a return rests on."""
        return script.basis or self._reasons.get(script.reason, "") or "依据派单目录, 不属于本单位"

    def failed(self, agency: str, delivery: Delivery, step: str, why: PartnerError) -> None:
        """Tells what was refused, if it is a case of this run."""
        if self.knows(delivery):
            said = f"refused: {why.english}" if isinstance(why, Refused) else str(why)
            self._problem(delivery.case.name, f"{agency}: {step} {said}")


class _Worker:
    """The people of one agency."""

    def __init__(self, partners: Partners, clients: Clients, agency: str) -> None:
        self._partners, self._agency = partners, agency
        me = {"person": f"{PERSON}-{agency}", "max_in_flight": IN_FLIGHT, "grace": 0.0}
        self.partner = Partner("", agency, gateway=clients.gateway, **me)  # type: ignore[arg-type]
        self.partner.on_news(self._on_delivery)
        self._support_done: dict[str, asyncio.Event] = {}

    async def _on_delivery(self, delivery: Delivery) -> None:
        name = delivery.referral.name
        match delivery.kind:
            case Kind.OFFERED:
                self._partners.start(self._offered(delivery))
            case Kind.RETURN_DENIED | Kind.SENT_BACK:
                self._partners.start(self._work(delivery))
            case Kind.SUPPORT_DONE if name in self._support_done:
                self._support_done[name].set()
            case Kind.SUPPORT_DONE if not self._partners.knows(delivery):
                self._partners.start(self._work(delivery))  # a former run's lead waited for this

    async def _offered(self, delivery: Delivery) -> None:
        script = await self._partners.script(delivery)
        if script.do == "return":
            await self._give_back(delivery, script)
        elif script.do == "resolve":
            await self._work(delivery)

    async def _work(self, delivery: Delivery) -> None:
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

    async def _respond(self, delivery: Delivery) -> bool:
        """A person takes it and reports; whether it is ours to go on with."""
        urgent = _is_urgent(delivery)
        said = "已到达现场, 正在处置" if urgent else "已联系来电人, 正在办理"
        accept = delivery.accept(f"{self._agency}-01", "值班室")
        return await self._do(delivery, "accept", accept) and await self._do(
            delivery, "progress", delivery.progress(said, arrived=urgent)
        )

    async def _resolve(self, delivery: Delivery, may_wait: bool) -> bool:
        """Done; True when supporting agencies are still at work and this lead has to wait for them."""
        result = "现场处置完毕" if delivery.leads else "协办事项已完成"
        reply = "您反映的事项已办理完毕, 感谢您的来电。" if delivery.leads else ""
        await self._partners.pause()
        try:
            await delivery.resolve(result, reply)
        except PartnerError as wrong:
            if may_wait and isinstance(wrong, WrongState) and wrong.state == "support_open":
                return True
            self._partners.failed(self._agency, delivery, "resolve", wrong)
        return False

    async def _give_back(self, delivery: Delivery, script: Script) -> None:
        if _is_urgent(delivery) and not await self._respond(delivery):
            return
        await self._do(delivery, "return", delivery.give_back(script.reason, self._partners.basis(script)))

    async def _do(self, delivery: Delivery, step: str, action: Coroutine[Any, Any, Any]) -> bool:
        with contextlib.closing(action):
            await self._partners.pause()
            try:
                await action
            except PartnerError as wrong:
                self._partners.failed(self._agency, delivery, step, wrong)
                return False
        return True


def _is_urgent(delivery: Delivery) -> bool:
    return delivery.case.emergency or delivery.case.classification.level in _URGENT
