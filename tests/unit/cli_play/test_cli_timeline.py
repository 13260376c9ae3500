"""The page of a case: at 80 columns, without colours, saying whose turn it is."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta, timezone

import pytest
from rich.cells import cell_len
from rich.console import Console

from callmesh.api.v1 import case_pb2, common_pb2, referral_pb2
from callmesh.api.v1 import tracking_service_pb2 as pb
from callmesh.cli import wording
from callmesh.cli.timeline import show, turn

_S, _R = case_pb2.Case.State, referral_pb2.Referral
NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)


def _case(state: "case_pb2.Case.State.ValueType", *referrals: referral_pb2.Referral) -> case_pb2.Case:
    case = case_pb2.Case(name="cases/r1-0-5ZQ0V2R3A8E1C4D6F7G9HJKMNP", state=state, round=1, origin="110", owner="110")
    case.opened_at.FromDatetime(NOW)
    case.closed_at.FromDatetime(NOW + timedelta(seconds=90))
    case.referrals.extend(referrals)
    return case


def _referral(number: int, agency: str, state: "_R.State.ValueType", role: "_R.Role.ValueType" = _R.LEAD) -> _R:
    referral = _R(name=f"cases/x/referrals/{number}", agency=agency, role=role, state=state, sender="110", round=1)
    referral.received_at.FromDatetime(NOW)
    referral.accept_due.FromDatetime(NOW + timedelta(seconds=60))
    referral.resolve_due.FromDatetime(NOW - timedelta(seconds=10))
    return referral


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        (_case(_S.RECEIVED), "110 has to classify it"),
        (_case(_S.CLASSIFIED), "110 has to decide where it goes (一键转接), or answer it"),
        (_case(_S.REFERRED, _referral(1, "119", _R.OFFERED)), "a person at 119 has to take it (签收), due in 1 m 00 s"),
        (_case(_S.REFERRED, _referral(1, "119", _R.IN_PROGRESS)), "119 has to finish it (办结), overdue by 10.0 s"),
        (
            _case(_S.REFERRED, _referral(1, "119", _R.ACCEPTED), _referral(2, "gas", _R.ACCEPTED, _R.SUPPORT)),
            "119 leads and waits for gas",
        ),
        (
            _case(_S.REFERRED, _referral(1, "119", _R.RETURN_REQUESTED)),
            "110 has to decide on the return that 119 asked for (退单)",
        ),
        (_case(_S.FOLLOW_UP, _referral(1, "119", _R.RESOLVED)), "110 has to ask the caller (回访) and close it"),
        (_case(_S.DISPUTED), "a commander has to designate an agency (指定管辖)"),
        (_case(_S.CLOSED), "nobody's turn: closed after 1 m 30 s"),
    ],
)
def test_whose_turn_it_is(case: case_pb2.Case, sentence: str) -> None:
    assert turn(case, NOW) == sentence


def test_whose_turn_it_is_while_something_is_asked_or_pauses() -> None:
    asked = _referral(1, "gas", _R.ACCEPTED)
    asked.pending.add(kind=referral_pb2.Pending.EXTENSION)
    wanted = "110 has to decide on the extension (延期) that gas asked for"
    assert turn(_case(_S.REFERRED, asked), NOW) == wanted
    curious = _referral(1, "gas", _R.ACCEPTED)
    curious.disclosures.add(state=referral_pb2.Disclosure.ASKED).decision_due.FromDatetime(NOW + timedelta(minutes=1))
    wanted = "110 has to decide what gas may see (申请查看), due in 1 m 00 s"
    assert turn(_case(_S.REFERRED, curious), NOW) == wanted
    paused = _referral(1, "gas", _R.SUSPENDED)
    paused.suspended_by = "12345"
    paused.suspended_until.FromDatetime(NOW + timedelta(days=2))
    sentence = turn(_case(_S.REFERRED, paused), NOW)
    assert sentence.startswith("nobody's turn: gas pauses until ") and sentence.endswith("(挂账), asked for by 12345")


def _timeline() -> pb.Timeline:
    lead = _referral(1, "a-very-long-agency-name-of-a-street", _R.IN_PROGRESS)
    lead.missed.append(common_pb2.LIMIT_ACCEPT)
    timeline = pb.Timeline(case=_case(_S.REFERRED, lead, _referral(2, "gas", _R.CLOSED, _R.SUPPORT)))
    for number in range(4):
        entry = timeline.entries.add(stage=pb.TimelineEntry.Stage.HANDLE)
        entry.event.summary = "转办至 119(主办)、gas(协办)、police-binhe(协办)、traffic(协办)" * (number + 1)
        entry.event.actor.agency = "a-very-long-agency-name-of-a-street"
        entry.event.trace_id = "0123456789abcdef" * 2
        entry.event.at.FromDatetime(NOW + timedelta(seconds=number))
        entry.elapsed.FromTimedelta(timedelta(days=400, seconds=1))
    for referral in timeline.case.referrals:
        hold = timeline.holds.add(referral=referral.name, agency=referral.agency, slowest=referral is lead)
        hold.transport.FromTimedelta(timedelta(days=100, hours=10))
        hold.working.FromTimedelta(timedelta(hours=10))
    timeline.holds[0].slowest = True
    pause = timeline.holds[1].pauses.add(agency="110", kind=referral_pb2.Pending.SUSPENSION)
    pause.length.FromTimedelta(timedelta(hours=10))
    timeline.next_due.FromDatetime(NOW + timedelta(hours=2))
    timeline.next_limit, timeline.next_agency = common_pb2.LIMIT_RESOLVE, "119"
    return timeline


def test_a_page_fits_80_columns_without_colours() -> None:
    out = io.StringIO()
    show(_timeline(), Console(file=out, width=80, highlight=False))
    page = out.getvalue()
    assert "\x1b" not in page
    assert max(cell_len(line) for line in page.splitlines()) <= 80
    assert "missed: a-very-long-agency-name-of-a-street's acceptance (签收)" in " ".join(page.split())
    assert "slowest hop: a-very-long-agency-name-of-a-street" in page
    assert "waiting: gas 10 h 00 m, pause (挂账) asked for by 110" in page
    assert "next: 119's result (办结)" in page
    assert "01234567 \n" in page or "01234567\n" in page
    for word in ("transport", "unopened", "working", "waiting", "total", "主办", "协办"):
        assert word in page


def test_times_are_told_in_the_zone_of_who_asks() -> None:
    """The city's clock, wherever the machine stands."""
    there = NOW.astimezone(timezone(timedelta(hours=8)))
    timeline, out = _timeline(), io.StringIO()
    timeline.case.referrals[0].missed.append(common_pb2.LIMIT_RESOLVE)
    timeline.missed.add(agency="119", limit=common_pb2.LIMIT_RESOLVE).due.FromDatetime(NOW)
    for _ in range(2):
        timeline.rounds.add(round=1).start_time.FromDatetime(NOW)
    show(timeline, Console(file=out, width=120), there)
    page = out.getvalue()
    assert "opened 2026-11-21 16:00:00" in page and "times in UTC+0800" in page
    assert "16:00:03" in page and "at 11-21 18:00:00" in page and "due 11-21 16:00:00" in page
    assert "11-21 16:00 to now" in page and "08:00" not in page.replace("+0800", "")
    paused = _referral(1, "gas", _R.SUSPENDED)
    paused.suspended_until.FromDatetime(NOW)
    assert "until 11-21 16:00" in turn(_case(_S.REFERRED, paused), there)


@pytest.mark.parametrize(
    ("length", "said"),
    [(0, "0 ms"), (0.0123, "12 ms"), (3.44, "3.4 s"), (125, "2 m 05 s"), (4200, "1 h 10 m"), (4 * 86400, "4 d 0 h")],
)
def test_lengths_of_time(length: float, said: str) -> None:
    assert wording.span(length) == said


def test_chinese_is_counted_double() -> None:
    assert wording.fit("停水了", 6) == "停水了"
    assert wording.fit("停水了", 8) == "停水了  "
    assert wording.shorten("家里停水两天了", 8) == "家里停…"
    assert cell_len(wording.fit("家里停水两天了", 7)) == 7
