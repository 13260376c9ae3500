"""The loader: a valid folder becomes a City, and each planted fault is named with file, line and reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import date, time
from pathlib import Path

import pytest

from callmesh.directory.faults import in_chinese
from callmesh.directory.files import LARGEST_FILE
from callmesh.directory.load import BadCity, Problem, load_city
from callmesh.domain.directory import Agency, City, PlanTask, Policy, Route, Span
from callmesh.domain.words import EmergencyRule, Level, Role

Change = Callable[[str, str, str], str]


def problems(folder: Path) -> list[Problem]:
    """What is wrong with a folder that must not load."""
    with pytest.raises(BadCity) as caught:
        load_city(folder)
    assert str(caught.value) == "\n".join(map(str, caught.value.problems))
    return caught.value.problems


class TestGood:
    def test_small_city(self, city: City) -> None:
        assert (city.id, city.policy.hotline, city.policy.emergency_kinds) == ("small", "12345", ("police",))
        assert city.agency["police-west"].divisions == ("990101", "990101001")
        assert city.agency["110"].hours == "24h" and city.agency["110"].entry
        assert city.division["990101"].rings[0][0] == (120.0, 30.0)
        assert city.division["990101001"].rings == ()
        assert city.lineage("990101001") == ("990101001", "990101", "990100")

    def test_words_spans_and_lists(self, city: City) -> None:
        leak = city.category["gas_leak"]
        assert (leak.emergency, leak.level) == (EmergencyRule.CONDITIONAL, Level.P1)
        assert leak.support == ("police", "hotline") and city.category["theft"].support == ()
        assert city.profile["L4"].accept == Span(30, "s") and city.profile["L4"].resolve == Span(5, "wd")
        assert city.routes[0] == Route("gas_leak", "hotline", "*", "police", ("gas",), "at night")
        assert city.plan["theft-all"].tasks[1] == PlanTask("hotline", Role.SUPPORT, "答复")

    def test_calendar_and_devices(self, city: City) -> None:
        assert city.calendar.opens == time(8, 30)
        assert city.calendar.holidays == {date(2026, 1, 1), date(2026, 10, 1)}
        assert city.device["kiosk-2"].longitude == 121.5

    def test_version_names_content(self, folder: Path, city: City, change: Change) -> None:
        assert len(city.version) == 12 and int(city.version, 16) >= 0
        change("agencies.toml", "# the whole district", "# only a comment")
        assert load_city(folder).version == city.version
        change("agencies.toml", "燃气公司", "燃气集团")
        assert load_city(folder).version != city.version

    def test_windows_editor(self, folder: Path, city: City) -> None:
        for path in folder.iterdir():
            path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
        assert load_city(folder) == city

    def test_demo_city(self) -> None:
        demo = load_city(Path(__file__).parents[3] / "deploy" / "city")
        assert demo.id == "linjiang" and len(demo.categories) > 50


@dataclass(frozen=True)
class Fault:
    """Put `new` for `old` in `file`: the line with `at` (else the first of `new`) gets the reason."""

    file: str
    old: str
    new: str
    reason: str
    at: str = ""


def known(kind: type[Agency] | type[Policy]) -> str:
    """The keys that a table may have."""
    return ", ".join(one.name for one in fields(kind))


_GEO = "divisions.geojson"
_EAST = '"code": "990102", "name": "区990102", "name_en": "Area 990102", "parent": "990100"'
FAULTS = [
    # --- form ---
    Fault("city.toml", 'name_en = "Small"', "name_en = 7", "name_en: expected str, got int"),
    Fault("city.toml", 'name = "小城市"', 'name = ""', "name is empty"),
    Fault("city.toml", 'id = "small"', "", "id is missing", at="two districts"),
    Fault("city.toml", "max_hops = 3", "max_hop = 3",
          f'unknown key "max_hop" (known: {known(Policy)})'),
    Fault("city.toml", "max_hops = 3", 'return_within = "2 days"',
          'return_within: "2 days" is no length of time like "30s", "1m", "2h" or "1wd"'),
    Fault("city.toml", "max_hops = 3", "max_hops = 0", "max_hops is less than 1"),
    Fault("city.toml", "max_hops = 3", "follow_up_attempts = 0", "follow_up_attempts is less than 1"),
    Fault("city.toml", "max_hops = 3", 'follow_up_attempts = "3"', "follow_up_attempts: expected int, got str"),
    Fault("city.toml", "max_hops = 3", "reopen_days = -1", "reopen_days is less than 0"),
    Fault("agencies.toml", 'backup = "12345"\n', 'backup = "12345"\nadvisory = "yes"\n',
          "advisory: expected bool, got str", at="advisory"),
    Fault("city.toml", "max_hops = 3", "auto_route = 1", "auto_route: expected bool, got int"),
    Fault("agencies.toml", "entry = true\n\n[[agencies]]\nid = \"police-west\"",
          "entri = true\n\n[[agencies]]\nid = \"police-west\"",
          f'unknown key "entri" (known: {known(Agency)})'),
    Fault("agencies.toml", 'kind = "gas"\ndivisions = ["990100"]', 'kind = "gas"', "divisions is missing",
          at="[[agencies]]#4"),
    Fault("agencies.toml", '    "990101001",', "    990101001,", "divisions: expected str, got int",
          at="divisions = [#2"),
    Fault("agencies.toml", 'backup = "12345"\n', 'backup = "12345"\nroles = ["supervisor", "boss"]\n',
          'roles: "boss" is none of commander, desk, follow_up, ops, supervisor', at='"boss"'),
    Fault("agencies.toml", 'backup = "12345"\n', 'backup = "12345"\n[extra]\n',
          '"extra" does not belong here, only [[agencies]]', at="[extra]"),
    Fault("catalogue.tsv", "\tY\tp0", "\tX\tp0", 'emergency: "X" is not one of Y, C, N'),
    Fault("catalogue.tsv", "\tC\tp1", "\tC\tp7", 'level: "p7" is not one of p0, p1, p2, p3'),
    Fault("catalogue.tsv", "\tL4\tsmell", "\tL4", "10 columns, expected 11"),
    Fault("catalogue.tsv", "\tL4\tsmell", "\tL4\tsmell\tmore", "12 columns, expected 11"),
    Fault("devices.tsv", "\t121.5\t", "\teast\t", 'longitude: "east" is no number'),
    Fault("limits.toml", 'accept = "1m"', 'accept = "0m"',
          'accept: "0m" is no length of time like "30s", "1m", "2h" or "1wd"'),
    Fault("limits.toml", 'resolve = "5wd"', 'resolve = "5d"',
          'resolve: "5d" is no length of time like "30s", "1m", "2h" or "1wd"'),
    Fault("limits.toml", 'feedback = "1wd"', "feedback = 60",
          'feedback: "60" is no length of time like "30s", "1m", "2h" or "1wd"'),
    Fault("calendar.toml", 'opens = "08:30"', 'opens = "8 Uhr"',
          'opens: "8 Uhr" is no time of day like "08:30"'),
    Fault("calendar.toml", 'closes = "17:30"', 'closes = "07:30"', "closes is not after opens"),
    Fault("calendar.toml", "    2026-01-04,", "    2026-01-01,",
          "2026-01-01 is a holiday and a make-up day", at="make_up_days"),
    Fault("calendar.toml", "= 480", "= 4800", "utc_offset_minutes is no zone on Earth"),
    Fault("plans.toml", 'role = "support", task = "警戒"', 'role = "helper", task = "警戒"',
          'role: "helper" is not one of lead, support'),
    Fault("plans.toml", 'task = "答复"', "", "task is missing", at="[[plans.tasks]]#2"),
    # --- names ---
    Fault("agencies.toml", 'parent = "110"', 'parent = "foo"', 'parent "foo" is no agency'),
    Fault("agencies.toml", 'backup = "12345"', 'backup = "119"', 'backup "119" is no agency'),
    Fault("agencies.toml", 'backup = "12345"', 'backup = "gas"', "backup is the agency itself"),
    Fault("agencies.toml", '    "990101001",', '    "990107",', 'divisions "990107" is no division'),
    Fault("agencies.toml", 'profile = "L0"', 'profile = "L9"', 'profile "L9" is no profile of limits.toml'),
    Fault("agencies.toml", 'id = "gas"', 'id = "110"', 'id "110" is given twice, first in line 2', at='id = "110"#2'),
    Fault("agencies.toml", 'id = "gas"', 'id = "g.as"',
          'id "g.as" has other signs than letters, digits, - and _'),
    Fault("agencies.toml", "entry = true\n\n[[agencies]]\nid = \"police-west\"",
          "entry = true\nparent = \"police-west\"\n\n[[agencies]]\nid = \"police-west\"",
          "parents form a circle: 110 -> police-west -> 110", at='parent = "police-west"'),
    Fault("city.toml", 'fallback = "12345"', 'fallback = "nobody"', 'fallback "nobody" is no agency'),
    Fault("city.toml", '["police"]', '["police", "fire"]', 'emergency_kinds "fire" is no kind of any agency'),
    Fault("catalogue.tsv", "\tgas\tpolice,hotline", "\tgasworks\tpolice,hotline",
          'lead "gasworks" is no kind of any agency'),
    Fault("catalogue.tsv", "police,hotline", "police, ems", 'support "ems" is no kind of any agency'),
    Fault("catalogue.tsv", "\tL4\tsmell", "\tL8\tsmell", 'profile "L8" is no profile of limits.toml'),
    Fault("catalogue.tsv", "\tprank\t", "\ttheft\t", 'id "theft" is given twice, first in line 4',
          at="Prank"),
    Fault("routes.tsv", "theft\t*", "thefts\t*", 'category "thefts" is no category'),
    Fault("routes.tsv", "gas_leak\thotline", "gas_leak\t12345", 'origin "12345" is no kind of any agency'),
    Fault("routes.tsv", "990102", "990109", 'division "990109" is no division'),
    Fault("routes.tsv", "theft\t*\t990102", "gas_leak\thotline\t*",
          'category "gas_leak hotline *" is given twice, first in line 2',
          at="hotline\t*#2"),
    Fault("guides.toml", 'category = "gas_leak"', 'category = "gas"', 'category "gas" is no category'),
    Fault("guides.toml", 'category = "gas_leak"', 'category = "theft"',
          'category "theft" is given twice, first in line 2',
          at='category = "theft"#2'),
    Fault("release.toml", 'kinds = ["police"]', 'kinds = ["*", "spies"]',
          'kinds "spies" is no kind of any agency'),
    Fault("release.toml", 'kinds = ["police"]', "kinds = []", 'kinds is empty; "*" means any'),
    Fault("release.toml", '["gas_leak"]', '["gas"]', 'categories "gas" is no category'),
    Fault("release.toml", '"name", "number"', '"name",\n"nummer"',
          'fields "nummer" is no field that can be released', at='"nummer"'),
    Fault("plans.toml", 'category = "theft"', 'category = "fraud"', 'category "fraud" is no category'),
    Fault("plans.toml", 'kind = "hotline"', 'kind = "fire"', 'kind "fire" is no kind of any agency'),
    Fault("plans.toml", '{ kind = "police"', '{ kind = "ems"', 'kind "ems" is no kind of any agency'),
    Fault("devices.tsv", "990101001", "990101009", 'division "990101009" is no division'),
    Fault("reasons.toml", 'en = "Not ours"',
          'en = "Not ours"\n[[return_reasons]]\nen = "x"\nzh = "y"\ncode = "not_ours"',
          'code "not_ours" is given twice, first in line 2', at='code = "not_ours"#2'),
    Fault("grounds.toml", 'en = "Abuse"', 'en = "Abuse"\n[[grounds]]\nen = "x"\nzh = "y"\ncode = "abuse"',
          'code "abuse" is given twice, first in line 2', at='code = "abuse"#2'),
    Fault("grounds.toml", 'code = "abuse"', 'code = "phone abuse"',
          'code "phone abuse" has other signs than letters, digits, - and _'),
    # --- sense ---
    Fault("agencies.toml", "sat 09:00-12:00", "sut 09:00-12:00",
          'hours: "sut 09:00-12:00" is not like "mon-fri 08:30-17:30" (unknown day in "sut")', at="sut"),
    Fault("agencies.toml", "sat 09:00-12:00", "sat 22:00-06:00",
          "hours: days and times run forwards; split what passes Sunday or midnight in two", at="22:00"),
    Fault("agencies.toml", "sat 09:00-12:00", "sat 09:00+08:00-12:00+08:00",
          "hours: times carry no zone", at="+08:00"),
    Fault("agencies.toml", 'kind = "hotline"\ndivisions = ["990100"]',
          'kind = "hotline"\ndivisions = ["990101"]',
          'an entry agency must serve the whole city "990100"', at='divisions = ["990101"]'),
    Fault("city.toml", 'fallback = "12345"', 'fallback = "gas"', 'fallback "gas" is not open 24h'),
    Fault("city.toml", 'emergency_desk = "110"', 'emergency_desk = "gas"',
          'emergency_desk "gas" is not open 24h'),
    Fault("plans.toml", 'role = "support", task = "警戒"', 'role = "lead", task = "警戒"',
          'plan "gas-main" has 2 leads, it needs exactly one', at='id = "gas-main"'),
    Fault("plans.toml", 'role = "lead"\n', 'role = "support"\n',
          'plan "theft-all" has 0 leads, it needs exactly one',
          at='id = "theft-all"'),
    Fault("catalogue.tsv", "\tC\tp1", "\tY\tp1",
          'emergency is led by "gas", no emergency kind and nobody there 24h'),
    Fault("catalogue.tsv", "\t-\t\tN", "\t-\t\tY",
          'emergency is led by "-", no emergency kind and nobody there 24h'),
    Fault("routes.tsv", "990102\thotline", "990102\tgas",
          'emergency is led by "gas", no emergency kind and nobody there 24h'),
    # --- map ---
    Fault(_GEO, '"parent": "990101"', '"parent": "990109"', 'parent "990109" is no division'),
    Fault(_GEO, '"parent": "990101"', '"parent": "990101001"',
          "parents form a circle: 990101001 -> 990101001"),
    Fault(_GEO, "null}\n]}",
          'null},\n{"properties": {"code": "9901010", "name": "a", "name_en": "b", "parent": "990100"}}\n]}',
          'code "9901010" has not 6, 9 or 12 digits', at="9901010\""),
    Fault(_GEO, _EAST, _EAST.replace(', "parent": "990100"', ""),
          '"990102" has no parent, but the city is "990100"'),
    Fault(_GEO, _EAST, _EAST.replace('"code"', '"area": 3, "code"'),
          'unknown key "area" (known: code, name, name_en, parent, rings)'),
    Fault(_GEO, "[[[121, 30], [122, 30], [122, 31], [121, 31]",
          "[[[121, 30], [122, 31], [122, 30], [121, 31]",
          '"990102": polygon is not valid: Self-intersection[121.5 30.5]'),
    Fault(_GEO, "[[[121, 30], [122, 30]", "[[[121, 30], [122, 130]",
          '"990102": a point is not longitude, latitude in degrees'),
    Fault(_GEO, "[121, 31], [121, 30]]]", "[121, 31]]]",
          "rings: a ring needs at least four points, the last one like the first"),
    Fault(_GEO, "[121, 31], [121, 30]]]", "[121, 31], [121, 30]], [[1,1],[2,1],[2,2],[1,1]]]",
          "rings: a polygon must have one ring and no holes; cut it in two"),
    Fault(_GEO, "[[[121, 30], [122, 30], [122, 31], [121, 31], [121, 30]]]",
          "[[[120.9, 30], [122, 30], [122, 31], [120.9, 31], [120.9, 30]]]", '"990102" overlaps "990101"'),
    Fault(_GEO, "[[[121, 30], [122, 30], [122, 31], [121, 31], [121, 30]]]",
          "[[[121, 30], [123, 30], [123, 31], [121, 31], [121, 30]]]",
          '"990102" is not inside its parent "990100"'),
    Fault("devices.tsv", "121.5\t30.5", "120.5\t30.5", '(120.5, 30.5) is outside division "990102"', at="kiosk-2"),
    Fault("devices.tsv", "120.5\t30.5", "121.5\t30.5", '(121.5, 30.5) is outside division "990101"'),
    Fault("devices.tsv", "121.5\t30.5", "30.5\t121.5", "longitude and latitude are not degrees"),
    Fault("devices.tsv", "121.5\t30.5", "nan\t30.5", "longitude and latitude are not degrees"),
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda one: f"{one.file}: {one.reason[:60]}")
def test_fault_is_named(fault: Fault, folder: Path, change: Change) -> None:
    text = change(fault.file, fault.old, fault.new)
    needle, _, nth = (fault.at or fault.new.split("\n")[0]).partition("#")
    lines = [number for number, line in enumerate(text.split("\n"), 1) if needle in line]
    [found] = problems(folder)
    assert (found.file, found.line) == (fault.file, lines[int(nth or 1) - 1]), str(found)
    assert found.reason == fault.reason


SYNTAX = [
    ("city.toml", 'name_en = "Small"', "name_en = Small", 4, "no valid TOML: Invalid value"),
    ("plans.toml", 'task = "答复"', 'task = "答复', 25, "no valid TOML: Illegal character '\\n'"),
    ("calendar.toml", "    2026-01-04,\n]", "    2026-01-04,", 7,
     "no valid TOML: Invalid value (at end of document)"),
    ("divisions.geojson", '"parent": "990101"', '"parent" "990101"', 5,
     "no valid JSON: Expecting ':' delimiter"),
    ("divisions.geojson", '"FeatureCollection"', '"Topology"', 1,
     "type: expected a GeoJSON FeatureCollection"),
    ("routes.tsv", "category\torigin", "category\tfrom", 1,
     "the header must be: category origin division lead support note"),
    ("reasons.toml", "[[return_reasons]]", "[return_reasons]", 1,
     "return_reasons: expected tables [[return_reasons]]"),
    ("grounds.toml", "[[grounds]]", "[grounds]", 1, "grounds: expected tables [[grounds]]"),
    ("limits.toml", "5wd", "\\q", 11, "no valid TOML: Unescaped '\\' in a string"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "line", "reason"), SYNTAX)
def test_syntax(folder: Path, change: Change, file: str, old: str, new: str, line: int, reason: str) -> None:
    change(file, old, new)
    assert problems(folder) == [Problem(file, line, reason)]


class TestWhole:
    def test_not_utf8(self, folder: Path) -> None:
        path = folder / "routes.tsv"
        path.write_bytes(path.read_bytes().replace(b"at night", "夜间".encode("gb18030")))
        assert problems(folder) == [Problem("routes.tsv", 2, "no valid UTF-8")]

    def test_missing_file_is_one_problem(self, folder: Path) -> None:
        (folder / "agencies.toml").unlink()
        [found] = problems(folder)
        assert str(found) == "agencies.toml: cannot be read: No such file or directory"

    def test_only_files_of_a_sane_size_are_read(self, folder: Path) -> None:
        """A device may have no end, and a pipe nobody who writes."""
        for name in ("plans.toml", "routes.tsv"):
            (folder / name).unlink(missing_ok=True)
        (folder / "plans.toml").symlink_to("/dev/null")
        with (folder / "routes.tsv").open("wb") as file:
            file.truncate(LARGEST_FILE + 1)
        told = [str(one) for one in problems(folder)]
        assert told == [
            "plans.toml: cannot be read: not a regular file",
            "routes.tsv: cannot be read: more than 64 MiB",
        ]

    def test_missing_folder(self, tmp_path: Path) -> None:
        assert [one.reason for one in problems(tmp_path / "nowhere")] == ["no such folder"]

    def test_all_problems_at_once(self, folder: Path, change: Change) -> None:
        change("agencies.toml", 'parent = "110"', 'parent = "foo"')
        change("agencies.toml", 'backup = "12345"', 'backup = "bar"\nphone = 5\ncolour = "red"')
        change("limits.toml", 'accept = "1m"', 'accept = "now"')
        change("routes.tsv", "990102", "1")
        found = [(one.file, one.line) for one in problems(folder)]
        assert found == [
            *(("agencies.toml", 18), ("agencies.toml", 37), ("agencies.toml", 38)),
            *(("limits.toml", 3), ("routes.tsv", 3)),
        ]

    def test_faulty_row_hides_nothing_that_names_it(self, folder: Path, change: Change) -> None:
        """110 itself has a fault; its child, the policy and the catalogue may still name it."""
        change("agencies.toml", 'name_en = "Police command"', "name_en = 5")
        assert [str(one) for one in problems(folder)] == ["agencies.toml:4: name_en: expected str, got int"]

    def test_missing_policy(self, folder: Path, change: Change) -> None:
        change("city.toml", "[policy]", "[polices]")
        assert [str(one) for one in problems(folder)] == [
            "city.toml:1: [policy] is missing",
            'city.toml:6: unknown key "polices" (known: id, name, name_en)',
        ]

    def test_missing_code(self, folder: Path, change: Change) -> None:
        """What names it is wrong too, and says so: nobody can know which code was meant."""
        change("divisions.geojson", '"code": "990102", ', "")
        assert [str(one) for one in problems(folder)] == [
            'devices.tsv:3: division "990102" is no division',
            "divisions.geojson:4: code is missing",
            'routes.tsv:3: division "990102" is no division',
        ]

    def test_pretty_printed_map(self, folder: Path) -> None:
        """As GIS tools write it: a fault of a polygon is told at the line of its code."""
        path = folder / "divisions.geojson"
        value = json.loads(path.read_text())
        value["features"][2]["geometry"]["coordinates"][0][1] = [122, 95]
        path.write_text(json.dumps(value, indent=2))
        lines = path.read_text().split("\n")
        [found] = problems(folder)
        assert '"code": "990102"' in lines[found.line - 1]

    def test_map_in_one_line(self, folder: Path) -> None:
        """As other GIS tools write it: the line says nothing, so the feature is named; the desk says it in Chinese."""
        path = folder / "divisions.geojson"
        value = json.loads(path.read_text())
        value["features"][1]["properties"]["name_en"] = 5
        del value["features"][3]["properties"]["code"]
        path.write_text(json.dumps(value))
        found = [one for one in problems(folder) if one.file == path.name]
        assert [str(one) for one in found] == [
            'divisions.geojson:1: features[1] "990101": name_en: expected str, got int',
            'divisions.geojson:1: features[3] "": code is missing',
        ]
        assert in_chinese(found[1].reason) == "features[3]“”: 缺少 code"

    def test_city_must_be_first(self, folder: Path) -> None:
        path = folder / "divisions.geojson"
        lines = path.read_text().split("\n")
        lines[1], lines[2] = lines[2], lines[1]
        path.write_text("\n".join(lines))
        assert problems(folder) == [Problem(path.name, 3, 'the city "990100" must be the first feature')]


class TestFigures:
    """[figures] of city.toml may be left out; what stands there must make sense."""

    def test_given(self, folder: Path) -> None:
        _figures(folder, "solved_weight = 0.5", "hotspot_threshold = 0")
        rules = load_city(folder).figures
        assert (rules.solved_weight, rules.hotspot_threshold) == (0.5, 0)
        assert rules.response_weight == pytest.approx(1 / 3)

    @pytest.mark.parametrize(
        "line",
        [
            "solved_weight = -1.0",
            "response_weight = 0.0\nsolved_weight = 0.0\nsatisfied_weight = 0.0",
            "hotspot_threshold = -1",
            "weight = 1.0",
        ],
    )
    def test_nonsense_is_named_with_its_line(self, folder: Path, line: str) -> None:
        lines = _figures(folder, line)
        [wrong] = problems(folder)
        assert wrong.file.endswith("city.toml") and lines < wrong.line <= lines + 4


def _figures(folder: Path, *lines: str) -> int:
    """Adds the table; how many lines stand before it."""
    text = (folder / "city.toml").read_text()
    (folder / "city.toml").write_text("\n".join((text.rstrip("\n"), "[figures]", *lines)) + "\n")
    return len(text.rstrip("\n").splitlines())


def test_a_city_may_list_no_grounds_of_rejection(folder: Path) -> None:
    assert [one.code for one in load_city(folder).grounds] == ["abuse"]
    (folder / "grounds.toml").unlink()
    assert load_city(folder).grounds == ()
