"""The record patrol on a real mesh (domain.md section 5, row 23): every closed case, finding -> fix -> verify."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import grpc
import pytest
from mesh_play import Desk, Kind, Partner, State, refused, request_id

from callmesh.api.v1 import case_pb2, report_pb2
from callmesh.api.v1 import supervision_service_pb2 as sup
from callmesh.cli.mesh import LocalMesh
from callmesh.kernel.rpc.clients import Clients

pytestmark = pytest.mark.asyncio(loop_scope="session")
_numbers = itertools.count(4401)
FState = case_pb2.Finding.State


class Inspector(Desk):
    """Mends and checks findings."""

    async def rectify(self, case: case_pb2.Case, finding: int, note: str = "已补充答复") -> case_pb2.Case:
        request = sup.RectifyFindingRequest(request_id=request_id(), name=case.name, finding=finding, note=note)
        return await self.call(self.clients.supervision.RectifyFinding, request)

    async def verify(self, case: case_pb2.Case, finding: int, mended: bool, note: str = "") -> case_pb2.Case:
        request = sup.VerifyFindingRequest(
            request_id=request_id(), name=case.name, finding=finding, mended=mended, note=note
        )
        return await self.call(self.clients.supervision.VerifyFinding, request)


async def closed(desk: Desk, gas: Partner, *, reply: str = "您好, 已恢复供气", **end: Any) -> case_pb2.Case:
    """A case that ended."""
    caller = report_pb2.Caller(number=f"1990000{next(_numbers)}")  # the same one again would be a repeated matter
    report = report_pb2.Report(narrative="家里停气", caller=caller)
    case = await desk.transfer(await desk.classify(await desk.open(report=report), "consumer"), agency="gas")
    name = (await gas.told(case)).referral.name
    await gas.accept(name)
    await gas.progress(name, "在办", arrived=True)
    await gas.resolve(name, "已办", reply)
    done = await desk.until(case, lambda one: one.state == State.FOLLOW_UP, "resolved")
    return await desk.close(done, **end) if end else await desk.close(await desk.follow_up(done))


async def visited(desk: Desk, case: case_pb2.Case) -> case_pb2.Case:
    return await desk.until(case, lambda one: one.HasField("patrol"), "the patrol was there")


async def test_row_23_every_closed_case_is_visited_and_what_is_found_is_mended(
    clients: Clients, mesh: LocalMesh
) -> None:
    """Row 23: coverage 100 %, rectified 100 %, both computed from facts; a finding is mended and then checked."""
    desk, chief = Inspector(clients, "12345"), Inspector(clients, "12345", "supervisor")
    mender = Inspector(clients, "gas")
    async with Partner(clients, "gas") as gas:
        clean = await closed(desk, gas)
        curt = await closed(desk, gas, reply="好")
        waived = await closed(desk, gas, waiver="不便回访")
        await mesh.kill("supervision")  # in the middle of its round
        late = await closed_patiently(clients, gas)
        cases = [await visited(desk, one) for one in (clean, curt, waived, late)]
        news = await gas.told(curt, Kind.FINDING)
        assert [(one.rule, one.agency) for one in news.case.findings] == [("no_reply", "gas")]
        assert not gas.about(clean, Kind.FINDING) and not gas.about(waived, Kind.FINDING), "theirs alone"
    clean, curt, waived, late = cases
    assert [len(one.findings) for one in cases] == [0, 1, 1, 0]
    assert {one.patrol.version for one in cases} == {clean.patrol.version} and clean.patrol.rules >= 10
    visits = [[event.kind for event in await desk.events(one)].count("PatrolVisited") for one in cases]
    assert visits == [1, 1, 1, 1], "each exactly once"
    found = curt.findings[0]
    assert (found.rule, found.agency, found.state, found.number) == ("no_reply", "gas", FState.OPEN, 1)
    assert found.due.ToNanoseconds() > found.found_at.ToNanoseconds()
    assert (waived.findings[0].rule, waived.findings[0].agency) == ("needless_waiver", "12345")

    with refused(grpc.StatusCode.PERMISSION_DENIED, "NOT_YOURS"):
        await desk.rectify(curt, 1)
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE") as wrong:
        await chief.verify(curt, 1, True)
    assert wrong.state == "open"
    with refused(grpc.StatusCode.NOT_FOUND, "NOT_FOUND"):
        await mender.rectify(curt, 2)
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"):
        await mender.rectify(curt, 1, note="")
    curt = await mender.rectify(curt, 1)
    with refused(grpc.StatusCode.PERMISSION_DENIED, "NOT_YOURS"):
        await desk.verify(curt, 1, True)
    curt = await chief.verify(curt, 1, False, "答复仍过简")
    assert (curt.findings[0].state, curt.findings[0].reopened) == (FState.OPEN, 1)
    curt = await chief.verify(await mender.rectify(curt, 1, "已致电并书面答复"), 1, True)
    assert curt.findings[0].state == FState.VERIFIED and curt.state == State.CLOSED
    waived = await Inspector(clients, "110", "supervisor").verify(await desk.rectify(waived, 1, "已补回访"), 1, True)

    now = [await desk.get(one) for one in (clean, curt, waived, late)]
    covered = [one for one in now if one.patrol.round == one.round]
    findings = [one for case in now for one in case.findings]
    mended = [one for one in findings if one.state != FState.OPEN]
    assert (len(covered), len(now)) == (4, 4), "coverage"
    assert (len(mended), len(findings)) == (2, 2), "rectified"


async def closed_patiently(clients: Clients, gas: Partner) -> case_pb2.Case:
    """While supervision comes up again its calls are repeated."""
    return await closed(Desk(clients, "12345", retry=True), gas)


async def test_a_reopened_case_is_visited_again(clients: Clients) -> None:
    """Row 23: a new round that closes is a new record."""
    desk = Inspector(clients, "12345")
    async with Partner(clients, "gas") as gas:
        case = await visited(desk, await closed(desk, gas, reply="好"))
        case = await desk.reopen(case)
        name = case.referrals[-1].name
        await gas.got(lambda one: one.referral.name == name, "the second round")
        await gas.accept(name)
        await gas.resolve(name, "已办", "您好, 已恢复")
        done = await desk.until(case, lambda one: one.state == State.FOLLOW_UP, "resolved again")
        case = await desk.close(await desk.follow_up(done))
        case = await desk.until(case, lambda one: one.patrol.round == 2, "visited again")
    assert [(one.rule, one.round, one.number) for one in case.findings] == [("no_reply", 1, 1)]
    await asyncio.gather(*(desk.get(case) for _ in range(3)))
    assert [one.kind for one in await desk.events(case)].count("PatrolVisited") == 2
