"""The frame: through the door, a list of cases that lives, and nothing foreign on any page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from browsing import Browsing, Desk
from playwright.async_api import expect

from callmesh.api.v1 import intake_service_pb2, report_pb2, tracking_service_pb2
from callmesh.cli.clients import me
from callmesh.console.pages.cases import PAGE_SIZE
from callmesh.kernel.rpc.clients import Clients

pytestmark = pytest.mark.asyncio(loop_scope="session")
Person = Callable[..., Awaitable[Desk]]


async def test_a_new_case_appears_in_the_list_without_a_reload(person: Person, clients: Clients) -> None:
    desk = await person("op110")
    await desk.page.goto("/cases")
    await expect(desk.page.locator("#link")).to_have_text("实时")
    report = report_pb2.Report(narrative="楼下有人吵架", place=report_pb2.Place(text="望江路1号"))
    request = intake_service_pb2.OpenCaseRequest(request_id="frame-1", report=report, desk="t-1")
    case = await clients.intake.OpenCase(request, metadata=me("110"), timeout=60)
    await expect(desk.page.locator(f"#row-{case.name[-6:]}")).to_contain_text("楼下有人吵架")


async def test_a_list_goes_on_behind_its_first_page(person: Person, clients: Clients) -> None:
    asked = tracking_service_pb2.ListCasesRequest(page_size=PAGE_SIZE + 1)
    known = await clients.tracking.ListCases(asked, metadata=me("110"), timeout=60)
    for number in range(PAGE_SIZE + 1 - len(known.cases)):
        report = report_pb2.Report(narrative="楼下有人吵架", place=report_pb2.Place(text=f"望江路{number}号"))
        request = intake_service_pb2.OpenCaseRequest(request_id=f"frame-many-{number}", report=report)
        await clients.intake.OpenCase(request, metadata=me("110"), timeout=60)
    desk = await person("op110")
    await desk.page.goto("/cases?state=all")
    rows = desk.page.locator("#rows tr")
    await expect(desk.page.locator("#many")).to_have_text(f"{PAGE_SIZE}+")
    await expect(rows).to_have_count(PAGE_SIZE)
    first = set(await rows.evaluate_all("all => all.map((one) => one.id)"))
    await desk.page.locator("#paging [rel=next]").click()
    await expect(desk.page.get_by_role("link", name="回到最新")).to_be_visible()
    assert not first & set(await rows.evaluate_all("all => all.map((one) => one.id)"))


async def test_who_is_not_signed_in_sees_the_door(browsing: Browsing) -> None:
    context = await browsing.context()
    page = await context.new_page()
    await page.goto("/cases")
    await expect(page).to_have_url(f"{browsing.url}/sign-in?next=/cases")
    await page.fill("[name=id]", "op110")
    await page.fill("[name=password]", "wrong")
    await page.press("[name=password]", "Enter")
    await expect(page.locator(".error")).to_have_text("账号或密码不正确。")
    await context.close()


async def test_a_write_from_another_site_is_refused(browsing: Browsing) -> None:
    context = await browsing.context()
    answer = await context.request.post(
        "/settings", headers={"origin": "https://elsewhere.example"}, form={"lang": "en"}
    )
    assert answer.status == 403
    answer = await context.request.post("/settings", headers={"sec-fetch-site": "cross-site"}, form={"lang": "en"})
    assert answer.status == 403
    await context.close()
