"""What the console promises: no word is lost, no key sent twice, nothing foreign runs, little is loaded."""

from __future__ import annotations

import asyncio
import gzip
import re
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest
from browsing import CHROMIUM, FLAGS, Desk
from handing import handed
from playwright.async_api import Page, Playwright, async_playwright, expect

from callmesh.api.v1 import case_pb2, intake_service_pb2, report_pb2, tracking_service_pb2
from callmesh.cli.clients import me
from callmesh.cli.mesh import LocalMesh
from callmesh.console.accounts import DEMO_PASSWORD
from callmesh.console.session import COOKIE
from callmesh.kernel.rpc.clients import Clients
from support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")
Person = Callable[..., Awaitable[Desk]]
LANE = "小区消防车道上画着黄线还照样停，今天数了一下七辆，物业说管不了"
GAS = "我们这个楼道里好大一股煤气味，从二楼往上越来越重"
KEPT = """() => new Promise((done) => {
    const asked = indexedDB.open("callmesh");
    asked.onsuccess = () => {
        const got = asked.result.transaction("drafts").objectStore("drafts").get("op110");
        got.onsuccess = () => done(Boolean(got.result && got.result.narrative));
    };
})"""
FIRST_LOAD_BYTES, FIRST_LOAD_REQUESTS, CLIENT_BYTES, MODULES = 60 * 1024, 10, 64 * 1024, 12


async def at_desk(person: Person, account: str = "op110") -> Page:
    desk = await person(account)
    await desk.page.locator("body[data-ready]").wait_for()
    return desk.page


async def types(page: Page, text: str) -> None:
    await page.locator("#narrative").focus()
    await page.keyboard.insert_text(text)


async def opened(clients: Clients, words: str, agency: str = "110") -> list[str]:
    """Names of that agency's cases with these words, once there is one."""

    async def found() -> list[str]:
        asked = tracking_service_pb2.ListCasesRequest(page_size=500)
        answer = await clients.tracking.ListCases(asked, metadata=me(agency), timeout=60)
        return [one.name for one in answer.cases if words in one.report.narrative]

    return await until(found, f"a case with {words}")


async def until_case(clients: Clients, name: str, wanted: Callable[[case_pb2.Case], bool]) -> case_pb2.Case:
    """The case, once the read model has caught up with what is wanted."""
    found = case_pb2.Case()

    async def has_it() -> bool:
        asked = tracking_service_pb2.GetCaseRequest(name=name)
        found.CopyFrom(await clients.tracking.GetCase(asked, metadata=me("110"), timeout=60))
        return wanted(found)

    await until(has_it, f"{name} as wanted")
    return found


async def open_case(clients: Clients, words: str) -> str:
    report = report_pb2.Report(narrative=words, place=report_pb2.Place(text="望江路1号"))
    request = intake_service_pb2.OpenCaseRequest(request_id=f"t-{hash(words) & 0xFFFFFF}", report=report)
    return (await clients.intake.OpenCase(request, metadata=me("110"), timeout=60)).name


async def test_nothing_is_asked_while_pinyin_composes_and_one_thing_after(person: Person) -> None:
    page = await at_desk(person)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/desk/suggest") else None)
    await page.locator("#narrative").focus()
    keyboard = await page.context.new_cdp_session(page)
    for so_far in ("m", "mei", "mei qi", "煤气 wei"):
        await keyboard.send(
            "Input.imeSetComposition",
            {"text": so_far, "selectionStart": len(so_far), "selectionEnd": len(so_far)},
        )
        await page.evaluate("() => new Promise((done) => setTimeout(done, 200))")  # longer than the debounce
    assert asked == []
    await keyboard.send("Input.insertText", {"text": "楼道里有煤气味"})
    await expect(page.locator("#targets .target").first).to_contain_text("燃气")
    assert len(asked) == 1
    assert await page.locator("#narrative").input_value() == "楼道里有煤气味"


async def test_a_suggestion_marks_its_evidence_and_changes_nothing(person: Person) -> None:
    page = await at_desk(person)
    await types(page, GAS)
    await expect(page.locator("#marked mark").first).to_be_visible()
    assert "煤气味" in "".join(await page.locator("#marked mark").all_inner_texts())
    assert await page.locator("#narrative").input_value() == GAS
    await expect(page.locator("#prompt")).not_to_be_empty()


async def test_an_emergency_stays_until_a_person_says_why_not(person: Person) -> None:
    page = await at_desk(person)
    await types(page, GAS)
    await expect(page.locator("#banner")).to_be_visible()
    await page.locator("#narrative").fill("路灯坏了")
    await expect(page.locator("#targets .target").first).to_contain_text("路灯")
    await expect(page.locator("#banner")).to_be_visible()
    await page.locator("#lower").press("Enter")
    await page.keyboard.press("Enter")
    await expect(page.locator("#banner")).to_be_visible()  # without a reason nothing happens
    await page.locator("#reason").fill("来电人确认只是路灯")
    await page.keyboard.press("Enter")
    await expect(page.locator("#banner")).to_be_hidden()


async def test_a_held_key_is_one_transfer(person: Person, clients: Clients) -> None:
    page = await at_desk(person)
    await types(page, f"{LANE} 长按")
    for _ in range(6):
        await page.keyboard.down("F1")  # from the second on the browser calls it a repetition
    await page.keyboard.up("F1")
    for _ in range(3):
        await page.keyboard.press("F1")
    await expect(page.locator("#sent")).to_contain_text("已转")
    (name,) = await opened(clients, "长按")
    case = await until_case(clients, name, lambda one: len(one.referrals) > 0)
    assert [one.agency for one in case.referrals] == ["12345"]


async def test_escape_takes_a_transfer_back_but_tells_an_engine_that_left(person: Person, clients: Clients) -> None:
    page = await at_desk(person)
    await types(page, f"{LANE} 撤回")
    await page.keyboard.press("F1")
    await expect(page.locator("#sent")).to_contain_text("撤回")
    await page.keyboard.press("Escape")
    await expect(page.locator("#sent")).to_have_text("已撤回。")
    await types(page, f"{GAS} 误转")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("#sent")).to_contain_text("不可撤回")
    await page.keyboard.press("Escape")
    await expect(page.locator("#sent")).to_have_text("已告知对方与您核实。")
    (name,) = await opened(clients, "误转")
    case = await until_case(clients, name, lambda one: len(one.report.supplements) > 0)
    assert "撤回提示" in case.report.supplements[-1].text
    assert {"119", "gas"} <= {one.agency for one in case.referrals if not one.ended_at.seconds}


async def test_a_plan_tasks_all_its_agencies_and_shows_who_took_it(person: Person, clients: Clients) -> None:
    hotline, fire = await at_desk(person, "op12345"), await at_desk(person, "op119")
    await types(hotline, f"{GAS} 预案")
    await hotline.keyboard.press("Alt+p")
    await hotline.keyboard.press("1")
    await expect(hotline.locator("#tasked tr")).to_have_count(6)
    short = (await opened(clients, "预案", "12345"))[0][-6:]
    await expect(fire.locator("#offers")).to_contain_text(short)
    await fire.keyboard.press("Control+/")
    await fire.keyboard.insert_text(f"签 {short}")
    await fire.keyboard.press("Enter")
    await expect(hotline.locator("#task-119")).to_contain_text("已签收")


async def test_the_draft_outlives_a_killed_console_and_the_page_catches_up(
    person: Person, clients: Clients, mesh: LocalMesh
) -> None:
    page = await at_desk(person)
    await page.locator("#number").fill("19900001234")
    await types(page, f"{LANE} 断电")
    await mesh.kill("console", signal.SIGKILL, stay_down=True)
    await expect(page.locator("#link")).to_have_text("正在重连")
    await page.keyboard.press("F1")
    await expect(page.locator("#said")).to_contain_text("已保存在本机")
    name = await open_case(clients, "控制台停机期间的来电")
    await mesh.restart("console")
    await expect(page.locator("#link")).to_have_text("实时")
    await expect(page.locator(f"#mine-{name[-6:]}")).to_be_visible()  # what happened meanwhile, without a reload
    await page.reload()
    await page.locator("body[data-ready]").wait_for()
    assert await page.locator("#narrative").input_value() == f"{LANE} 断电"
    assert await page.locator("#number").input_value() == "19900001234"
    await page.keyboard.press("F1")
    await expect(page.locator("#sent")).to_contain_text("已转")
    assert len(await opened(clients, "断电")) == 1


async def test_a_page_that_hears_nothing_says_so_and_catches_up(
    person: Person, clients: Clients, mesh: LocalMesh
) -> None:
    """The console answers, but tracking is away: the page may not call itself live."""
    desk = await person("op110")
    page = desk.page
    await page.goto("/cases")
    await expect(page.locator("#link")).to_have_text("实时")
    await expect(page.locator("#broken")).to_be_hidden()
    await mesh.kill("tracking", signal.SIGKILL, stay_down=True)
    await expect(page.locator("#link")).to_have_text("正在重连")
    await expect(page.locator("#broken")).to_contain_text("实时更新已断开")
    name = await open_case(clients, "跟踪停机期间的来电")
    await mesh.restart("tracking")
    await expect(page.locator("#link")).to_have_text("实时")
    await expect(page.locator("#broken")).to_be_hidden()
    await expect(page.locator(f"#row-{name[-6:]}")).to_be_visible()


async def test_a_page_is_not_live_while_the_log_hangs(person: Person, clients: Clients, mesh: LocalMesh) -> None:
    """No connection breaks: only tracking's health says that nothing reaches it any more."""
    desk = await person("op110")
    page = desk.page
    await page.goto("/cases")
    await expect(page.locator("#link")).to_have_text("实时")
    await mesh.kill("nats", signal.SIGSTOP)
    try:
        await expect(page.locator("#link")).to_have_text("正在重连")
        await expect(page.locator("#broken")).to_contain_text("实时更新已断开")
    finally:
        await mesh.kill("nats", signal.SIGCONT)
    await expect(page.locator("#link")).to_have_text("实时")
    for service in mesh.services:
        await mesh.serving(service)
    name = await open_case(clients, "日志恢复以后的来电")
    await expect(page.locator(f"#row-{name[-6:]}")).to_be_visible()


async def test_the_alarm_sounds_until_it_is_acknowledged(person: Person, clients: Clients) -> None:
    """Seen at once, heard again and again from the start of duty on, silent once somebody acknowledged."""
    page = await at_desk(person, "op119")
    case = await handed(clients, "厨房起火", "fire", "119")
    alarm = f"offer-{next(one.name for one in case.referrals if one.agency == '119')}"
    await expect(page.locator(f"[data-alarm='{alarm}']")).to_have_count(1)
    bar = page.locator("#alarm")
    await expect(bar).to_contain_text("按 Alt+D 开始值班")
    await expect(bar).to_have_attribute("data-sounding", "no")
    await page.keyboard.press("Alt+d")
    await expect(bar).to_have_attribute("data-sounding", "yes")
    await expect(bar).to_have_attribute("data-beeps", re.compile("[2-9]|..+"))  # the second comes by itself
    await page.keyboard.press("Alt+a")
    assert f'"{alarm}"' in await page.evaluate("sessionStorage.getItem('acknowledged')")

    async def silent() -> bool:
        """What another test left here may fall due meanwhile, and rings for itself."""
        await page.keyboard.press("Alt+a")
        return await bar.is_hidden()

    await until(silent, "nothing rings")
    await expect(bar).to_have_attribute("data-sounding", "no")


async def test_the_draft_outlives_a_killed_browser(mesh: LocalMesh, tmp_path: Path) -> None:
    profile = str(tmp_path / "profile")
    async with async_playwright() as playwright:
        page = await with_profile(playwright, profile, mesh.endpoints.console)
        await types(page, LANE)
        await until(lambda: page.evaluate(KEPT), "the draft is on disk")
        for one in psutil.process_iter(["cmdline"]):
            if f"--user-data-dir={profile}" in (one.info["cmdline"] or []):
                one.kill()
        again = await with_profile(playwright, profile, mesh.endpoints.console)
        assert await again.locator("#narrative").input_value() == LANE
        await again.context.close()


async def with_profile(playwright: Playwright, profile: str, url: str) -> Page:
    """A desk in a browser that keeps its data in that folder."""
    context = await playwright.chromium.launch_persistent_context(
        profile, executable_path=CHROMIUM, args=FLAGS, base_url=url, locale="zh-CN"
    )
    page = await context.new_page()
    await page.goto("/sign-in")
    await page.fill("[name=id]", "op110")
    await page.fill("[name=password]", DEMO_PASSWORD)
    await page.press("[name=password]", "Enter")
    await page.locator("body[data-ready]").wait_for()
    return page


async def test_eight_tabs_live_from_one_connection(person: Person, clients: Clients) -> None:
    desk = await person("op110")
    pages = [desk.page] + [await desk.context.new_page() for _ in range(7)]
    for page in pages:
        desk.watch(page)
        await page.goto("/cases")
    for page in pages:
        await expect(page.locator("#link")).to_have_text("实时")
    name = await open_case(clients, "八个标签页")
    for page in pages:
        await expect(page.locator(f"#row-{name[-6:]}")).to_contain_text("八个标签页")


async def test_the_first_load_is_small(person: Person) -> None:
    desk = await person("op110")
    loaded: list[tuple[str, int]] = []

    async def weigh(response: object) -> None:
        url = response.url  # type: ignore[attr-defined]
        if "/push" not in url or url.endswith(".js"):
            loaded.append((url, len(gzip.compress(await response.body()))))  # type: ignore[attr-defined]

    page = await desk.context.new_page()
    desk.watch(page)
    weighing: list[asyncio.Task[None]] = []
    page.on("response", lambda response: weighing.append(asyncio.ensure_future(weigh(response))))
    await page.goto("/desk")
    await page.locator("body[data-ready]").wait_for()
    await asyncio.gather(*weighing)
    assert len(loaded) <= FIRST_LOAD_REQUESTS, loaded
    assert sum(size for _, size in loaded) <= FIRST_LOAD_BYTES, loaded
    assert len([url for url, _ in loaded if url.endswith(".js")]) <= MODULES


async def test_a_client_costs_little_memory(person: Person, mesh: LocalMesh) -> None:
    desk = await person("op110")
    token = next(one["value"] for one in await desk.context.cookies() if one["name"] == COOKIE)
    host, port = mesh.endpoints.console.removeprefix("http://").split(":")
    process, clients = mesh.process("console"), 300
    held = []

    async def listens() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET /push HTTP/1.1\r\nHost: {host}:{port}\r\nCookie: {COOKIE}={token}\r\n\r\n".encode())
        await reader.readuntil(b"event: hello")
        held.append(writer)

    await listens()
    before = process.memory_info().rss
    for _ in range(clients):
        await listens()
    grown = (process.memory_info().rss - before) / clients
    for writer in held:
        writer.close()
    assert grown <= CLIENT_BYTES, grown


async def test_no_page_has_an_inner_html_or_a_script_of_others() -> None:
    static = Path(__file__).parents[2] / "services" / "callmesh" / "console" / "static"
    for file in static.glob("*.js"):
        text = file.read_text()
        assert "innerHTML" not in text and "insertAdjacentHTML" not in text and "document.write" not in text, file
        assert "https://" not in text and "http://" not in text, file
