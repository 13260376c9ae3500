"""Every page in both languages: what happened is told in the page's own, with the names that the city has for it.

What people said and wrote (`data-said`), codes, keys, and the button that leads to the other language stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import pytest
from browsing import Browsing, Desk
from handing import SECONDS, accepted, handed, now, path, request_id
from playwright.async_api import Page, expect

from callmesh.api.v1 import case_pb2
from callmesh.api.v1 import gateway_service_pb2 as gw
from callmesh.api.v1 import supervision_service_pb2 as sup
from callmesh.cli.clients import me
from callmesh.kernel.rpc.clients import Clients
from support.mutate import almost

pytestmark = pytest.mark.asyncio(loop_scope="session")
Person = Callable[..., Awaitable[Desk]]
FOREIGN = {"en": re.compile("[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]+"), "zh": re.compile(r"\b[A-Z]?[a-z]{2,}\b")}
NARROW = (390, 1024)
READ = """(no) => {
    document.querySelectorAll(no).forEach((one) => one.remove());
    document.querySelectorAll("details").forEach((one) => { one.open = true; });
    const aloud = [...document.querySelectorAll("[aria-label], [title]")].map(
        (one) => `${one.getAttribute("aria-label") || ""} ${one.getAttribute("title") || ""}`);
    return [document.body.innerText, document.title, ...aloud];
}"""
"""In one step: the page lives, and what is taken out may come back with the next news."""
KEYS = re.compile(r"\b(Alt|Ctrl)\+\w+")
NO_WORDS = "[data-said], [lang]:not(html), code, kbd, script, style"


async def foreign(page: Page, language: str) -> list[str]:
    """Words of the other language that the page shows or reads aloud."""
    read = await page.evaluate(READ, NO_WORDS)
    return FOREIGN[language].findall(KEYS.sub("", " ".join(read).replace("callmesh", "")))


async def fits(page: Page, width: int) -> bool:
    """Whether nobody must scroll the page sideways on a screen of that width."""
    before = page.viewport_size
    assert before is not None
    await page.set_viewport_size({"width": width, "height": 800})
    found: bool = await page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    await page.set_viewport_size(before)
    return found


async def lived(clients: Clients) -> case_pb2.Case:
    """A case to which much has happened."""
    case = await handed(clients, "Kein Gas / 停气", "gas_outage", "gas")
    received = gw.AcknowledgeReferralRequest(name=case.referrals[0].name)
    await clients.gateway.AcknowledgeReferral(received, metadata=me("gas"), timeout=SECONDS)
    name = await accepted(clients, case)
    told = gw.ReportProgressRequest(request_id=request_id(), name=name, text="on site 到场", arrived=True)
    await clients.gateway.ReportProgress(told, metadata=me("gas"), timeout=SECONDS)
    asked = gw.RequestExtensionRequest(request_id=request_id(), name=name, reason="parts 配件")
    await clients.gateway.RequestExtension(asked, metadata=me("gas"), timeout=SECONDS)
    reminded = sup.RemindReferralRequest(request_id=request_id(), name=name, reason="please 请尽快")
    await clients.supervision.RemindReferral(reminded, metadata=me("110"), timeout=SECONDS)
    return await now(clients, case)


async def test_no_page_has_a_word_of_the_other_language_or_is_too_wide(
    person: Person, clients: Clients, browsing: Browsing
) -> None:
    case = await lived(clients)
    short = case.name.removeprefix("cases/")
    pages = {
        "gas": ("/agency", path(case), "/r/nothing", "/help/keys"),
        "chief": ("/supervise", f"/supervise?view=pending&case={short}"),
        "admin": (
            "/admin",
            "/admin/agencies",
            "/admin/catalogue",
            "/admin/guides",
            "/admin/plans/0",
            "/admin/calendar",
            "/admin/devices",
        ),
        "kiosk": ("/board",),
        "op110": ("/desk", "/cases?state=all", f"/{case.name}", f"/{almost(case.name)}", "/help/keys", "/sign-in"),
    }
    found = []
    for account, addresses in pages.items():
        desk = await person(account)
        for language in ("en", "zh"):
            await browsing.look(desk, language)
            for address in addresses:
                await desk.page.goto(address)
                if left := await foreign(desk.page, language):
                    found.append(f"{address} in {language}: {sorted(set(left))}")
                if language == "en":
                    found += [
                        f"{address} is wider than {width}" for width in NARROW if not await fits(desk.page, width)
                    ]
    assert not found, "\n".join(found)


async def test_the_case_page_tells_its_way_with_names_and_lists_what_was_given_out(
    person: Person, clients: Clients, browsing: Browsing
) -> None:
    case = await lived(clients)
    desk = await person("op110")
    await browsing.look(desk, "en")
    await desk.page.goto(f"/{case.name}")
    events = desk.page.locator(".events")
    for sentence in (
        "Handed to Linjiang Gas",
        "Classified by a person: Gas supply cut",
        "is on site",
        "asked for more time",
        "was reminded",
    ):
        await expect(events).to_contain_text(sentence)
    await expect(desk.page.locator("#releases tbody tr")).to_contain_text("Repair at home and reaching the customer")
    await expect(desk.page.locator("#rounds tbody tr")).to_have_count(1)
    await browsing.look(desk, "zh")
    await desk.page.goto(f"/{case.name}")
    await expect(events).to_contain_text("人工分类为 停气")
    await expect(events).to_contain_text("临江燃气抢修中心 到达现场")
    await expect(desk.page.locator("#releases tbody tr")).to_contain_text("上门抢修和联系用户")


async def test_an_english_desk_is_guided_in_english(person: Person, browsing: Browsing) -> None:
    desk = await person("op110")
    await browsing.look(desk, "en")
    await desk.page.goto("/desk")
    await desk.page.locator("body[data-ready]").wait_for()
    await desk.page.locator("#narrative").focus()
    await desk.page.keyboard.insert_text("我们楼道里好大一股煤气味，越来越重")
    await expect(desk.page.locator("#prompt")).to_have_text("Leave the place that smells first, then go on talking.")
    await desk.page.keyboard.press("Alt+p")
    await expect(desk.page.locator("#plans")).to_contain_text("Gas main leak")
    await desk.page.locator("#marked").evaluate("one => one.remove()")
    assert await foreign(desk.page, "en") == []


async def test_a_refusal_names_what_may_be_done_in_words(person: Person, clients: Clients, browsing: Browsing) -> None:
    """Not as the contract calls its methods."""
    case = await handed(clients, "没气了", "gas_outage", "gas")
    desk = await person("op110")
    await browsing.look(desk, "en")
    await desk.page.goto("/desk")
    await desk.page.locator("body[data-ready]").wait_for()
    await desk.page.locator("#command").fill(f"close {case.name[-6:]}")
    await desk.page.keyboard.press("Enter")
    await expect(desk.page.locator("#said")).to_contain_text("allowed now: amend case, transfer case, recall referral")
