"""Supervision: what is late or stuck is seen as it happens, and each act has its reason."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from browsing import Desk
from handing import SECONDS, accepted, handed, now, request_id
from playwright.async_api import Locator, Page, expect

from callmesh.api.v1 import case_pb2, common_pb2
from callmesh.api.v1 import gateway_service_pb2 as gw
from callmesh.cli.clients import Clients, me

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
