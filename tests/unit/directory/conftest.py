"""A small valid city written by code, and a real NATS server for the tests of the store."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from callmesh.directory.load import load_city
from callmesh.domain.directory import City

CITY = """\
# two districts, west and east
id = "small"
name = "小城市"
name_en = "Small"

[policy]
emergency_desk = "110"
hotline = "12345"
fallback = "12345"
max_hops = 3
emergency_kinds = ["police"]
"""
AGENCIES = """\
[[agencies]]
id = "110"
name = "公安局指挥中心"
name_en = "Police command"
kind = "police"
divisions = ["990100"]
entry = true

[[agencies]]
id = "police-west"
name = "西区公安分局"
name_en = "Police West"
kind = "police"
divisions = [
    "990101",     # the whole district
    "990101001",
]
parent = "110"
profile = "L0"

[[agencies]]
id = "12345"
name = "热线"
name_en = "Hotline"
kind = "hotline"
divisions = ["990100"]
entry = true

[[agencies]]
id = "gas"
name = "燃气公司"
name_en = "Gas"
kind = "gas"
divisions = ["990100"]
hours = "mon-fri 08:30-17:30, sat 09:00-12:00"
backup = "12345"
"""
CATALOGUE = """\
# comment

group\tgroup_zh\tid\tzh\ten\tlead\tsupport\temergency\tlevel\tprofile\tnote
crime\t治安\ttheft\t盗窃\tTheft\tpolice\t\tY\tp0\tL0\t
gas\t燃气\tgas_leak\t燃气泄漏\tGas leak\tgas\tpolice,hotline\tC\tp1\tL4\tsmell
other\t其他\tprank\t骚扰\tPrank\t-\t\tN\tp3\t-\t
"""
ROUTES = """\
category\torigin\tdivision\tlead\tsupport\tnote
gas_leak\thotline\t*\tpolice\tgas\tat night
theft\t*\t990102\thotline\t\t
"""
GUIDES = '''\
[[guides]]
category = "theft"
prompt = """
first [[guides]] line, "quoted"
second = "line" # no comment
"""
ask = ["哪里?", "什么时候?"]

[[guides]]
category = "gas_leak"
prompt = 'open the "window"'
tell = [
    "出门",
]
'''
LIMITS = """\
[[profiles]]
id = "L0"
accept = "1m"
feedback = "5m"
resolve = "24h"

[[profiles]]
id = "L4"
accept = "30s"
feedback = "1wd"
resolve = "5wd"
source = "assumed"
"""
RELEASE = """\
[[releases]]
kinds = ["police"]
categories = ["*"]
fields = ["name", "number"]
purpose = "出警"

[[releases]]
kinds = ["*"]
categories = ["gas_leak"]
fields = []
purpose = "其他"
"""
PLANS = """\
[[plans]]
id = "gas-main"
name = "燃气泄漏"
name_en = "Gas main"
category = "gas_leak"
tasks = [
    { kind = "gas", role = "lead", task = "关阀" },
    { kind = "police", role = "support", task = "警戒" },
]

[[plans]]
id = "theft-all"
name = "盗窃"
name_en = "Theft"
category = "theft"

[[plans.tasks]]
kind = "police"
role = "lead"
task = "出警"

[[plans.tasks]]
kind = "hotline"
role = "support"
task = "答复"
"""
REASONS = """\
[[return_reasons]]
code = "not_ours"
zh = "不属于本单位"
en = "Not ours"
"""
GROUNDS = """\
[[grounds]]
code = "abuse"
zh = "恶意骚扰"
en = "Abuse"
"""
CALENDAR = """\
opens = "08:30"
closes = "17:30"
utc_offset_minutes = 480
holidays = [2026-01-01, 2026-10-01]
make_up_days = [
    2026-01-04,
]
"""
DEVICES = """\
id\tdivision\tplace\tlongitude\tlatitude
kiosk-1\t990101001\t西区广场\t120.5\t30.5
kiosk-2\t990102\t东区广场\t121.5\t30.5
"""


def _feature(code: str, parent: str, west: float = 0, east: float = 0) -> str:
    ring = [[west, 30], [east, 30], [east, 31], [west, 31], [west, 30]]
    properties = {"code": code, "name": f"区{code}", "name_en": f"Area {code}"} | ({"parent": parent} if parent else {})
    geometry = {"type": "Polygon", "coordinates": [ring]} if east else None
    return json.dumps({"type": "Feature", "properties": properties, "geometry": geometry}, ensure_ascii=False)


DIVISIONS = "\n".join(
    [
        '{"type": "FeatureCollection", "features": [',
        _feature("990100", "", 120, 122) + ",",
        _feature("990101", "990100", 120, 121) + ",",
        _feature("990102", "990100", 121, 122) + ",",
        _feature("990101001", "990101"),
        "]}",
    ]
)
FILES = {
    "city.toml": CITY,
    "divisions.geojson": DIVISIONS,
    "agencies.toml": AGENCIES,
    "catalogue.tsv": CATALOGUE,
    "routes.tsv": ROUTES,
    "guides.toml": GUIDES,
    "limits.toml": LIMITS,
    "release.toml": RELEASE,
    "plans.toml": PLANS,
    "reasons.toml": REASONS,
    "grounds.toml": GROUNDS,
    "calendar.toml": CALENDAR,
    "devices.tsv": DEVICES,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the small city."""
    made = tmp_path / "small"
    made.mkdir()
    for name, text in FILES.items():
        (made / name).write_text(text, encoding="utf-8")
    return made


@pytest.fixture
def city(folder: Path) -> City:
    """The small city."""
    return load_city(folder)


@pytest.fixture
def change(folder: Path) -> Callable[[str, str, str], str]:
    """Replaces a text that must be there once in a file of the folder; returns the new content."""

    def replace(file: str, old: str, new: str) -> str:
        text = (folder / file).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {file}"
        text = text.replace(old, new)
        (folder / file).write_text(text, encoding="utf-8")
        return text

    return replace
