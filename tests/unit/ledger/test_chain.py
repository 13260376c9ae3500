"""Tamper evidence: whatever is done to a log between two signed heads shows, from an export alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from callmesh.facts.v1 import facts_pb2
from callmesh.ledger.chain import Entry, Inspection, Roll, SignedHead, digest

KEY = Ed25519PrivateKey.generate()
STREAM = "LOG_r1_0"
Log = list[Entry]


def written(cases: list[int]) -> Log:
    """A log as services write it: message n belongs to case `cases[n]`."""
    log: Log = []
    last: dict[str, bytes] = {}
    for sequence, case in enumerate(cases, start=1):
        subject = f"ev.r1.0.{case}"
        record = facts_pb2.Record(previous=last.get(subject, b""))
        record.fact.command_id = f"command-{sequence}"
        data = record.SerializeToString()
        last[subject] = digest(data)
        log.append(Entry(sequence, subject, data))
    return log


def head(log: Log, until: int) -> SignedHead:
    roll = Roll()
    for one in log[:until]:
        roll = roll.after(one)
    return SignedHead(STREAM, roll.sequence, roll.digest.hex(), "2026-11-22T02:00:00+00:00").signed(KEY)


def problems(log: Log, *heads: SignedHead) -> list[str]:
    inspection = Inspection(STREAM, list(heads), KEY.public_key())
    found = list(inspection.forged())
    for one in log:
        found += inspection.add(one)
    return [*found, *inspection.end()]


def edited(one: Entry) -> Entry:
    record = facts_pb2.Record.FromString(one.data)
    record.fact.actor.agency = "somebody else"
    return replace(one, data=record.SerializeToString())


logs = st.lists(st.integers(0, 3), min_size=2, max_size=30).map(written)


@given(logs, st.data())
def test_an_untouched_log_has_no_problem(log: Log, data: st.DataObject) -> None:
    until = data.draw(st.integers(1, len(log)))
    assert problems(log, head(log, until), head(log, len(log))) == []


@given(logs, st.data())
def test_an_edit_a_deletion_a_swap_and_a_cut_show(log: Log, data: st.DataObject) -> None:
    signed = head(log, len(log))
    place = data.draw(st.integers(0, len(log) - 1))
    other = data.draw(st.integers(0, len(log) - 1).filter(lambda one: one != place))
    swapped = list(log)
    swapped[place] = replace(log[other], sequence=log[place].sequence)
    swapped[other] = replace(log[place], sequence=log[other].sequence)
    assert problems([*log[:place], edited(log[place]), *log[place + 1 :]], signed)
    assert problems([*log[:place], *log[place + 1 :]], signed)
    assert problems(swapped, signed)
    assert problems(log[:place], signed)


@given(logs)
def test_what_is_followed_on_its_case_shows_without_any_signature(log: Log) -> None:
    for place, one in enumerate(log):
        if any(later.subject == one.subject for later in log[place + 1 :]):
            assert any("does not follow" in said for said in problems([*log[:place], edited(one), *log[place + 1 :]]))


def test_a_message_moved_to_another_case_shows() -> None:
    log = written([0, 0, 1])
    moved = [*log[:2], replace(log[2], subject="ev.r1.0.0")]
    assert any("does not follow" in one for one in problems(moved))


def test_a_whole_log_written_anew_shows_against_a_head_of_the_old_one() -> None:
    old, new = written([0, 1, 0]), written([0, 0, 1])
    assert any("not what stands here" in one for one in problems(new, head(old, 3)))


def test_a_head_that_another_key_signed_or_that_was_edited_shows() -> None:
    log = written([0, 1])
    forged = head(log, 2).signed(Ed25519PrivateKey.generate())
    moved = replace(head(log, 2), at="2020-01-01T00:00:00+00:00")
    for one in (forged, moved, replace(forged, signature="zz")):
        assert any("not signed by this key" in said for said in problems(log, one))


def test_a_signed_head_reads_back_as_it_was_written() -> None:
    made = head(written([0]), 1)
    assert SignedHead.read(made.line()) == made
    with pytest.raises(ValueError):
        SignedHead.read('{"stream": "x"}')


def test_bytes_that_are_no_record_are_named() -> None:
    log = [*written([0]), Entry(2, "ev.r1.0.1", b"\xff\xff")]
    assert "2: the message cannot be read" in problems(log)
