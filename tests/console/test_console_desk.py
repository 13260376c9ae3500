"""The desk without a mouse: call, transfer, sign, return, transfer again, resolve, ask, close - in two browsers."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable

import pytest
from browsing import Desk
from handing import accepted, handed, now, opened, request_id, resolved
from playwright.async_api import Page, expect

from callmesh.api.v1 import (
    case_pb2,
    intake_service_pb2,
    referral_pb2,
    report_pb2,
    supervision_service_pb2,
    tracking_service_pb2,
)
from callmesh.cli.clients import me
from callmesh.kernel.rpc.clients import Clients
from support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")
Person = Callable[..., Awaitable[Desk]]
C, _R = case_pb2.Case, referral_pb2.Referral
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


async def test_what_waits_is_sent_on_taken_back_and_answered(person: Person, clients: Clients) -> None:
    """A case that no draft is of: offered by the catalogue, taken back, added to, answered, by keyboard."""
    police = (await at_desk(person, "op110")).page
    case = await opened(clients, "家里停气半天了", "gas_outage")
    short, row = case.name[-6:], police.locator(f"#mine-{case.name[-6:]}")
    await expect(row).to_be_visible()
    await command(police, f"派 {short}")
    await reaches(clients, case, lambda one: [each.agency for each in one.referrals] == ["gas"], "offered")
    await command(police, f"撤 {short} 来电人说是自家阀门")
    await reaches(clients, case, lambda one: one.state == C.CLASSIFIED, "taken back")
    await command(police, f"补 {short} 住三楼")
    await reaches(clients, case, lambda one: len(one.report.supplements) == 1, "more words")
    await command(police, f"答 {short} 阀门关着, 已告知如何打开")
    after = await reaches(clients, case, lambda one: one.state == C.ANSWERED, "answered")
    assert after.public_reply == "阀门关着, 已告知如何打开"
    await expect(row).to_have_count(0)


async def test_what_is_not_taken_up_has_a_ground_of_the_citys(person: Person, clients: Clients) -> None:
    """On the case's page each ground is a choice, some want words; by keyboard a part of its name will do."""
    page = (await person("op110")).page
    case = await opened(clients, "又打来骂人", "prank_abuse")
    await page.goto(f"/{case.name}")
    await page.locator("[name=verb]").select_option("reject abuse")
    await page.locator("form[action$='/act'] button").click()
    await expect(page.locator("p.error")).to_contain_text("恶意攻击骚扰")
    await expect(page.locator("[name=verb]")).to_have_value("reject abuse")
    await page.goto("/desk")
    await page.locator("body[data-ready]").wait_for()
    await command(page, f"拒 {case.name[-6:]} 骚扰 一小时内拨打二十次")
    after = await reaches(clients, case, lambda one: one.state == C.REJECTED, "rejected")
    assert (after.ground, after.result) == ("abuse", "一小时内拨打二十次")
    await page.goto(f"/{case.name}")
    await expect(page.locator("dl")).to_contain_text("恶意攻击骚扰")
    await expect(page.locator("table.events")).to_contain_text("不予受理, 理由: 恶意攻击骚扰")


async def test_whom_nobody_reached_is_asked_again_and_a_new_round_begins(person: Person, clients: Clients) -> None:
    """From the case's page; what is refused comes back with its words."""
    case = await resolved(clients, await handed(clients, "停气已修", "gas_outage", "gas"))
    page = (await person("op110")).page

    async def do(verb: str, words: str = "") -> None:
        await page.goto(f"/{case.name}")
        await page.locator("[name=verb]").select_option(verb)
        await page.locator("[name=words]").fill(words)
        await page.locator("form[action$='/act'] button").click()

    await do("not_reached", "无人接听")
    asked = await reaches(clients, case, lambda one: bool(one.follow_ups), "asked")
    assert not asked.follow_ups[0].reached and asked.state == C.FOLLOW_UP
    await do("follow_up", "3 未解决, 又停了")
    asked = await reaches(clients, case, lambda one: len(one.follow_ups) == 2, "asked again")
    assert (asked.follow_ups[1].solved, asked.follow_ups[1].satisfied) == (False, 3)
    await do("reopen")
    await expect(page.locator("p.error")).to_be_visible()
    await expect(page.locator("[name=verb]")).to_have_value("reopen")
    await do("reopen", "来电人称又停气")
    again = await reaches(clients, case, lambda one: one.round == 2, "a new round")
    assert again.state == C.REFERRED


async def reaches(
    clients: Clients, case: case_pb2.Case, found: Callable[[case_pb2.Case], bool], what: str
) -> case_pb2.Case:
    """The case as soon as tracking shows that of it."""

    async def there() -> bool:
        return found(await now(clients, case))

    await until(there, what)
    return await now(clients, case)


async def test_a_refusal_is_seen_beside_an_alarm_and_the_next_command_is_a_new_one(person: Person) -> None:
    """Behind the bar of the alarm a refused key looked dead, and what is typed next stood behind what was refused."""
    page = (await at_desk(person, "op12345")).page
    await command(page, "转 煤")
    await expect(page.locator("#said.bad")).not_to_be_empty()
    edges = await page.evaluate("""() => {
        const edge = (id) => document.getElementById(id).getBoundingClientRect();
        document.getElementById("alarm").hidden = false;
        return [edge("said").bottom, edge("alarm").top];
    }""")
    assert edges[0] <= edges[1]
    await command(page, "签 9999")
    await expect(page.locator("#command")).to_have_value("签 9999")


async def test_who_is_hurt_is_counted_at_the_desk_and_makes_an_emergency(person: Person, clients: Clients) -> None:
    """A draft keeps the counts, the banner is there at once, and the case has them."""
    page = (await at_desk(person, "op110")).page
    await types(page, "两个人在路边说话")
    await expect(page.locator("#banner")).to_be_hidden()
    await page.locator("#injured").fill("2")
    await expect(page.locator("#banner")).to_be_visible()
    await page.reload()
    await page.locator("body[data-ready]").wait_for()
    await expect(page.locator("#injured")).to_have_value("2")
    await expect(page.locator("#banner")).to_be_visible()
    await page.locator("#trapped").fill("-3")
    await page.keyboard.press("F3")
    short = await sent(page)
    await expect(page.locator("#injured")).to_have_value("")
    asked = tracking_service_pb2.ListCasesRequest(filter=tracking_service_pb2.CaseFilter(id=short))

    async def sent_off() -> list[case_pb2.Case]:
        found = (await clients.tracking.ListCases(asked, metadata=me("110"), timeout=60)).cases
        return [one for one in found if one.referrals]

    [case] = await until(sent_off, "tracking has it")
    assert case.emergency and case.situation == report_pb2.Situation(injured=2)
    assert case.referrals[0].agency == "120"


async def test_what_is_counted_after_a_press_replaces_what_was(person: Person, clients: Clients) -> None:
    """The draft opened the case by its first press; the next one says what the form says now, each once."""
    page = (await at_desk(person, "op110")).page
    first = {"id": request_id(), "narrative": "有人从梯子上摔下来", "injured": 1}
    post = """async (body) => (await fetch("/desk/keep", {method: "POST", body: JSON.stringify(body),
        headers: {"content-type": "application/json"}})).json()"""
    names = [(await page.evaluate(post, first))["case"]]
    for counts in ({"injured": 2, "dead": 1}, {"injured": 2, "dead": 1}):
        names.append((await page.evaluate(post, first | {"first": first} | counts))["case"])
    assert len(set(names)) == 1
    history = await clients.tracking.GetTimeline(
        tracking_service_pb2.GetTimelineRequest(name=names[0]), metadata=me("110"), timeout=60
    )
    assert history.case.situation == report_pb2.Situation(injured=2, dead=1)
    assert [one.event.kind for one in history.entries].count("ReportAmended") == 1


async def test_in_an_emergency_the_key_of_another_body_brings_it_beside_who_leads(
    person: Person, clients: Clients
) -> None:
    """It was refused, and left an emergency that nobody had."""
    page = (await at_desk(person, "op110")).page
    await types(page, GAS)
    await page.keyboard.press("F6")
    short = await sent(page)
    await expect(page.locator("#said")).to_contain_text("消防救援支队指挥中心主办, 您选的单位协办")
    asked = tracking_service_pb2.ListCasesRequest(filter=tracking_service_pb2.CaseFilter(id=short))

    async def sent_off() -> list[case_pb2.Case]:
        found = (await clients.tracking.ListCases(asked, metadata=me("110"), timeout=60)).cases
        return [one for one in found if one.referrals]

    [case] = await until(sent_off, "tracking has it")
    assert case.emergency
    assert [(one.agency, one.role) for one in case.referrals] == [("119", _R.LEAD), ("gas", _R.SUPPORT)]
    report = report_pb2.Report(narrative="楼下煤气味很大")
    asking = intake_service_pb2.OpenCaseRequest(request_id=request_id(), report=report, emergency=True)
    waiting = await clients.intake.OpenCase(asking, metadata=me("110"), timeout=60)
    await expect(page.locator("#open-rows")).to_contain_text(waiting.name[-6:])
    await command(page, f"派 {waiting.name[-6:]} gas")

    async def offered() -> list[str]:
        return [one.agency for one in (await now(clients, waiting)).referrals]

    assert (await until(offered, "it is offered"))[-1] == "gas", "beside who leads, by the command line too"


async def test_a_page_goes_on_living_after_an_act_was_refused(person: Person, clients: Clients) -> None:
    """It asked the address of the act for news, got none, and said that it was live."""
    case = await handed(clients, "停气", "gas_outage", "gas", origin="12345")
    page = (await person("op12345")).page
    await page.goto(f"/{case.name}")
    await page.locator("[name=verb]").select_option("cancel")
    await page.get_by_role("button", name="确定").click()
    await expect(page.locator(".error")).to_be_visible()
    await accepted(clients, case)
    await expect(page.locator("#case")).to_contain_text("已签收")


async def test_a_closed_case_is_found_by_the_number_that_screens_show(person: Person, clients: Clients) -> None:
    case = await handed(clients, "停气三天", "gas_outage", "gas", caller="139 0000 4711")
    close = supervision_service_pb2.CloseCaseRequest(request_id=request_id(), name=case.name, waiver="不必")
    await resolved(clients, case)
    await clients.supervision.CloseCase(close, metadata=me("110"), timeout=60)
    short = case.name[-6:]
    desk = await person("op110")
    for typed, button in (
        (short.lower(), "按单号"),
        (case.name.removeprefix("cases/"), "按单号"),
        ("13900004711", "按电话"),
    ):
        await desk.page.goto("/cases")
        await desk.page.locator("[name=number]").fill(typed)
        await desk.page.get_by_role("button", name=button).click()
        await expect(desk.page.locator(f"#row-{short}")).to_be_visible()
    page = (await at_desk(person, "op110")).page
    await command(page, f"看 {short}")
    await expect(page).to_have_url(re.compile(f"{short}$"))


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
