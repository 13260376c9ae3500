"""`callmesh stats`: windows in the city's zone, tables with what a rate is made of, CSV and JSON for programs."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from callmesh.api.v1 import tracking_service_pb2 as pb
from callmesh.cli import stats_export, stats_table, stats_window
from callmesh.cli.main import main
from callmesh.cli.output import BadInput, Failure
from callmesh.cli.stats_names import Names

F, By = pb.Figure, pb.GetFiguresRequest
NAMES = Names({"gas": "临江燃气"}, {"noise": "噪声"}, {})
NOW = datetime(2026, 3, 4, 17, 30, tzinfo=UTC)  # half past one at night on the 5th, a Thursday


def _figure(name: str, unit: "F.Unit.ValueType", **more: object) -> F:
    made = F(id=name, unit=unit, **more)  # type: ignore[arg-type]
    made.start_time.FromDatetime(datetime(2026, 3, 1, 16, tzinfo=UTC))
    made.end_time.FromDatetime(NOW)
    return made


def _answer(*figures: F) -> pb.GetFiguresResponse:
    made = pb.GetFiguresResponse(figures=figures, zone="+08:00")
    made.start_time.FromDatetime(datetime(2026, 3, 1, 16, tzinfo=UTC))
    made.end_time.FromDatetime(NOW)
    return made


def _drawn(found: pb.GetFiguresResponse, *ids: str) -> str:
    into = io.StringIO()
    stats_table.show(found, NAMES, ids, Console(file=into, width=100))
    return into.getvalue()


SATISFIED = _figure("satisfied", F.RATE, zh="满意率", numerator=17_912, denominator=18_220, value=17_912 / 18_220)
DIVERTED = _figure("diverted", F.COUNT, zh="分流数", numerator=1073, previous_numerator=1000, change=0.073)
TOOK = _figure(
    *("accept_seconds_mean", F.SECONDS),
    zh="平均签收时长",
    numerator=9,
    seconds=60.0,
    previous_numerator=8,
    previous_seconds=83.0,
    change=-23.0,
)


def test_row_19_a_rate_stands_beside_what_it_is_made_of() -> None:
    text = _drawn(_answer(SATISFIED))
    assert "满意率" in text and "98.31 %" in text and "17,912/18,220" in text
    assert "统计时段 2026-03-02 00:00:00 至 2026-03-05 01:30:00, 时区 UTC+08:00" in text


def test_row_3_changes_carry_their_sign() -> None:
    answer = _answer(DIVERTED, TOOK)
    answer.previous_start_time.FromDatetime(datetime(2025, 3, 1, 16, tzinfo=UTC))
    answer.previous_end_time.FromDatetime(datetime(2025, 3, 4, 17, 30, tzinfo=UTC))
    text = _drawn(answer)
    assert "上年同期 2025-03-02" in text
    assert "1,073" in text and "1,000" in text and "+7.3 %" in text
    assert "60.0 秒" in text and "83.0 秒" in text and "-23.0 秒" in text


def test_a_rate_of_nothing_is_unknown_not_zero() -> None:
    text = _drawn(_answer(_figure("solved", F.RATE, zh="解决率")))
    assert "0/0" in text and "0.00 %" not in text


def test_groups_get_a_table_a_figure_with_names() -> None:
    group = pb.FigureGroup(by=By.AGENCY, key="gas")
    unknown = pb.FigureGroup(by=By.AGENCY, key="")
    figures = [
        _figure("satisfied", F.RATE, zh="满意率", numerator=1, denominator=2, value=0.5, groups=[group]),
        _figure("satisfied", F.RATE, zh="满意率", groups=[unknown]),
        _figure("repeat_rate", F.RATE, zh="重复诉求率", groups=[group]),
    ]
    text = _drawn(_answer(*figures))
    assert "临江燃气 gas" in text and "50.00 %" in text and "(无)" in text and "重复诉求率" not in text
    assert "重复诉求率" in _drawn(_answer(*figures), "repeat_rate")


def test_only_the_largest_categories_are_drawn() -> None:
    many = [_figure("cases_by_category", F.COUNT, zh="按类别", key=f"c{n}", numerator=n) for n in range(1, 13)]
    text = _drawn(_answer(*many))
    assert "共 12 项" in text and "c12" in text and "c2 " not in text


def test_hotspots_and_alerts_are_told() -> None:
    answer = _answer()
    answer.hotspots.add(cell="24.48,118.07", category="noise", count=12).hour.FromDatetime(NOW)
    alert = answer.alerts.add(threshold=10, case="cases/r1-0-X")
    alert.hotspot.CopyFrom(answer.hotspots[0])
    text = _drawn(answer)
    assert "热点预警" in text and "12/10" in text and "cases/r1-0-X" in text and "噪声 noise" in text


def test_csv_is_read_back_as_it_was() -> None:
    text = stats_export.csv_text(_answer(SATISFIED, TOOK), NAMES)
    first, second = csv.DictReader(io.StringIO(text))
    assert (first["figure"], first["numerator"], first["denominator"]) == ("satisfied", "17912", "18220")
    assert float(first["value"]) == 17_912 / 18_220 and first["seconds"] == ""
    assert second["seconds"] == "60.0" and second["change"] == "-23.0" and second["unit"] == "seconds"
    assert first["from"] == "2026-03-02T00:00:00+08:00" and first["zone"] == "+08:00"


def test_csv_for_excel_has_a_mark_and_no_formulas(tmp_path: Path) -> None:
    group = pb.FigureGroup(by=By.CATEGORY, key='=HYPERLINK("x")')
    made = _answer(_figure("cases_opened", F.COUNT, zh="接报数", numerator=1, groups=[group]))
    stats_export.csv_to(str(tmp_path / "a.csv"), made, NAMES, bom=True)
    data = (tmp_path / "a.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbffigure,")
    [row] = csv.DictReader(io.StringIO(data.decode("utf-8-sig")))
    assert row["category"] == '\'=HYPERLINK("x")' and row["name"] == "接报数"
    stats_export.csv_to(str(tmp_path / "b.csv"), made, NAMES, bom=False)
    assert (tmp_path / "b.csv").read_bytes() == data[3:]
    with pytest.raises(Failure, match="cannot be written"):
        stats_export.csv_to(str(tmp_path / "none" / "a.csv"), made, NAMES, bom=False)


def test_json_lines_say_what_they_are() -> None:
    answer = _answer(SATISFIED)
    answer.hotspots.add(cell="24.48,118.07", category="noise", count=12).hour.FromDatetime(NOW)
    figure, spot = stats_export.lines(answer)
    assert figure["kind"] == "figure" and figure["denominator"] == 18_220 and "change" not in figure
    assert spot == {
        "kind": "hotspot",
        "cell": "24.48,118.07",
        "category": "noise",
        "hour": "2026-03-05T01:30:00+08:00",
        "count": 12,
    }


WINDOWS = [
    ("today", "2026-03-05T00:00", "2026-03-05T01:30"),
    ("yesterday", "2026-03-04T00:00", "2026-03-05T00:00"),
    ("week", "2026-03-02T00:00", "2026-03-05T01:30"),
    ("month", "2026-03-01T00:00", "2026-03-05T01:30"),
    ("year", "2026-01-01T00:00", "2026-03-05T01:30"),
    ("36h", "2026-03-03T13:30", "2026-03-05T01:30"),
    ("7d", "2026-02-26T01:30", "2026-03-05T01:30"),
]


@pytest.mark.parametrize(("name", "start", "end"), WINDOWS)
def test_windows_begin_at_the_citys_midnight(name: str, start: str, end: str) -> None:
    found = stats_window.bounds(stats_window.parse(name, None, None), "+08:00", NOW)
    assert [f"{one:%Y-%m-%dT%H:%M}" for one in found] == [start, end]
    assert found[0].utcoffset() is not None


def test_a_window_from_one_local_time_to_another() -> None:
    window = stats_window.parse(None, "2026-02-01", "2026-02-01T08:30")
    start, end = stats_window.bounds(window, "-03:30", NOW)
    assert start.isoformat() == "2026-02-01T00:00:00-03:30" and end.isoformat() == "2026-02-01T08:30:00-03:30"
    with pytest.raises(BadInput, match="future"):
        stats_window.bounds(stats_window.parse(None, "2026-03-06", None), "+08:00", NOW)


@pytest.mark.parametrize(
    "given",
    [
        ("fortnight", None, None),
        ("today", "2026-01-01", None),
        (None, None, "2026-01-01"),
        (None, "2026-13-01", None),
        (None, "2026-01-01T00:00+08:00", None),
        (None, "2026-02-01", "2026-01-01"),
        ("0d", None, None),
    ],
)
def test_a_window_of_no_sense_is_refused(given: tuple[str | None, str | None, str | None]) -> None:
    with pytest.raises(BadInput):
        stats_window.parse(*given)


def test_the_manual_page_and_wrong_usage() -> None:
    run = CliRunner()
    page = run.invoke(main, ["stats", "--help"], prog_name="callmesh")
    assert page.exit_code == 0
    for title in ("Windows:", "Reading it:", "Environment:", "Exit status:", "Examples:"):
        assert title in page.output
    assert run.invoke(main, ["stats", "--csv", "-", "--json"]).exit_code == 2
    assert run.invoke(main, ["stats", "--bom"]).exit_code == 2
    assert run.invoke(main, ["stats", "--by", "nothing"]).exit_code == 2
