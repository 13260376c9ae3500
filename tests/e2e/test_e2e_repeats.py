"""Folding, repeated matters and mediation on a real mesh (domain.md section 5; each test cites its row)."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import grpc
import pytest
from mesh_play import Desk, Partner, Role, RState, State, refused, request_id

from callmesh.api.v1 import case_pb2, common_pb2, report_pb2
from callmesh.api.v1 import intake_service_pb2 as intake
from callmesh.api.v1 import supervision_service_pb2 as sup
from callmesh.api.v1 import tracking_service_pb2 as trk
from callmesh.kernel.rpc.clients import Clients
from support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")
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


async def test_an_operator_confirms_a_surge_and_the_rest_follows(clients: Clients) -> None:
    """Rows 6 and 7: the third call at one place is suggested, never an emergency; one confirmation folds the others."""
    desk, boss = Repeating(clients, "12345"), Repeating(clients, "110", "commander")

    async def call(number: int, **more: Any) -> case_pb2.Case:
        report = at(120.3601, 30.2701, f"银杏路{number}号", f"1990002{number:04d}")
        report.narrative = "家里燃气灶打不着火, 小区都停气了"
        return await desk.classify(await desk.open(report=report, **more), "gas_outage")

    first, second = await call(1), await call(2)
    grave = await call(3, emergency=True)
    assert grave.emergency
    third = await desk.until(await call(4), lambda one: "fold_suggested" in one.flags, "it is suggested")
    assert third.state == State.CLASSIFIED and not third.parent, "with the caller on the line a person decides"
    suggested = [one for one in third.links if one.kind == "matter"]
    assert [(one.case, one.count) for one in suggested] == [(first.name, 4)]
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "EMERGENCY_NOT_DIVERTIBLE"):
        await desk.merge(grave, first, "同一小区")

    merged = await desk.merge(third, first)
    assert (merged.state, merged.parent) == (State.MERGED, first.name)
    first = await desk.until(first, lambda one: one.children_count == 2, "the second follows by itself")
    second = await desk.get(second)
    assert (second.state, second.parent) == (State.MERGED, first.name)
    fourth = await desk.until(await call(5), lambda one: one.state == State.MERGED, "later ones do not wait")
    assert (await desk.get(grave)).state != State.MERGED, "an emergency waits for nothing and goes into nothing"

    with refused(grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE") as found:
        await desk.merge(grave, second, "同一小区")
    assert found.state == "parent_merged" and first.name in found.zh
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE") as found:
        await desk.transfer(fourth)
    assert found.state == "merged"
    with refused(grpc.StatusCode.NOT_FOUND, "NOT_FOUND"):
        await Repeating(clients, "gas").unmerge(fourth)
    out = await desk.unmerge(fourth)
    assert (out.state, out.parent, out.round) == (State.CLASSIFIED, "", 1)
    first = await desk.until(first, lambda one: one.children_count == 2, "the parent counts one less")
    cancelled = await boss.call(
        clients.intake.CancelCase,
        intake.CancelCaseRequest(request_id=request_id(), name=first.name, reason="误报"),
    )
    assert cancelled.state == State.CANCELLED
    for one in (second, third):
        again = await desk.until(one, lambda case: case.state == State.CLASSIFIED, "nobody is lost with the parent")
        assert again.parent == ""


async def test_row_6_chengdu_the_fifth_call_is_reviewed_and_a_threat_forces_110(clients: Clients) -> None:
    """Row 6: linked by number, person, place, matter; the fifth call is a repeated matter; a threat forces 110."""
    desk, chief = Repeating(clients, "12345"), Repeating(clients, "12345", "supervisor")
    report = report_pb2.Report(
        narrative="电梯老是坏, 物业不管",
        caller=report_pb2.Caller(number="19900003301", name="赵长工"),
        place=report_pb2.Place(text="滨河区解放里8号", point=common_pb2.Point(longitude=120.34, latitude=30.26)),
    )
    calls = []
    for number in range(4):
        case = await desk.open(report=report)
        category = "threat_extreme" if number == 2 else "elevator_fault"
        calls.append(await desk.classify(case, category))
        linked = {"number", "person", "place"} if number else set()
        linked |= {"matter"} if number in (1, 3) else set()

        def has_links(one: case_pb2.Case, wanted: set[str] = linked) -> bool:
            return wanted <= {link.kind for link in one.links}

        seen = await desk.until(case, has_links, f"linked by {linked}")
        assert [one.count for one in seen.links if one.kind == "number"] == ([number + 1] if number else [])
        assert not seen.HasField("repeat")
    fifth = await desk.open(report=report)
    fifth = await desk.until(fifth, lambda one: bool(one.referrals), "the threat sends 110 at once")
    assert (fifth.repeat.type, fifth.repeat.count, fifth.repeat.kind) == ("repeat_caller", 5, "number")
    assert fifth.repeat.threat and fifth.emergency and "threat_extreme" in fifth.flags
    lead = fifth.referrals[0]
    assert (lead.role, lead.agency.startswith(("110", "police"))) == (Role.LEAD, True)
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE"):
        await desk.transfer(fifth, agency="market-reg", reason="仅为电梯问题")
    with refused(grpc.StatusCode.PERMISSION_DENIED, "NOT_YOURS"):
        await desk.classify(fifth, "elevator_fault", lower_emergency=True)
    async with Partner(clients, lead.agency) as police:
        offered = await police.told(fifth)
        assert offered.case.repeat.count == 5 and not offered.case.links, "they know it is repeated, not by which cases"
        await police.accept(offered.referral.name)
        held = await Repeating(clients, lead.agency).mediate(fifth, "双方到场, 物业承诺七日内修复")
        held = await desk.mediate(fifth, "电梯已修复, 双方签字", settled=True)
        assert [(one.agency, one.settled) for one in held.mediations] == [(lead.agency, False), ("12345", True)]
        with refused(grpc.StatusCode.NOT_FOUND, "NOT_FOUND"):
            await Repeating(clients, "water").mediate(fifth, "旁观")
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"):
            await desk.mediate(fifth, "")
        await police.resolve(offered.referral.name)
    done = await desk.until(fifth, lambda one: one.state == State.FOLLOW_UP, "resolved")
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE") as found:
        await desk.close(await desk.follow_up(done))
    assert found.state == "repeat_opened" and "复核" in found.zh
    for stage in REVIEW:
        done = await chief.step(done, stage, settled=stage == Stage.RECHECKED)
    assert (await desk.close(done)).state == State.CLOSED
    sixth = await desk.open(report=report)
    sixth = await desk.until(sixth, lambda one: one.repeat.threat, "who threatened stays with 110")
    assert sixth.emergency


async def test_row_7_henan_a_repeated_matter_is_reviewed_step_by_step(clients: Clients) -> None:
    """Row 7: a rule for each of 12 types; 梳理 -> 研判 -> 流转 -> 督办, and no end before the recheck says settled."""
    desk, chief = Repeating(clients, "12345"), Repeating(clients, "12345", "supervisor")
    for _ in range(3):
        report = report_pb2.Report(narrative="楼上又吵架", caller=report_pb2.Caller(number="19900003302"))
        case = await desk.classify(await desk.open(report=report), "neighbor")
    case = await desk.until(case, lambda one: one.HasField("repeat"), "the third of this type is reviewed")
    assert (case.repeat.type, case.repeat.count, case.repeat.threat) == ("neighbour_dispute", 3, False)
    assert case.supervision == common_pb2.SUPERVISION_BLUE and not case.emergency
    answer = intake.AnswerCaseRequest(request_id=request_id(), name=case.name, result="已劝", public_reply="好的")
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE"):
        await desk.call(clients.intake.AnswerCase, answer)
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE") as found:
        await desk.step(case, Stage.ASSESSED)
    assert found.state == "opened" and "梳理" in found.zh, "no step is left out"
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"):
        await desk.step(case, Stage.SORTED, text="")
    case = await desk.step(await desk.step(case, Stage.SORTED), Stage.ASSESSED)
    case = await desk.step(await desk.transfer(case), Stage.ROUTED)
    with refused(grpc.StatusCode.PERMISSION_DENIED, "NOT_YOURS"):
        await desk.step(case, Stage.SUPERVISED)
    case = await chief.step(case, Stage.SUPERVISED)
    assert case.supervision == common_pb2.SUPERVISION_YELLOW
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE"):
        await chief.step(case, Stage.RECHECKED, settled=True)
    async with Partner(clients, case.referrals[0].agency) as mediators:
        for settled in (False, True):
            await mediators.told(case)
            name = case.referrals[-1].name
            await mediators.got(lambda one, name=name: one.referral.name == name, "the round's referral")
            await mediators.accept(name)
            await mediators.resolve(name)
            case = await desk.until(case, lambda one: one.state == State.FOLLOW_UP, "resolved")
            case = await chief.step(await desk.follow_up(case), Stage.RECHECKED, settled=settled)
            if settled:
                break
            with refused(grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE"):
                await desk.close(case)
            case = await desk.reopen(case, "复核未解决")
    case = await desk.close(case)
    assert case.state == State.CLOSED
    assert [one.stage for one in case.repeat.steps] == [Stage.OPENED, *REVIEW, Stage.RECHECKED]
    assert [one.settled for one in case.repeat.steps][-2:] == [False, True]
    kinds = [one.summary for one in await desk.events(case) if one.kind == "RepeatAdvanced"]
    assert kinds[0].startswith("重复警情 neighbour_dispute, 第 3 次")


async def test_confidential_and_silent_callers_are_never_linked(clients: Clients) -> None:
    """Row 17 beside row 6: a link by number or name would say who called; links by place do not."""
    desk = Repeating(clients, "12345")
    told_cases = []
    for flags in ({"confidential": True}, {"silent": True}, {}, {"confidential": True}):
        report = at(120.31, 30.25, "柳堤路77号", "19900003303", name="钱守口", **flags)
        report.narrative = "举报有人无证经营"
        told_cases.append(await desk.classify(await desk.open(report=report), "street_vending"))
    last = await desk.until(told_cases[-1], lambda one: len(one.links) >= 2, "linked by place and matter")
    assert {one.kind for one in last.links} == {"place", "matter"}
    for one in told_cases:
        assert not {"number", "person"} & {link.kind for link in (await desk.get(one)).links}
