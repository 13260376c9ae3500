"""A running intake in front of a real NATS: whatever is sent, what a caller gets and what the log keeps."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2

from callmesh.api.v1 import case_pb2, report_pb2
from callmesh.api.v1 import intake_service_pb2 as pb
from callmesh.api.v1.intake_service_pb2_grpc import IntakeServiceStub
from callmesh.domain.case import Case
from callmesh.domain.directory import City
from callmesh.domain.evolve import evolve
from callmesh.kernel import publisher
from callmesh.kernel.rpc import client
from callmesh.ledger import jetstream as ledger
from callmesh.ledger.record import case_of, decode, fact_of
from support.builders import CASE
from support.nats_server import NatsServer, jetstream
from support.service import NAMES, Running, lay_out, running, serving, settings
from support.waiting import until, within

POLICE = client.identity("110", "p-7")
NUMBER = "13911112222"
SERVICE = "/callmesh.api.v1.IntakeService/"


class Desk:
    """An operator's desk: calls without retries, so that every answer is seen."""

    def __init__(self, one: Running, server: NatsServer) -> None:
        self.channel, self.server, self.runtime = one.channel, server, one.runtime
        self.stub: Any = IntakeServiceStub(one.channel)

    async def open(self, who: Sequence[tuple[str, str]] = POLICE, **more: Any) -> case_pb2.Case:
        request = pb.OpenCaseRequest(**({"request_id": "r-1", "report": {"narrative": "厨房停气了"}} | more))
        answer: case_pb2.Case = await self.stub.OpenCase(request, metadata=who, timeout=60)
        return answer

    async def refused(self, work: Any, code: str, reason: str) -> grpc.aio.AioRpcError:
        with pytest.raises(grpc.aio.AioRpcError) as wrong:
            await work
        assert (wrong.value.code().name, client.reason_of(wrong.value)) == (code, reason)
        assert any("\u4e00" <= letter <= "\u9fff" for letter in client.sentence(wrong.value))
        return wrong.value

    async def log(self) -> dict[str, list[Any]]:
        """Every stored record by subject, in order."""
        found: dict[str, list[Any]] = {}
        async with jetstream(self.server) as js:
            info = await js.stream_info(NAMES.log_stream(0))
            for sequence in range(1, info.state.messages + 1):
                message = await js.get_msg(NAMES.log_stream(0), sequence, direct=True)
                found.setdefault(str(message.subject), []).append(decode(message.data or b""))
        return found


@pytest.fixture
async def desk(nats: NatsServer, demo_city: City, tmp_path: Path) -> AsyncIterator[Desk]:
    async with serving("intake", nats, demo_city, tmp_path) as one:
        yield Desk(one, nats)


class TestWho:
    async def test_nobody(self, desk: Desk) -> None:
        await desk.refused(desk.open(who=()), "UNAUTHENTICATED", "UNAUTHENTICATED")

    async def test_a_stranger(self, desk: Desk) -> None:
        stranger = client.identity("fbi")
        await desk.refused(desk.open(who=stranger), "PERMISSION_DENIED", "NOT_YOURS")
        amend = desk.stub.AmendCase(pb.AmendCaseRequest(name=CASE, text="x"), metadata=stranger)
        await desk.refused(amend, "PERMISSION_DENIED", "NOT_YOURS")
        assert await desk.log() == {}

    async def test_a_known_agency_owns_what_it_receives(self, desk: Desk) -> None:
        case = await desk.open()
        assert (case.origin, case.owner, case.operator, case.etag) == ("110", "110", "p-7", "1")


class TestRepeat:
    async def test_the_same_request_id_is_the_same_case(self, desk: Desk) -> None:
        answers = [await desk.open() for _ in range(3)]
        assert len({one.SerializeToString() for one in answers}) == 1
        assert [len(records) for records in (await desk.log()).values()] == [1]

    async def test_with_other_content_it_is_refused(self, desk: Desk) -> None:
        await desk.open()
        other = desk.open(report={"narrative": "着火了"})
        await desk.refused(other, "ALREADY_EXISTS", "REQUEST_ID_REUSED")

    async def test_two_agencies_may_choose_the_same_id(self, desk: Desk) -> None:
        mine, theirs = await desk.open(), await desk.open(who=client.identity("12345"))
        assert mine.name != theirs.name

    async def test_the_same_external_number_is_the_same_case_for_everybody(self, desk: Desk) -> None:
        number = [{"system": "alarm", "value": "A-1"}]
        first = await desk.open(external_ids=number)
        again = await desk.open(who=client.identity("12345"), request_id="r-2", external_ids=number)
        assert again.name == first.name
        other = await desk.open(request_id="r-3", external_ids=[{"system": "alarm", "value": "A-2"}])
        assert other.name != first.name

    async def test_without_request_id_every_call_is_a_report(self, desk: Desk) -> None:
        first, second = await desk.open(request_id=""), await desk.open(request_id="")
        assert first.name != second.name

    async def test_twenty_at_once_are_one_case(self, desk: Desk) -> None:
        answers = await asyncio.gather(*(desk.open() for _ in range(20)))
        assert len({one.SerializeToString() for one in answers}) == 1

    @pytest.mark.parametrize("wrong", ["has space", "x" * 65, "new\nline"])
    async def test_a_malformed_one(self, desk: Desk, wrong: str) -> None:
        await desk.refused(desk.open(request_id=wrong), "INVALID_ARGUMENT", "INVALID_FIELD")


class TestCodes:
    """Unknown codes pass through and are flagged, never refused."""

    async def test_an_unknown_channel(self, desk: Desk) -> None:
        case = await desk.open(channel="carrier_pigeon")
        assert (case.channel, list(case.flags)) == ("carrier_pigeon", ["unknown_channel"])

    async def test_an_unknown_division(self, desk: Desk) -> None:
        case = await desk.open(division="110101")
        assert (case.division, list(case.flags)) == ("110101", ["unknown_division"])

    async def test_known_ones_are_not_flagged(self, desk: Desk) -> None:
        case = await desk.open(channel="sms", division="990101")
        assert list(case.flags) == []

    async def test_unknown_hazards_and_devices(self, desk: Desk) -> None:
        case = await desk.open(situation={"hazards": ["dragon"]}, device="kiosk-999")
        assert (list(case.situation.hazards), case.device) == (["dragon"], "kiosk-999")

    async def test_a_kiosk_fixes_the_place(self, desk: Desk) -> None:
        case = await desk.open(device="kiosk-001", report={"caller": {"silent": True}})
        assert (case.division, case.report.place.text) == ("990101002", "江城区钟楼广场")
        assert case.report.place.point.source == "device"


class TestFields:
    async def test_nothing_said(self, desk: Desk) -> None:
        await desk.refused(desk.open(report={}), "INVALID_ARGUMENT", "INVALID_FIELD")

    @pytest.mark.parametrize(
        ("field", "more"),
        [
            ("report.narrative", {"report": {"narrative": "长" * 20_001}}),
            ("report.caller.name", {"report": {"narrative": "x", "caller": {"name": "x" * 501}}}),
            ("report.place.point", {"report": {"place": {"text": "x", "point": {"longitude": 181.0}}}}),
            ("report.place.point", {"report": {"place": {"text": "x", "point": {"latitude": float("nan")}}}}),
            ("situation.dead", {"situation": {"dead": -1}}),
            ("situation.hazards", {"situation": {"hazards": ["x"] * 51}}),
            ("external_ids[0]", {"external_ids": [{"system": "alarm"}]}),
            ("channel", {"channel": "x" * 65}),
        ],
    )
    async def test_out_of_range(self, desk: Desk, field: str, more: dict[str, Any]) -> None:
        wrong = await desk.refused(desk.open(**more), "INVALID_ARGUMENT", "INVALID_FIELD")
        bad = client.detail(client.status_details(wrong), error_details_pb2.BadRequest)
        assert field in [one.field for one in bad.field_violations]

    @pytest.mark.parametrize("seconds", [2**62, -(2**62)])
    async def test_a_time_that_is_none(self, desk: Desk, seconds: int) -> None:
        await desk.refused(desk.open(occurred_at={"seconds": seconds}), "INVALID_ARGUMENT", "INVALID_FIELD")
        supplements = {"narrative": "x", "supplements": [{"text": "x", "at": {"seconds": seconds}}]}
        await desk.refused(desk.open(report=supplements), "INVALID_ARGUMENT", "INVALID_FIELD")

    @pytest.mark.parametrize("name", ["", "cases/x", "cases/r1.0.>", f"{CASE}/referrals/1"])
    async def test_a_name_that_is_none(self, desk: Desk, name: str) -> None:
        amend = desk.stub.AmendCase(pb.AmendCaseRequest(name=name, text="x"), metadata=POLICE)
        await desk.refused(amend, "INVALID_ARGUMENT", "INVALID_FIELD")

    async def test_a_case_that_is_not_there(self, desk: Desk) -> None:
        amend = desk.stub.AmendCase(pb.AmendCaseRequest(name=CASE, text="x"), metadata=POLICE)
        await desk.refused(amend, "NOT_FOUND", "NOT_FOUND")

    async def test_a_stale_etag(self, desk: Desk) -> None:
        case = await desk.open()
        first = pb.AmendCaseRequest(name=case.name, etag=case.etag, text="一", request_id="a")
        assert (await desk.stub.AmendCase(first, metadata=POLICE)).etag != case.etag
        second = pb.AmendCaseRequest(name=case.name, etag=case.etag, text="二", request_id="b")
        await desk.refused(desk.stub.AmendCase(second, metadata=POLICE), "ABORTED", "CHANGED")


class TestBytes:
    async def raw(self, desk: Desk, data: bytes, method: str = "OpenCase", who: Any = POLICE) -> str:
        """The code that these bytes are answered with."""
        call = desk.channel.unary_unary(SERVICE + method)
        try:
            await call(data, metadata=who, timeout=60)
        except grpc.aio.AioRpcError as wrong:
            self.last = wrong
            return wrong.code().name
        return "OK"

    @pytest.mark.parametrize("method", ["OpenCase", "AmendCase", "AnswerCase", "RejectCase", "CancelCase"])
    async def test_what_does_not_parse(self, desk: Desk, method: str) -> None:
        for data in (b"\xff", b"\x0a\xff", b"\x0a\x02\xff\xfe"):
            assert await self.raw(desk, data, method) == "INVALID_ARGUMENT"
            assert client.reason_of(self.last) == "UNPARSABLE"
            assert client.sentence(self.last) == "请求格式无法识别"

    async def test_too_much(self, desk: Desk) -> None:
        request = pb.OpenCaseRequest(report=report_pb2.Report(narrative="x" * 70_000))
        assert await self.raw(desk, request.SerializeToString()) == "RESOURCE_EXHAUSTED"
        assert (await desk.open()).etag == "1"

    async def test_two_thousand_mutations(self, desk: Desk) -> None:
        """Never UNKNOWN or INTERNAL, and the log stays whole."""
        case = await desk.open(request_id="seed")
        luck = Random(20_260_901)
        seeds = _seeds(case.name)
        jobs = [(method, _mutated(luck, data)) for method, data in (luck.choice(seeds) for _ in range(2000))]
        codes: Counter[str] = Counter()
        for start in range(0, len(jobs), 100):
            batch = jobs[start : start + 100]
            codes.update(await asyncio.gather(*(self.raw(desk, data, method) for method, data in batch)))
        assert set(codes) <= {
            "OK",
            "INVALID_ARGUMENT",
            "NOT_FOUND",
            "FAILED_PRECONDITION",
            "ALREADY_EXISTS",
            "ABORTED",
            "PERMISSION_DENIED",
            "UNAVAILABLE",  # the id of a shard whose stream does not answer: nobody knows whether the case exists
        }, codes
        assert codes["UNAVAILABLE"] < 10, codes
        assert codes["OK"] > 20, codes
        assert codes["INVALID_ARGUMENT"] > 50, codes
        for subject, records in (await desk.log()).items():
            assert records[0].fact.WhichOneof("body") == "case_opened", subject
            state: Case | None = None
            for record in records:
                state = evolve(state, fact_of(record))
                assert case_of(record) == state
            assert state is not None
            assert subject == NAMES.case(state.id)


def _seeds(name: str) -> list[tuple[str, bytes]]:
    place = {"text": "望江路", "point": {"longitude": 120.3, "latitude": 30.2, "accuracy": 5.0}, "landmark": "灯杆A17"}
    caller = {"number": NUMBER, "name": "张三", "confidential": True, "consent": 2}
    full = pb.OpenCaseRequest(
        request_id="r-1",
        report={"caller": caller, "narrative": "厨房停气了", "place": place, "plates": ["浙A12345"]},
        channel="sms",
        device="kiosk-001",
        division="990101",
        external_ids=[{"system": "alarm", "value": "A-1"}],
        situation={"trapped": 1, "hazards": ["gas"]},
        emergency=True,
        occurred_at={"seconds": 1_700_000_000, "nanos": 5},
    )
    plain = pb.OpenCaseRequest(report={"narrative": "停气"}, rang_at={"seconds": 1_700_000_000})
    wanted: list[tuple[str, Message]] = [
        ("OpenCase", full),
        ("OpenCase", full),
        ("OpenCase", plain),
        ("AmendCase", pb.AmendCaseRequest(request_id="a", name=name, text="又来电", situation={"dead": 1})),
        ("AnswerCase", pb.AnswerCaseRequest(request_id="b", name=name, etag="7", result="x", public_reply="y")),
        ("RejectCase", pb.RejectCaseRequest(request_id="c", name=name, etag="7", reason="x", ground="abuse")),
        ("CancelCase", pb.CancelCaseRequest(request_id="d", name=name, etag="7", reason="x")),
    ]
    return [(method, message.SerializeToString()) for method, message in wanted]


def _mutated(luck: Random, data: bytes) -> bytes:
    """A few bytes flipped, cut, doubled, inserted or overwritten by the extremes of a varint."""
    changed = bytearray(data)
    for _ in range(luck.choice((1, 1, 1, 2, 5))):
        at = luck.randrange(len(changed) + 1)
        match luck.randrange(6):
            case 0 if at < len(changed):
                changed[at] ^= 1 << luck.randrange(8)
            case 1 if at < len(changed):
                changed[at] = luck.choice((0, 1, 0x7F, 0x80, 0xFF))
            case 2:
                changed[at:at] = luck.randbytes(luck.randrange(1, 5))
            case 3:
                del changed[at : at + luck.randrange(1, 8)]
            case 4:
                changed[at:at] = changed[at : at + luck.randrange(1, 40)]
            case _:
                changed[at : at + luck.randrange(0, 3)] = luck.choice((b"\xff" * 9 + b"\x01", b"\x80" * 9 + b"\x01"))
        if not changed:
            break
    return bytes(changed)


class TestWithoutNats:
    async def test_refused_in_time_with_a_sentence_and_nothing_stored(self, desk: Desk) -> None:
        case = await desk.open()
        desk.server.stop()
        calls = {
            "open": lambda: desk.open(request_id="r-2"),
            "amend": lambda: desk.stub.AmendCase(
                pb.AmendCaseRequest(name=case.name, text="x", request_id="a"), metadata=POLICE, timeout=10
            ),
        }
        for call in calls.values():
            wrong = await within(3, lambda call=call: desk.refused(call(), "UNAVAILABLE", "UNREACHABLE"))  # type: ignore[misc]
            assert "请" in client.sentence(wrong)
        desk.server.start()
        await until(lambda: desk.runtime.client.is_connected, "the connection")
        assert [len(records) for records in (await desk.log()).values()] == [1]
        assert (await desk.open(request_id="r-2")).etag == "2"

    async def test_a_hung_nats_is_given_up_too(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        await desk.open()
        monkeypatch.setattr(publisher, "WAIT_SECONDS", 0.5)
        monkeypatch.setattr(ledger, "READ_SECONDS", 0.5)
        desk.server.pause()
        try:
            await desk.refused(desk.open(request_id="r-2"), "UNAVAILABLE", "UNREACHABLE")
        finally:
            desk.server.resume()

    async def test_before_nats_ever_came(self, tmp_path: Path) -> None:
        server = NatsServer(tmp_path / "nats")
        server.start()
        server.stop()
        async with running("intake", settings(server)) as one:
            await one.until_health("NOT_SERVING")
            desk = Desk(one, server)
            await desk.refused(desk.open(), "UNAVAILABLE", "UNREACHABLE")


async def test_without_a_city_nothing_is_opened(nats: NatsServer) -> None:
    await lay_out(nats)
    async with running("intake", settings(nats)) as one:
        await one.until_health("SERVING")
        desk = Desk(one, nats)
        await desk.refused(desk.open(), "FAILED_PRECONDITION", "NO_DIRECTORY")


async def test_an_id_of_another_region_is_not_found(desk: Desk) -> None:
    foreign = CASE.replace("r1-0-", "r9-3-")
    amend = desk.stub.AmendCase(pb.AmendCaseRequest(name=foreign, text="x"), metadata=POLICE, timeout=60)
    await desk.refused(amend, "NOT_FOUND", "NOT_FOUND")


async def test_a_case_that_grew_too_large_is_refused_clearly(desk: Desk) -> None:
    """Nothing is half-written, and nobody is told to try again what can never succeed."""
    case = await desk.open()
    words = "长" * 19_000
    for number in range(30):
        request = pb.AmendCaseRequest(name=case.name, text=words, request_id=f"a-{number}")
        try:
            await desk.stub.AmendCase(request, metadata=POLICE, timeout=60)
        except grpc.aio.AioRpcError as wrong:
            assert wrong.code().name in ("FAILED_PRECONDITION", "INVALID_ARGUMENT")
            break
    else:
        raise AssertionError("a record of more than a megabyte was stored")
    again = await desk.open()
    assert again.name == case.name


async def test_personal_data_stays_in_the_record(desk: Desk) -> None:
    """Not in subjects, headers or the log's other places."""
    report = {"caller": {"number": NUMBER, "name": "张三丰"}, "narrative": "叙述", "place": {"text": "望江路"}}
    case = await desk.open(report=report)
    assert case.caller_key
    assert NUMBER not in case.caller_key + case.name
    async with jetstream(desk.server) as js:
        message = await js.get_msg(NAMES.log_stream(0), 1)
    outside = f"{message.subject} {message.headers}"
    assert not [one for one in (NUMBER, "张三丰", "叙述", "望江路") if one in outside]
    record = decode(message.data or b"")
    assert NUMBER not in str(record.fact)
    assert not [
        one for one in (NUMBER, "张三丰", "叙述", "望江路", case.caller_key) if one.encode() in (message.data or b"")
    ]
