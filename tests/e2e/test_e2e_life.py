"""A case's life to its end, on a real mesh: disputes, reviews, follow-ups, rounds, advice, shifts (domain.md 4, 5)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.rpc import error_details_pb2
from mesh_play import (
    CALL_SECONDS,
    Desk,
    Kind,
    Partner,
    Refusal,
    Role,
    RState,
    State,
    city_with,
    partners,
    referral_of,
    refused,
    request_id,
)

from callmesh.api.v1 import case_pb2, common_pb2, report_pb2
from callmesh.api.v1 import gateway_service_pb2 as gw
from callmesh.api.v1 import intake_service_pb2 as intake
from callmesh.api.v1 import supervision_service_pb2 as sup
from callmesh.api.v1 import transfer_service_pb2 as tra
from callmesh.cli.clients import connect
from callmesh.cli.mesh import LocalMesh
from callmesh.kernel.rpc.client import detail, identity, status_details
from callmesh.kernel.rpc.clients import Clients
from callmesh.partner import Refused, WrongState

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalMesh]:
    """The demo city, but every return waits for a dispatcher, so that a denial does not race with the city's rule,
    and the time to reopen ends with the close, so that no test waits fifteen days."""
    folder = tmp_path_factory.mktemp("life")
    city = city_with(folder / "city", {})
    policy = city / "city.toml"
    rules = policy.read_text().replace("auto_grant_returns = 2", "auto_grant_returns = 0")
    policy.write_text(rules.replace("reopen_days = 15", "reopen_days = 0"))
    async with LocalMesh(folder / "data", city=city) as running:
        yield running
    assert running.clean, "a process had to be killed at the end"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clients(mesh: LocalMesh) -> AsyncIterator[Clients]:
    async with connect(mesh.endpoints) as made:
        yield made


async def designate(desk: Desk, case: case_pb2.Case, agency: str, reason: str = "职责清单第七条") -> Any:
    request = tra.DesignateJurisdictionRequest(request_id=request_id(), name=case.name, agency=agency, reason=reason)
    return await desk.call(desk.clients.transfer.DesignateJurisdiction, request)


async def send_back(desk: Desk, referral: str, reason: str = "没有现场照片") -> Any:
    request = sup.SendBackResolutionRequest(request_id=request_id(), name=referral, reason=reason)
    return await desk.call(desk.clients.supervision.SendBackResolution, request)


async def approve(desk: Desk, referral: str) -> Any:
    request = sup.ApproveResolutionRequest(request_id=request_id(), name=referral, reason="属实")
    return await desk.call(desk.clients.supervision.ApproveResolution, request)


async def annotate(desk: Desk, case: case_pb2.Case, text: str = "建议先行调解") -> Any:
    request = intake.AnnotateCaseRequest(request_id=request_id(), name=case.name, text=text)
    return await desk.call(desk.clients.intake.AnnotateCase, request)


async def supervised(desk: Desk, case: case_pb2.Case, leader: str) -> Any:
    request = sup.ChangeSupervisorRequest(request_id=request_id(), name=case.name, supervisor=leader)
    return await desk.call(desk.clients.supervision.ChangeSupervisor, request)


async def asked(desk: Desk, case: case_pb2.Case, **said: Any) -> Any:
    follow_up = case_pb2.FollowUp(**said)
    request = sup.RecordFollowUpRequest(request_id=request_id(), name=case.name, follow_up=follow_up)
    return await desk.call(desk.clients.supervision.RecordFollowUp, request)


async def contest(partner: Partner, referral: str, reason: str = "管网产权属物业") -> Any:
    return await partner.act(gw.Action(contest=gw.ContestReturnRequest(name=referral, reason=reason)))


async def test_a_contested_denial_is_designated(clients: Clients) -> None:
    """Denied -> contested -> DISPUTED -> a commander designates, bindingly (section 4); invariant 10."""
    desk, commander = Desk(clients, "110"), Desk(clients, "110", "commander")
    async with partners(clients, "water", "property-mgmt") as at:
        case = await desk.offered("小区水管漏水", "water_outage")
        name = (await at["water"].told(case)).referral.name
        await at["water"].accept(name)
        with pytest.raises(WrongState) as early:
            await contest(at["water"], name)
        assert (early.value.code.name, early.value.state) == ("FAILED_PRECONDITION", "not_denied")
        await at["water"].give_back(name)
        returned = await desk.decide(name, granted=False)
        assert referral_of(returned, "water").state == RState.ACCEPTED
        await at["water"].told(case, Kind.RETURN_DENIED)
        with pytest.raises(Refused) as bare:
            await contest(at["water"], name, "")
        assert bare.value.code.name == "INVALID_ARGUMENT" and bare.value.zh
        kept = await contest(at["water"], name)
        assert kept.state == RState.ACCEPTED, "it keeps the referral meanwhile, its limits run on"
        disputed = await desk.until(case, lambda one: one.state == State.DISPUTED, "disputed")
        assert disputed.owner == "water" and disputed.supervision >= common_pb2.SUPERVISION_YELLOW
        with refused(grpc.StatusCode.PERMISSION_DENIED, "NOT_YOURS"):
            await designate(desk, case, "property-mgmt")
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"):
            await designate(commander, case, "property-mgmt", "")
        with refused(grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE") as found:
            await desk.transfer(case, agency="property-mgmt", reason="换主办")
        assert found.state == "disputed" and "指挥长" in found.zh
        settled = await designate(commander, case, "property-mgmt")
        assert (settled.state, settled.owner) == (State.REFERRED, "110"), "the first receiver until somebody accepts"
        await at["water"].told(case, Kind.RETURN_GRANTED)
        given = (await at["property-mgmt"].told(case)).referral
        assert given.binding and given.hop == 1 and given.sender == "110"
        await at["property-mgmt"].accept(given.name)
        for act in (at["property-mgmt"].give_back, lambda one: contest(at["property-mgmt"], one)):
            with pytest.raises(WrongState) as bound:
                await act(given.name)
            assert (bound.value.code.name, bound.value.state) == ("FAILED_PRECONDITION", "binding")
        await at["property-mgmt"].resolve(given.name)
        closed = await desk.close(await desk.follow_up(case))
        kinds = [one.kind for one in await desk.events(closed)]
        assert kinds.count("DisputeOpened") == kinds.count("JurisdictionDesignated") == 1


async def test_unary_twin_of_a_contest(clients: Clients) -> None:
    """ContestReturn without a stream, with its errors by name."""
    desk, stub = Desk(clients, "110"), clients.gateway
    case = await desk.offered("水压太低", "water_outage")
    me = identity("water", "w-1")
    request = gw.ContestReturnRequest(request_id=request_id(), name=case.referrals[0].name, reason="不属本单位")
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE") as found:
        await stub.ContestReturn(request, metadata=me, timeout=CALL_SECONDS)
    assert found.state == "not_denied" and "退单" in found.zh
    with refused(grpc.StatusCode.NOT_FOUND, "NOT_FOUND"):
        await stub.ContestReturn(request, metadata=identity("gas", "g-1"), timeout=CALL_SECONDS)


async def test_a_returned_emergency_waits_for_nobody(clients: Clients) -> None:
    """Invariants 6 and 10: though no return is granted by rule here, an emergency goes on at once, from one emergency
    service to the next, never into a dispute, and the last one keeps it."""
    desk = Desk(clients, "12345")
    chain = ("119", "110", "police-jiangcheng")
    async with partners(clients, *chain) as at:
        case = await desk.open("有人掉进河里了", emergency=True, division="990101")
        case = await desk.transfer(case, agency="119", reason="溺水")
        for hop, agency in enumerate(chain):
            got = (await at[agency].told(case)).referral
            assert (got.hop, got.sender, got.binding) == (hop, "12345", agency == chain[-1])
            await at[agency].accept(got.name)
            await at[agency].progress(got.name, "已派员先行处置")
            if not got.binding:
                await at[agency].give_back(got.name)
                await at[agency].told(case, Kind.RETURN_GRANTED)
        with pytest.raises(WrongState) as bound:
            await at[chain[-1]].give_back(got.name)
        assert bound.value.state == "binding"
        await at[chain[-1]].resolve(got.name)
        done = await desk.until(case, lambda one: one.state == State.FOLLOW_UP, "done")
        kinds = [one.kind for one in await desk.events(done)]
    assert kinds.count("ReturnGranted") == 2 and "DisputeOpened" not in kinds


async def test_row_16_jinjiang_commander(clients: Clients) -> None:
    """Row 16, Jinjiang commander: first action, designation, override with reason."""
    commander = Desk(clients, "110", "commander")
    async with partners(clients, "119", "water") as at:
        case = await commander.open("办公楼一层有水, 情况不明")
        first = await designate(commander, case, "119", "先行处置")  # before anybody classified it
        assert first.state == State.REFERRED and first.referrals[0].binding
        await at["119"].told(case)
        judged = await commander.classify(first, "water_outage", reason="到场核实为水管爆裂")
        assert judged.classification.by_person and judged.classification.reason == "到场核实为水管爆裂"
        moved = await designate(commander, judged, "water", "消防已排除火情, 由供水抢修")
        assert [(one.agency, one.state) for one in moved.referrals] == [
            ("119", RState.RECALLED),
            ("water", RState.OFFERED),
        ]
        await at["119"].told(case, Kind.RECALLED)
        await at["water"].told(case)
        people = [one.actor.role for one in await commander.events(moved) if one.kind == "JurisdictionDesignated"]
        assert people == ["commander"] * 2


async def test_row_17_a_silent_alarm_is_never_called_back(clients: Clients) -> None:
    """Row 17, silent alarm: the level rises at once, and no call-back and no message goes to the caller, ever."""
    desk = Desk(clients, "12345")
    report = report_pb2.Report(caller=report_pb2.Caller(number="19900001111", silent=True))
    async with Partner(clients, "110") as police:
        case = await desk.open(report=report, channel="kiosk", device="kiosk-001")
        assert case.emergency
        sent = await desk.until(case, lambda one: one.state == State.REFERRED, "on its way by itself")
        assert sent.classification.level == common_pb2.LEVEL_P0
        got = await police.told(case)
        assert got.case.report.caller.silent and not got.case.report.caller.number
        await police.work(case)
        done = await desk.until(case, lambda one: one.state == State.FOLLOW_UP, "done")
        for said in ({"reached": True, "solved": True}, {"reached": False}):
            with refused(grpc.StatusCode.PERMISSION_DENIED, "NOT_YOURS") as found:
                await asked(desk, done, **said)
            assert "不得回访" in found.zh
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"):
            await desk.close(done)
        closed = await desk.close(done, waiver="静默报警, 免回访")
    assert closed.state == State.CLOSED and not closed.follow_ups


async def test_a_result_is_sent_back_and_then_approved(clients: Clients) -> None:
    """Send back / approve (section 4): by sender, origin or supervisor, never by the agency itself."""
    desk = Desk(clients, "110")
    async with Partner(clients, "water") as water:
        case = await desk.offered("家里停水", "water_outage")
        await water.work(case)
        name = case.referrals[0].name
        done = await desk.until(case, lambda one: one.state == State.FOLLOW_UP, "first result")
        asked_first = await desk.follow_up(done)
        with refused(grpc.StatusCode.PERMISSION_DENIED, "NOT_YOURS"):
            await approve(Desk(clients, "water"), name)
        with refused(grpc.StatusCode.NOT_FOUND, "NOT_FOUND"):
            await send_back(Desk(clients, "gas"), name)
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"):
            await send_back(desk, name, "")
        back = await send_back(desk, name)
        assert (back.state, back.result, back.owner) == (State.REFERRED, "", "water")
        told = await water.told(case, Kind.SENT_BACK)
        assert told.referral.state == RState.IN_PROGRESS and told.referral.sent_back_count == 1
        with refused(grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE") as found:
            await send_back(desk, name)
        assert found.state == "in_progress" and "办结" in found.zh, "it says what is allowed"
        await water.resolve(name, "换管并拍照", "已换管")
        again = await desk.until(back, lambda one: one.state == State.FOLLOW_UP, "second result")
        assert len(asked_first.follow_ups) == 1
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"):
            await desk.close(again)  # who was asked about the old result was not asked about this one
        approved = await approve(Desk(clients, "12345", "supervisor"), name)
        assert approved.referrals[0].HasField("approved_at")
        await water.told(case, Kind.APPROVED)
        closed = await desk.close(await desk.follow_up(approved))
    assert closed.result == "换管并拍照" and closed.round == 1
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE") as late:
        await desk.reopen(closed)
    assert late.state == "reopen_expired" and "另开新单" in late.zh


async def test_three_failed_calls_close_as_unreachable(clients: Clients) -> None:
    """Section 3: after as many failed calls as the city says it closes by itself; nothing is typed."""
    desk = Desk(clients, "110")
    async with Partner(clients, "water") as water:
        case = await desk.offered("停水, 电话可能打不通", "water_outage")
        await water.work(case)
        done = await desk.until(case, lambda one: one.state == State.FOLLOW_UP, "done")
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"):
            await asked(desk, done, reached=False, satisfied=5)
        for method in (case_pb2.FollowUp.PHONE, case_pb2.FollowUp.PHONE):
            await asked(desk, done, reached=False, method=method)
            with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"):
                await desk.close(done)
        await asked(desk, done, reached=False, method=case_pb2.FollowUp.SMS)
        closed = await desk.until(done, lambda one: one.state == State.CLOSED, "closed by itself")
        await water.told(case, Kind.CLOSED)
    assert closed.waiver == "unreachable" and len(closed.follow_ups) == 3
    ends = [one for one in await desk.events(closed) if one.kind == "CaseClosed"]
    assert [one.actor.kind for one in ends] == [common_pb2.ACTOR_KIND_POLICY]


async def test_row_19_the_third_round_is_a_commanders(clients: Clients) -> None:
    """Row 19, dissatisfied -> redo: the same case, its rounds kept; the third is opened by a commander only."""
    desk, commander = Desk(clients, "12345"), Desk(clients, "110", "commander")
    async with Partner(clients, "water") as water:
        case = await desk.offered("家里停水三天了", "water_outage")
        for turn in (1, 2):
            name = case.referrals[-1].name
            await water.got(lambda one, name=name: one.referral.name == name, f"round {turn}")  # type: ignore[misc]
            await water.accept(name)
            await water.resolve(name, f"第{turn}次修", "已修")
            done = await desk.until(case, lambda one: one.state == State.FOLLOW_UP, f"result {turn}")
            case = await desk.follow_up(done, solved=False, satisfied=1)
            if turn == 1:
                case = await desk.reopen(case)
        with refused(grpc.StatusCode.PERMISSION_DENIED, "NOT_YOURS") as found:
            await desk.reopen(case)
        assert "指挥长" in found.zh
        third = await commander.reopen(case)
        assert (third.round, third.owner, len(third.referrals)) == (3, "12345", 3)
        assert third.supervision == common_pb2.SUPERVISION_RED and list(third.flags) == ["for_commander"]
        assert [one.round for one in third.follow_ups] == [1, 2], "both rounds are kept"
        handed = await Desk(clients, "110", "supervisor").call(clients.intake.CancelCase, cancel(third))
        assert handed.state == State.CANCELLED


def cancel(case: case_pb2.Case) -> intake.CancelCaseRequest:
    return intake.CancelCaseRequest(request_id=request_id(), name=case.name, reason="测试结束")


async def test_row_22_liaocheng_first_receiver(clients: Clients) -> None:
    """Row 22, 首接首办: the owner of record survives the shift change; the duty leader is supervisor."""
    morning = Desk(clients, "12345")
    case = await supervised(morning, await morning.open("井盖松动, 半夜咣当响"), "z-early")
    assert (case.owner, case.origin, case.supervisor) == ("12345", "12345", "z-early")
    async with Partner(clients, "water") as water:
        case = await morning.transfer(await morning.classify(case, "water_outage"))
        assert case.owner == "12345", "offered is not accepted"
        night = await supervised(morning, case, "z-late")
        assert (night.owner, night.supervisor) == ("12345", "z-late")
        same = await supervised(morning, case, "z-late")
        told = [one.event.kind for one in (await morning.timeline(same)).entries]
        assert told.count("SupervisorChanged") == 2, "the same leader again is nothing new"
        name = (await water.told(case)).referral.name
        await water.accept(name)
        taken = await morning.until(case, lambda one: one.owner == "water", "the lead answers for it now")
        assert taken.supervisor == "z-late" and taken.origin == "12345"
        back = await morning.recall(name)
        assert (back.owner, back.supervisor) == ("12345", "z-late"), "and the first receiver again"
        with refused(grpc.StatusCode.NOT_FOUND, "NOT_FOUND"):
            await supervised(Desk(clients, "gas"), case, "z-x")
        leaders = [one.summary for one in await morning.events(back) if one.kind == "SupervisorChanged"]
        assert len(leaders) == 2 and "z-late" in leaders[-1]


async def test_row_25_zhangzhou_2_plus_n(clients: Clients) -> None:
    """Row 25, 2+N: grid worker, police and volunteers handle it together; and an adviser's note reaches the lead."""
    desk = Desk(clients, "12345")
    async with partners(clients, "mediation", "volunteers", "grid") as at:
        caller = report_pb2.Caller(number="19900001112")
        report = report_pb2.Report(caller=caller, narrative="邻居在楼道堆杂物, 说了半年也不听")
        case = await desk.open(report=report, division="990101001")
        case = await desk.transfer(await desk.classify(case, "neighbor"), plan="dispute-2n")
        roles = {one.agency: one.role for one in case.referrals}
        bodies = list(roles)
        assert [one for one in bodies if roles[one] == Role.LEAD] == ["mediation"]
        assert {"volunteers", "grid"} <= set(bodies) and len(bodies) == 5
        assert any(one.startswith(("110", "police")) for one in bodies)
        again = await desk.transfer(case, plan="dispute-2n")
        tasked = [one.name for one in case.referrals]
        assert [one.name for one in again.referrals] == tasked, "pressed twice it is done already"
        noted = await annotate(Desk(clients, "legal-aid"), case)
        assert not noted.referrals and not noted.report.caller.number, "advice opens no files"
        now = await desk.get(case, noted.etag)
        assert (now.state, now.owner) == (case.state, case.owner), "and moves nothing"
        assert [one.state for one in now.referrals] == [RState.OFFERED] * 5
        with refused(grpc.StatusCode.NOT_FOUND, "NOT_FOUND"):
            await annotate(Desk(clients, "gas"), case)
        told = await at["mediation"].told(case, Kind.ANNOTATED)
        assert [(one.agency, one.text) for one in told.case.annotations] == [("legal-aid", "建议先行调解")]
        names = {one.agency: one.name for one in case.referrals}
        for agency in ("volunteers", "grid"):
            assert not (await at[agency].told(case)).case.annotations
            await at[agency].accept(names[agency])
            await at[agency].resolve(names[agency], "已劝解", "")
        await at["mediation"].accept(names["mediation"])
        with pytest.raises(WrongState) as early:
            await at["mediation"].resolve(names["mediation"], "达成协议", "双方已签字")
        assert early.value.state == "support_open"
        for agency in set(bodies) - {"mediation", "volunteers", "grid"}:
            await desk.waive(names[agency])
        await at["mediation"].told(case, Kind.SUPPORT_DONE)
        again = await desk.transfer(case, plan="dispute-2n")
        assert len(again.referrals) == 5, "pressed once more nobody who is done gets it again"
        await at["mediation"].resolve(names["mediation"], "达成协议", "双方已签字")
        done = await desk.until(case, lambda one: one.state == State.FOLLOW_UP, "done")
        assert (await desk.close(await desk.follow_up(done))).state == State.CLOSED


async def test_who_has_no_part_finds_no_case(clients: Clients) -> None:
    """An agency that holds nothing of a case can neither classify, transfer, cancel, close nor reopen it."""
    desk, stranger, helper = Desk(clients, "110"), Desk(clients, "gas"), Desk(clients, "power")
    case = await desk.transfer(
        await desk.classify(await desk.open("水管爆了淹了配电房"), "water_outage"),
        agency="water",
        support=["power"],
        reason="需断电",
    )
    for act in (
        lambda who: who.classify(case, "gas_outage"),
        lambda who: who.transfer(case, agency="gas", reason="换"),
        lambda who: who.call(clients.intake.CancelCase, cancel(case)),
        lambda who: who.close(case, "免"),
        lambda who: who.reopen(case),
        lambda who: who.follow_up(case),
    ):
        with refused(grpc.StatusCode.NOT_FOUND, "NOT_FOUND"):
            await act(stranger)
        with refused(grpc.StatusCode.PERMISSION_DENIED, "NOT_YOURS"):
            await act(helper)
    assert (await desk.get(case)).etag == case.etag
    bare = await desk.open("有点事")
    with refused(grpc.StatusCode.NOT_FOUND, "NOT_FOUND"):
        await stranger.transfer(bare)  # not even that it wants classifying first


async def test_errors_say_what_to_do(clients: Clients) -> None:
    """Bad input: out of state is FAILED_PRECONDITION with the state and what is allowed, a stale etag ABORTED with the
    fresh one, a return without code or basis, a result or a closure without its words INVALID_ARGUMENT by field.
    """
    desk = Desk(clients, "110")
    case = await desk.offered("停水", "water_outage")
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE") as found:
        await desk.close(case, "免")
    failure = detail(status_details(found.error), error_details_pb2.PreconditionFailure)
    assert failure is not None
    assert failure.violations[0].subject == "referred"
    assert "RecallReferral" in failure.violations[0].description and "撤回" in found.zh
    stale = sup.ChangeSupervisorRequest(request_id=request_id(), name=case.name, etag="1", supervisor="z-1")
    with refused(grpc.StatusCode.ABORTED, "CHANGED") as changed:
        await desk.call(clients.supervision.ChangeSupervisor, stale)
    info = detail(status_details(changed.error), error_details_pb2.ErrorInfo)
    assert info is not None and info.metadata["etag"] == case.etag
    name, gateway = case.referrals[0].name, clients.gateway
    me = identity("water", "w-1")
    await gateway.AcceptReferral(
        gw.AcceptReferralRequest(request_id=request_id(), name=name, handler="h1"), metadata=me, timeout=CALL_SECONDS
    )
    for method, request, field in (
        (gateway.ReturnReferral, gw.ReturnReferralRequest(name=name, basis="职责清单第3条"), "reason"),
        (gateway.ReturnReferral, gw.ReturnReferralRequest(name=name, reason="not_our_duty"), "basis"),
        (gateway.ResolveReferral, gw.ResolveReferralRequest(name=name, public_reply="您好"), "result"),
    ):
        request.request_id = request_id()
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD") as bad:
            await method(request, metadata=me, timeout=CALL_SECONDS)
        assert fields(bad) == [field] and bad.zh
    resolved = gw.ResolveReferralRequest(request_id=request_id(), name=name, result="已修", public_reply="您好")
    await gateway.ResolveReferral(resolved, metadata=me, timeout=CALL_SECONDS)
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD") as unasked:
        await desk.close(case)
    assert fields(unasked) == ["waiver"], "neither an outcome nor a reason for none"


def fields(found: Refusal) -> list[str]:
    """The fields that a refusal names."""
    bad = detail(status_details(found.error), error_details_pb2.BadRequest)
    return [one.field for one in bad.field_violations] if bad else []


async def test_work_begins_by_a_report(clients: Clients) -> None:
    """Start of work is reported without a word; acceptance without a receipt still knows until when to return."""
    desk = Desk(clients, "110")
    async with Partner(clients, "water", receipts=False) as water:
        case = await desk.offered("停水", "water_outage")
        name = (await water.told(case)).referral.name
        taken = await water.accept(name)
        assert taken.HasField("return_due")
        begun = await water.act(gw.Action(progress=gw.ReportProgressRequest(name=name, started=True)))
        assert begun.state == RState.IN_PROGRESS and begun.HasField("started_at")
        assert not begun.HasField("feedback_at") and not begun.feedback
