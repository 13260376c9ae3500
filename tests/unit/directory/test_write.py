"""A city written as files and read again is the same city."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from callmesh.directory.codec import stamp
from callmesh.directory.load import load_city
from callmesh.directory.write import files_of
from callmesh.domain.directory import City
from callmesh.domain.spans import Span


def _again(city: City, folder: Path) -> City:
    for name, text in files_of(city).items():
        (folder / name).write_text(text, encoding="utf-8")
    return load_city(folder)


def test_the_demo_city_survives_being_written(demo_city: City, tmp_path: Path) -> None:
    assert _again(demo_city, tmp_path) == demo_city


def test_what_differs_from_the_defaults_survives(demo_city: City, tmp_path: Path) -> None:
    """Quotation marks, backslashes and every part that the demo city leaves at its default."""
    first, *rest = demo_city.agencies
    changed = replace(
        demo_city,
        agencies=(replace(first, name='指挥"中心"\\一', name_en="Tab\tand\x7f", advisory=True), *rest),
        policy=replace(demo_city.policy, auto_route=False, reopen_days=7, return_within=Span(3, "wd")),
        figures=replace(demo_city.figures, solved_weight=0.25),
    )
    assert _again(stamp(changed), tmp_path) == stamp(changed)
