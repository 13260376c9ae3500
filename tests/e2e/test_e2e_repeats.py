"""Folding, repeated matters and mediation on a real mesh (domain.md section 5; each test cites its row)."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import pytest
from mesh_play import Desk, Partner, Role, RState, State, request_id, until

from callmesh.api.v1 import case_pb2, common_pb2, report_pb2
from callmesh.api.v1 import intake_service_pb2 as intake
from callmesh.api.v1 import supervision_service_pb2 as sup
from callmesh.api.v1 import tracking_service_pb2 as trk
from callmesh.cli.clients import Clients

pytestmark = pytest.mark.asyncio(loop_scope="module")
Stage = case_pb2.Repeat.Stage
REVIEW = (Stage.SORTED, Stage.ASSESSED, Stage.ROUTED, Stage.SUPERVISED, Stage.RECHECKED)
SURGE = 1_000
SECONDS = 60.0
BURST = "望江路主管道爆管, 水漫到马路上了, 家里停水"


def told(figure: str) -> None:
    """Shown by `pytest -s`."""
    sys.stdout.write(f"\n{figure}\n")


def at(longitude: float, latitude: float, text: str = "", number: str = "", **caller: Any) -> report_pb2.Report:
    """What a caller at a point says."""
    return report_pb2.Report(
        narrative=BURST,
        caller=report_pb2.Caller(number=number, **caller),
        place=report_pb2.Place(text=text, point=common_pb2.Point(longitude=longitude, latitude=latitude)),
    )


class Repeating(Desk):
    """A desk that folds, reviews and mediates."""

    async def merge(self, case: case_pb2.Case, parent: case_pb2.Case, reason: str = "") -> case_pb2.Case:
        request = intake.MergeCaseRequest(request_id=request_id(), name=case.name, parent=parent.name, reason=reason)
        return await self.call(self.clients.intake.MergeCase, request)

    async def unmerge(self, case: case_pb2.Case, reason: str = "不是同一事件") -> case_pb2.Case:
        request = intake.UnmergeCaseRequest(request_id=request_id(), name=case.name, reason=reason)
        return await self.call(self.clients.intake.UnmergeCase, request)

    async def step(self, case: case_pb2.Case, stage: Any, settled: bool = False, text: str = "已核") -> case_pb2.Case:
        request = sup.AdvanceRepeatRequest(
            request_id=request_id(), name=case.name, stage=stage, text=text, settled=settled
        )
        return await self.call(self.clients.supervision.AdvanceRepeat, request)

    async def mediate(self, case: case_pb2.Case, outcome: str, settled: bool = False) -> case_pb2.Case:
        request = sup.RecordMediationRequest(request_id=request_id(), name=case.name, outcome=outcome, settled=settled)
        return await self.call(self.clients.supervision.RecordMediation, request)

    async def cases(self, state: Any) -> list[case_pb2.Case]:
        found, token = [], ""
        while True:
            request = trk.ListCasesRequest(filter=trk.CaseFilter(states=[state]), page_size=200, page_token=token)
            page = await self.call(self.clients.tracking.ListCases, request)
            found += page.cases
            token = page.next_page_token
            if not token:
                return found


async def surge(desk: Desk, count: int, first: int = 0) -> list[case_pb2.Case]:
    """Reports by app from one cell, thirty-two at a time."""
    room = asyncio.Semaphore(32)

    async def one(number: int) -> case_pb2.Case:
        async with room:
            report = at(120.3511 + number % 7 * 1e-5, 30.2688, f"望江路{number}号", f"1990001{number:04d}")
            return await desk.open(report=report, channel="app")

    return await asyncio.gather(*(one(number) for number in range(first, first + count)))


async def test_a_thousand_calls_on_one_burst_main_become_one_case(clients: Clients) -> None:
    """Rows 6 and 14: one parent with one live referral; each caller keeps an id, a clock and a follow-up."""
    desk, boss = Repeating(clients, "110"), Repeating(clients, "110", "supervisor")
    async with Partner(clients, "water") as water:
        begun = time.monotonic()
        opened = await surge(desk, 1)
        parent = await desk.until(opened[0], lambda one: one.state == State.REFERRED, "the first one travels")
        opened += await surge(desk, SURGE - 1, 1)
        parent = await desk.until(
            parent, lambda one: one.children_count == SURGE - 1, "all others are folded into it", SECONDS
        )
        took = time.monotonic() - begun
        told(f"{SURGE} reports folded in {took:.1f} s ({SURGE / took:.0f}/s), the parent has {parent.ByteSize()} bytes")
        assert took < SECONDS
        assert parent.ByteSize() < 4_096 and len(parent.children) <= 8, "it does not grow with its children"
        merged = [one for one in await desk.cases(State.MERGED) if one.parent == parent.name]
        assert {one.name for one in merged} == {one.name for one in opened} - {parent.name}
        assert len({one.opened_at.ToNanoseconds() for one in merged}) > SURGE // 2, "each has its own clock"
        live = [r for one in (parent, *merged) for r in one.referrals if r.state in (RState.OFFERED, RState.ACCEPTED)]
        assert {one.name.rpartition("/referrals")[0] for one in live} == {parent.name}
        assert [one.agency for one in live if one.role == Role.LEAD] == ["water"], "one referral of one lead"

        for support in [one for one in live if one.role == Role.SUPPORT]:
            await desk.waive(support.name)
        await water.work(parent)
        parent = await desk.until(parent, lambda one: one.state == State.FOLLOW_UP, "resolved")
        asked, dissenting = merged[:3], merged[3:6]
        for one in asked:
            await boss.follow_up(one)
        for one in dissenting:
            await boss.follow_up(one, solved=False, satisfied=1)
        begun = time.monotonic()
        await desk.close(await desk.follow_up(parent))

        async def all_closed() -> bool:
            return not [one for one in await desk.cases(State.MERGED) if one.parent == parent.name]

        await until(all_closed, "the children end with their parent", SECONDS)
        told(f"{SURGE - 1} children ended in {time.monotonic() - begun:.1f} s")
        for one in asked:
            ended = await desk.get(one)
            assert (ended.state, ended.result, ended.public_reply) == (State.CLOSED, "已修复", "已恢复")
            assert not ended.waiver and ended.follow_ups[0].solved, "its own follow-up"
        for one in dissenting:
            again = await desk.until(one, lambda case: case.state != State.MERGED, "a round of its own")
            assert (again.state, again.round, again.parent) == (State.REFERRED, 2, "")
            assert [link.case for link in again.links if link.kind == "merged"] == [parent.name]
            offer = await water.told(again)
            assert offer.referral.name == again.referrals[-1].name
            assert not offer.case.parent and not offer.case.links, "others' cases are not the partner's"
        named = {one.name for one in asked + dissenting}
        quiet = await desk.get(next(one for one in merged if one.name not in named))
        assert (quiet.state, quiet.waiver) == (State.CLOSED, "随主单归档")
