"""Stored records: a fact and the case after it, as bytes and back; words stand once; unknown facts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callmesh.domain import commands as c
from callmesh.domain import facts as f
from callmesh.domain.case import Case
from callmesh.domain.evolve import evolve
from callmesh.domain.report import Report, Situation, Supplement
from callmesh.facts.v1 import facts_pb2
from callmesh.ledger.record import (
    RECENT,
    Damaged,
    UnknownFact,
    case_of,
    command_key,
    decode,
    encode,
    fact_of,
)
from support.builders import HOTLINE, LATER, NOW, Given, opened, stamp, told
from support.values import values

WORDS = "只说一遍的话"


def through(fact: f.Fact, case: Case, recent: tuple[int, ...] = ()) -> facts_pb2.Record:
    return decode(encode(fact, case, recent).SerializeToString())


@pytest.mark.parametrize("cls", get_args(f.Body), ids=lambda cls: cls.__name__)
@settings(max_examples=60)
@given(data=st.data())
def test_any_fact_and_case_are_read_as_written(cls: Any, data: st.DataObject) -> None:
    case = data.draw(values(Case))
    fact = f.Fact(data.draw(values(f.Stamp)), data.draw(values(cls)))
    if isinstance(fact.body, f.CaseOpened):
        fact = replace(fact, body=replace(fact.body, report=case.report))
    if isinstance(fact.body, f.ReportAmended):
        said = replace(fact.body.supplement or Supplement(), at=fact.stamp.at)
        case = replace(case, report=replace(case.report, supplements=(*case.report.supplements, said)))
        fact = replace(fact, body=replace(fact.body, supplement=said))
    record = through(fact, case)
    assert fact_of(record) == fact
    assert case_of(record) == case
    assert record.fact.WhichOneof("body")


class TestWordsStandOnce:
    def test_a_narrative(self) -> None:
        fact = f.Fact(stamp(), opened(report=Report(narrative=WORDS)))
        record = encode(fact, evolve(None, fact), ())
        assert record.SerializeToString().count(WORDS.encode()) == 1
        assert WORDS not in str(record.fact)
        assert fact_of(record) == fact

    def test_a_supplement(self) -> None:
        fact = f.Fact(stamp(HOTLINE, LATER), f.ReportAmended(Supplement(WORDS, LATER, "12345")))
        record = encode(fact, evolve(told(opened()), fact), ())
        assert record.SerializeToString().count(WORDS.encode()) == 1
        assert fact_of(record) == fact

    def test_an_amendment_without_words_does_not_borrow_earlier_ones(self) -> None:
        before = told(opened(), f.ReportAmended(Supplement(WORDS, NOW, "12345")))
        fact = f.Fact(stamp(HOTLINE, LATER), f.ReportAmended(None, Situation(injured=1)))
        assert fact_of(encode(fact, evolve(before, fact), ())) == fact

    def test_nobodys_words_are_in_the_fact_part_of_any_record(self) -> None:
        report = replace(opened().report, narrative=WORDS)
        fact = f.Fact(stamp(), opened(report=report))
        text = str(encode(fact, evolve(None, fact), ()).fact)
        for personal in (WORDS, report.caller.number, report.caller.name, report.place.text):
            assert personal not in text


class TestRecent:
    def test_the_own_key_is_the_last_and_the_oldest_falls_out(self) -> None:
        fact = f.Fact(stamp(command_id="mine"), opened())
        record = through(fact, evolve(None, fact), tuple(range(RECENT)))
        assert list(record.recent) == [*range(1, RECENT), command_key("mine")]

    @given(st.text(), st.text())
    def test_keys_tell_ids_apart(self, one: str, other: str) -> None:
        assert (command_key(one) == command_key(other)) is (one == other)
        assert 0 <= command_key(one) < 2**64


class TestUnknown:
    def record(self, may_ignore: bool, **body: Any) -> facts_pb2.Record:
        record = encode(f.Fact(stamp(), opened()), told(opened()), ())
        record.fact.ClearField("case_opened")
        record.fact.may_ignore = may_ignore
        for name, value in body.items():
            getattr(record.fact, name).CopyFrom(value)
        return record

    @pytest.mark.parametrize("may_ignore", [True, False])
    def test_a_fact_of_the_contract_that_this_code_has_no_class_for(self, may_ignore: bool) -> None:
        record = self.record(may_ignore, delivery_failed=facts_pb2.DeliveryFailed())
        with pytest.raises(UnknownFact, match="delivery_failed") as unknown:
            fact_of(record)
        assert unknown.value.may_ignore is may_ignore

    @pytest.mark.parametrize("may_ignore", [True, False])
    def test_a_fact_of_a_newer_contract(self, may_ignore: bool) -> None:
        record = self.record(may_ignore)
        newer = facts_pb2.Record.FromString(record.SerializeToString())
        newer.fact.MergeFromString(b"\xfa\x3f\x02\x08\x01")  # field 1023, which nobody knows yet
        with pytest.raises(UnknownFact) as unknown:
            fact_of(newer)
        assert unknown.value.may_ignore is may_ignore

    def test_the_case_beside_it_is_whole_all_the_same(self) -> None:
        assert case_of(self.record(True)) == told(opened())


class TestDamaged:
    @pytest.mark.parametrize(
        "data",
        [b"\xff", b"\x0a\x80\x80", encode(f.Fact(stamp(), opened()), told(opened()), ()).SerializeToString()[:-3]],
    )
    def test_bytes_that_are_no_record(self, data: bytes) -> None:
        with pytest.raises(Damaged):
            decode(data)

    @given(st.binary(max_size=200))
    def test_any_bytes_are_a_record_or_damaged(self, data: bytes) -> None:
        try:
            decode(data)
        except Damaged as wrong:
            assert str(wrong)

    def test_an_empty_message_holds_an_unknown_fact(self) -> None:
        with pytest.raises(UnknownFact) as unknown:
            fact_of(decode(b""))
        assert not unknown.value.may_ignore


def test_the_case_of_a_record_goes_on_living() -> None:
    fact = f.Fact(stamp(), opened())
    case = case_of(through(fact, evolve(None, fact)))
    Given(case).when(c.Cancel("误报")).then(f.CaseCancelled("误报"))
