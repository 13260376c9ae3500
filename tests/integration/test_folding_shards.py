"""Folding where no atomic batch can hold both cases: two shards, two intakes, one real NATS."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest

from callmesh.api.v1 import case_pb2, report_pb2
from callmesh.api.v1 import intake_service_pb2 as pb
from callmesh.api.v1.intake_service_pb2_grpc import IntakeServiceStub
from callmesh.directory import store
from callmesh.domain.case import Case
from callmesh.domain.directory import City
from callmesh.domain.words import CaseState
from callmesh.kernel import streams
from callmesh.kernel.ids import new_id
from callmesh.kernel.rpc.client import identity
from callmesh.ledger.jetstream import JetStreamLedger
from support.ledgers import Real
from support.nats_server import NatsServer, jetstream
from support.service import NAMES, running, settings
from support.waiting import until

ME = identity("110", "p-1", "commander")


class Desks:
    """A desk at each of two shards, and the log beside them."""

    def __init__(self, stubs: list[IntakeServiceStub], ledger: JetStreamLedger) -> None:
        self.stubs, self.ledger = stubs, ledger

    async def open(self, shard: int, category_of: str = "停气") -> case_pb2.Case:
        report = report_pb2.Report(narrative=category_of)
        request = pb.OpenCaseRequest(request_id=new_id(), report=report)
        return await self.stubs[shard].OpenCase(request, metadata=ME, timeout=60)

    async def call(self, shard: int, what: str, **given: Any) -> case_pb2.Case:
        stub, request_id = self.stubs[shard], new_id()
        if "parent" in given:
            merging = pb.MergeCaseRequest(request_id=request_id, **given)
            return await stub.MergeCase(merging, metadata=ME, timeout=60)
        method, request = {
            "unmerge": (stub.UnmergeCase, pb.UnmergeCaseRequest),
            "cancel": (stub.CancelCase, pb.CancelCaseRequest),
        }[what]
        return await method(request(request_id=request_id, reason="试", **given), metadata=ME, timeout=60)

    async def case(self, name: str) -> Case:
        head = await self.ledger.head(name.removeprefix("cases/"), fresh=True)
        assert head is not None
        return head.case


@pytest.fixture
async def desks(nats: NatsServer, demo_city: City, tmp_path: Path) -> AsyncIterator[Desks]:
    async with jetstream(nats) as js:
        await streams.apply(js, streams.wanted(NAMES, range(2), 1))
        await store.publish(js, demo_city)
    real = Real(nats)
    async with AsyncExitStack() as stack:
        stubs = []
        for shard in range(2):
            its = settings(nats, shard=shard, data_dir=str(tmp_path / str(shard)))
            one = await stack.enter_async_context(running("intake", its))
            await one.until_health("SERVING")
            stubs.append(IntakeServiceStub(one.channel))
        yield Desks(stubs, await real.ledger())
    await real.close()


async def test_the_child_first_the_parent_by_a_reaction_each_once(desks: Desks) -> None:
    parent, child = await desks.open(0), await desks.open(1)
    assert (parent.name.split("-")[1], child.name.split("-")[1]) == ("0", "1")
    merged = await desks.call(1, "merge", parent=parent.name, name=child.name)
    assert merged.state == case_pb2.Case.State.MERGED

    async def counts(wanted: int) -> bool:
        return (await desks.case(parent.name)).children_count == wanted

    await until(lambda: counts(1), "the parent knows of its child")
    history = await desks.ledger.history(parent.name.removeprefix("cases/"))
    assert [one.record.fact.WhichOneof("body") for one in history] == ["case_opened", "child_joined"]
    assert history[-1].record.fact.cause.startswith("ev/")
    await desks.call(1, "unmerge", name=child.name)
    await until(lambda: counts(0), "and that it left")


async def test_a_parent_that_ended_takes_nobody(desks: Desks) -> None:
    """The merge was decided on a head that is stale by now: the child comes out again and waits."""
    parent, child = await desks.open(0), await desks.open(1)
    stale = await desks.stubs[1].MergeCase(  # the other intake knows the parent from now on
        pb.MergeCaseRequest(request_id=new_id(), name=(await desks.open(1)).name, parent=parent.name),
        metadata=ME,
        timeout=60,
    )
    assert stale.parent == parent.name
    await desks.call(0, "cancel", name=parent.name)
    try:
        merged = await desks.call(1, "merge", parent=parent.name, name=child.name)
    except grpc.aio.AioRpcError as told:  # its own reader of the log was faster than this call
        assert told.code() == grpc.StatusCode.FAILED_PRECONDITION
        return
    assert merged.parent == parent.name, "it cannot know yet"

    async def is_out() -> bool:
        return (await desks.case(child.name)).state == CaseState.RECEIVED

    await until(is_out, "nobody waits for a case that has ended")
    assert (await desks.case(child.name)).links[0].case == parent.name
