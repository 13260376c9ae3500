"""A bounded load of whole flows: desks and partners who never give up, and remember what was acknowledged.

Five kinds of flow, so that every service and every durable has work: push by phone, unattended by app, joint
tasking, a return, and a missed limit. Desks repeat a call (the same request_id) while the mesh is out of reach;
partners come back by themselves and send again what got no answer.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from random import Random
from typing import Any

from mesh_play import Desk, Kind, Partner, State, partners

from callmesh.api.v1 import case_pb2
from callmesh.api.v1 import gateway_service_pb2 as gw
from callmesh.cli.watching import Watching
from callmesh.kernel.rpc.clients import Clients
from callmesh.partner import WrongState
from support.waiting import until

AGENCIES = ("water", "power", "gas", "urban-mgmt", "12345", "locksmith")
FLOW_SECONDS = 120.0
AT_ONCE = 16


class Body:
    """An agency that works off what it is offered, each referral once."""

    def __init__(self, partner: Partner) -> None:
        self.partner = partner
        self.begun: set[str] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.failures: list[BaseException] = []
        partner.on_delivery = self._delivered

    def _delivered(self, one: gw.Delivery) -> None:
        late = self.partner.agency == "locksmith"  # takes nothing before it is reminded
        if one.kind == (Kind.REMINDED if late else Kind.OFFERED) and one.referral.name not in self.begun:
            self.begun.add(one.referral.name)
            task = asyncio.create_task(self._work(one))
            self.tasks.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and task.exception():
            self.failures.append(task.exception())  # type: ignore[arg-type]

    async def _work(self, offer: gw.Delivery) -> None:
        partner, name = self.partner, offer.referral.name
        if partner.agency == "urban-mgmt" and "退单" in offer.case.report.narrative:
            await partner.give_back(name)
            return
        await partner.accept(name)
        await partner.progress(name)
        try:
            await partner.resolve(name)
        except WrongState as early:
            if early.state != "support_open":
                raise
            await partner.got(
                lambda d: d.kind == Kind.SUPPORT_DONE and d.referral.name == name, "support done", FLOW_SECONDS
            )
            await partner.resolve(name)


class Load:
    """Desks, bodies and one watch over all; what was acknowledged is in `acked`."""

    def __init__(self, clients: Clients, watching: Watching, bodies: dict[str, Body]) -> None:
        self.clients, self.watching, self.bodies = clients, watching, bodies
        self.desks = {name: Desk(clients, name, retry=True) for name in ("110", "12345")}
        self.closed: set[str] = set()

    @property
    def acked(self) -> list[str]:
        """Command ids that somebody got an OK for."""
        return [one for who in (*self.desks.values(), *self._partners()) for one in who.done]

    async def acknowledged(self, count: int) -> None:
        """Returns soon after so many commands are acknowledged."""

        async def enough() -> bool:
            return sum(len(who.done) for who in (*self.desks.values(), *self._partners())) >= count

        await until(enough, f"{count} commands acknowledged", FLOW_SECONDS)

    def _partners(self) -> list[Partner]:
        return [one.partner for one in self.bodies.values()]

    async def run(self, flows: int, random: Random) -> None:
        """So many flows, a few at once, to the end."""
        slots = asyncio.Semaphore(AT_ONCE)
        kinds = [self.push, self.push, self.push, self.unattended, self.joint, self.returned, self.missed]
        chosen = [random.choice(kinds) for _ in range(flows)]

        async def one(number: int) -> None:
            async with slots:
                case = await chosen[number](number)
                case = await self._until_done(case)
                desk = self.desks[case.origin]
                closed = await desk.close(await desk.follow_up(case))
                self.closed.add(closed.name)

        async with asyncio.TaskGroup() as group:
            for number in range(flows):
                group.create_task(one(number))
        failures = [str(one) for body in self.bodies.values() for one in body.failures]
        assert not failures, failures

    async def push(self, number: int) -> case_pb2.Case:
        word, category = [("停水", "water_outage"), ("停电", "power_outage"), ("停气", "gas_outage")][number % 3]
        return await self.desks["110"].offered(f"{number} 栋{word}", category)

    async def unattended(self, number: int) -> case_pb2.Case:
        words = "小区门口的路灯坏了三天了，请派人来修"
        return await self.desks["12345"].open(words, channel="app", division="990105")

    async def joint(self, number: int) -> case_pb2.Case:
        desk = self.desks["110"]
        case = await desk.classify(await desk.open(f"{number} 栋水管爆了淹了配电房"), "water_outage")
        return await desk.transfer(case, agency="water", support=["power"], reason="需断电")

    async def returned(self, number: int) -> case_pb2.Case:
        return await self.desks["110"].offered(f"{number} 号路灯不亮 (退单)", "streetlight")

    async def missed(self, number: int) -> case_pb2.Case:
        return await self.desks["110"].offered(f"{number} 室反锁", "lockout")

    async def _until_done(self, case: case_pb2.Case) -> case_pb2.Case:
        try:
            return await self.watching.until(case, lambda one: one.state == State.FOLLOW_UP, FLOW_SECONDS)
        except TimeoutError:
            now = await self.desks["110"].get(case)
            raise AssertionError(f"stuck for {FLOW_SECONDS:.0f} s: {case.name} is {now}") from None

    def delivered(self) -> Counter[str]:
        """Offers by referral, repeats of the same delivery left out."""
        offers = {
            (one.referral.name, one.delivery_id)
            for partner in self._partners()
            for one in partner.deliveries
            if one.kind == Kind.OFFERED
        }
        return Counter(name for name, _ in offers)

    def where(self, log: Sequence[Any], referral: str) -> str:
        """What is known of a referral: its facts, and what its agency got."""
        facts = [
            f"{one.sequence} {one.record.fact.WhichOneof('body')}"
            for one in log
            if referral.split("/")[1] == one.case_id
        ]
        got = [
            f"{Kind.Name(one.kind)} {one.delivery_id} try {one.attempt}"
            for partner in self._partners()
            for one in partner.deliveries
            if one.referral.name == referral
        ]
        return f"{', '.join(facts)}; delivered: {', '.join(got) or 'nothing'}"

    def reminded(self) -> Counter[str]:
        """Reminders by referral, repeats left out."""
        reminders = {
            (one.referral.name, one.delivery_id)
            for partner in self._partners()
            for one in partner.deliveries
            if one.kind == Kind.REMINDED
        }
        return Counter(name for name, _ in reminders)


@contextlib.asynccontextmanager
async def load_on(clients: Clients) -> AsyncIterator[Load]:
    """Everybody connected."""
    async with Watching(clients) as watching, partners(clients, *AGENCIES) as at:
        yield Load(clients, watching, {name: Body(partner) for name, partner in at.items()})
