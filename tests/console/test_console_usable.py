"""Desks of agencies, supervisors, commanders and administrators in both themes and languages: usable by everybody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from axe_playwright_python.async_playwright import Axe
from browsing import Browsing, Desk, wears
from handing import accepted, handed, path
from playwright.async_api import Page, expect

from callmesh.kernel.rpc.clients import Clients

pytestmark = pytest.mark.asyncio(loop_scope="session")
Person = Callable[..., Awaitable[Desk]]
BEYOND = "(all) => all.filter((one) => one.getBoundingClientRect().right > innerWidth).map((one) => one.textContent)"
DESKS = {"width": 1366, "height": 768}, {"width": 1440, "height": 900}
COLOURS = ["color-contrast", "link-in-text-block"]
LOOKS = (("zh", "light"), ("en", "dark"))
# Each in one step: the page lives, and what was there a moment ago may be gone.
CUT_OFF = "all => all.filter((one) => one.scrollWidth > one.clientWidth).length"
BESIDE = """() => {
    const box = (one) => document.querySelector(one).getBoundingClientRect();
    return [box("#rows").right, box(".beside").left];
}"""


async def usable(page: Page, what: str) -> None:
    """axe finds nothing wrong; colours, which alone a theme changes, are looked at in the other theme as well."""
    await page.locator("details").evaluate_all("all => all.forEach((one) => { one.open = true; })")
    await _without_violations(page, what, {})
    theme = await page.evaluate("document.documentElement.dataset.theme")
    await wears(page, "light" if theme == "dark" else "dark")
    await _without_violations(page, f"{what} in the other theme", {"runOnly": COLOURS})
    await wears(page, theme)


async def _without_violations(page: Page, what: str, more: dict[str, list[str]]) -> None:
    results = await Axe().run(page, options={"resultTypes": ["violations"], **more})
    assert not results.response["violations"], f"{what}\n{results.generate_report()}"


async def test_every_page_can_be_used_by_everybody(person: Person, clients: Clients, browsing: Browsing) -> None:
    """Every page in both languages, in one theme as the server writes it and in the other as a style."""
    case = await handed(clients, "停气", "gas_outage", "gas")
    await accepted(clients, case)
    pages = {
        "gas": ("/agency", path(case), "/r/nothing"),
        "chief": ("/supervise", f"/supervise?view=due&case={case.name.removeprefix('cases/')}"),
        "admin": ("/admin", "/admin/agencies", "/admin/plans/0", "/admin/calendar"),
        "kiosk": ("/board",),
        "op110": ("/cases", f"/{case.name}", "/help/keys", "/sign-in"),
    }
    for account, addresses in pages.items():
        desk = await person(account)
        if account == "gas":
            await desk.page.set_viewport_size({"width": 390, "height": 844})
        for language, theme in LOOKS:
            await browsing.look(desk, language, theme)
            for address in addresses:
                await desk.page.goto(address)
                await usable(desk.page, f"{address} in {language}")


async def test_the_desk_at_work_can_be_used_by_everybody(person: Person, browsing: Browsing) -> None:
    """With words typed, targets suggested, and the plans laid over it."""
    desk = await person("op110")
    page = desk.page
    await page.locator("body[data-ready]").wait_for()
    await page.locator("#narrative").focus()
    await page.keyboard.insert_text("我们这个楼道里好大一股煤气味，从二楼往上越来越重")
    for language, theme in LOOKS:
        await browsing.look(desk, language, theme)
        await page.goto("/desk")
        await page.locator("#targets .target").first.wait_for()
        await usable(page, f"the desk in {language}")
        await page.keyboard.press("Alt+p")
        await page.locator("#tasking-box[open]").wait_for()
        await usable(page, f"the plans in {language}")


async def test_no_countdown_is_clipped_and_nothing_overlaps_on_both_screens(person: Person, clients: Clients) -> None:
    case = await handed(clients, "停气", "gas_outage", "gas")
    desk = await person("chief")
    for size in DESKS:
        await desk.page.set_viewport_size(size)  # type: ignore[arg-type]
        await desk.page.goto(f"/supervise?view=due&case={case.name.removeprefix('cases/')}")
        wide = await desk.page.evaluate("document.documentElement.scrollWidth")
        assert wide == size["width"]
        for there in ("#rows", ".beside", "time.due"):
            await expect(desk.page.locator(there).first).to_be_visible()
        assert await desk.page.locator("time.due").evaluate_all(CUT_OFF) == 0
        left, right = await desk.page.evaluate(BESIDE)
        assert left <= right


async def test_on_a_phone_nothing_of_a_list_lies_beyond_the_edge(person: Person, clients: Clients) -> None:
    case = await handed(clients, "小区停气三天了, 打了几次电话都没有人来看", "gas_outage", "gas")
    desk = await person("chief")
    await desk.page.set_viewport_size({"width": 390, "height": 844})
    for address in ("/cases", "/supervise?view=due", "/desk"):
        await desk.page.goto(address)
        row = desk.page.locator(f"#row-{case.name[-6:]}, #mine-{case.name[-6:]}")
        await expect(row).to_be_visible()
        beyond = await row.locator("td").evaluate_all(BEYOND)
        assert beyond == [], address
