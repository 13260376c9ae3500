"""The board on a wall of 1920 by 1080: all of it in sight, alive, and nothing else to open from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from browsing import Desk
from handing import handed
from playwright.async_api import expect

from callmesh.api.v1 import case_pb2, tracking_service_pb2
from callmesh.cli.clients import me, ops
from callmesh.kernel.rpc.clients import Clients
from support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")
Person = Callable[..., Awaitable[Desk]]
OVERFULL = """all => all.filter(
    (one) => one.scrollHeight > one.clientHeight + 1 || one.scrollWidth > one.clientWidth + 1
).map((one) => one.innerText)"""
"""In one step: the page lives."""
WALL = {"viewport": {"width": 1920, "height": 1080}}


async def test_the_wall_shows_everything_without_scrolling_and_counts_along(person: Person, clients: Clients) -> None:
    first = await handed(clients, "停气", "gas_outage", "gas")
    await until(lambda: counted(clients, first), "the read model counts it")
    desk = await person("kiosk", **WALL)
    page = desk.page
    assert page.url.endswith("/board"), "it is the kiosk's home"
    size = await page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
    assert size == [1920, 1080]
    assert await page.locator(".pane").evaluate_all(OVERFULL) == []
    await expect(page.locator(".district")).to_have_count(6)
    await expect(page.locator("#link")).to_have_text("实时")
    shown, known = page.locator(".tile b").first, await today(clients)
    await expect(shown).to_have_text(str(known))
    await handed(clients, "停水", "water_outage", "water")
    await expect(shown).to_have_text(str(known + 1))
    await expect(page.locator(".ranking")).to_contain_text("临江水务抢修中心")


async def today(clients: Clients) -> int:
    """Cases opened today, as tracking counts them; the board's own count may be a second old."""
    asked = tracking_service_pb2.GetFiguresRequest(ids=["cases_opened"])
    answer = await clients.tracking.GetFigures(asked, metadata=ops(), timeout=60)
    return answer.figures[0].numerator


async def counted(clients: Clients, case: case_pb2.Case) -> bool:
    """Whether the read model, which the board counts from, has it."""
    found = await clients.tracking.ListCases(tracking_service_pb2.ListCasesRequest(page_size=5), metadata=me("110"))
    return case.name in [one.name for one in found.cases]


async def test_a_kiosk_opens_nothing_else(person: Person) -> None:
    desk = await person("kiosk", **WALL)
    for path in ("/cases", "/admin", "/supervise", "/desk", "/agency"):
        answer = await desk.page.goto(path)
        assert answer is not None and answer.status == 403, path
    answer = await desk.context.request.post("/admin/discard", headers={"sec-fetch-site": "same-origin"})
    assert answer.status == 403
