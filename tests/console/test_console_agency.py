"""The agency desk on a phone of 390 pixels, with scripts switched off: from the list to the result, and by a link."""

from __future__ import annotations

import re
import zlib
from collections.abc import Awaitable, Callable

import pytest
from browsing import Browsing, Desk
from handing import accepted, erased, handed, now, path
from playwright.async_api import FilePayload, Page, expect

from callmesh.api.v1 import referral_pb2, report_pb2
from callmesh.cli.mesh import LocalMesh
from callmesh.console.erasing import Erasing
from callmesh.console.pictures import Pictures
from callmesh.kernel.rpc.clients import Clients
from support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")
Person = Callable[..., Awaitable[Desk]]
R = referral_pb2.Referral
PHONE = {"viewport": {"width": 390, "height": 844}, "java_script_enabled": False, "is_mobile": True}


def png() -> FilePayload:
    """One red pixel."""

    def part(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    head = part(b"IHDR", b"\0\0\0\1\0\0\0\1\x08\2\0\0\0")
    body = head + part(b"IDAT", zlib.compress(b"\0\xff\0\0")) + part(b"IEND", b"")
    return {"name": "现场.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\n" + body}


async def fits(page: Page) -> None:
    """Nothing sticks out at the right."""
    box = await page.locator("main").bounding_box()
    assert box is not None and box["x"] + box["width"] <= 390
    for one in await page.locator("main *:visible").all():
        inside = await one.bounding_box()
        assert inside is None or inside["x"] + inside["width"] <= 391, await one.evaluate("one => one.outerHTML")


async def test_from_the_list_to_the_result_without_a_script(person: Person, mesh: LocalMesh, clients: Clients) -> None:
    hurt = report_pb2.Situation(injured=2)
    case = await handed(clients, "家里停气, 打不着火", "gas_outage", "gas", situation=hurt)
    desk = await person("gas", **PHONE)
    page = desk.page
    await expect(page.locator("h1")).to_have_text("临江燃气抢修中心")
    await page.locator(f".job a[href='{path(case)}']").click()
    await fits(page)
    assert (await now(clients, case)).referrals[0].HasField("received_at"), "opening it is its receipt"
    await expect(page.locator("dl.facts")).to_contain_text("受伤 2 人")
    await page.get_by_role("button", name="签收").click()
    await expect(page.locator("#done")).to_have_text("已签收, 请前往处置。")
    await page.get_by_role("button", name="到场").click()
    await expect(page.locator("#done")).to_have_text("已记录到场。")
    await page.locator("#act-progress summary").click()
    await fits(page)
    await page.fill("#act-progress textarea", "已关阀, 正在更换调压器")
    await page.set_input_files("#act-progress input[type=file]", files=[png()])
    await page.locator("#act-progress button").click()
    picture = page.locator(".pictures img")
    await expect(picture).to_be_visible()
    answer = await desk.context.request.get(str(await picture.get_attribute("src")))
    assert (answer.status, answer.headers["content-type"]) == (200, "image/png")
    await page.locator("#act-resolve summary").click()
    await page.fill("[name=result]", "已更换调压器, 恢复供气")
    await page.fill("[name=public_reply]", "您好, 已恢复供气")
    await page.locator("#act-resolve button").click()
    await expect(page.locator("#done")).to_have_text("已办结, 辛苦了。")
    referral = (await now(clients, case)).referrals[0]
    assert (referral.state, referral.handler, referral.feedback[-1].text) == (
        R.RESOLVED,
        "demo-gas",
        "已关阀, 正在更换调压器",
    )
    assert referral.HasField("arrived_at")
    origin = await person("op110")
    await origin.page.goto(f"/{case.name}")
    picture = origin.page.locator(".pictures img")
    await expect(picture).to_be_visible()
    address = str(await picture.get_attribute("src"))
    assert (await origin.context.request.get(address)).headers["content-type"] == "image/png"
    stranger = await person("water", **PHONE)
    assert (await stranger.context.request.get(address)).status == 404

    kept = Pictures(mesh.data_dir / "console" / "pictures")
    assert case.name in kept.cases()
    await erased(clients, case)

    async def gone() -> bool:
        return case.name not in kept.cases()

    await until(gone, "the pictures of the erased case to be gone")
    kept.keep(case.name, png()["buffer"])  # as if the console had been away meanwhile
    other = await handed(clients, "还是停气", "gas_outage", "gas")
    kept.keep(other.name, png()["buffer"])
    await Erasing(clients.tracking, kept).catch_up()
    assert case.name not in kept.cases() and other.name in kept.cases()


async def test_not_ours_goes_back_with_a_coded_reason(person: Person, clients: Clients) -> None:
    case = await handed(clients, "小区围墙开裂", "water_outage", "water")
    desk = await person("water", **PHONE)
    await desk.page.goto(path(case))
    await desk.page.locator("#act-return summary").click()
    await desk.page.select_option("[name=reason]", "not_our_duty")
    await desk.page.fill("[name=basis]", "供水管理条例第5条")
    await desk.page.locator("#act-return button").click()
    await expect(desk.page.locator("#done")).to_contain_text("已申请退单")
    referral = (await now(clients, case)).referrals[0]
    assert (referral.return_reason, referral.return_basis) == ("not_our_duty", "供水管理条例第5条")


async def test_a_refused_form_comes_back_with_its_words_and_a_sentence(person: Person, clients: Clients) -> None:
    case = await handed(clients, "停水一天", "water_outage", "water")
    await accepted(clients, case)
    desk = await person("water", **PHONE)
    await desk.page.goto(path(case))
    await desk.page.locator("#act-extension summary").click()
    await desk.page.fill("#act-extension textarea", "配件明天到货")
    await desk.page.fill("#act-extension [name=until]", "2020-01-01T08:00")
    await desk.page.locator("#act-extension button").click()
    await expect(desk.page.locator("#refused")).to_be_visible()
    assert re.search("[\u4e00-\u9fff]", await desk.page.locator("#refused").inner_text())
    await expect(desk.page.locator("#act-extension textarea")).to_have_value("配件明天到货")
    await desk.page.fill("#act-extension [name=until]", "")
    await desk.page.locator("#act-extension button").click()
    await expect(desk.page.locator("#done")).to_contain_text("已申请延期")
    assert [one.reason for one in (await now(clients, case)).referrals[0].pending] == ["配件明天到货"]


async def test_a_file_that_is_no_picture_is_told_and_nothing_is_lost(person: Person, clients: Clients) -> None:
    case = await handed(clients, "水压低", "water_outage", "water")
    await accepted(clients, case)
    desk = await person("water", **PHONE)
    await desk.page.goto(path(case))
    await desk.page.locator("#act-progress summary").click()
    await desk.page.fill("#act-progress textarea", "已到泵房")
    page_file: FilePayload = {"name": "x.png", "mimeType": "image/png", "buffer": b"<html>"}
    await desk.page.set_input_files("#act-progress input[type=file]", files=[page_file, png()])
    await desk.page.locator("#act-progress button").click()
    await expect(desk.page.locator("#refused")).to_have_text("该文件不是照片或超过 8 MB, 请重新选择。")
    await expect(desk.page.locator("#act-progress textarea")).to_have_value("已到泵房")
    await desk.page.locator("#act-progress button").click()
    await expect(desk.page.locator(".pictures img")).to_have_count(1)


async def test_another_agencys_referral_is_not_there(person: Person, clients: Clients) -> None:
    case = await handed(clients, "停气", "gas_outage", "gas")
    desk = await person("water", **PHONE)
    answer = await desk.page.goto(path(case))
    assert answer is not None and answer.status == 404
    await expect(desk.page.locator("main")).not_to_contain_text("停气")


async def test_a_link_opens_one_referral_for_who_has_the_code(
    person: Person, clients: Clients, browsing: Browsing
) -> None:
    case, other = [await handed(clients, words, "lockout", "locksmith") for words in ("钥匙断了", "忘带钥匙")]
    desk = await person("locksmith", **PHONE)
    await desk.page.goto(path(case))
    await desk.page.locator("#act-link summary").click()
    await desk.page.locator("#act-link button").click()
    link, code = await desk.page.input_value("#link-url"), await desk.page.inner_text("#link-code")
    context = await browsing.context(**PHONE)
    page = await context.new_page()
    await page.goto(link)
    await expect(page.locator("main")).not_to_contain_text("钥匙断了")
    await page.fill("[name=code]", f"{(int(code) + 1) % 10**6:06}")
    await page.get_by_role("button").last.click()
    await expect(page.locator(".error")).to_contain_text("验证码不正确")
    await page.fill("[name=code]", code)
    await page.get_by_role("button").last.click()
    await expect(page.locator("main")).to_contain_text("钥匙断了")
    await fits(page)
    await page.get_by_role("button", name="签收").click()
    await expect(page.locator("#done")).to_be_visible()
    referral = (await now(clients, case)).referrals[0]
    assert referral.state == R.ACCEPTED and referral.handler.startswith("link-")
    await page.goto(path(other))
    assert "/sign-in" in page.url, "the link opens nothing else"
    await context.close()
    stranger = await browsing.context(**PHONE)
    answer = await stranger.request.post(f"{link}/resolve", form={"result": "x"}, headers={"sec-fetch-site": "none"})
    assert "钥匙断了" not in await answer.text()
    await stranger.close()
    assert (await now(clients, case)).referrals[0].state == R.ACCEPTED
