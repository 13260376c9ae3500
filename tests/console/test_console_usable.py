"""Desks of agencies, supervisors, commanders and administrators in both themes and languages: usable by everybody."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import pytest
from axe_playwright_python.async_playwright import Axe
from browsing import Browsing, Desk
from handing import accepted, handed, path
from playwright.async_api import Page

from callmesh.cli.clients import Clients

pytestmark = pytest.mark.asyncio(loop_scope="module")
Person = Callable[..., Awaitable[Desk]]
DESKS = {"width": 1366, "height": 768}, {"width": 1440, "height": 900}
HAN = re.compile("[\u4e00-\u9fff]")


async def looks(browsing: Browsing, desk: Desk, language: str, theme: str) -> None:
    """Chooses language and theme as the buttons of the header do."""
    given = [
        {"name": name, "value": value, "url": browsing.url} for name, value in (("lang", language), ("theme", theme))
    ]
    await desk.context.add_cookies(given)  # type: ignore[arg-type]


async def usable(page: Page, address: str) -> None:
    await page.goto(address)
    await page.locator("details").evaluate_all("all => all.forEach((one) => { one.open = true; })")
    results = await Axe().run(page)
    assert not results.response["violations"], f"{address}\n{results.generate_report()}"


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_every_page_can_be_used_by_everybody(
    person: Person, clients: Clients, browsing: Browsing, language: str, theme: str
) -> None:
    case = await handed(clients, "停气", "gas_outage", "gas")
    await accepted(clients, case)
    gas, chief, admin, kiosk = [await person(one) for one in ("gas", "chief", "admin", "kiosk")]
    for desk in (gas, chief, admin, kiosk):
        await looks(browsing, desk, language, theme)
    await gas.page.set_viewport_size({"width": 390, "height": 844})
    for address in ("/agency", path(case), "/r/nothing"):
        await usable(gas.page, address)
    for address in ("/supervise", f"/supervise?view=due&case={case.name.removeprefix('cases/')}"):
        await usable(chief.page, address)
    for address in ("/admin", "/admin/agencies", "/admin/plans/0", "/admin/calendar"):
        await usable(admin.page, address)
    await usable(kiosk.page, "/board")


async def test_no_countdown_is_clipped_and_nothing_overlaps_on_both_screens(person: Person, clients: Clients) -> None:
    case = await handed(clients, "停气", "gas_outage", "gas")
    desk = await person("chief")
    for size in DESKS:
        await desk.page.set_viewport_size(size)  # type: ignore[arg-type]
        await desk.page.goto(f"/supervise?view=due&case={case.name.removeprefix('cases/')}")
        wide = await desk.page.evaluate("document.documentElement.scrollWidth")
        assert wide == size["width"]
        for one in await desk.page.locator("time.due").all():
            assert await one.evaluate("one => one.scrollWidth <= one.clientWidth")
        table, beside = [await desk.page.locator(one).bounding_box() for one in ("#rows", ".beside")]
        assert table and beside and table["x"] + table["width"] <= beside["x"]


async def test_english_pages_have_no_chinese_but_names_and_words_of_people(
    person: Person, clients: Clients, browsing: Browsing
) -> None:
    """Names of accounts and what was reported stay as they are; the button that leads back to Chinese as well."""
    case = await handed(clients, "No gas", "gas_outage", "gas")
    for account, addresses in {
        "gas": ("/agency", path(case)),
        "chief": (f"/supervise?view=due&case={case.name.removeprefix('cases/')}",),
        "kiosk": ("/board",),
        "admin": ("/admin",),
    }.items():
        desk = await person(account)
        await looks(browsing, desk, "en", "light")
        for address in addresses:
            await desk.page.goto(address)
            for one in await desk.page.query_selector_all(".who, [lang], .accounts td, .job a > span, .facts dd"):
                await one.evaluate("one => one.matches('html') || one.remove()")
            left = HAN.findall(await desk.page.locator("body").inner_text())
            assert not left, f"{address}: {''.join(left)}"
