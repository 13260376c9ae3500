"""The desk without a mouse: call, transfer, sign, return, transfer again, resolve, ask, close - in two browsers."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import pytest
from browsing import Desk
from playwright.async_api import Page, expect

pytestmark = pytest.mark.asyncio(loop_scope="session")
Person = Callable[..., Awaitable[Desk]]
LANE = "小区消防车道上画着黄线还照样停，今天数了一下七辆，物业说管不了"
GAS = "我们楼道里好大一股煤气味，越来越重"


async def at_desk(person: Person, account: str) -> Desk:
    desk = await person(account)
    if not desk.page.url.endswith("/desk"):
        await desk.page.goto("/desk")
    await desk.page.locator("body[data-ready]").wait_for()
    return desk


async def types(page: Page, text: str) -> None:
    await page.locator("#narrative").focus()
    await page.keyboard.insert_text(text)


async def sent(page: Page) -> str:
    """The short number of what went out."""
    await expect(page.locator("#sent")).to_contain_text("已转")
    return (await page.locator("#sent").inner_text()).split(" ")[0]


async def command(page: Page, line: str) -> None:
    await page.keyboard.press("Control+/")
    await page.keyboard.insert_text(line)
    await page.keyboard.press("Enter")


async def test_a_whole_case_by_keyboard_between_desks(person: Person) -> None:
    hotline, police, fire = [await at_desk(person, one) for one in ("op12345", "op110", "op119")]
    await types(hotline.page, LANE)
    await hotline.page.keyboard.press("F1")  # one's own key leads to the emergency desk
    short = await sent(hotline.page)
    await expect(police.page.locator("#offers")).to_contain_text(short)
    await command(police.page, f"签 {short}")
    await expect(police.page.locator("#offers")).not_to_contain_text(short)
    await command(police.page, f"退{short} 应由消防处置")
    await expect(hotline.page.locator("#tray")).to_contain_text("应由消防处置")
    await command(hotline.page, f"准 {short} 119")
    await expect(hotline.page.locator("#returns")).not_to_contain_text(short)
    await expect(fire.page.locator("#offers")).to_contain_text(short)
    await command(fire.page, f"签 {short}")
    await expect(fire.page.locator("#offers")).not_to_contain_text(short)
    await command(fire.page, f"结 {short} 已劝离占道车辆")
    row = hotline.page.locator(f"#mine-{short}")
    await expect(row).to_contain_text("待回访")
    await command(hotline.page, f"访 {short} 5 车已开走")
    await expect(hotline.page.locator("#said")).to_contain_text(short)
    await command(hotline.page, f"归 {short}")
    await expect(row).to_have_count(0)


async def test_f10_puts_three_on_one_line(person: Person) -> None:
    """Ringing, three-way, left to caller and partner, joined again by F10 on an empty form, hung up: by keyboard."""
    page = (await at_desk(person, "op110")).page
    await types(page, "家里暖气一直不热，屋里只有十二度")
    await page.keyboard.press("F10")
    short = await sent(page)
    call = page.locator(f"#call-{short}")
    await expect(call).to_contain_text("三方通话")
    await expect(call.locator('[data-call="leave"]')).to_be_visible()
    await command(page, f"离 {short}")
    await expect(call.locator("[data-state='2']")).to_contain_text("已接通")
    await page.locator("#narrative").focus()
    await page.keyboard.press("F10")
    await expect(call.locator("[data-state='3']")).to_contain_text("三方通话")
    await command(page, f"挂 {short}")
    await expect(call).to_contain_text("已结束")


CALLS = {
    "danger: to fire and gas": (GAS, ("Control+Enter",)),
    "the hotline's: a known key": (LANE, ("F1",)),
    "many agencies: a plan": ("主管道爆了，半条街都是水，还在往地下室灌", ("Alt+p", "2")),
}


@pytest.mark.parametrize("kind", CALLS)
async def test_a_call_takes_a_key_or_two_beside_its_words(
    person: Person, kind: str, record_property: Callable[[str, object], None]
) -> None:
    """First use: what a call costs beside typing it. The figures stand in tests/README.md, `--junitxml` has them."""
    page, (words, keys) = (await at_desk(person, "op110")).page, CALLS[kind]
    await page.keyboard.insert_text(words)  # the cursor stands there already
    begun = time.monotonic()
    for key in keys:
        await page.keyboard.press(key)
    await expect(page.locator("#sent")).to_contain_text("已转")
    record_property("seconds_from_the_last_word_to_the_offer", time.monotonic() - begun)
    record_property("keys", len(keys))
    assert len(keys) <= 2
