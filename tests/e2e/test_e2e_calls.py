"""Calls beside the data, with a telephone switch in its own process: each journey is a caller's.

The agencies here are those that have a telephone in the shared mesh (conftest.py).
"""

from __future__ import annotations

from collections.abc import Callable

import grpc
import pytest
from mesh_play import Desk, Partner, RState, refused, request_id

from callmesh.api.v1 import case_pb2, common_pb2, report_pb2
from callmesh.api.v1 import transfer_service_pb2 as tra
from callmesh.cli.mesh import LocalMesh
from callmesh.kernel.rpc.clients import Clients
from support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")
Leg = case_pb2.CallLeg


def legs(case: case_pb2.Case) -> list[tuple[str, int]]:
    """Each leg's agency and state."""
    return [(one.agency, one.state) for one in case.call_legs]


def standing(*wanted: tuple[str, int]) -> Callable[[case_pb2.Case], bool]:
    """Whether the legs stand so."""
    return lambda case: legs(case) == list(wanted)


async def called(desk: Desk, agency: str) -> case_pb2.Case:
    """A call, classified and handed to an agency with its caller on the line."""
    case = await desk.classify(await desk.open("来电求助"), "policy")
    return await desk.transfer(case, agency=agency, reason="指定")


async def test_answered_then_three_way_and_the_partner_stays(clients: Clients) -> None:
    """Row 2: data at once, the call beside it; F10 joins three on one line; the operator leaves, the partner stays."""
    desk = Desk(clients, "110")
    async with Partner(clients, "ecology") as ecology:
        case = await called(desk, "ecology")
        assert not case.call_legs, "the reply waits for no telephone"
        await ecology.told(case)
        await desk.until(case, standing(("ecology", Leg.ANSWERED)), "answered")
        join = tra.ConferenceCaseRequest(request_id=request_id(), name=case.name)
        case = await desk.call(clients.transfer.ConferenceCase, join)
        await desk.until(case, standing(("ecology", Leg.CONFERENCE)), "three on one line")
        leave = tra.LeaveCallRequest(request_id=request_id(), name=case.name)
        case = await desk.call(clients.transfer.LeaveCall, leave)
        case = await desk.until(case, standing(("ecology", Leg.ANSWERED)), "the partner stays")
        over = tra.EndCallLegRequest(request_id=request_id(), name=case.name)
        case = await desk.call(clients.transfer.EndCallLeg, over)
        assert legs(case) == [("ecology", Leg.ENDED)] and case.referrals[0].mode == common_pb2.MODE_CALL
    said = [one.event.summary for one in (await desk.timeline(case)).entries if one.event.kind == "CallLegChanged"]
    assert len(said) >= 5, said


async def test_nobody_answers_then_the_next_number_then_a_push_and_the_origin_keeps_it(clients: Clients) -> None:
    """Row 2: the limit is a timer of the server's; each step is a fact; the data went at once and stays there."""
    desk = Desk(clients, "110")
    second = await called(desk, "civil-affairs")
    pushed = await called(desk, "agriculture")
    await desk.until(
        second, standing(("civil-affairs", Leg.FAILED), ("civil-affairs", Leg.ANSWERED)), "the second number answers"
    )
    case = await desk.until(
        pushed, standing(("agriculture", Leg.FAILED), ("agriculture", Leg.FAILED)), "nobody is there"
    )
    first, last = case.call_legs
    assert (first.reason, last.reason, last.target) == (Leg.NO_ANSWER, Leg.BUSY, 2)
    assert case.owner == "110" and case.referrals[0].mode == common_pb2.MODE_PUSH
    assert case.referrals[0].state == RState.OFFERED and not last.HasField("call_back"), "the caller is still there"


async def test_a_call_that_breaks_leaves_a_call_back_that_is_watched_once(clients: Clients) -> None:
    """The caller is called back in the city's limit, or the case says so once; a person ends the task."""
    desk = Desk(clients, "110")
    case = await called(desk, "planning")

    def owed(one: case_pb2.Case) -> bool:
        return bool(one.call_legs) and one.call_legs[-1].call_back.overdue

    late = await desk.until(case, owed, "nobody called back in time")
    leg = late.call_legs[-1]
    assert (leg.state, leg.reason, leg.call_back.agency) == (Leg.FAILED, Leg.DROPPED, "110")
    assert "late_call_back" in late.flags and not leg.call_back.HasField("done_at")
    tried = tra.RecordCallBackRequest(request_id=request_id(), name=case.name)
    case = await desk.call(clients.transfer.RecordCallBack, tried)
    assert case.call_legs[-1].call_back.attempts == 1 and not case.call_legs[-1].call_back.HasField("done_at")
    reached = tra.RecordCallBackRequest(request_id=request_id(), name=case.name, reached=True)
    case = await desk.call(clients.transfer.RecordCallBack, reached)
    assert case.call_legs[-1].call_back.person == "110-007"
    missed = [one for one in await desk.events(case) if one.kind == "DeadlineMissed"]
    assert len(missed) == 1, "told once"


async def test_a_switch_that_dies_and_one_that_is_away(clients: Clients, mesh: LocalMesh) -> None:
    """Killed in mid-call every call leaves a call-back; while it is away the data goes and the call is owed; a
    transfer service that was killed meanwhile finds its calls again."""
    desk = Desk(clients, "110")
    talking = await called(desk, "ecology")
    talking = await desk.until(talking, standing(("ecology", Leg.ANSWERED)), "answered")
    await mesh.kill("transfer")
    await mesh.serving("transfer")
    join = tra.ConferenceCaseRequest(request_id=request_id(), name=talking.name)
    talking = await Desk(clients, "110", retry=True).call(clients.transfer.ConferenceCase, join)
    await desk.until(talking, standing(("ecology", Leg.CONFERENCE)), "the same leg, through the new process")
    await mesh.kill("switch", stay_down=True)
    case = await desk.until(talking, standing(("ecology", Leg.FAILED)), "given up")
    assert case.call_legs[0].reason == Leg.SWITCH_AWAY and case.call_legs[0].HasField("call_back")
    async with Partner(clients, "housing") as housing:
        away = await called(desk, "housing")
        await housing.told(away)
        away = await desk.until(away, standing(("housing", Leg.FAILED)), "the leg, not the data")
    assert away.call_legs[0].reason == Leg.SWITCH_AWAY and away.call_legs[0].call_back.agency == "110"
    assert away.referrals[0].mode == common_pb2.MODE_PUSH
    await mesh.restart("switch")

    async def joined() -> bool:
        again = tra.ConferenceCaseRequest(request_id=request_id(), name=away.name)
        case = await desk.call(clients.transfer.ConferenceCase, again)
        settled = (Leg.CONFERENCE, Leg.FAILED)
        case = await desk.until(case, lambda one: one.call_legs[-1].state in settled, "tried")
        return case.call_legs[-1].state == Leg.CONFERENCE

    await until(joined, "it is back")


async def test_a_phone_stops_ringing_when_the_referral_is_taken_back(clients: Clients) -> None:
    desk = Desk(clients, "110")
    case = await called(desk, "sanitation")
    ringing = await desk.until(case, standing(("sanitation", Leg.RINGING)), "it rings")
    await desk.recall(ringing.referrals[0].name)
    over = await desk.until(ringing, standing(("sanitation", Leg.ENDED)), "hung up")
    assert over.referrals[0].mode == common_pb2.MODE_CALL and len(over.call_legs) == 1


async def test_rows_13_and_17_who_writes_or_is_silent_is_never_rung(clients: Clients) -> None:
    """Row 13: an SMS caller is never forced to voice. Row 17: nobody calls where a silent alarm came from."""
    desk = Desk(clients, "110")
    silent = report_pb2.Report(narrative="有人闯进来了", caller=report_pb2.Caller(silent=True))
    quiet = await desk.classify(await desk.open(report=silent, emergency=True), "fire")
    quiet = await desk.transfer(quiet, agency="999", reason="指定")
    assert [one.mode for one in quiet.referrals if one.agency == "999"] == [common_pb2.MODE_PUSH]
    for case in (quiet, await desk.open("有人在跟踪我 不方便说话", channel="sms", emergency=True)):
        for whom in ({"agency": "999"}, {"language": "en"}):
            forced = tra.ConferenceCaseRequest(request_id=request_id(), name=case.name, **whom)
            with refused(grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE") as why:
                await desk.call(clients.transfer.ConferenceCase, forced)
            assert why.state == "no_voice"
    loud = await called(desk, "ecology")  # rung after them: by now they would have been, too
    await desk.until(loud, standing(("ecology", Leg.ANSWERED)), "a caller by phone is")
    assert not (await desk.get(quiet)).call_legs and not (await desk.get(case)).call_legs


async def test_row_12_an_interpreter_joins_and_an_unknown_language_falls_back(clients: Clients) -> None:
    """Row 12, Beijing languages: the language at intake rings its interpreter at once, three on one line; one that
    nobody speaks gets the city's fallback, and the case says so."""
    desk = Desk(clients, "110")
    for language, flags in (("en-GB", []), ("sw", ["unsupported_language"])):
        report = report_pb2.Report(narrative="lost passport", caller=report_pb2.Caller(language=language))
        case = await desk.until(
            await desk.open(report=report), standing(("12345", Leg.CONFERENCE)), "the interpreter joins"
        )
        assert case.call_legs[0].language == "en" and not case.referrals
        assert [one for one in case.flags if "language" in one] == flags
    over = tra.EndCallLegRequest(request_id=request_id(), name=case.name)
    assert legs(await desk.call(clients.transfer.EndCallLeg, over)) == [("12345", Leg.ENDED)]
