"""Every page as a picture, for people to look at: `make screenshots`. And what a picture shows at once, as a test:
nothing wider than the screen, no countdown cut off."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from browsing import Browsing, Desk, wears
from handing import handed
from playwright.async_api import Page

from callmesh.api.v1 import classification_service_pb2, intake_service_pb2, report_pb2, transfer_service_pb2
from callmesh.cli.clients import me
from callmesh.kernel.rpc.clients import Clients

pytestmark = pytest.mark.asyncio(loop_scope="session")
Person = Callable[..., Awaitable[Desk]]
FOLDER = os.environ.get("CALLMESH_SCREENSHOTS", "")
CALLS = (
    ("19900008666", "江城区码头街老粮站宿舍", "我们这个楼道里好大一股煤气味，从二楼往上越来越重"),
    ("19900008524", "滨河区银杏路26号小区南门", "有辆白色的轿车把我堵里头了，车上没留电话，麻烦让他挪一下"),
    ("19900007428", "东湖区学府花园9栋西侧", "小区消防车道上画着黄线还照样停，今天数了一下七辆，物业说管不了"),
    ("19900008666", "江城区码头街老粮站宿舍", "小区门口的路灯坏了三天了，晚上很黑"),
)
SIZES = (1366, 768), (1440, 900)
CUT_OFF = """() => [...document.querySelectorAll('time.due')].filter((one) => {
    const box = one.getBoundingClientRect();
    return box.width && (box.right > innerWidth || one.scrollWidth > one.clientWidth + 1);
}).length"""


async def some_cases(clients: Clients) -> str:
    """A few open cases; the name of the first."""
    names = []
    for place, (number, where, words) in enumerate(CALLS):
        report = report_pb2.Report(
            caller=report_pb2.Caller(number=number), narrative=words, place=report_pb2.Place(text=where)
        )
        asked = intake_service_pb2.OpenCaseRequest(request_id=f"picture-{place}", report=report)
        names.append((await clients.intake.OpenCase(asked, metadata=me("110"), timeout=60)).name)
        judge = classification_service_pb2.ClassifyCaseRequest(request_id=f"picture-{place}c", name=names[-1])
        await clients.classification.ClassifyCase(judge, metadata=me("110"), timeout=60)
        offer = transfer_service_pb2.TransferCaseRequest(request_id=f"picture-{place}t", name=names[-1])
        await clients.transfer.TransferCase(offer, metadata=me("110"), timeout=60)
    return names[0]


async def picture(page: Page, name: str) -> None:
    """Writes it if somebody wants to look, and checks what can be seen at once."""
    if FOLDER:
        await page.screenshot(path=Path(FOLDER) / f"{name}.png", full_page=True)
    assert await page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), f"{name} is too wide"
    assert await page.evaluate(CUT_OFF) == 0, f"{name} cuts a countdown off"


async def pictures(page: Page, name: str, *sizes: tuple[int, int]) -> None:
    """The page that is shown in both themes and on these screens."""
    for theme in ("light", "dark"):
        await wears(page, theme)
        for width, height in sizes:
            await page.set_viewport_size({"width": width, "height": height})
            await picture(page, f"{name}-{theme}-{width}x{height}")


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_pages_fit_their_screen(person: Person, clients: Clients, browsing: Browsing, language: str) -> None:
    desk = await person("op110")
    await browsing.look(desk, language)
    case, page = await some_cases(clients), desk.page
    for name, path in (("cases", "/cases"), ("case", f"/{case}"), ("help", "/help/keys"), ("sign-in", "/sign-in")):
        await page.goto(path)
        await pictures(page, f"{name}-{language}", *SIZES)
    await page.goto("/desk")
    await page.locator("body[data-ready]").wait_for()
    await page.locator("#number").fill("19900008666")
    await page.locator("#narrative").fill(CALLS[0][2])
    await page.locator("#targets .target").first.wait_for()
    await page.locator("#history li").first.wait_for()
    await pictures(page, f"desk-{language}", *SIZES)
    await page.keyboard.press("Alt+p")
    await page.locator("#tasking-box[open]").wait_for()
    await pictures(page, f"plan-{language}", *SIZES)


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_other_desks_fit_their_screen(
    person: Person, clients: Clients, browsing: Browsing, language: str
) -> None:
    """The agency desk on a phone, supervision and administration on a desk's screen, the board on a wall."""
    case = (await handed(clients, "家里停气, 打不着火", "gas_outage", "gas")).name.removeprefix("cases/")
    small, wide = SIZES
    shown = {
        "gas": ((390, 844), {"agency": "/agency", "referral": f"/agency/{case}/1", "link": "/r/none"}),
        "duty": (small, {"supervise": f"/supervise?view=due&case={case}"}),
        "chief": (wide, {"supervise": f"/supervise?view=due&case={case}"}),
        "admin": (small, {"admin": "/admin", "part": "/admin/agencies", "row": "/admin/plans/0"}),
        "kiosk": ((1920, 1080), {"board": "/board"}),
    }
    for account, (size, pages) in shown.items():
        desk = await person(account, viewport={"width": size[0], "height": size[1]})
        await browsing.look(desk, language)
        for name, path in pages.items():
            await desk.page.goto(path)
            await pictures(desk.page, f"{name}-{language}", size)
