"""What every writing service shares: the log, the city's data, and the way commands get in."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.message import Message

from callmesh.api.v1 import intake_service_pb2
from callmesh.directory.store import DirectoryWatch
from callmesh.domain.case import Actor, Case
from callmesh.domain.directory import City
from callmesh.domain.errors import Changed, NotFound, NotYours, no_case
from callmesh.domain.oversight import Oversight, of_city
from callmesh.kernel import telemetry
from callmesh.kernel.messaging import Handler, unreachable
from callmesh.kernel.rpc.call import caller
from callmesh.kernel.runtime import Runtime
from callmesh.ledger import stamps
from callmesh.ledger.access import Access, method_of
from callmesh.ledger.handle import Ask, Outcome, handle
from callmesh.ledger.jetstream import JetStreamLedger
from callmesh.ledger.pair import AskBoth, handle_pair

FoldingRequest = intake_service_pb2.MergeCaseRequest | intake_service_pb2.UnmergeCaseRequest


@dataclass(frozen=True)
class Mesh:
    """The parts of a service that reads the city's data and writes facts."""

    runtime: Runtime
    ledger: JetStreamLedger
    directory: DirectoryWatch
    access: Access

    @property
    def city(self) -> City:
        """The city's data in force; raises NoDirectory, or Unreachable while this process is still coming up."""
        if not self.directory.looked:
            raise unreachable()
        return self.directory.city

    @property
    def oversight(self) -> Oversight:
        """Who watches over a case, and how long each decision may take, as the city has it."""
        return of_city(self.city)

    async def case(self, case_id: str) -> Case:
        """The case as last seen; raises NotFound."""
        head = await self.ledger.head(case_id)
        if head is None:
            raise no_case()
        return head.case

    def consume_log(self, durable: str, handle: Handler, linger: float = 0.0) -> None:
        """Adds a durable reader of the log. The cache of heads learns of every fact as it arrives, so that a command
        right behind it need not read the head, however long the reader lingers."""
        self.runtime.consume_log(durable, handle, linger, notice=self.ledger.observe)

    def caller(self) -> Actor:
        """Who calls: a known agency of the city; raises Unauthenticated or NotYours."""
        actor = caller()
        if actor.agency not in self.city.agency:
            raise NotYours(f"no agency {actor.agency!r} in this city", "本市没有登记该单位, 请核对身份")
        return actor

    async def by_person(self, case_id: str, ask: Ask, request: Message, request_id: str, etag: str = "") -> Outcome:
        """Carries out what the caller asks, if it may."""
        actor = self.caller()
        telemetry.mark(case=case_id)
        stamp = stamps.by_person(case_id, request, request_id, actor)
        try:
            return await handle(self.ledger, case_id, self.access.guarded(request, actor, ask), stamp, etag)
        except Changed:
            head = await self.ledger.head(case_id)
            if head is not None:  # whoever may not see the case is not told its etag either
                self.access.require(method_of(request), head.case, actor)
            raise

    async def pair_by_person(self, first: str, second: str, ask: AskBoth, request: FoldingRequest) -> Outcome:
        """The same of two cases."""
        actor = self.caller()
        telemetry.mark(case=first)
        stamp = stamps.by_person(first, request, request.request_id, actor)
        guarded = self.access.guarded_pair(request, actor, ask)
        try:
            return await handle_pair(self.ledger, first, second, guarded, stamp, request.etag)
        except (Changed, NotFound):  # whoever may not see the cases is told nothing about them
            one, other = await self.ledger.head(first), await self.ledger.head(second)
            if one is not None:
                self.access.require_of_both(method_of(request), one.case, other.case if other else None, actor)
            raise

    async def by_policy(self, case_id: str, ask: Ask, rule: str, sequence: int) -> Outcome:
        """Carries out what a rule answers to the fact at `sequence`."""
        return await handle(self.ledger, case_id, ask, stamps.by_policy(case_id, rule, sequence))


def open_mesh(runtime: Runtime) -> Mesh:
    """Wires log and directory into the process's life."""
    directory = DirectoryWatch()

    async def start() -> None:
        await directory.start(runtime.js)

    runtime.on_start.append(start)
    runtime.on_stop.append(directory.close)
    ledger = JetStreamLedger(runtime.client, runtime.js, runtime.names, runtime.name, runtime.vault)
    guard = Access(directory, runtime.settings, ledger.is_emergency)
    runtime.server.guarded(guard)
    return Mesh(runtime, ledger, directory, guard)
