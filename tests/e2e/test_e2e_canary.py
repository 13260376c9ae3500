"""Canaries: names, numbers, addresses, words like people's through a whole mesh, and then nowhere in the clear.

Looked at: what processes logged, spans and metrics as a collector gets them, NATS's files and every message of every
stream, the read model's files. The last part erases a case and looks at what can still be read.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import grpc
import pytest
import pytest_asyncio
from click.testing import Result
from mesh_play import CALL_SECONDS, Desk, Kind, Partner, State, city_with, partners, referral_of, refused, request_id
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as metrics_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as trace_grpc

from callmesh.api.v1 import case_pb2, common_pb2, referral_pb2, report_pb2
from callmesh.api.v1 import gateway_service_pb2 as gw
from callmesh.api.v1 import intake_service_pb2 as intake
from callmesh.api.v1 import supervision_service_pb2 as sup
from callmesh.api.v1 import tracking_service_pb2 as trk
from callmesh.api.v1 import transfer_service_pb2 as tra
from callmesh.cli.clients import connect
from callmesh.cli.endpoints import jetstream
from callmesh.cli.mesh import LocalMesh
from callmesh.kernel.config import Settings
from callmesh.kernel.rpc.client import identity
from callmesh.kernel.rpc.clients import Clients
from callmesh.kernel.subjects import Names
from callmesh.kernel.vault import open_vault
from callmesh.ledger.jetstream import JetStreamLedger
from callmesh.partner import WrongState
from support.command import callmesh
from support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")
NAME, NUMBER, CONTACT = "欧阳哨兵甲", "13977301236", "057288123467"
ADDRESS, LANDMARK, PLATE = "哨兵东路7723号3单元", "哨兵牌坊北侧", "浙C7723Q"
WORDS = "哨兵所言"
"""Stands in every note, reason, result and reply."""
CANARIES = (NAME, NUMBER, CONTACT, ADDRESS, LANDMARK, PLATE, WORDS)
STORY = f"{WORDS}: 厨房停气了, 我叫{NAME}, 电话 139-7730-1236, 在{ADDRESS}"


class Collector(trace_grpc.TraceServiceServicer, metrics_grpc.MetricsServiceServicer):
    """An OTLP collector on loopback that keeps everything."""

    def __init__(self, request_type: str = "") -> None:
        self.received: list[bytes] = []
        self.spans: list[Any] = []

    async def Export(self, request: Any, context: Any) -> Any:
        self.received.append(request.SerializeToString())
        if isinstance(request, trace.ExportTraceServiceRequest):
            self.spans += [span for one in request.resource_spans for part in one.scope_spans for span in part.spans]
            return trace.ExportTraceServiceResponse()
        return metrics.ExportMetricsServiceResponse()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def collector() -> AsyncIterator[tuple[Collector, str]]:
    made, server = Collector(), grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
    trace_grpc.add_TraceServiceServicer_to_server(made, server)
    metrics_grpc.add_MetricsServiceServicer_to_server(made, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield made, f"http://127.0.0.1:{port}"
    await server.stop(None)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh(tmp_path_factory: pytest.TempPathFactory, collector: tuple[Collector, str]) -> AsyncIterator[LocalMesh]:
    folder = tmp_path_factory.mktemp("canary")
    more = {"CALLMESH_OTLP_ENDPOINT": collector[1], "CALLMESH_LOG_LEVEL": "debug"}
    async with LocalMesh(folder / "data", city=city_with(folder / "city", {}), env=more) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clients(mesh: LocalMesh) -> AsyncIterator[Clients]:
    async with connect(mesh.endpoints) as made:
        yield made


def report(**caller: Any) -> report_pb2.Report:
    who = report_pb2.Caller(number=NUMBER, name=NAME, subscriber=NAME, contact_number=CONTACT, **caller)
    place = report_pb2.Place(text=ADDRESS, landmark=LANDMARK)
    return report_pb2.Report(caller=who, narrative=STORY, place=place, plates=[PLATE])


async def test_what_people_say_goes_through_every_flow(clients: Clients) -> None:
    """The material of the tests below: each flow with canaries in every field a person fills in."""
    desk, chief = Desk(clients, "110"), Desk(clients, "110", "supervisor")
    async with partners(clients, "gas", "water", "12345") as bodies:
        await _whole_life(desk, bodies["gas"], clients)
        await _returned_and_watched(desk, chief, bodies["water"])
        await _repeats_and_folding(desk)
        await _other_ends(desk)
        await _disputed_and_mediated(desk)
        await _bad_input(clients, desk)


async def _whole_life(desk: Desk, gas: Partner, clients: Clients) -> None:
    case = await desk.open(report=report(), external_ids=[report_pb2.ExternalId(system="alarm", value="A-77")])
    case = await desk.amend(case, f"{WORDS}: {NAME}说还没有气")
    case = await desk.transfer(await desk.classify(case, "gas_outage", reason=f"{WORDS} 核实"), reason=WORDS)
    name = (await gas.told(case)).referral.name
    await gas.accept(name)
    await gas.progress(name, f"{WORDS} 已联系{NAME}")
    await gas.act(gw.Action(request_extension=gw.RequestExtensionRequest(name=name, reason=WORDS)))
    decided = sup.DecideExtensionRequest(request_id=request_id(), name=name, granted=False, reason=WORDS)
    await desk.call(clients.supervision.DecideExtension, decided)
    remind = sup.RemindReferralRequest(request_id=request_id(), name=name, reason=WORDS)
    await desk.call(clients.supervision.RemindReferral, remind)
    note = intake.AnnotateCaseRequest(request_id=request_id(), name=case.name, text=WORDS)
    await desk.call(clients.intake.AnnotateCase, note)
    await gas.resolve(name, f"{WORDS} 已修好", f"{WORDS} 请放心")
    case = await desk.follow_up(case)
    case = await desk.reopen(case, WORDS)
    renewed = await gas.got(
        lambda one: one.kind == Kind.OFFERED and one.case.name == case.name and one.case.round == 2, "the second round"
    )
    await gas.accept(renewed.referral.name)
    await gas.resolve(renewed.referral.name, WORDS, WORDS)
    said = case_pb2.FollowUp(reached=True, solved=True, satisfied=5, note=f"{WORDS} {NAME}")
    follow = sup.RecordFollowUpRequest(request_id=request_id(), name=case.name, follow_up=said)
    case = await desk.call(clients.supervision.RecordFollowUp, follow)
    await desk.close(case)


async def _returned_and_watched(desk: Desk, chief: Desk, water: Partner) -> None:
    case = await desk.offered("", "water_outage", report=report())
    name = (await water.told(case)).referral.name
    request = gw.ReturnReferralRequest(name=name, reason="not_our_duty", basis=f"{WORDS} 第二条")
    await water.act(gw.Action(return_referral=request))
    await water.told(case, Kind.RETURN_GRANTED)
    raised = sup.RaiseSupervisionRequest(
        request_id=request_id(), name=case.name, supervision=common_pb2.SUPERVISION_RED, reason=WORDS
    )
    await chief.call(chief.clients.supervision.RaiseSupervision, raised)


async def _disputed_and_mediated(desk: Desk) -> None:
    """Two agencies return it, whoever the second is; the first receiver mediates, a commander designates."""
    case, stub = await desk.offered("", "streetlight", report=report()), desk.clients.gateway
    for hop, reason in enumerate(("not_our_duty", "needs_other_lead")):
        now = await desk.until(case, lambda one, hop=hop: len(one.referrals) > hop, "offered to the next")
        one = now.referrals[hop]
        back = gw.ReturnReferralRequest(request_id=request_id(), name=one.name, reason=reason, basis=f"{WORDS} {NAME}")
        await stub.ReturnReferral(back, metadata=identity(one.agency, "h1"), timeout=CALL_SECONDS)
    await desk.until(case, lambda one: one.state == State.DISPUTED, "two refused: a dispute")
    said = sup.RecordMediationRequest(
        request_id=request_id(), name=case.name, outcome=f"{WORDS} {NAME}同意", settled=True
    )
    await desk.call(desk.clients.supervision.RecordMediation, said)
    designate = tra.DesignateJurisdictionRequest(request_id=request_id(), name=case.name, reason=f"{WORDS} 兜底")
    await Desk(desk.clients, "110", "commander").call(desk.clients.transfer.DesignateJurisdiction, designate)


async def _repeats_and_folding(desk: Desk) -> None:
    first = await desk.open(report=report())
    again = [await desk.open(report=report()) for _ in range(3)]
    await desk.until(again[-1], lambda one: bool(one.links), "linked to the one before")
    merge = intake.MergeCaseRequest(request_id=request_id(), name=again[0].name, parent=first.name, reason=WORDS)
    await desk.call(desk.clients.intake.MergeCase, merge)


async def _other_ends(desk: Desk) -> None:
    answered = await desk.classify(await desk.open(report=report()), "policy")
    answer = intake.AnswerCaseRequest(request_id=request_id(), name=answered.name, result=WORDS, public_reply=WORDS)
    await desk.call(desk.clients.intake.AnswerCase, answer)
    cancelled = await desk.classify(await desk.open(report=report()), "policy")
    cancel = intake.CancelCaseRequest(request_id=request_id(), name=cancelled.name, reason=WORDS)
    await desk.call(desk.clients.intake.CancelCase, cancel)
    await desk.open(report=report(), channel="sms")


async def _bad_input(clients: Clients, desk: Desk) -> None:
    """Refusals do not say again what they were told, and nothing notes it."""
    long = report()
    long.caller.name = NAME * 300
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD") as why:
        await desk.open(report=long)
    assert not [one for one in CANARIES if one in f"{why.error.details()} {why.zh} {why.error.trailing_metadata()}"]
    for name in (NAME, f"cases/{NUMBER}"):
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"):
            await desk.call(clients.tracking.GetCase, trk.GetCaseRequest(name=name))
    with refused(grpc.StatusCode.NOT_FOUND, "NOT_FOUND"):
        await desk.call(clients.tracking.GetTimeline, trk.GetTimelineRequest(number=f"{NUMBER}0"))


async def test_a_confidential_caller_is_nowhere_in_what_a_partner_gets(clients: Clients) -> None:
    desk = Desk(clients, "110")
    for shield in ({"confidential": True}, {"silent": True}):
        async with partners(clients, "gas", "12345") as bodies:
            gas = bodies["gas"]
            case = await desk.transfer(await desk.classify(await desk.open(report=report(**shield)), "gas_outage"))
            told = await gas.told(case)
            await desk.amend(case, f"补充: {NAME} 的电话是 {NUMBER}")
            added = await gas.told(case, Kind.SUPPLEMENTED)
            seen = f"{told} {added} {await Desk(clients, 'gas').get(case)}"
            text = _readable(told, added)
            assert "哨兵所言" in text, "the matter itself is told"
            assert not [one for one in (NAME, NUMBER, CONTACT, "139-7730-1236") if one in text or one in seen]
            await until(lambda case=case: _by_number(clients, case), "the first receiver finds it by the number")
            assert not await _by_number(clients, case, "gas"), "asking for a number tells nothing either"
            assert not await _by_number(clients, case, "122", "supervisor")
            asked = gw.RequestDisclosureRequest(name=told.referral.name, fields=["number"], reason="要联系来电人")
            with pytest.raises(WrongState):
                await gas.act(gw.Action(request_disclosure=asked))


def _readable(*messages: Any) -> str:
    return " ".join(one.SerializeToString().decode(errors="replace") for one in messages)


async def test_more_is_seen_only_after_it_was_asked_for_and_granted(clients: Clients) -> None:
    desk = Desk(clients, "110")
    async with partners(clients, "gas") as bodies:
        gas = bodies["gas"]
        case = await desk.transfer(await desk.classify(await desk.open(report=report()), "gas_outage"))
        told = await gas.told(case)
        assert (told.case.report.caller.name, told.case.report.caller.contact_number) == ("", CONTACT)
        assert NAME not in _readable(told)
        name = told.referral.name
        await gas.accept(name)
        owned = await Desk(clients, "gas").get(await desk.until(case, lambda one: one.owner == "gas", "gas owns it"))
        assert owned.report.caller.contact_number == CONTACT
        assert NAME not in _readable(owned) and NUMBER not in _readable(owned), (
            "the owner of record sees its row, no more"
        )
        received = await desk.until(case, lambda one: bool(referral_of(one, "gas").released), "the release is noted")
        assert set(referral_of(received, "gas").released) == {"contact_number", "narrative", "place", "landmark"}

        asked = gw.RequestDisclosureRequest(name=name, fields=["name", "number"], reason=f"{WORDS} 上门要核对")
        after = await gas.act(gw.Action(request_disclosure=asked))
        assert after.disclosures[0].state == referral_pb2.Disclosure.ASKED
        with pytest.raises(WrongState):
            await gas.act(gw.Action(request_disclosure=asked))
        grant = sup.GrantDisclosureRequest(
            request_id=request_id(), name=name, granted=True, fields=["name"], reason=f"{WORDS} 同意"
        )
        with refused(grpc.StatusCode.PERMISSION_DENIED, "NOT_YOURS"):
            await Desk(clients, "gas").call(clients.supervision.GrantDisclosure, grant)
        await desk.call(clients.supervision.GrantDisclosure, grant)
        more = await gas.told(case, Kind.DISCLOSURE_DECIDED)
        assert (more.case.report.caller.name, more.case.report.caller.number) == (NAME, "")
        events = await _kinds(desk, case, "DataReleased")
        assert {"DisclosureRequested", "DisclosureDecided", "DataReleased"} <= set(events)


async def _kinds(desk: Desk, case: case_pb2.Case, wanted: str) -> list[str]:
    async def told() -> list[str]:
        found = [one.event.kind for one in (await desk.timeline(case)).entries]
        return found if wanted in found else []

    return await until(told, f"{wanted} in the timeline")


async def test_nothing_of_it_is_stored_logged_or_exported_in_the_clear(
    mesh: LocalMesh, collector: tuple[Collector, str]
) -> None:
    async def exported() -> bool:
        return any(b"callmesh.case" in one for one in collector[0].received)

    await until(exported, "spans were exported")
    hits = [f"{place}: {one}" for place, data in await _everything(mesh, collector[0]) for one in _found_in(data)]
    assert not hits, hits[:20]


async def test_every_span_says_case_and_agency_and_a_trace_goes_on_through_the_log(
    clients: Clients, collector: tuple[Collector, str]
) -> None:
    """An emergency that nobody attends is opened, classified, transferred and delivered in one trace."""
    case = await Desk(clients, "110").open(report=report(), channel="sms")
    case_id = case.name.removeprefix("cases/")

    async def whole_trace() -> bool:
        opened = [one for one in collector[0].spans if one.name.endswith("/OpenCase") and _says(one, "case") == case_id]
        names = {one.name for one in collector[0].spans if opened and one.trace_id == opened[0].trace_id}
        return {"process case_opened", "process case_classified"} <= names

    await until(whole_trace, "classification and transfer go on with the trace of the opening")
    mute = {one.name for one in collector[0].spans if not _says_enough(one)}
    assert not mute, "spans that do not say which case and whose agency"


def _says_enough(span: Any) -> bool:
    """Case and agency; what was refused may have named no case, and some RPCs are about none."""
    refused_call = any(one.key == "rpc.grpc.status_code" for one in span.attributes)
    of_no_case = span.name.rpartition("/")[2] in ("ListCases", "SuggestClassification")
    return bool(_says(span, "agency")) and (bool(_says(span, "case")) or refused_call or of_no_case)


def _says(span: Any, what: str) -> str:
    return next((one.value.string_value for one in span.attributes if one.key == f"callmesh.{what}"), "")


async def test_the_search_finds_what_it_looks_for() -> None:
    assert all(_found_in(f"x{form}y".encode()) == [one] for one in CANARIES for form in _forms(one))


async def test_an_erased_case_can_be_told_but_not_read(mesh: LocalMesh, clients: Clients, tmp_path: Path) -> None:
    """By the command line, as people do it; then by what an export, the tracking service and the log still hold."""
    desk = Desk(clients, "110")
    case = await desk.classify(await desk.open(report=report()), "policy")
    answer = intake.AnswerCaseRequest(request_id=request_id(), name=case.name, result=WORDS, public_reply=WORDS)
    open_case = await desk.open(report=report())
    case = await desk.call(clients.intake.AnswerCase, answer)
    await until(lambda: _by_number(clients, case), "it is found by its caller's number")

    async def erase(which: case_pb2.Case, agency: str = "110") -> Result:
        given = ("--reason", "当事人申请", "--agency", agency, "--yes")
        return await callmesh(mesh.data_dir, "erase", which.name, *given)

    refusal = await erase(open_case)
    assert refusal.exit_code == 1 and "WRONG_STATE" in refusal.stderr
    assert (await erase(case, "gas")).exit_code == 1
    for _ in range(2):
        done = await erase(case)
        assert done.exit_code == 0, done.stderr

    async def scrubbed() -> bool:
        seen = await desk.get(case)
        return seen.HasField("erased_at") and not await _by_number(clients, case)

    await until(scrubbed, "the read model is scrubbed")
    seen = await desk.get(case)
    assert not _found_in(seen.SerializeToString())
    assert (seen.state, seen.classification.category, seen.origin) == (State.ANSWERED, "policy", "110")
    timeline = await desk.timeline(case)
    by_people = [one.event for one in timeline.entries if one.event.actor.kind == common_pb2.ACTOR_KIND_PERSON]
    assert by_people[-1].kind == "CaseErased", "rules may still link it to other cases"
    assert len(timeline.entries) >= 4 and not _found_in(timeline.SerializeToString())
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE"):
        await desk.amend(case, WORDS)
    async with jetstream(mesh.endpoints) as js:
        vault = await open_vault(js._nc, js, Settings(data_dir=str(mesh.data_dir)))
        case_id = case.name.removeprefix("cases/")
        assert (await vault.load(case_id)).erased
        ledger = JetStreamLedger(js._nc, js, Names("r1"), "test", vault)
        for head in await ledger.history(case_id):
            assert not _found_in(head.record.SerializeToString())
        other = await ledger.head(open_case.name.removeprefix("cases/"), fresh=True)
        assert other is not None and other.case.report.caller.name == NAME, "others are as they were"
    export = tmp_path / "export"
    assert (await callmesh(mesh.data_dir, "audit", "export", str(export))).exit_code == 0
    verified = await callmesh(mesh.data_dir, "audit", "verify", str(export))
    assert verified.exit_code == 0, verified.stdout + verified.stderr


async def _by_number(clients: Clients, case: case_pb2.Case, agency: str = "110", role: str = "operator") -> bool:
    request = trk.ListCasesRequest(filter=trk.CaseFilter(number=NUMBER), page_size=500)
    found = await clients.tracking.ListCases(request, metadata=identity(agency, "007", role), timeout=CALL_SECONDS)
    return case.name in [one.name for one in found.cases]


async def _everything(mesh: LocalMesh, collector: Collector) -> list[tuple[str, bytes]]:
    """All that the mesh left anywhere."""
    files = await asyncio.to_thread(lambda: list(_files(mesh.data_dir)))
    names = [name for name, _ in files]
    assert any("tracking.db" in name for name in names) and any("LOG_r1_0" in name for name in names)
    exports = [(f"export {place}", data) for place, data in enumerate(collector.received)]
    messages = [one async for one in _messages(mesh)]
    assert len(messages) > 50 and exports
    return [*files, *exports, *messages]


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for one in folder.rglob("*"):
        if one.is_file():
            yield str(one.relative_to(folder)), one.read_bytes()


async def _messages(mesh: LocalMesh) -> AsyncIterator[tuple[str, bytes]]:
    """Every message of every stream, since files may be compressed."""
    async with jetstream(mesh.endpoints) as js:
        for stream in await js.streams_info():
            name = str(stream.config.name)
            for sequence in range(stream.state.first_seq, stream.state.last_seq + 1):
                try:
                    found = await js.get_msg(name, sequence)
                except Exception:  # acknowledged or erased meanwhile
                    continue
                if not str(found.subject).startswith("$KV.directory"):
                    yield f"{name}/{sequence}", f"{found.subject} {found.headers} ".encode() + (found.data or b"")


def _forms(one: str) -> set[str]:
    return {one, json.dumps(one)[1:-1], quote(one)}


def _found_in(data: bytes) -> list[str]:
    return [one for one in CANARIES if any(form.encode() in data for form in _forms(one))]
