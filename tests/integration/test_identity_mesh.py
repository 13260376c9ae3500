"""A whole mesh with mTLS: each agency sees its own cases and does its own part, through real certificates and NATS."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.rpc import error_details_pb2

from callmesh.api.v1 import case_pb2, tracking_service_pb2
from callmesh.api.v1 import classification_service_pb2 as cls
from callmesh.api.v1 import gateway_service_pb2 as gw
from callmesh.api.v1 import intake_service_pb2 as intake
from callmesh.api.v1 import supervision_service_pb2 as supervision
from callmesh.api.v1 import transfer_service_pb2 as transfer
from callmesh.cli.authority import Authority
from callmesh.cli.clients import connect, ops
from callmesh.cli.mesh import LocalMesh
from callmesh.domain.directory import City
from callmesh.kernel.config import SERVICES
from callmesh.kernel.ids import new_id
from callmesh.kernel.rpc import client
from callmesh.kernel.rpc.clients import Clients
from support.waiting import until

pb = tracking_service_pb2
ROOT = Path(__file__).resolve().parents[2]
CITY = ROOT / "deploy" / "city"
NUMBER, NAME = "13900001111", "测试来电人"
NOT_FOUND, DENIED = grpc.StatusCode.NOT_FOUND, grpc.StatusCode.PERMISSION_DENIED
UNKNOWN_CASE = "cases/r1-0-77CHWZ977XERY72T7EPKMEJHCH"
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalMesh]:
    slow = {"CALLMESH_PARTNER_RATE": "5"}  # so that a busy machine, too, can ask for more
    async with LocalMesh(tmp_path_factory.mktemp("mesh") / "data", city=CITY, tls=True, env=slow) as running:
        yield running
    assert running.clean


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clients(mesh: LocalMesh) -> AsyncIterator[Clients]:
    async with connect(mesh.endpoints) as made:
        yield made


async def refused(work: Awaitable[Any]) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as wrong:
        await work
    return wrong.value


def by(agency: str, role: str = "operator") -> dict[str, Any]:
    return {"metadata": client.identity(agency, f"{agency}-1", role), "timeout": 20}


async def gas_case(clients: Clients) -> case_pb2.Case:
    """12345 opens it and offers it to gas."""
    caller = {"number": NUMBER, "name": NAME}
    report = {"narrative": "厨房停气了", "caller": caller, "place": {"text": "望江路1号"}}
    request = intake.OpenCaseRequest(request_id=new_id(), report=report)  # type: ignore[arg-type]
    case = await clients.intake.OpenCase(request, **by("12345"))
    classify = cls.ClassifyCaseRequest(request_id=new_id(), name=case.name, category="gas_outage", reason="核实")
    await clients.classification.ClassifyCase(classify, **by("12345"))
    offer = transfer.TransferCaseRequest(request_id=new_id(), name=case.name, agency="gas", reason="停气")
    return await clients.transfer.TransferCase(offer, **by("12345"))


async def accepted(clients: Clients, case: case_pb2.Case) -> case_pb2.Case:
    name = case.referrals[0].name
    request = gw.AcceptReferralRequest(request_id=new_id(), name=name, handler="g-1")
    await clients.gateway.AcceptReferral(request, **by("gas"))
    return await clients.tracking.GetCase(pb.GetCaseRequest(name=case.name), **by("12345"))


def every_way_in(clients: Clients, name: str) -> dict[str, Callable[[dict[str, Any]], Awaitable[Any]]]:
    """Every RPC that names a case, about this one."""
    one, referral = {"request_id": "r", "name": name}, {"request_id": "r", "name": f"{name}/referrals/1"}
    c = clients
    return {
        "GetCase": lambda who: c.tracking.GetCase(pb.GetCaseRequest(name=name), **who),
        "ListCaseEvents": lambda who: c.tracking.ListCaseEvents(pb.ListCaseEventsRequest(parent=name), **who),
        "GetTimeline": lambda who: c.tracking.GetTimeline(pb.GetTimelineRequest(name=name), **who),
        "AmendCase": lambda who: c.intake.AmendCase(intake.AmendCaseRequest(**one, text="x"), **who),
        "AmendCase, stale etag": lambda who: c.intake.AmendCase(
            intake.AmendCaseRequest(**one, text="x", etag="1"), **who
        ),
        "AnswerCase": lambda who: c.intake.AnswerCase(
            intake.AnswerCaseRequest(**one, result="x", public_reply="x"), **who
        ),
        "RejectCase": lambda who: c.intake.RejectCase(
            intake.RejectCaseRequest(**one, ground="abuse", reason="x"), **who
        ),
        "CancelCase": lambda who: c.intake.CancelCase(intake.CancelCaseRequest(**one, reason="x"), **who),
        "ClassifyCase": lambda who: c.classification.ClassifyCase(
            cls.ClassifyCaseRequest(**one, category="gas_leak", reason="x"), **who
        ),
        "TransferCase": lambda who: c.transfer.TransferCase(transfer.TransferCaseRequest(**one, agency="119"), **who),
        "DecideReturn": lambda who: c.transfer.DecideReturn(
            transfer.DecideReturnRequest(**referral, granted=True, reason="x"), **who
        ),
        "RecallReferral": lambda who: c.transfer.RecallReferral(
            transfer.RecallReferralRequest(**referral, reason="x"), **who
        ),
        "WaiveReferral": lambda who: c.transfer.WaiveReferral(
            transfer.WaiveReferralRequest(**referral, reason="x"), **who
        ),
        "AcknowledgeReferral": lambda who: c.gateway.AcknowledgeReferral(
            gw.AcknowledgeReferralRequest(name=referral["name"]), **who
        ),
        "AcceptReferral": lambda who: c.gateway.AcceptReferral(
            gw.AcceptReferralRequest(**referral, handler="x"), **who
        ),
        "ReportProgress": lambda who: c.gateway.ReportProgress(gw.ReportProgressRequest(**referral, text="x"), **who),
        "ReturnReferral": lambda who: c.gateway.ReturnReferral(
            gw.ReturnReferralRequest(**referral, reason="not_ours", basis="x"), **who
        ),
        "ResolveReferral": lambda who: c.gateway.ResolveReferral(
            gw.ResolveReferralRequest(**referral, result="x", public_reply="x"), **who
        ),
        "CloseCase": lambda who: c.supervision.CloseCase(supervision.CloseCaseRequest(**one, waiver="x"), **who),
        "ReopenCase": lambda who: c.supervision.ReopenCase(supervision.ReopenCaseRequest(**one, reason="x"), **who),
        "RecordFollowUp": lambda who: c.supervision.RecordFollowUp(
            supervision.RecordFollowUpRequest(**one, follow_up={"reached": True}),  # type: ignore[arg-type]
            **who,
        ),
    }


class TestStranger:
    async def test_learns_nothing_on_any_way(self, clients: Clients) -> None:
        """The same words, code and details as for a case that never was."""
        case = await gas_case(clients)
        real, unreal = every_way_in(clients, case.name), every_way_in(clients, UNKNOWN_CASE)
        for method, call in real.items():
            told, control = await refused(call(by("water"))), await refused(unreal[method](by("water")))
            assert told.code() == NOT_FOUND, (method, told.details())
            assert (told.details(), client.status_details(told)) == (control.details(), client.status_details(control))
        after = await clients.tracking.GetCase(pb.GetCaseRequest(name=case.name, min_etag=case.etag), **by("12345"))
        assert after.etag == case.etag, "nothing was written"

    async def test_finds_nothing_in_lists_watches_and_figures(self, clients: Clients) -> None:
        watch = clients.tracking.WatchCases(pb.WatchCasesRequest(), metadata=client.identity("power"))
        assert (await watch.read()).resume_token  # type: ignore[union-attr]
        theirs = clients.tracking.WatchCases(pb.WatchCasesRequest(), metadata=client.identity("gas"))
        await theirs.read()
        case = await accepted(clients, await gas_case(clients))
        while (seen := await theirs.read()).case.name != case.name or seen.event.kind != "ReferralAccepted":  # type: ignore[union-attr]
            assert seen.case.name  # type: ignore[union-attr]
        listed = await clients.tracking.ListCases(pb.ListCasesRequest(), **by("power"))
        assert not listed.cases
        by_number = pb.ListCasesRequest(filter=pb.CaseFilter(number=NUMBER))
        assert not (await clients.tracking.ListCases(by_number, **by("power"))).cases
        assert case.name in [one.name for one in (await clients.tracking.ListCases(by_number, **by("12345"))).cases]
        assert await opened(clients, by("power")) == 0
        mine = await power_case(clients)
        assert (await watch.read()).case.name == mine.name, "the first that power is told is its own"  # type: ignore[union-attr]
        watch.cancel()
        theirs.cancel()

    async def test_anothers_case_is_not_there_to_fold_into(self, clients: Clients) -> None:
        """The same words whether the parent is another's or never was, stale etag or not."""
        foreign, mine = await gas_case(clients), await power_case(clients)

        async def told(name: str, parent: str, **more: str) -> tuple[Any, Any, Any]:
            request = intake.MergeCaseRequest(request_id=new_id(), name=name, parent=parent, reason="x", **more)
            wrong = await refused(clients.intake.MergeCase(request, **by("power")))
            return wrong.code(), wrong.details(), client.status_details(wrong)

        unknown = await told(mine.name, UNKNOWN_CASE)
        assert unknown[:2] == (NOT_FOUND, "no such parent case")
        assert await told(mine.name, foreign.name) == unknown
        assert await told(mine.name, foreign.name, etag="1") == unknown
        assert await told(mine.name, UNKNOWN_CASE, etag="1") == unknown
        never = await told(UNKNOWN_CASE, mine.name)
        assert await told(foreign.name, mine.name) == never and never[0] == NOT_FOUND
        assert await told(foreign.name, UNKNOWN_CASE) == await told(UNKNOWN_CASE, UNKNOWN_CASE)

    async def test_an_external_number_of_anothers_case_tells_its_name_alone(self, clients: Clients) -> None:
        number = [{"system": "alarm", "value": new_id()}]
        report = {"narrative": "停气", "caller": {"number": NUMBER}}
        given = {"report": report, "external_ids": number}
        first = intake.OpenCaseRequest(request_id=new_id(), **given)  # type: ignore[arg-type]
        again = intake.OpenCaseRequest(request_id=new_id(), **given)  # type: ignore[arg-type]
        case = await clients.intake.OpenCase(first, **by("12345"))
        assert await clients.intake.OpenCase(again, **by("water")) == case_pb2.Case(name=case.name)


async def power_case(clients: Clients) -> case_pb2.Case:
    """Opened by power itself: a partner may."""
    request = intake.OpenCaseRequest(request_id=new_id(), report={"narrative": "停电了"})  # type: ignore[arg-type]
    return await clients.intake.OpenCase(request, **by("power"))


async def opened(clients: Clients, who: dict[str, Any]) -> int:
    found = await clients.tracking.GetFigures(pb.GetFiguresRequest(), **who)
    return next(one.numerator for one in found.figures if one.id == "cases_opened")


class TestParty:
    async def test_sees_what_its_policy_releases_as_owner_too(self, clients: Clients, demo_city: City) -> None:
        case = await gas_case(clients)
        shown = await clients.tracking.GetCase(pb.GetCaseRequest(name=case.name, min_etag=case.etag), **by("gas"))
        assert shown.report.narrative
        assert (shown.caller_key, shown.operator) == ("", "") and int(shown.etag) >= int(case.etag)
        assert case.caller_key
        await accepted(clients, case)
        request = pb.GetCaseRequest(name=case.name)
        owned = await until(lambda: _owned(clients, request), "gas owns it")
        assert (owned.report.caller.name, owned.report.narrative) == ("", case.report.narrative)

    async def test_may_do_its_part_and_no_more(self, clients: Clients) -> None:
        case = await accepted(clients, await gas_case(clients))
        support = transfer.TransferCaseRequest(request_id=new_id(), name=case.name, support=["water"], reason="协助")
        moved = await clients.transfer.TransferCase(support, **by("gas"))
        ways = every_way_in(clients, case.name)
        for method in ("CloseCase", "CancelCase", "TransferCase", "RecallReferral", "ClassifyCase", "ReopenCase"):
            assert (await refused(ways[method](by("water")))).code() == DENIED, method
        read = pb.GetCaseRequest(name=case.name, min_etag=moved.etag)
        await clients.tracking.GetCase(read, **by("water"))
        shown = await clients.tracking.GetTimeline(pb.GetTimelineRequest(name=case.name), **by("water"))
        assert [one.agency for one in shown.case.referrals] == ["water"]
        assert {one.agency for one in shown.holds} <= {"water"}
        own = shown.case.referrals[0].name
        assert {one.event.referral for one in shown.entries} <= {"", own}
        assert not any(one.event.actor.person for one in shown.entries if one.event.actor.agency != "water")
        events = await clients.tracking.ListCaseEvents(pb.ListCaseEventsRequest(parent=case.name), **by("water"))
        assert {one.referral for one in events.events} <= {"", own}


async def _owned(clients: Clients, request: Any) -> case_pb2.Case | None:
    shown = await clients.tracking.GetCase(request, **by("gas"))
    return shown if shown.owner == "gas" else None


class TestRoles:
    async def test_supervisors_see_every_case_where_the_city_says_so(self, clients: Clients) -> None:
        case = await gas_case(clients)
        request = pb.GetCaseRequest(name=case.name, min_etag=case.etag)
        assert (await refused(clients.tracking.GetCase(request, **by("110")))).code() == NOT_FOUND
        shown = await clients.tracking.GetCase(request, **by("110", "supervisor"))
        assert shown.report.narrative == "厨房停气了"
        for role in ("supervisor", "commander", "ops", "nonsense"):
            assert (await refused(clients.tracking.GetCase(request, **by("water", role)))).code() == DENIED

    async def test_ops_see_every_way_and_no_report(self, mesh: LocalMesh, clients: Clients) -> None:
        case = await gas_case(clients)
        request = pb.GetTimelineRequest(name=case.name)
        told = await clients.tracking.GetTimeline(request, metadata=ops(), timeout=60)
        assert (told.case.report.narrative, told.case.report.caller.number, told.case.caller_key) == ("", "", "")
        assert [one.agency for one in told.case.referrals] == ["gas"]
        wrong = await refused(every_way_in(clients, case.name)["CancelCase"]({"metadata": ops(), "timeout": 20}))
        assert wrong.code() == DENIED
        everything = await opened(clients, {"metadata": ops(), "timeout": 20})
        assert everything >= await opened(clients, by("12345")) > 0
        traced = await asyncio.to_thread(_callmesh, mesh, "trace", case.name)
        assert "gas" in traced
        assert NAME not in traced

    async def test_doctor_knows_the_certificates(self, mesh: LocalMesh) -> None:
        environment = os.environ | {"CALLMESH_DATA_DIR": str(mesh.data_dir)}
        command = [sys.executable, "-m", "callmesh", "doctor", "--json"]

        async def all_well() -> bool:
            done = await asyncio.to_thread(subprocess.run, command, env=environment, capture_output=True, text=True)
            found = {one["name"]: one["state"] for one in map(json.loads, done.stdout.splitlines())}
            return found["certificates"] == "ok" and all(found[name] == "ok" for name in SERVICES)

        await until(all_well, "every service is asked with a certificate and answers", 90)

    async def test_a_certificate_that_is_missing_is_told_in_a_sentence(self, mesh: LocalMesh) -> None:
        environment = os.environ | {"CALLMESH_DATA_DIR": str(mesh.data_dir), "GRPC_VERBOSITY": "NONE"}
        command = [sys.executable, "-m", "callmesh", "trace", UNKNOWN_CASE, "--operator", "nobody"]
        done = await asyncio.to_thread(subprocess.run, command, env=environment, capture_output=True, text=True)
        assert (done.returncode, "Traceback" in done.stderr) == (1, False)
        assert "callmesh ca issue" in done.stderr


def _callmesh(mesh: LocalMesh, *words: str) -> str:
    environment = os.environ | {"CALLMESH_DATA_DIR": str(mesh.data_dir), "GRPC_VERBOSITY": "NONE"}
    command = [sys.executable, "-m", "callmesh", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class TestLimits:
    async def test_who_floods_is_told_when_to_come_back_and_hinders_nobody(self, clients: Clients) -> None:
        request, malformed = pb.GetFiguresRequest(), pb.GetCaseRequest(name="nothing")
        refusals: list[grpc.aio.AioRpcError] = []

        async def flood() -> None:
            for _ in range(40):
                wrong = await refused(clients.tracking.GetCase(malformed, **by("heating")))
                if wrong.code() not in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNAVAILABLE):  # or it broke
                    return refusals.append(wrong)
            return None

        await asyncio.gather(*(flood() for _ in range(15)))
        await clients.tracking.GetFigures(request, **by("gas"))
        assert refusals
        for one in refusals:
            assert (one.code(), client.reason_of(one)) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
            retry = client.detail(client.status_details(one), error_details_pb2.RetryInfo)
            assert 0 < retry.retry_delay.ToNanoseconds() <= 1e9


class TestCertificates:
    async def test_without_one_nobody_is_served(self, mesh: LocalMesh) -> None:
        for address in mesh.endpoints.services.values():
            async with client.channel(address) as channel:
                call = channel.unary_unary("/callmesh.api.v1.TrackingService/GetCase")
                assert (await refused(call(b"", timeout=60))).code() == grpc.StatusCode.UNAVAILABLE

    async def test_a_revoked_partners_stream_ends_within_seconds(self, mesh: LocalMesh, clients: Clients) -> None:
        authority = Authority(Path(mesh.endpoints.identities))
        call = clients.gateway.ReceiveReferrals(metadata=client.identity("market-reg"))
        await call.write(gw.ReceiveReferralsRequest(hello=gw.Hello()))
        assert (await call.read()).welcome.agency == "market-reg"  # type: ignore[union-attr]
        begun = time.monotonic()
        await asyncio.to_thread(authority.revoke, "agency/market-reg")
        wrong = await refused(asyncio.wait_for(call.read(), 60))
        assert (wrong.code(), time.monotonic() - begun < 5) == (grpc.StatusCode.UNAUTHENTICATED, True)
        authority.issue("agency/market-reg")
        request = gw.PullReferralsRequest()

        async def served() -> bool:
            with contextlib.suppress(grpc.aio.AioRpcError):
                await clients.gateway.PullReferrals(request, **by("market-reg"))
                return True
            return False

        await until(served, "the new certificate counts")
