"""Administration: an edit is a draft, a draft is checked and replayed, and only what was checked comes into force."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable

import pytest
from browsing import Browsing, Desk
from handing import SECONDS, handed
from playwright.async_api import Page, expect

from callmesh.api.v1 import directory_service_pb2 as pb
from callmesh.api.v1 import directory_service_pb2_grpc
from callmesh.cli.clients import city_in_force, me, ops
from callmesh.cli.mesh import LocalMesh
from callmesh.kernel.rpc.client import channel, reason_of
from callmesh.kernel.rpc.clients import Clients

pytestmark = pytest.mark.asyncio(loop_scope="session")
Person = Callable[..., Awaitable[Desk]]


async def edit(page: Page, part: str, row: str, **fields: str) -> None:
    """Changes fields of the row whose line shows `row`."""
    await page.goto(f"/admin/{part}")
    await page.locator("tr", has=page.get_by_role("cell", name=row, exact=True)).get_by_role("link").click()
    for name, value in fields.items():
        await page.fill(f"[name={name}]", value)
    await page.get_by_role("button", name="存入草稿").click()
    await page.wait_for_url("**/admin/*?done=saved")


async def check(page: Page) -> None:
    await page.goto("/admin")
    await page.get_by_role("button", name="检查并回放").click()
    await expect(page.locator("#review")).to_be_visible(timeout=60_000)


async def test_a_moved_category_shows_what_goes_elsewhere_and_comes_into_force(
    person: Person, clients: Clients, mesh: LocalMesh
) -> None:
    desk = await person("admin")
    case = await handed(clients, "家里停水两天了", "water_outage", "water")
    before = await city_in_force(mesh.endpoints)
    await edit(desk.page, "catalogue", "water_outage", lead="municipal")
    await edit(desk.page, "guides", "water_outage", prompt_en="Is it one home or the whole area?")
    await check(desk.page)  # more than one request may carry as plain text
    row = desk.page.locator("#review tr", has_text=case.name[-6:])
    await expect(row).to_contain_text("临江水务抢修中心")
    await expect(row).to_contain_text("市政")
    await desk.page.get_by_role("button", name="发布生效").click()
    await expect(desk.page.locator("#done")).to_have_text("已生效。")
    after = await city_in_force(mesh.endpoints)
    assert (before.category["water_outage"].lead, after.category["water_outage"].lead) == ("water", "municipal")
    assert after.guide["water_outage"].prompt_en == "Is it one home or the whole area?"
    assert after.agencies == before.agencies and after.calendar == before.calendar


async def test_a_fault_is_named_with_file_and_line_and_nothing_can_be_put_into_force(
    person: Person, mesh: LocalMesh
) -> None:
    desk = await person("admin")
    before = await city_in_force(mesh.endpoints)
    await edit(desk.page, "agencies", "gas", hours="all day", parent="nobody")
    await check(desk.page)
    await expect(desk.page.locator(".faults")).to_contain_text("agencies.toml:")
    await expect(desk.page.locator(".faults li")).to_have_count(2)
    await expect(desk.page.locator(".faults")).to_contain_text("parent “nobody”不存在")
    await expect(desk.page.get_by_role("button", name="发布生效")).to_have_count(0)
    await desk.page.get_by_role("button", name="放弃草稿").click()
    await expect(desk.page.locator("#done")).to_have_text("草稿已放弃。")
    assert (await city_in_force(mesh.endpoints)).version == before.version


async def test_a_whole_file_is_checked_alike(person: Person) -> None:
    desk = await person("admin")
    await desk.page.goto("/admin/calendar")
    text = await desk.page.input_value("[name=text]")
    await desk.page.fill("[name=text]", text + "holidays_of_our_own = 1\n")
    await desk.page.get_by_role("button", name="存入草稿").click()
    await check(desk.page)
    await expect(desk.page.locator(".faults")).to_contain_text("holidays_of_our_own")
    await desk.page.get_by_role("button", name="放弃草稿").click()


async def test_a_new_account_signs_in_and_a_short_password_is_refused(person: Person, browsing: Browsing) -> None:
    desk, page_id = await person("admin"), f"m{uuid.uuid4().hex[:6]}"
    await desk.page.goto("/admin")
    await desk.page.locator("#act-account summary").click()
    for name, value in {"id": page_id, "name": "测试员", "person": "t-9", "password": "short"}.items():
        await desk.page.fill(f"#act-account [name={name}]", value)
    await desk.page.select_option("#act-account [name=agency]", "gas")
    await desk.page.select_option("#act-account [name=role]", "partner")
    await desk.page.get_by_role("button", name="保存").click()
    await expect(desk.page.locator("#act-account .error")).to_have_text("密码至少十个字符。")
    await expect(desk.page.locator("#act-account [name=person]")).to_have_value("t-9")
    await desk.page.fill("#act-account [name=password]", "long enough 1")
    await desk.page.get_by_role("button", name="保存").click()
    await expect(desk.page.locator(".accounts")).to_contain_text("t-9")
    context = await browsing.context()
    page = await context.new_page()
    await page.goto("/sign-in")
    await page.fill("[name=id]", page_id)
    await page.fill("[name=password]", "long enough 1")
    await page.press("[name=password]", "Enter")
    await expect(page.locator("h1")).to_have_text("临江燃气抢修中心")
    await context.close()


async def test_the_mesh_takes_only_what_was_checked_from_who_may(mesh: LocalMesh) -> None:
    async with channel(mesh.endpoints.address("classification")) as opened:
        stub = directory_service_pb2_grpc.DirectoryServiceStub(opened)
        city = await stub.GetCity(pb.GetCityRequest(), metadata=ops(), timeout=SECONDS)
        limits = next(one for one in city.files if one.name == "limits.toml")
        changed = [pb.CityFile(name="limits.toml", text=limits.text + "\n# a comment\n")]

        async def reason(request: object, metadata: object = None) -> str:
            method = stub.CheckCity if isinstance(request, pb.CheckCityRequest) else stub.ApplyCity
            try:
                await method(request, metadata=metadata or ops(), timeout=60)
            except Exception as wrong:
                return reason_of(wrong)  # type: ignore[arg-type]
            return "OK"

        stale = pb.CheckCityRequest(base_version="0", files=changed)
        assert await reason(stale) == "CHANGED"
        unseen = pb.ApplyCityRequest(request_id="1", base_version=city.version, files=changed, version="other")
        assert await reason(unseen) == "CHANGED"
        mine = pb.CheckCityRequest(base_version=city.version, files=changed)
        assert await reason(mine, me("gas")) == "NOT_YOURS"
        same = pb.CheckCityRequest(base_version=city.version, files=changed, cases=1)
        assert await reason(same) == "OK"
        strange = pb.CheckCityRequest(base_version=city.version, files=[pb.CityFile(name="../x", text="")])
        assert await reason(strange) == "INVALID_FIELD"
