"""Rows of domain.md section 5 whose journeys stand nowhere else, on a real mesh: each test cites its row."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from mesh_play import Desk, Kind, Partner, Role, RState, State, partners, referral_of

from callmesh.api.v1 import case_pb2, common_pb2, report_pb2
from callmesh.api.v1 import classification_service_pb2 as cls
from callmesh.api.v1 import supervision_service_pb2 as sup
from callmesh.api.v1 import tracking_service_pb2 as trk
from callmesh.kernel.rpc.clients import Clients

pytestmark = pytest.mark.asyncio(loop_scope="session")
By = trk.GetFiguresRequest


async def figures(desk: Desk, since: Timestamp, last: case_pb2.Case, *groups: Any, **more: Any) -> dict[Any, Any]:
    """By id, key and group, once tracking has seen `last`."""
    await desk.get(last)
    request = trk.GetFiguresRequest(start_time=since, group_by=groups, **more)
    found = await desk.call(desk.clients.tracking.GetFigures, request)
    return {(one.id, one.key, *(group.key for group in one.groups)): one for one in found.figures}


def raw(figure: trk.Figure) -> tuple[int, int]:
    return figure.numerator, figure.denominator


async def test_rows_3_15_24_and_27_the_figures_are_counted_from_what_happened(clients: Clients) -> None:
    """Row 3 diversions and sign-for times beside a year before; row 15 effective handling with raw counts; row 24
    arrival within 5 and 10 minutes; row 27 counts by category and day, closure within 24 and 72 hours.
    """
    desk = Desk(clients, "110")
    async with Partner(clients, "gas") as gas:
        cases = []
        for number in range(3):
            case = await desk.classify(await desk.open(f"{number} 栋停气"), "gas_outage")
            cases.append(await desk.transfer(case, agency="gas", reason="停气"))
        for case in cases:
            await gas.told(case)
        for case in cases[:2]:
            await gas.work(case)
            done = await desk.until(case, lambda one: one.state == State.FOLLOW_UP, "resolved")
            last = await desk.close(await desk.follow_up(done))
    told = await figures(desk, cases[0].opened_at, last, year_on_year=True)
    assert told["diverted", ""].numerator == 3 and raw(told["diversion_rate", ""]) == (3, 3)
    for name in ("accept_seconds_mean", "accept_seconds_p50", "accept_seconds_p95"):
        assert told[name, ""].numerator == 2 and told[name, ""].seconds >= 0
    assert raw(told["effective_handling", ""]) == (2, 3)
    assert raw(told["arrival_within", "5m"]) == raw(told["arrival_within", "10m"]) == (2, 2)
    assert raw(told["closed_within", "24h"]) == raw(told["closed_within", "72h"]) == (2, 2)
    by_day = await figures(desk, cases[0].opened_at, last, By.CATEGORY, By.DAY, ids=["cases_opened"])
    assert [(key[2], one.numerator) for key, one in by_day.items()] == [("gas_outage", 3)]


async def test_row_4_the_five_stages_of_an_ordinary_case(clients: Clients) -> None:
    """Row 4: 接报 指派 处置 督办 反馈, each with its time, actor and agency, from the log of a case that lived."""
    desk, chief = Desk(clients, "12345"), Desk(clients, "12345", "supervisor")
    async with Partner(clients, "heating") as heating:
        case = await desk.offered("暖气不热", "heating")
        name = (await heating.told(case)).referral.name
        await heating.accept(name)
        raising = sup.RaiseSupervisionRequest(
            request_id="raise", name=case.name, supervision=common_pb2.SUPERVISION_BLUE, reason="老人独居"
        )
        await chief.call(clients.supervision.RaiseSupervision, raising)
        await heating.progress(name)
        await heating.resolve(name)
        done = await desk.until(case, lambda one: one.state == State.FOLLOW_UP, "resolved")
        case = await desk.close(await desk.follow_up(done))
    entries = (await desk.timeline(case)).entries
    assert {one.stage for one in entries if one.stage} == {1, 2, 3, 4, 5}
    times = [one.event.at.ToNanoseconds() for one in entries]
    assert times == sorted(times) and len({one.event.name for one in entries}) == len(entries)
    assert {one.event.actor.agency for one in entries if one.stage} >= {"12345", "heating"}


async def test_row_5_the_guide_and_its_version_go_with_the_case(clients: Clients) -> None:
    """Row 5, Jilin guides: what to ask and say per category; the version in force is kept on the case."""
    desk = Desk(clients, "110")
    listed = await desk.call(clients.classification.ListCategories, cls.ListCategoriesRequest())
    guided = [one.id for one in listed.categories if one.guide.prompt]
    assert len(guided) >= 15 + 7
    case = await desk.classify(await desk.open("家里被盗"), "theft_fraud")
    assert "theft_fraud" in guided and case.city_version


async def test_row_8_the_level_comes_from_harm_and_picks_who_goes(clients: Clients) -> None:
    """Row 8, Beijing graded command: the same words with people hurt are P0 and go to the emergency services."""
    desk = Desk(clients, "12345")
    calm = await desk.classify(await desk.open("两辆车刮擦, 没人受伤, 不影响通行"), "accident_damage")
    hurt = await desk.open("两辆车相撞, 有人流血不止", situation=report_pb2.Situation(injured=3, trapped=1))
    hurt = await desk.transfer(await desk.classify(hurt, "accident_injury"), plan="multi-vehicle")
    assert hurt.emergency and hurt.classification.level == common_pb2.LEVEL_P0 != calm.classification.level
    assert {"122", "120", "119"} <= {one.agency for one in hurt.referrals}
    assert {one.profile for one in hurt.referrals} == {"L0"}


ONE_STOP = {
    "fire": "119",
    "illegal_parking": "122",
    "policy": "12345",
    "illegal_build": "urban-mgmt",
    "gas_outage": "gas",
    "medical_dispute": "health",
    "wage": "labour",
    "lockout": "locksmith",
}


@pytest.mark.parametrize("category", ONE_STOP)
async def test_row_10_one_key_to_each(clients: Clients, category: str) -> None:
    """Row 10, Beijing one-stop: one key reaches each body, with nothing but the category said."""
    desk = Desk(clients, "110")
    case = await desk.offered("来电诉求", category)
    assert ONE_STOP[category] in {one.agency for one in case.referrals if one.role == Role.LEAD}


async def test_row_11_the_medical_hand_over_and_its_failover(clients: Clients) -> None:
    """Row 11, Beijing 120/999: place and casualties travel at once; what 120 cannot take goes to 999."""
    desk = Desk(clients, "110")
    async with partners(clients, "120", "999") as at:
        place = report_pb2.Place(text="银杏路26号", point=common_pb2.Point(longitude=120.3511, latitude=30.2688))
        report = report_pb2.Report(narrative="老人晕倒没有呼吸了", place=place)
        case = await desk.open(report=report, situation=report_pb2.Situation(injured=1), emergency=True)
        case = await desk.transfer(await desk.classify(case, "acute_illness"), agency="120", reason="就近")
        got = await at["120"].told(case)
        assert got.case.report.place == place and got.case.situation.injured == 1
        await at["120"].accept(got.referral.name)
        await at["120"].progress(got.referral.name, "车辆全部出动", arrived=False)
        await at["120"].give_back(got.referral.name, "no_capacity")
        onward = await at["999"].told(case)
        assert onward.referral.role == Role.LEAD and onward.case.report.place == place


async def test_row_12_the_callers_language_goes_with_the_case(clients: Clients) -> None:
    """Row 12, Beijing languages: any language is taken at intake and recorded, unknown ones too, and passed on."""
    desk = Desk(clients, "110")
    async with Partner(clients, "12345") as hotline:
        for language in ("en", "xx-unknown"):
            caller = report_pb2.Caller(language=language)
            report = report_pb2.Report(narrative="lost passport, need help", caller=caller)
            case = await desk.transfer(await desk.classify(await desk.open(report=report), "policy"))
            assert case.report.caller.language == language
            assert (await hotline.told(case)).case.report.caller.language == language


async def test_row_21_a_plan_fans_out_and_each_acknowledges(clients: Clients) -> None:
    """Row 21, Changle: one instruction of the plan library reaches every body; each machine's receipt and each duty
    officer's acceptance are facts of their own; screen and leader see it: the watch tells it, the leader supervises.
    """
    desk, leader = Desk(clients, "110"), Desk(clients, "110", "supervisor")
    bodies = ("120", "education", "122")
    async with partners(clients, *bodies) as at:
        case = await desk.open("校门口有人持刀", emergency=True, division="990101")
        case = await desk.transfer(case, plan="school-safety")
        assert len({one.agency for one in case.referrals}) >= 5 and case.plan == "school-safety"
        for body in bodies:
            offer = await at[body].told(case)
            assert offer.kind == Kind.OFFERED and offer.referral.task, "told what to do"
            await at[body].accept(offer.referral.name, f"duty-{body}")
        named = sup.ChangeSupervisorRequest(request_id="leader", name=case.name, supervisor="leader-9")
        case = await leader.call(clients.supervision.ChangeSupervisor, named)

        def acknowledged(one: case_pb2.Case) -> bool:
            own = [referral_of(one, body) for body in bodies]
            return all(each.state == RState.ACCEPTED and each.HasField("received_at") for each in own)

        seen = await desk.until(case, acknowledged, "on the screen, each with its own")
    for body in bodies:
        own = referral_of(seen, body)
        assert own.HasField("received_at") and own.handler == f"duty-{body}"
    assert seen.supervisor == "leader-9"
