"""Domain values <-> protos: every field has its place, and what is written is read back."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any, get_args, get_type_hints

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from callmesh.api.v1 import case_pb2, common_pb2, referral_pb2, report_pb2
from callmesh.domain import facts as f
from callmesh.domain.case import Actor, Case, Classification, FollowUp
from callmesh.domain.errors import Invalid
from callmesh.domain.referral import Referral
from callmesh.domain.report import Place, Report
from callmesh.domain.words import CaseState, Limit, Role
from callmesh.facts.v1 import facts_pb2
from callmesh.ledger.wire import (
    WORDS_STAND_IN_CASE,
    converter,
    enum_numbers,
    from_proto,
    from_timestamp,
    message_class,
    to_proto,
    to_timestamp,
)
from support.values import values

SNAKE = re.compile(r"(?<!^)(?=[A-Z])")
BODIES = {
    cls: message_class(facts_pb2.Fact.DESCRIPTOR.fields_by_name[SNAKE.sub("_", cls.__name__).lower()])
    for cls in get_args(f.Body)
}
TOP = {Actor: common_pb2.Actor, Case: case_pb2.Case, **BODIES}


def pairs() -> dict[type, Any]:
    """Every dataclass of the domain that is stored, with its message."""
    found: dict[type, Any] = {}
    todo = list(TOP.items())
    while todo:
        cls, message = todo.pop()
        if cls in found:
            continue
        found[cls] = message
        for one in fields(cls):
            inner = next((x for x in _types(get_type_hints(cls)[one.name]) if is_dataclass(x)), None)
            if inner is not None and one.name != WORDS_STAND_IN_CASE.get(cls):
                todo.append((inner, message_class(message.DESCRIPTOR.fields_by_name[one.name])))
    return found


def _types(hint: Any) -> list[Any]:
    return [hint, *(x for one in get_args(hint) for x in _types(one))]


PAIRS = pairs()


@pytest.mark.parametrize("cls", PAIRS, ids=lambda cls: cls.__name__)
class TestEveryType:
    def test_every_field_has_a_place_of_its_kind(self, cls: type) -> None:
        descriptor = PAIRS[cls].DESCRIPTOR
        for one in fields(cls):
            if one.name == WORDS_STAND_IN_CASE.get(cls):
                continue
            assert one.name in descriptor.fields_by_name, f"{cls.__name__}.{one.name} is not in {descriptor.full_name}"
            place = descriptor.fields_by_name[one.name]
            hint = get_type_hints(cls)[one.name]
            assert place.is_repeated is (tuple in [getattr(x, "__origin__", None) for x in _types(hint)])
        converter(cls, PAIRS[cls])

    def test_every_word_has_a_number(self, cls: type) -> None:
        for name, hint in get_type_hints(cls).items():
            for words in _types(hint):
                if isinstance(words, type) and issubclass(words, StrEnum):
                    numbers = enum_numbers(words, PAIRS[cls].DESCRIPTOR.fields_by_name[name].enum_type)
                    assert sorted(numbers) == sorted(words)
                    assert 0 not in numbers.values()

    @settings(max_examples=60)
    @given(data=st.data())
    def test_what_is_written_is_read_back(self, cls: type, data: st.DataObject) -> None:
        value = data.draw(values(cls))
        wire = to_proto(value, PAIRS[cls]).SerializeToString()
        words = WORDS_STAND_IN_CASE.get(cls)
        if words:
            value = replace(value, **{words: getattr(from_proto(cls, PAIRS[cls]()), words)})
        assert from_proto(cls, PAIRS[cls].FromString(wire)) == value


@settings(max_examples=300)
@given(old=values(Case), new=values(Case), kept=st.sets(st.sampled_from([one.name for one in fields(Case)])))
def test_what_is_updated_is_what_would_be_written(old: Case, new: Case, kept: set[str]) -> None:
    """Also when some of it stayed the very same, of a list some elements."""
    changed = replace(new, **{name: getattr(old, name) for name in kept})
    changed = replace(changed, referrals=(*old.referrals[:1], *changed.referrals[1:]))
    stored = to_proto(old, case_pb2.Case)
    converter(Case, case_pb2.Case).update(old, changed, stored)
    assert stored == to_proto(changed, case_pb2.Case)


def test_all_the_facts_are_there() -> None:
    assert len(BODIES) == len(get_args(f.Body))
    assert {Report, Referral, Classification, FollowUp} <= set(PAIRS)


def test_nothing_is_lost_between_report_and_case() -> None:
    """The words that CaseOpened leaves out stand in the case: the fact itself has no place for them."""
    for cls, words in WORDS_STAND_IN_CASE.items():
        assert words not in BODIES[cls].DESCRIPTOR.fields_by_name


def test_none_and_empty_are_absent_on_the_wire() -> None:
    assert to_proto(Report(), report_pb2.Report).place.ListFields() == []
    assert to_proto(Actor(), common_pb2.Actor).SerializeToString() == b""
    assert from_proto(Place, report_pb2.Place()).point is None
    assert not to_proto(Place(), report_pb2.Place).HasField("point")


def test_a_part_that_is_there_but_empty_stays_there() -> None:
    assert from_proto(f.ReportAmended, facts_pb2.ReportAmended(situation=report_pb2.Situation())).situation is not None


def test_a_number_this_code_does_not_know() -> None:
    newer = referral_pb2.Referral(name="x", role=2, missed=[1, 77, 3])
    newer.mode = 99  # type: ignore[assignment]
    read = from_proto(Referral, newer)
    assert (read.role, read.mode, read.missed) == (Role.SUPPORT, None, (Limit.ACCEPT, Limit.RESOLVE))
    assert from_proto(Case, case_pb2.Case(state=99)).state in CaseState  # type: ignore[arg-type]


def test_a_field_this_code_does_not_know_is_left_alone() -> None:
    newer = to_proto(Actor(agency="110"), common_pb2.Actor).SerializeToString() + b"\xfa\x3f\x03new"
    assert from_proto(Actor, common_pb2.Actor.FromString(newer)) == Actor(agency="110")


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)), st.integers(-720, 840))
def test_times_are_exact_to_the_microsecond_in_any_zone(at: datetime, minutes: int) -> None:
    moment = at.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    found = from_timestamp(to_timestamp(moment))
    assert found == moment
    assert found.tzinfo == UTC
    assert 0 <= to_timestamp(moment).nanos < 10**9


@pytest.mark.parametrize("seconds", [2**62, -(2**62), 253402300800])
def test_a_time_that_is_none_is_the_senders_mistake(seconds: int) -> None:
    with pytest.raises(Invalid):
        from_timestamp(Timestamp(seconds=seconds))
