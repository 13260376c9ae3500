"""Supervision: what is late or stuck is seen as it happens, and each act has its reason."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable

import pytest
from browsing import Desk
from handing import SECONDS, accepted, handed, now, opened, path, request_id, resolved
from playwright.async_api import Locator, Page, expect

from callmesh.api.v1 import case_pb2, common_pb2, referral_pb2, report_pb2
from callmesh.api.v1 import gateway_service_pb2 as gw
from callmesh.api.v1 import supervision_service_pb2 as sup
from callmesh.api.v1 import transfer_service_pb2 as tra
from callmesh.cli.clients import me
from callmesh.kernel.rpc.clients import Clients
from support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")
Person = Callable[..., Awaitable[Desk]]


async def choose(page: Page, view: str, case: case_pb2.Case) -> None:
    await page.goto(f"/supervise?view={view}")
    await page.locator(f"#row-{case.name[-6:]} a").click()
    await expect(page.locator("#chosen-name")).to_contain_text(case.name[-6:])


async def unfold(page: Page, act: str) -> Locator:
    """The form of an act; the likeliest one stands open already."""
    form = page.locator(f"form[action$='/{act}']").first
    if not await form.is_visible():
        await page.locator(f"details:has(form[action$='/{act}']) summary").first.click()
    return form


async def do(page: Page, act: str, reason: str, button: str) -> None:
    form = await unfold(page, act)
    await form.locator("[name=reason]").fill(reason)
    await form.get_by_role("button", name=button, exact=True).click()
    await expect(page.locator("#done")).to_be_visible()


async def test_what_is_due_soon_appears_by_itself_and_is_reminded(person: Person, clients: Clients) -> None:
    desk = await person("duty")
    await desk.page.goto("/supervise?view=due")
    await expect(desk.page.locator("#link")).to_have_text("实时")
    case = await handed(clients, "停气", "gas_outage", "gas")
    await expect(desk.page.locator(f"#row-{case.name[-6:]}")).to_contain_text("临江燃气抢修中心")
    await choose(desk.page, "due", case)
    await do(desk.page, "remind", "老人独居, 请尽快", "催办")
    assert (await now(clients, case)).referrals[0].remind_count == 1


async def test_the_watch_rises_and_is_lifted_each_with_a_reason(person: Person, clients: Clients) -> None:
    case = await handed(clients, "停气两天", "gas_outage", "gas")
    desk = await person("duty")
    await choose(desk.page, "due", case)
    await unfold(desk.page, "raise")
    await desk.page.select_option("[name=supervision]", str(common_pb2.SUPERVISION_RED))
    await do(desk.page, "raise", "多次来电", "升级督办")
    assert (await now(clients, case)).supervision == common_pb2.SUPERVISION_RED
    await choose(desk.page, "watched", case)
    await do(desk.page, "lift", "已与来电人沟通", "解除督办")
    assert (await now(clients, case)).supervision == common_pb2.SUPERVISION_NONE


async def test_more_time_is_granted_by_who_decides(person: Person, clients: Clients) -> None:
    case = await handed(clients, "停水", "water_outage", "water")
    name = await accepted(clients, case)
    asked = gw.RequestExtensionRequest(request_id=request_id(), name=name, reason="管网抢修需两日")
    await clients.gateway.RequestExtension(asked, metadata=me("water"), timeout=SECONDS)
    desk = await person("duty")
    await choose(desk.page, "pending", case)
    await expect(desk.page.locator(".facts")).to_contain_text("管网抢修需两日")
    await do(desk.page, "extension", "情况属实", "同意")
    referral = (await now(clients, case)).referrals[0]
    assert (referral.extension_count, list(referral.pending)) == (1, [])


async def test_an_agency_asks_to_see_more_and_is_shown_it(person: Person, clients: Clients) -> None:
    """Whoever moves a car is not told whose number it was; a reason and a supervisor's word show it."""
    case = await handed(clients, "车挡住出口", "move_car", "gas")
    await accepted(clients, case)
    agency = (await person("gas", viewport={"width": 390, "height": 844}, java_script_enabled=False)).page
    await agency.goto(path(case))
    await expect(agency.locator("a[href^='tel:']")).to_have_count(0)
    await agency.locator("#act-disclosure summary").click()
    await agency.locator("[name=field-number]").check()
    await agency.fill("#act-disclosure [name=reason]", "须当面核对来电人")
    await agency.locator("#act-disclosure button").click()
    await expect(agency.locator("#done")).to_have_text("已申请, 批准后在此显示。")
    desk = await person("duty")
    await choose(desk.page, "pending", case)
    await expect(desk.page.locator(".facts")).to_contain_text("来电号码: 须当面核对来电人")
    await do(desk.page, "disclosure", "情况属实", "同意")
    await agency.goto(path(case))
    await expect(agency.locator("a[href^='tel:']")).to_have_count(1)


async def test_a_commander_designates_and_a_supervisor_cannot(person: Person, clients: Clients) -> None:
    case = await handed(clients, "消防通道被占", "gas_outage", "gas")
    duty = await person("duty")
    await choose(duty.page, "due", case)
    await expect(duty.page.locator("form[action$='/designate']")).to_have_count(0)
    chief = await person("chief")
    await choose(chief.page, "due", case)
    await unfold(chief.page, "designate")
    await chief.page.locator("form[action$='/designate'] select").select_option("water")
    await do(chief.page, "designate", "就近处置", "指定管辖")
    after = await now(clients, case)
    assert (after.referrals[-1].agency, after.referrals[-1].binding) == ("water", True)


async def test_a_refused_act_keeps_its_words(person: Person, clients: Clients) -> None:
    case = await handed(clients, "停水", "water_outage", "water")
    desk = await person("duty")
    await choose(desk.page, "due", case)
    await unfold(desk.page, "remind")
    await desk.page.locator("form[action$='/remind'] [name=reason]").fill("请尽快")
    await desk.page.locator("form[action$='/remind'] [name=target]").evaluate("one => { one.value += '9'; }")
    await desk.page.locator("form[action$='/remind'] button").click()
    await expect(desk.page.locator("#refused")).to_be_visible()


async def test_a_return_is_denied_or_sent_on_to_whom_the_supervisor_names(person: Person, clients: Clients) -> None:
    case = await handed(clients, "围墙渗水", "water_outage", "water")
    name = await accepted(clients, case)

    async def asks() -> None:
        asked = gw.ReturnReferralRequest(request_id=request_id(), name=name, reason="not_our_duty", basis="条例第五条")
        await clients.gateway.ReturnReferral(asked, metadata=me("water"), timeout=SECONDS)

    await asks()
    page = (await person("duty")).page
    await choose(page, "pending", case)
    await expect(page.locator(".facts")).to_contain_text("条例第五条")
    await do(page, "return", "属供水管网", "驳回")
    assert (await now(clients, case)).referrals[0].state == referral_pb2.Referral.ACCEPTED
    await asks()
    await choose(page, "pending", case)
    await page.locator("form[action$='/return'] select").select_option("gas")
    await do(page, "return", "与燃气管同沟", "同意")
    after = await now(clients, case)
    assert [one.agency for one in after.referrals] == ["water", "gas"]
    assert after.referrals[0].state == referral_pb2.Referral.RETURNED


async def test_a_pause_is_denied_and_granted_and_the_duty_leader_changes(person: Person, clients: Clients) -> None:
    case = await handed(clients, "停水待料", "water_outage", "water")
    name = await accepted(clients, case)
    page = (await person("duty")).page
    for button in ("驳回", "同意"):
        asked = gw.RequestSuspensionRequest(request_id=request_id(), name=name, reason="等候配件")
        await clients.gateway.RequestSuspension(asked, metadata=me("water"), timeout=SECONDS)
        await choose(page, "pending", case)
        await expect(page.locator(".facts")).to_contain_text("等候配件")
        await do(page, "suspension", "已核实", button)
    assert (await now(clients, case)).referrals[0].state == referral_pb2.Referral.SUSPENDED
    form = await unfold(page, "supervisor")
    await form.locator("[name=supervisor]").fill("leader-7")
    await form.get_by_role("button").click()
    await expect(page.locator("#done")).to_be_visible()
    await expect(page.locator(".facts")).to_contain_text("leader-7")
    assert (await now(clients, case)).supervisor == "leader-7"


async def test_a_result_is_sent_back_and_approved(person: Person, clients: Clients) -> None:
    case = await resolved(clients, await handed(clients, "停气已修", "gas_outage", "gas"))
    page = (await person("duty")).page
    await page.goto(f"/supervise?case={case.name.removeprefix('cases/')}")
    await do(page, "send_back", "未说明原因", "退回重办")
    assert (await now(clients, case)).referrals[0].sent_back_count == 1
    await resolved(clients, case)
    await page.goto(f"/supervise?case={case.name.removeprefix('cases/')}")
    await do(page, "approve", "已核对", "审核通过")
    assert (await now(clients, case)).referrals[0].HasField("approved_at")


async def test_a_repeated_matter_is_reviewed_step_by_step(person: Person, clients: Clients) -> None:
    """梳理, 研判, 流转, 督办 and, after a result, 复核."""
    number = f"199{uuid.uuid4().int % 10**8:08}"
    for _ in range(3):
        report = report_pb2.Report(caller=report_pb2.Caller(number=number), narrative="邻居又在楼道堆物")
        case = await opened(clients, "", "neighbor", report=report)

    async def repeated() -> bool:
        return (await now(clients, case)).HasField("repeat")

    await until(repeated, "the third counts as repeated")
    page = (await person("duty")).page
    await choose(page, "repeated", case)
    for _ in range(4):
        await do(page, "repeat", "已核实历次警情", "重复警情核查")
    assert (await now(clients, case)).repeat.stage == case_pb2.Repeat.SUPERVISED
    request = tra.TransferCaseRequest(request_id=request_id(), name=case.name, agency="street-wangjiang", reason="调解")
    await resolved(clients, await clients.transfer.TransferCase(request, metadata=me("110"), timeout=SECONDS))
    await choose(page, "repeated", case)
    form = await unfold(page, "repeat")
    await form.locator("[name=settled]").check()
    await do(page, "repeat", "双方已和解", "重复警情核查")
    found = (await now(clients, case)).repeat
    assert (found.stage, found.steps[-1].settled) == (case_pb2.Repeat.RECHECKED, True)


async def test_a_finding_is_mended_looked_at_and_mended_again(person: Person, clients: Clients) -> None:
    case = await resolved(clients, await handed(clients, "投诉商家", "consumer", "gas"))
    end = sup.CloseCaseRequest(request_id=request_id(), name=case.name, waiver="不便回访")
    await clients.supervision.CloseCase(end, metadata=me("110"), timeout=SECONDS)

    async def found() -> bool:
        return len((await now(clients, case)).findings) > 0

    await until(found, "the patrol found that the caller could have been asked")
    duty, chief = (await person("duty")).page, (await person("chief")).page
    for answer in ("未整改到位", "已整改"):
        await choose(duty, "findings", case)
        await do(duty, "rectify", "已补回访", "巡查整改")
        await choose(chief, "findings", case)  # who mended does not verify
        await do(chief, "verify", "已抽查", answer)
    finding = (await now(clients, case)).findings[0]
    assert (finding.state, finding.reopened) == (case_pb2.Finding.VERIFIED, 1)
