"""What tracking reads out of a message: kinds, sentences, stages, and what it refuses."""

from __future__ import annotations

from dataclasses import fields, replace
from random import Random
from typing import Any

import pytest
from tracking_play import NARRATIVE, STREAM, TRACE, Play, message

from callmesh.api.v1 import tracking_service_pb2 as api
from callmesh.domain.case import Case
from callmesh.domain.facts import Body, Fact, Stamp
from callmesh.domain.report import Caller, Place, Point, Report
from callmesh.facts.v1 import facts_pb2
from callmesh.kernel.vault import DataKey
from callmesh.ledger.record import Damaged, UnknownFact, encode_aside
from callmesh.ledger.sealing import seal
from callmesh.tracking.items import Item, event_proto, item_of, read, trace_of
from callmesh.tracking.rows import rows_of
from callmesh.tracking.stages import STAGES, stage_of
from callmesh.tracking.summaries import KNOWN_KINDS, summary
from support.values import drawn

_REPORT = Report(Caller("13900001111", confidential=True), NARRATIVE, place=Place(point=Point(120.0, 30.0)))
KINDS = {one.name: one.message_type.name for one in facts_pb2.Fact.DESCRIPTOR.oneofs_by_name["body"].fields}


def test_every_kind_of_fact_has_a_sentence_and_a_stage() -> None:
    assert set(KINDS.values()) == KNOWN_KINDS == set(STAGES)
    assert stage_of("SomethingNew") == api.TimelineEntry.STAGE_UNSPECIFIED


@pytest.mark.parametrize("field", KINDS)
def test_every_sentence_stands_on_an_empty_body(field: str) -> None:
    record = facts_pb2.Record()
    body = getattr(record.fact, field)
    assert summary(KINDS[field], body, record.case)


async def test_no_sentence_tells_what_a_person_wrote() -> None:
    play = Play()
    await play.whole()
    await play.returned()
    await play.missed()
    sentences = [read(one, STREAM).event["summary"] for one in await play.items()]
    secret = (NARRATIVE, "13900001111", "张三", "制度第三条", "属实", "修好了", "已修复", "到了")
    assert len(sentences) == 20
    assert not [one for one in sentences for word in secret if word in one]
    assert "转办至 water(主办)" in sentences and "water 到达现场" in sentences


def test_a_free_reason_is_left_out() -> None:
    record = facts_pb2.Record()
    record.fact.case_rejected.reason = "张三又打来了"
    assert summary("CaseRejected", record.fact.case_rejected, record.case) == "不予受理"
    record.fact.case_rejected.reason = "court_matter"
    assert summary("CaseRejected", record.fact.case_rejected, record.case) == "不予受理, 原因 court_matter"
    record.fact.case_rejected.ground = "no_longer_listed"
    assert summary("CaseRejected", record.fact.case_rejected, record.case) == "不予受理, 理由: no_longer_listed"


async def test_a_delivered_message_is_read() -> None:
    play = Play()
    await play.whole()
    items = await play.items()
    assert [item_of(message(one)) for one in items] == items
    change = read(items[2], STREAM)
    shown = event_proto(change.event)
    assert shown.name == f"cases/{play.cases[0]}/events/3" and shown.trace_id == TRACE
    assert shown.kind == "CaseTransferred" and shown.actor.agency == "110" and shown.actor.person == "001"
    assert change.case.etag == "3" and not change.record.case.etag


@pytest.mark.parametrize("given", ["", "x", "00-xyz-1-01", f"00-{'g' * 31}!-b-01"])
def test_malformed_traces_are_none(given: str) -> None:
    assert trace_of({"traceparent": given}) == ""


async def _newer(may_ignore: bool) -> Item:
    play = Play()
    await play.whole()
    item = (await play.items())[-1]
    record = facts_pb2.Record.FromString(item.data)
    record.fact.ClearField("case_closed")
    record.fact.may_ignore = may_ignore
    data = record.SerializeToString()
    newer_fact = facts_pb2.Record()
    newer_fact.fact.CopyFrom(record.fact)
    # field 90, length-delimited, inside the fact: what a newer contract would add to the oneof
    unknown = b"\xd2\x05\x00"
    fact = newer_fact.fact.SerializeToString() + unknown
    assert len(fact) < 128
    record.ClearField("fact")
    data = b"\x0a" + bytes([len(fact)]) + fact + record.SerializeToString()
    return Item(item.sequence, item.case_id, data)


async def test_a_newer_fact_that_may_be_ignored_still_brings_its_case() -> None:
    change = read(await _newer(may_ignore=True), STREAM)
    assert change.event["kind"] == "unknown" and change.event["state"] == "closed"
    assert rows_of([change]).cases[0]["state"] == "closed"


async def test_any_other_newer_fact_stops_the_reader() -> None:
    with pytest.raises(UnknownFact):
        read(await _newer(may_ignore=False), STREAM)


@pytest.mark.parametrize("data", [b"\xff\xff", b""])
def test_damaged_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(Damaged):
        read(Item(1, "r1-0-X", data), STREAM)


async def test_another_cases_record_is_refused() -> None:
    play = Play()
    await play.whole()
    item = (await play.items())[0]
    with pytest.raises(Damaged):
        read(Item(1, "r1-0-OTHER", item.data), STREAM)


async def test_a_case_that_changed_often_is_written_once() -> None:
    play = Play()
    await play.whole()
    rows = rows_of([read(one, STREAM) for one in await play.items()])
    assert len(rows.events) == 9 and len(rows.cases) == len(rows.referrals) == 1
    assert rows.cases[0]["sequence"] == 9 and rows.cases[0]["state"] == "closed"


@pytest.mark.parametrize("body", Body.__args__, ids=lambda one: one.__name__)
def test_rows_are_the_same_from_a_sealed_message(body: type) -> None:
    """Words are put back only where a row is made of them: of no kind are some missing."""
    case_id, luck = "r1-0-1", Random(body.__name__)
    key = DataKey(case_id, bytes(32))
    for _ in range(8):
        case = replace(drawn(Case, luck), name=f"cases/{case_id}", report=_REPORT, caller_key="k")
        case = replace(case, referrals=tuple(replace(one, name=f"{case.name}/referrals/1") for one in case.referrals))
        record = encode_aside(Fact(drawn(Stamp, luck), _coded(drawn(body, luck))), case, ())
        plain, sealed = (
            read(Item(1, case_id, one.SerializeToString(), "", key), STREAM) for one in (record, seal(record, key))
        )
        rows, same = rows_of([plain]), rows_of([sealed])
        for row in (*rows.cases, *same.cases):
            row.pop("snapshot")
        assert rows == same
        assert sealed.record == plain.record


def _coded(body: Any) -> Any:
    """With codes where a reason may be one."""
    return replace(body, **{one.name: "not_ours" for one in fields(body) if one.name in ("reason", "waiver")})
