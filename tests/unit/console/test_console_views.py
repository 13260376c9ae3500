"""What pages offer and draw, without a browser: acts by state, views of supervision, the board's numbers and shapes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from callmesh.api.v1 import case_pb2, common_pb2, referral_pb2, tracking_service_pb2
from callmesh.console import chart
from callmesh.console.acts import offered
from callmesh.console.drafts import Drafts
from callmesh.console.handling import kept_back, moment, offered_acts
from callmesh.console.oversight import ACTS, chances
from callmesh.console.pages import board, supervise
from callmesh.console.pages import case as case_page
from callmesh.console.pages.admin import LABELS
from callmesh.console.parts import PARTS, WHOLE_FILES, shown
from callmesh.console.rows import rows
from callmesh.directory.load import load_city
from callmesh.directory.write import files_of
from callmesh.domain.directory import Calendar, City

BEIJING = Calendar().zone
C, R, F = case_pb2.Case, referral_pb2.Referral, tracking_service_pb2.Figure
P, D = referral_pb2.Pending, referral_pb2.Disclosure


@pytest.mark.parametrize(
    ("one", "wanted"),
    [
        (R(state=R.OFFERED, role=R.LEAD), ["accept", "return"]),
        (R(state=R.OFFERED, binding=True), ["accept"]),
        (R(state=R.ACCEPTED, role=R.SUPPORT),
         ["arrived", "progress", "resolve", "extension", "suspension", "disclosure"]),
        (R(state=R.IN_PROGRESS, role=R.LEAD, wall_time=True, pending=[P(kind=P.EXTENSION)], return_count=1,
           disclosures=[D(state=D.DENIED), D(state=D.ASKED)]),
         ["arrived", "progress", "resolve", "return", "contest"]),
        (R(state=R.RESOLVED, role=R.LEAD), []),
        (R(state=R.SUSPENDED, role=R.LEAD), []),
    ],
)  # fmt: skip
def test_an_agency_is_offered_what_its_referral_allows(one: R, wanted: list[str]) -> None:
    assert offered_acts(one) == wanted


def test_a_moment_is_meant_in_the_citys_zone() -> None:
    found = moment("2026-09-01T10:00", BEIJING)
    assert found is not None and found.ToDatetime(UTC) == datetime(2026, 9, 1, 2, tzinfo=UTC)
    assert moment("", BEIJING) is None and moment("soon", BEIJING) is None


def test_a_supervisor_decides_first_what_waits() -> None:
    asked = R(name="cases/a/referrals/1", agency="gas", state=R.ACCEPTED, pending=[P(kind=P.EXTENSION)])
    case = C(name="cases/a", state=C.REFERRED, referrals=[asked])
    assert [one.act for one in chances(case, commander=False)] == ["extension", "raise", "supervisor", "remind"]
    assert "designate" in [one.act for one in chances(case, commander=True)]
    asked.disclosures.add(state=D.ASKED)
    wants = C(name="cases/a", state=C.REFERRED, referrals=[asked])
    assert [one.act for one in chances(wants, commander=False)][:2] == ["extension", "disclosure"]


def test_who_must_not_be_known_is_not_asked_for() -> None:
    one = R(released=["narrative", "place", "point", "landmark", "supplements", "attachments", "plates"])
    silent = C()
    silent.report.caller.silent = True
    assert kept_back(C(), one) == ["name", "number", "contact_number", "sex", "language"]
    assert kept_back(silent, one) == ["language"]


def test_a_closed_case_leaves_its_findings_to_do() -> None:
    findings = [case_pb2.Finding(number=1, state=case_pb2.Finding.OPEN, agency="gas")]
    findings += [case_pb2.Finding(number=2, state=case_pb2.Finding.RECTIFIED)]
    case = C(name="cases/a", state=C.CLOSED, findings=findings, supervision=common_pb2.SUPERVISION_RED)
    assert [(one.act, one.number) for one in chances(case, commander=True)] == [("rectify", 1), ("verify", 2)]
    assert {one.act for one in chances(case, commander=True)} <= ACTS.keys()


REFERRED = ["offer", "amend", "merge", "cancel"]


@pytest.mark.parametrize(
    ("case", "verbs"),
    [
        (C(state=C.REFERRED, referrals=[R(agency="gas", state=R.OFFERED)]), ["accept", "return", *REFERRED]),
        (C(state=C.REFERRED, referrals=[R(agency="gas", state=R.IN_PROGRESS)]), ["return", "resolve", *REFERRED]),
        (
            C(state=C.REFERRED, referrals=[R(agency="water", state=R.OFFERED)]),
            ["remind", "offer", "recall", "amend", "merge", "cancel"],
        ),
        (C(state=C.REFERRED, referrals=[R(agency="water", state=R.RETURN_REQUESTED)]), ["grant", "deny", *REFERRED]),
        (
            C(state=C.FOLLOW_UP, referrals=[R(agency="gas", state=R.RESOLVED)]),
            ["follow_up", "not_reached", "close", "reopen", "amend", "cancel"],
        ),
        (C(state=C.CLOSED, referrals=[R(agency="gas", state=R.CLOSED)]), ["reopen"]),
        (C(state=C.ANSWERED), []),
        (C(state=C.CLASSIFIED), ["offer", "answer", "amend", "merge", "reject", "cancel"]),
        (C(state=C.CLASSIFIED, emergency=True), ["offer", "amend", "merge", "cancel"]),
        (C(state=C.DISPUTED), ["offer", "amend", "cancel"]),
    ],
)
def test_a_case_offers_what_its_state_allows(case: C, verbs: list[str]) -> None:
    assert offered(case, "gas") == verbs
    assert set(verbs) <= case_page.ACTS.keys()


def test_a_list_shows_until_when_to_call_back_and_to_mend() -> None:
    waits = C(state=C.FOLLOW_UP, follow_up_due=Timestamp(seconds=900))
    waits.call_legs.add(state=case_pb2.CallLeg.FAILED).call_back.due.seconds = 300
    found = C(state=C.CLOSED, findings=[case_pb2.Finding(state=case_pb2.Finding.OPEN, due=Timestamp(seconds=500))])
    shown_dues = [(row.due.at, row.due.limit) for row in rows([found, waits]) if row.due]
    assert shown_dues == [(300, common_pb2.LIMIT_CALL_BACK), (500, common_pb2.LIMIT_RECTIFY)]


def test_what_is_late_already_is_not_due_soon() -> None:
    def due(name: str, seconds: int) -> C:
        made = C(name=name, state=C.REFERRED)
        made.referrals.add(state=R.OFFERED).accept_due.seconds = seconds
        return made

    found = rows([due("cases/later", 150), due("cases/late", 50)])
    assert [one.case.name for one in supervise.shown("due", found, 100)] == ["cases/later"]
    assert [one.case.name for one in supervise.shown("overdue", found, 100)] == ["cases/late", "cases/later"]


@pytest.mark.parametrize("now", [1000.0, 1000.25, 1000.999])
def test_what_has_just_got_half_an_hour_is_due_soon(now: float) -> None:
    """On its first look the page asks within the same second."""
    assert supervise.filter_of("due", now + 0.001).due_before.seconds > now + supervise.SOON_SECONDS


def test_every_view_is_a_question_of_its_own() -> None:
    asked = [supervise.filter_of(view, 1000).SerializeToString(deterministic=True) for view in supervise.VIEWS]
    assert len(set(asked)) == len(supervise.VIEWS)


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (F(unit=F.COUNT, numerator=1234), "1,234"),
        (F(unit=F.RATE, numerator=1, denominator=8, value=0.125), "12.5%"),
        (F(unit=F.RATE), "—"),
        (F(unit=F.SECONDS, numerator=3, seconds=65), "1:05"),
        (F(unit=F.SECONDS, numerator=3, seconds=11_100), "3h05"),
        (F(unit=F.SECONDS), "—"),
    ],
)
def test_a_figure_reads_as_people_say_it(one: F, text: str) -> None:
    assert board.shown(one) == text


def test_districts_lie_as_on_the_map_and_darken_with_their_counts(demo_city: City) -> None:
    spots = [("30.23,120.29", "noise", 12)]
    drawn = chart.city_map(demo_city.divisions, {"990101": 8, "990102": 4}, spots)
    assert drawn is not None
    by_code = {one.code: one for one in drawn.districts}
    assert by_code.keys() == {
        one.code for one in demo_city.divisions if one.rings and one.parent and len(one.code) == 6
    }
    assert [by_code[code].tone for code in ("990101", "990102", "990103")] == [4, 2, 0]
    assert by_code["990106"].y < by_code["990101"].y, "the county in the north is drawn above"
    assert all(0 <= one.x <= drawn.width and 0 <= one.y <= drawn.height for one in (*drawn.districts, *drawn.spots))


def test_a_line_leaves_gaps_out_and_dots_a_single_value() -> None:
    assert chart.line([0, None, 4], 100, 50) == "0.0,50.0 100.0,0.0"
    assert chart.line([None, 2.0], 100, 50) == "100.0,0.0 100.0,0.0"
    assert chart.line([None], 100, 50) == ""


@pytest.mark.parametrize("name", PARTS)
def test_a_part_read_into_forms_and_saved_again_is_the_same(demo_city: City, tmp_path: Path, name: str) -> None:
    """Every row goes through its form as a browser would send it."""
    files, part = files_of(demo_city), PARTS[name]
    sent = [{one.name: shown(row.get(one.name, "")) for one in part.fields} for row in part.rows(files[part.file])]
    assert sent
    files[part.file] = part.text([part.typed(one) for one in sent])
    for file, text in files.items():
        (tmp_path / file).write_text(text, encoding="utf-8")
    assert load_city(tmp_path) == demo_city


def test_every_file_of_a_city_but_its_map_is_edited_here(demo_city: City) -> None:
    edited = {part.file for part in PARTS.values()} | set(WHOLE_FILES.values())
    assert files_of(demo_city).keys() - edited == {"divisions.geojson"}
    assert LABELS.keys() == PARTS.keys() | WHOLE_FILES.keys()


def test_a_draft_holds_what_differs_and_nothing_else(tmp_path: Path) -> None:
    drafts, in_force = Drafts(tmp_path / "draft.json"), {"a.toml": "x = 1\n", "b.toml": ""}
    assert drafts.change("v1", in_force, "a.toml", "x = 2\n").base == "v1"
    assert drafts.read().files == {"a.toml": "x = 2\n"}
    assert drafts.change("v2", in_force, "b.toml", "y = 1").base == "v1", "it stays a draft of what it began with"
    drafts.change("v2", in_force, "b.toml", "")
    assert drafts.change("v2", in_force, "a.toml", "x = 1").files == {}
    assert drafts.read().base == ""
