"""Ids, hashes, subjects and trace contexts."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags

from callmesh.kernel import ids
from callmesh.kernel.subjects import Names
from callmesh.kernel.telemetry import Step, parse_traceparent, traceparent

NAMES = Names("r1")
PARTS = st.lists(st.text(st.characters(exclude_characters="\x1f", exclude_categories=("Cs",)), max_size=8), max_size=3)


class TestIds:
    @given(PARTS)
    def test_the_same_report_has_the_same_id_of_the_right_form(self, identity: list[str]) -> None:
        made = ids.case_id("r1", 0, *identity)
        assert made == ids.case_id("r1", 0, *identity)
        assert ids.CASE_ID.fullmatch(made)
        assert made.startswith("r1-0-")

    @given(PARTS, PARTS)
    def test_different_reports_have_different_ids(self, one: list[str], other: list[str]) -> None:
        assume("\x1f".join(one) != "\x1f".join(other))
        assert ids.case_id("r1", 0, *one) != ids.case_id("r1", 0, *other)

    def test_region_and_shard_do_not_change_the_key(self) -> None:
        assert ids.case_id("r1", 0, "x")[5:] == ids.case_id("r2", 7, "x")[5:]

    def test_an_id_tells_nothing_about_what_it_is_made_of(self) -> None:
        assert "13911112222" not in ids.case_id("r1", 0, "sms", "phone", "13911112222")

    def test_fresh_ids_differ(self) -> None:
        assert len({ids.new_id() for _ in range(1000)}) == 1000

    def test_a_number_is_hashed_with_the_key(self) -> None:
        assert ids.keyed_hash("k", "") == ""
        assert ids.keyed_hash("k", "13911112222") == ids.keyed_hash("k", "13911112222")
        assert ids.keyed_hash("k", "13911112222") != ids.keyed_hash("other", "13911112222")
        assert "139" not in ids.keyed_hash("k", "139")

    def test_time_is_aware(self) -> None:
        assert ids.now().utcoffset() is not None

    @given(st.binary(), st.binary())
    def test_fingerprints_fit_their_field(self, one: bytes, other: bytes) -> None:
        assert 0 <= ids.fingerprint(one) < 2**64
        assert (ids.fingerprint(one) == ids.fingerprint(other)) is (one == other)


class TestSubjects:
    @given(st.from_regex(r"[a-z0-9]{1,5}", fullmatch=True), st.integers(0, 99), st.text())
    def test_an_id_is_a_subject_and_back(self, region: str, shard: int, identity: str) -> None:
        names, case = Names(region), ids.case_id(region, shard, identity)
        assert names.case_id(names.case(case)) == case
        assert names.case_id(names.timer(case)) == case
        assert names.case_id(names.due(case)) == case
        assert names.case_stream(case) == names.log_stream(shard)
        assert names.case(case).startswith(names.log_all(shard).removesuffix(">"))
        for subject in (names.case(case), names.timer(case), names.due(case)):
            assert not set(subject) & set(" *>")

    def test_an_inbox_is_under_its_agency(self) -> None:
        case = ids.case_id("r1", 0, "x")
        subject = NAMES.inbox("110", f"cases/{case}/referrals/3")
        assert subject == f"in.r1.110.{case}.3"
        assert subject.startswith(NAMES.inbox_of("110").removesuffix(">"))

    def test_parked_messages_say_whose_and_which(self) -> None:
        assert NAMES.parked("transfer", 42) == "dlq.transfer.42"


CONTEXTS = st.builds(
    SpanContext,
    st.integers(1, 2**128 - 1),
    st.integers(1, 2**64 - 1),
    st.just(True),
    st.integers(0, 255).map(TraceFlags),
)


class TestTraceparent:
    @given(CONTEXTS)
    def test_what_is_written_is_read_back(self, producer: SpanContext) -> None:
        """As a child of whoever sent it, traced whatever that one samples."""
        with Step("x", SpanKind.SERVER, producer) as step:
            text = traceparent()
        flags = TraceFlags(producer.trace_flags | TraceFlags.SAMPLED)
        assert parse_traceparent(text) == SpanContext(producer.trace_id, step.context.span_id, True, flags)

    def test_outside_a_trace_there_is_none(self) -> None:
        assert traceparent() == ""

    @pytest.mark.parametrize(
        "wrong",
        [
            None,
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            "00-xxf7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-zz",
            "00-0x f651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0xf7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0a_7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-fffff",
            "a" * 5000,
        ],
    )
    def test_what_is_malformed_is_no_context(self, wrong: str | None) -> None:
        assert parse_traceparent(wrong) is None

    @given(st.text(max_size=80))
    def test_any_text_is_a_context_or_none(self, text: str) -> None:
        found = parse_traceparent(text)
        assert found is None or found.is_valid
