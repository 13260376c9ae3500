"""Rules of the domain on a real mesh: channels, returns, limits, and who may do what (domain.md sections 2 to 4)."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from mesh_play import Desk, Kind, Partner, Role, RState, State, partners, refused, request_id

from callmesh.api.v1 import case_pb2, common_pb2, report_pb2
from callmesh.api.v1 import classification_service_pb2 as cls
from callmesh.api.v1 import gateway_service_pb2 as gw
from callmesh.api.v1 import intake_service_pb2 as intake
from callmesh.api.v1 import transfer_service_pb2 as tra
from callmesh.domain.words import Channel
from callmesh.kernel.rpc.clients import Clients
from callmesh.partner import Refused, WrongState
from support.waiting import within

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_emergency_by_sms_waits_for_nobody(clients: Clients) -> None:
    """An emergency waits for nothing (invariant 6), row 13: from SMS at the emergency desk at once, no operator."""
    desk = Desk(clients, "12345")
    async with Partner(clients, "110") as police:

        async def sent() -> tuple[case_pb2.Case, gw.Delivery]:
            case = await desk.open("他喝了酒一直打我 我锁在卧室 别打电话来 发短信", channel="sms")
            return case, await police.told(case)

        case, got = await within(3, sent)
        now = await desk.until(case, lambda one: one.state == State.REFERRED, "transferred")
        assert now.emergency and now.classification.verdict == common_pb2.VERDICT_EMERGENCY
        assert not now.classification.by_person and now.referrals[0].mode == common_pb2.MODE_PUSH
        assert got.referral.profile == "L0"
        people = [one for one in await desk.events(now) if one.actor.kind == common_pb2.ACTOR_KIND_PERSON]
        assert [one.kind for one in people if one.kind != "ReferralReceived"] == ["CaseOpened"]


async def test_ask_waits_with_its_first_receiver(clients: Clients) -> None:
    """Still unclear: the first receiver keeps it (section 2); it is in the queue of its owner, offered to nobody."""
    desk = Desk(clients, "12345")
    case = await desk.open("你们看着办吧", channel="web")
    judged = await desk.until(case, lambda one: one.state == State.CLASSIFIED, "judged")
    assert judged.classification.verdict == common_pb2.VERDICT_ASK
    assert judged.owner == judged.origin == "12345" and not judged.referrals
    # a person decides, and only then it goes: by rule at once, and the key does no harm
    routed = await desk.transfer(await desk.classify(judged, "water_outage"))
    assert [one.agency for one in routed.referrals] == ["water"]


async def test_an_emergency_in_what_comes_later_is_heard(clients: Clients) -> None:
    """More text raises the flag, only a person lowers it; who leads goes on, who saves lives is sent beside it."""
    desk = Desk(clients, "12345")
    case = await desk.open("小区门口路灯不亮三天了", channel="sms")
    routed = await desk.until(case, lambda one: bool(one.referrals), "routed by rule")
    lead = routed.referrals[0].agency
    assert (routed.classification.category, routed.emergency) == ("streetlight", False)
    hurt = await desk.amend(routed, "路灯杆倒了砸到人，流了好多血，已经昏迷了")
    joined = await desk.until(hurt, lambda one: len(one.referrals) > 1, "help is sent at once")
    assert joined.emergency and joined.classification.level == common_pb2.LEVEL_P0
    assert joined.classification.category == "trauma" and joined.state == State.REFERRED
    assert [one.agency for one in joined.referrals if one.role == Role.LEAD] == [lead]
    assert "120" in {one.agency for one in joined.referrals if one.role == Role.SUPPORT}

    lowered = await desk.classify(joined, "streetlight", lower_emergency=True, reason="来电人更正: 无人受伤")
    assert not lowered.emergency
    calm = await desk.amend(lowered, "路灯还是没有修好")
    raised = await desk.amend(calm, "现在灯杆漏电，有人触电倒地了")
    again = await desk.until(raised, lambda one: one.emergency, "new danger is heard again")
    kinds = [one.kind for one in await desk.events(again)]
    assert kinds.count("CaseClassified") == 4, "and calm words change nothing"

    calmed = await desk.classify(again, "streetlight", lower_emergency=True, reason="来电人再次更正")
    counted = await desk.amend(calmed, "", situation=report_pb2.Situation(injured=2))
    hurt = await desk.until(counted, lambda one: one.emergency, "injured people are an emergency")
    assert hurt.classification.category == "streetlight", "counts alone do not say what it is about"


async def test_the_flag_is_sticky_while_words_are_typed(clients: Clients) -> None:
    """SuggestClassification stores nothing: the desk says what was flagged, and less text does not take it back."""
    desk = Desk(clients, "110")

    async def suggest(text: str, emergency: bool = False) -> cls.SuggestClassificationResponse:
        request = cls.SuggestClassificationRequest(text=text, emergency=emergency)
        return await desk.call(clients.classification.SuggestClassification, request)

    calm = await suggest("家里停水两天了，什么时候来水")
    assert (calm.emergency, calm.classification.verdict) == (False, common_pb2.VERDICT_ROUTE)
    assert calm.targets[0].agency == "water" and calm.guide.prompt
    alarmed = await suggest("家里停水两天了，厨房着火了快来")
    assert (alarmed.emergency, alarmed.classification.verdict) == (True, common_pb2.VERDICT_EMERGENCY)
    assert "119" in {one.agency for one in alarmed.targets}
    shorter = await suggest("家里停水两天了，什么时候来水", alarmed.emergency)
    assert (shorter.emergency, shorter.classification.verdict) == (True, common_pb2.VERDICT_ASK)
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"):
        await suggest("水" * 20_001)


@pytest.mark.parametrize("channel", [*(one.value for one in Channel), "telex"])
async def test_every_channel_opens_once(clients: Clients, channel: str) -> None:
    """Idempotent on (channel, external id) or request_id (section 4): again is the same case, also all at once."""
    desk = Desk(clients, "12345")
    number = [report_pb2.ExternalId(system="order", value=request_id())]
    twice = await asyncio.gather(
        *(desk.open("小区门口路灯灭了", channel=channel, external_ids=number) for _ in range(4))
    )
    assert len({one.name for one in twice}) == 1
    rid = request_id()
    again = [await desk.open("小区门口路灯灭了", channel=channel, rid=rid) for _ in range(2)]
    assert again[0].name == again[1].name != twice[0].name
    assert list(again[0].flags) == (["unknown_channel"] if channel == "telex" else [])
    opened = [one.kind for one in await desk.events(twice[0])].count("CaseOpened")
    assert opened == 1
    with refused(grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED"):
        await desk.open("另一件事", channel=channel, rid=rid)


async def test_returned_twice_ends_with_a_commander_and_the_fallback_owner(clients: Clients) -> None:
    """Nothing ends unrouted; every sequence of returns is bounded (section 2, invariant 10), row 18's 民生110."""
    desk = Desk(clients, "110")
    async with partners(clients, "urban-mgmt", "12345", "minsheng110") as at:
        case = await desk.offered("路灯不亮", "streetlight")
        first = (await at["urban-mgmt"].told(case)).referral.name
        with pytest.raises(Refused) as bare:
            await at["urban-mgmt"].give_back(first, "")
        assert bare.value.code.name == "INVALID_ARGUMENT"
        await at["urban-mgmt"].give_back(first, "not_our_duty")
        await at["urban-mgmt"].told(case, Kind.RETURN_GRANTED)
        second = (await at["12345"].told(case)).referral
        assert second.hop == 1 and not second.binding and second.sender == "110"
        await at["12345"].give_back(second.name, "needs_other_lead")
        await at["12345"].told(case, Kind.RETURN_GRANTED)
        disputed = await desk.until(case, lambda one: one.state == State.DISPUTED, "two refused: a dispute")
        assert disputed.owner == "110" and disputed.supervision >= common_pb2.SUPERVISION_YELLOW
        request = tra.DesignateJurisdictionRequest(request_id=request_id(), name=case.name, reason="无承接单位, 兜底")
        await Desk(clients, "110", "commander").call(clients.transfer.DesignateJurisdiction, request)
        third = (await at["minsheng110"].told(case)).referral
        assert third.hop == 2 and third.binding
        with pytest.raises(WrongState) as bound:
            await at["minsheng110"].give_back(third.name)
        assert (bound.value.code.name, bound.value.state) == ("FAILED_PRECONDITION", "binding") and bound.value.zh
        await at["minsheng110"].accept(third.name)
        now = await desk.until(case, lambda one: one.owner == "minsheng110", "the fallback owner has it")
        assert [one.state for one in now.referrals] == [RState.RETURNED, RState.RETURNED, RState.ACCEPTED]
        assert [one.agency for one in now.referrals] == ["urban-mgmt", "12345", "minsheng110"]
        by = {one.kind: one.actor.kind for one in await desk.events(now)}
        assert by["ReturnGranted"] == by["DisputeOpened"] == common_pb2.ACTOR_KIND_POLICY
        assert by["JurisdictionDesignated"] == common_pb2.ACTOR_KIND_PERSON


async def test_a_limit_missed_is_escalated_once(clients: Clients) -> None:
    """Timers (section 3): once, never early; the agency is reminded; late acceptance counts (invariant 2)."""
    desk = Desk(clients, "110")
    async with Partner(clients, "locksmith") as smith:
        case = await desk.offered("我把钥匙锁屋里了", "lockout")
        offer = await smith.told(case)
        assert offer.referral.profile == "LQ"
        reminder = await smith.told(case, Kind.REMINDED)
        assert list(reminder.referral.missed) == [common_pb2.LIMIT_ACCEPT]
        taken = await smith.accept(offer.referral.name, "张师傅")
        assert taken.state == RState.ACCEPTED and taken.handler == "张师傅", "late, and welcome"
        case = await desk.until(case, lambda one: one.owner == "locksmith", "the owner of record changed")
        assert case.supervision == common_pb2.SUPERVISION_YELLOW
        await smith.progress(offer.referral.name)
        await smith.resolve(offer.referral.name, "已开锁", "门已打开")
        case = await desk.until(case, lambda one: one.state == State.FOLLOW_UP, "done")
    told = await desk.events(case)
    missed = [one for one in told if one.kind == "DeadlineMissed" and "签收" in one.summary]
    assert len(missed) == 1
    due = case.referrals[0].accept_due.ToNanoseconds()
    late = (missed[0].at.ToNanoseconds() - due) / 1e9
    assert 0 <= late < 2, f"{late:.3f} s after it was due"
    assert len(smith.about(case, Kind.REMINDED)) == [one.kind for one in told].count("DeadlineMissed")


async def test_met_limits_are_silent(clients: Clients) -> None:
    """Who accepts in time hears nothing; a limit armed for one referral does not outlive it."""
    desk = Desk(clients, "110")
    async with Partner(clients, "locksmith") as smith:
        quick = await desk.offered("钥匙锁屋里了", "lockout")
        slow = await desk.offered("另一家, 钥匙断在锁里", "lockout")
        await smith.work(quick)
        await smith.told(slow, Kind.REMINDED)  # offered after, so the first one's time is up as well
        now = await desk.get(quick)
    assert not now.referrals[0].missed and not smith.about(quick, Kind.REMINDED)
    await desk.recall(slow.referrals[0].name)


async def test_recall(clients: Clients) -> None:
    """The sender takes it back before it is resolved; the agency is told and may do nothing more (section 4)."""
    desk = Desk(clients, "110")
    async with Partner(clients, "water") as water:
        case = await desk.offered("停水", "water_outage")
        name = (await water.told(case)).referral.name
        await water.accept(name)
        with refused(grpc.StatusCode.NOT_FOUND, "NOT_FOUND"):
            await Desk(clients, "gas").recall(name)
        back = await desk.recall(name)
        assert back.owner == "110" and back.state == State.CLASSIFIED and back.referrals[0].state == RState.RECALLED
        await water.told(case, Kind.RECALLED)
        with pytest.raises(Refused) as late:
            await water.resolve(name)
        assert late.value.code.name == "FAILED_PRECONDITION"
        elsewhere = await desk.transfer(back, agency="12345", reason="现场核实非供水问题")
        assert [one.agency for one in elsewhere.referrals] == ["water", "12345"]


async def test_only_support_is_waived(clients: Clients) -> None:
    """A supporting agency that is not needed is waived; the lead cannot be (invariant 5 and section 4)."""
    desk = Desk(clients, "110")
    async with partners(clients, "water", "power") as at:
        case = await desk.open("水管爆了, 淹了配电房")
        case = await desk.classify(case, "water_outage")
        case = await desk.transfer(case, agency="water", support=["power"], reason="需断电")
        lead, support = (await at["water"].told(case)).referral, (await at["power"].told(case)).referral
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"):
            await desk.waive(lead.name)
        await at["water"].accept(lead.name)
        await Desk(clients, "water").waive(support.name)
        await at["power"].told(case, Kind.WAIVED)
        await at["water"].told(case, Kind.SUPPORT_DONE)
        await at["water"].resolve(lead.name)
        done = await desk.until(case, lambda one: one.state == State.FOLLOW_UP, "done without support")
        assert done.referrals[1].state == RState.WAIVED


async def test_an_emergency_is_not_diverted(clients: Clients) -> None:
    """110 sends first, whatever the category (section 2): no emergency to a body that is no emergency service."""
    desk = Desk(clients, "110")
    case = await desk.open("有人掉进河里了", emergency=True)
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "EMERGENCY_NOT_DIVERTIBLE") as found:
        await desk.transfer(case, agency="water", reason="试试")
    assert "紧急" in found.zh and found.state == "emergency"
    rejection = intake.RejectCaseRequest(request_id=request_id(), name=case.name, ground="no_demand")
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE"):
        await desk.call(clients.intake.RejectCase, rejection)
    sent = await desk.transfer(case, agency="119", support=["water"], reason="溺水")
    assert [one.agency for one in sent.referrals] == ["119", "water"], "it may help"
    cancellation = intake.CancelCaseRequest(request_id=request_id(), name=case.name, reason="误报")
    with refused(grpc.StatusCode.PERMISSION_DENIED, "NOT_YOURS"):
        await desk.call(clients.intake.CancelCase, cancellation)
    ended = await Desk(clients, "110", "commander").call(clients.intake.CancelCase, cancellation)
    assert ended.state == State.CANCELLED, "a commander may"


async def test_two_keys_pressed_at_once_are_one(clients: Clients) -> None:
    """Two desks, one case: one lead, whoever is first; nobody gets it twice."""
    desk = Desk(clients, "110")
    case = await desk.classify(await desk.open("停水"), "water_outage")
    pressed = await asyncio.gather(*(desk.transfer(case) for _ in range(8)))
    now = await desk.transfer(case)  # and once more, later: nothing changes
    assert {one.etag for one in pressed} == {now.etag} and [one.agency for one in now.referrals] == ["water"]
    assert [one.kind for one in await desk.events(now)].count("CaseTransferred") == 1
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE"):
        await desk.transfer(case, agency="gas", reason="换一个主办")


async def test_stale_etag_is_refused(clients: Clients) -> None:
    """An etag guards against a change meanwhile; the answer names the fresh one."""
    desk = Desk(clients, "110")
    opened = await desk.open("停水")
    await desk.classify(opened, "water_outage")
    request = tra.TransferCaseRequest(request_id=request_id(), name=opened.name, etag=opened.etag)
    with refused(grpc.StatusCode.ABORTED, "CHANGED"):
        await desk.call(clients.transfer.TransferCase, request)
