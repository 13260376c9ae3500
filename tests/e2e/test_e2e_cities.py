"""What the seeds report, on a real mesh in separate processes (domain.md section 5; each test cites its row)."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from mesh_play import (
    Desk,
    Kind,
    Partner,
    Role,
    RState,
    State,
    partners,
    refused,
    request_id,
)

from callmesh.api.v1 import common_pb2, report_pb2
from callmesh.api.v1 import tracking_service_pb2 as trk
from callmesh.kernel.rpc.clients import Clients
from callmesh.partner import Refused, WrongState

pytestmark = pytest.mark.asyncio(loop_scope="session")
Stage = trk.TimelineEntry.Stage


async def figures(desk: Desk, start: Timestamp) -> dict[tuple[str, str], trk.Figure]:
    answer = await desk.call(desk.clients.tracking.GetFigures, trk.GetFiguresRequest(start_time=start))
    return {(one.id, one.key): one for one in answer.figures}


def seconds(later: Any, earlier: Any) -> float:
    return later.ToNanoseconds() / 1e9 - earlier.ToNanoseconds() / 1e9


def moved_car() -> report_pb2.Report:
    return report_pb2.Report(
        narrative="有辆白色轿车把我堵在里面了, 车上没留电话, 麻烦让他挪一下",
        caller=report_pb2.Caller(number="19900008524", name="王某"),
        place=report_pb2.Place(
            text="滨河区银杏路26号小区南门",
            landmark="南门岗亭",
            point=common_pb2.Point(longitude=120.3511, latitude=30.2688),
        ),
        plates=["临A·3K7Q1"],
    )


async def test_row_1_suzhou_move_car_hit(clients: Clients) -> None:
    """Row 1, Suzhou move-car push: closed in 5 min. Nothing is typed again, the closure shows at the origin."""
    start = Timestamp()
    start.GetCurrentTime()
    desk = Desk(clients, "110")
    async with Partner(clients, "12345") as hotline:
        report = moved_car()
        opened = await desk.open(report=report)
        case = await desk.transfer(await desk.classify(opened, "move_car"))
        assert [(one.agency, one.role, one.profile) for one in case.referrals] == [("12345", Role.LEAD, "LQ")]
        got = await hotline.told(case)
        shown = got.case.report
        assert shown.narrative == report.narrative and shown.place == report.place
        assert list(shown.plates) == ["临A·3K7Q1"]
        assert not shown.caller.number and not shown.caller.name, "numbers stay hidden both ways"

        await hotline.work(case)
        done = await desk.until(case, lambda one: one.state == State.FOLLOW_UP, "the partner's result at the origin")
        assert (done.result, done.public_reply, done.origin) == ("已修复", "已恢复", "110")
        case = await desk.close(await desk.follow_up(done))
        await hotline.told(case, Kind.CLOSED)
    referral = case.referrals[0]
    assert case.state == State.CLOSED and not referral.missed
    assert referral.resolved_at.ToNanoseconds() <= referral.resolve_due.ToNanoseconds()
    assert seconds(case.closed_at, case.opened_at) < 300, "closed in 5 min"
    await desk.get(case)
    told = await figures(desk, start)
    rate = told["accept_on_time", ""]
    assert (rate.numerator, rate.denominator) == (1, 1)
    assert (told["closed_rate", ""].numerator, told["closed_rate", ""].denominator) == (1, 1)
    assert told["limits_missed", "accept"].numerator == told["limits_missed", "resolve"].numerator == 0


async def test_row_1_suzhou_move_car_miss(clients: Clients) -> None:
    """Row 1: the limits of the quick service are missed; each is escalated once and counted."""
    start = Timestamp()
    start.GetCurrentTime()
    desk = Desk(clients, "110")
    async with Partner(clients, "12345") as hotline:
        case = await desk.offered("有车堵门, 麻烦挪车", "move_car")
        name = (await hotline.told(case)).referral.name
        late = await desk.until(case, lambda one: len(one.referrals[0].missed) == 2, "accept and resolve missed")
        assert list(late.referrals[0].missed) == [common_pb2.LIMIT_ACCEPT, common_pb2.LIMIT_RESOLVE]
        assert late.supervision == common_pb2.SUPERVISION_RED
        await hotline.accept(name)
        await hotline.resolve(name)
        done = await desk.until(case, lambda one: one.state == State.FOLLOW_UP, "a late result counts all the same")
        case = await desk.close(done, waiver="当场已确认")
    await desk.get(case)
    told = await figures(desk, start)
    assert (told["accept_on_time", ""].numerator, told["accept_on_time", ""].denominator) == (0, 1)
    assert told["limits_missed", "accept"].numerator == told["limits_missed", "resolve"].numerator == 1
    kinds = [one.kind for one in await desk.events(case)]
    assert kinds.count("DeadlineMissed") == 2


async def test_row_2_jinjiang_both_ways(clients: Clients) -> None:
    """Row 2, Jinjiang two-way one-key: the same one action from 110 to 12345 and from 12345 to 110, one id kept."""
    start = Timestamp()
    start.GetCurrentTime()
    police, hotline = Desk(clients, "110"), Desk(clients, "12345")
    async with partners(clients, "110", "12345") as machines:
        there = await police.offered("想咨询一下居住证怎么办", "policy")
        assert [one.agency for one in there.referrals] == ["12345"]
        back = await hotline.offered("夜市口子上有人把我钱包偷了", "theft_fraud")
        assert [one.agency for one in back.referrals] == ["110"]
        for case, agency, desk in ((there, "12345", police), (back, "110", hotline)):
            got = await machines[agency].told(case)
            assert got.case.name == case.name and got.referral.sender == desk.agency
            await machines[agency].work(case)
            done = await desk.until(case, lambda one: one.state == State.FOLLOW_UP, "the result at the origin")
            closed = await desk.close(await desk.follow_up(done))
            assert (closed.name, closed.origin, closed.owner) == (case.name, desk.agency, agency)
            await desk.get(closed)
    told = await figures(police, start)
    assert told["cases_opened", ""].numerator == 2 and told["closed_rate", ""].numerator == 2
    assert told["cases_by_agency", "12345"].numerator == told["cases_by_agency", "110"].numerator == 1
    # 12345 -> 110 was an emergency: diversion counts non-police matters only (domain.md section 6)
    assert (told["diversion_rate", ""].numerator, told["diversion_rate", ""].denominator) == (1, 1)


async def test_row_14_xiamen_gas_main(clients: Clients) -> None:
    """Row 14, Xiamen gas main (2 min to 5+ bodies, 83 min), with the five stages of row 4.

    One instruction tasks all bodies of the plan in one fact; each accepts and answers for itself; the lead waits
    for its support; the trace has 接报 指派 处置 督办 反馈 with time, actor and agency, and the times add up.
    """
    desk = Desk(clients, "12345")
    bodies = ("119", "gas", "110", "122", "emergency-mgmt", "120")
    async with partners(clients, *bodies) as at:
        case = await desk.open("施工把燃气主管道挖断了, 嘶嘶往外冒气, 味道很大", emergency=True, division="990101")
        rid = request_id()
        tasked = await desk.transfer(case, plan="gas-main", rid=rid)
        again = await desk.transfer(case, plan="gas-main", rid=rid)
        names = [one.name for one in tasked.referrals]
        assert [one.name for one in again.referrals] == names, "the same instruction again is the same instruction"
        assert sorted(one.agency for one in tasked.referrals) == sorted(bodies)
        assert [one.agency for one in tasked.referrals if one.role == Role.LEAD] == ["119"]
        assert all(one.task and one.round == 1 for one in tasked.referrals) and tasked.plan == "gas-main"
        facts = [one for one in await desk.events(tasked) if one.kind == "CaseTransferred"]
        assert len(facts) == 1, "N referrals, one fact"
        assert seconds(facts[0].at, case.opened_at) < 120, "2 min to 5+ bodies"

        names = {one: (await at[one].told(case)).referral.name for one in bodies}
        assert len(set(names.values())) == 6
        for one in bodies:
            assert {r.agency for r in (await at[one].told(case)).case.referrals} == {one}, "only its own referral"
        taken = await asyncio.gather(*(at[one].accept(names[one], f"{one}-1") for one in bodies if one != "120"))
        assert {one.handler for one in taken} == {f"{one}-1" for one in bodies if one != "120"}
        await at["119"].progress(names["119"], "到场侦检")
        with pytest.raises(WrongState) as early:
            await at["119"].resolve(names["119"], "已处置", "警戒区内已撤离")
        assert early.value.code.name == "FAILED_PRECONDITION" and early.value.state == "support_open"
        assert "gas" in early.value.zh and "120" in early.value.zh, "it says who is still at work"
        # nobody at 120 takes it in time: supervised, reminded, then taken late
        await at["120"].told(case, Kind.REMINDED)
        await at["120"].accept(names["120"])
        with pytest.raises(Refused) as foreign:
            await at["gas"].give_back(names["gas"])
        assert foreign.value.code.name == "PERMISSION_DENIED", "support cannot return the case"
        for body in ("gas", "110", "120", "emergency-mgmt"):
            assert not at["119"].about(case, Kind.SUPPORT_DONE)
            await at[body].resolve(names[body], f"{body} 完成", "")
        await desk.waive(names["122"])
        await at["119"].told(case, Kind.SUPPORT_DONE)
        await at["122"].told(case, Kind.WAIVED)
        await at["119"].resolve(names["119"], "关阀堵漏, 险情排除", "险情已排除, 供气正在恢复")
        done = await desk.until(case, lambda one: one.state == State.FOLLOW_UP, "done")
        closed = await desk.close(await desk.follow_up(done))
        await asyncio.gather(*(at[one].told(case, Kind.CLOSED) for one in bodies if one != "122"))
    states = {one.agency: one.state for one in closed.referrals}
    assert states == dict.fromkeys(bodies, RState.CLOSED) | {"122": RState.WAIVED}

    trace = await desk.timeline(closed)
    assert {one.stage for one in trace.entries} == {
        *(Stage.RECEIVE, Stage.ASSIGN, Stage.HANDLE, Stage.SUPERVISE, Stage.FEEDBACK)
    }, "接报 指派 处置 督办 反馈"
    for entry in trace.entries:
        assert entry.event.at.seconds and entry.event.summary and entry.event.actor.kind
        assert entry.event.actor.agency or entry.event.actor.kind != common_pb2.ACTOR_KIND_PERSON
    kinds = [one.event.kind for one in trace.entries]
    assert kinds.count("CaseTransferred") == 1 and kinds.count("ReferralAccepted") == 6
    assert kinds.count("ReferralReceived") == 6 and kinds.count("ReferralResolved") == 5
    assert [one.event.referral for one in trace.entries if one.event.kind == "DeadlineMissed"] == [names["120"]]
    life = trace.entries[: kinds.index("CaseClosed") + 1]  # the patrol comes after
    whole = sum(one.elapsed.ToNanoseconds() for one in life) / 1e9
    assert whole == pytest.approx(seconds(closed.closed_at, closed.opened_at), abs=1e-6)
    assert whole < 83 * 60
    for hold in trace.holds:
        referral = next(one for one in closed.referrals if one.name == hold.referral)
        parts = (hold.transport, hold.unopened, hold.working, hold.waiting)
        end = referral.resolved_at if referral.HasField("resolved_at") else referral.ended_at
        held = seconds(end, referral.offered_at)
        assert sum(one.ToNanoseconds() for one in parts) / 1e9 == pytest.approx(held, abs=1e-6)
    assert len(trace.holds) == 6 and sum(one.slowest for one in trace.holds) == 1
    assert next(one.agency for one in trace.holds if one.slowest) == "119"


async def test_row_14_all_or_none(clients: Clients) -> None:
    """Row 14: a plan with a body that cannot be had changes nothing at all."""
    desk = Desk(clients, "110")
    case = await desk.open("楼塌了一角", emergency=True)
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"):
        await desk.transfer(case, plan="no-such-plan")
    assert (await desk.get(case)).etag == case.etag


async def test_row_19_shaowu_redo(clients: Clients) -> None:
    """Row 19, Shaowu dissatisfied -> redo (17,912/18,220): the same case, both rounds kept, the second closes."""
    start = Timestamp()
    start.GetCurrentTime()
    desk = Desk(clients, "12345")
    async with Partner(clients, "water") as water:
        case = await desk.offered("家里停水两天了", "water_outage")
        await water.work(case)
        done = await desk.until(case, lambda one: one.state == State.FOLLOW_UP, "first result")
        asked = await desk.follow_up(done, solved=False, satisfied=1)
        again = await desk.reopen(asked)
        assert (again.name, again.round, again.state) == (case.name, 2, State.REFERRED)
        assert again.supervision >= common_pb2.SUPERVISION_YELLOW
        assert [(one.agency, one.round, one.state) for one in again.referrals] == [
            ("water", 1, RState.RESOLVED),
            ("water", 2, RState.OFFERED),
        ]
        assert again.referrals[0].result == "已修复", "the first round is kept"
        with refused(grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE"):
            await desk.close(again)
        second = again.referrals[1].name
        offer = await water.got(lambda one: one.referral.name == second, "the second round")
        assert offer.case.name == case.name and offer.kind == Kind.OFFERED
        await water.accept(second)
        await water.resolve(second, "更换水泵", "已恢复供水, 水压正常")
        redone = await desk.until(again, lambda one: one.state == State.FOLLOW_UP, "second result")
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"):
            await desk.close(redone)  # the first round's follow-up does not answer for the second
        closed = await desk.close(await desk.follow_up(redone))
    assert closed.state == State.CLOSED and closed.round == 2 and closed.result == "更换水泵"
    assert [(one.round, one.solved, one.satisfied) for one in closed.follow_ups] == [(1, False, 1), (2, True, 5)]
    assert closed.supervision >= common_pb2.SUPERVISION_YELLOW, "only a person lifts it"
    await desk.get(closed)
    told = await figures(desk, start)
    assert (told["satisfied", ""].numerator, told["satisfied", ""].denominator) == (1, 1)
    assert told["cases_opened", ""].numerator == 1, "one case, not two"


async def test_row_20_changle_kiosk(clients: Clients) -> None:
    """Row 20, Changle kiosk (24 h): the device gives place and division; one key, routed with nobody at a desk."""
    kiosk = Desk(clients, "110")
    begun = time.monotonic()
    async with Partner(clients, "12345") as hotline:
        case = await kiosk.open(
            "我的双肩包落在广场长椅上了，请帮忙找一找，里面有护照和相机",
            channel="kiosk",
            device="kiosk-001",
        )
        assert case.division == "990101002" and case.report.place.text == "江城区钟楼广场"
        point = case.report.place.point
        assert (point.longitude, point.latitude, point.source) == (120.2916, 30.2387, "device")
        routed = await kiosk.until(case, lambda one: one.state == State.REFERRED, "routed unattended")
        assert [one.agency for one in routed.referrals] == ["12345"]
        assert not routed.classification.by_person and routed.classification.category == "lost_item"
        assert (await hotline.told(case)).case.report.place.text == "江城区钟楼广场"
        assert time.monotonic() - begun < 10
        actors = {one.kind: one.actor for one in await kiosk.events(routed)}
        assert actors["CaseTransferred"].kind == common_pb2.ACTOR_KIND_POLICY
    bare = await kiosk.open(channel="kiosk", device="kiosk-003")
    assert bare.division == "990102001", "one key, not a word said"
    held = await kiosk.until(bare, lambda one: one.state == State.CLASSIFIED, "judged")
    assert held.classification.verdict == common_pb2.VERDICT_ASK and held.owner == "110" and not held.referrals
