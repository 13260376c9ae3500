"""City <-> bytes, and point -> division."""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from callmesh.directory.codec import Undecodable, decode, encode, squeezed, stamp, text_of
from callmesh.directory.load import load_city
from callmesh.directory.locate import Locator
from callmesh.domain.directory import City


def large(city: City) -> City:
    """The city with a district of many points."""
    ring = tuple((120.0 + number / 1e6, 30.0) for number in range(10_000))
    return replace(city, divisions=(*city.divisions, replace(city.divisions[0], rings=(ring,))))


class TestCodec:
    def test_round_trip(self, city: City) -> None:
        assert decode(encode(city)) == city

    def test_round_trip_of_the_demo_city(self) -> None:
        demo = load_city(Path(__file__).parents[3] / "deploy" / "city")
        assert decode(encode(demo)) == demo
        assert len(encode(demo)) < 200_000

    def test_look_ups_are_not_stored(self, city: City) -> None:
        before = encode(city)
        assert city.agency and city.agencies_of_kind
        assert encode(city) == before

    def test_large_city_is_squeezed(self, city: City) -> None:
        data = encode(large(city))
        assert encode(city).startswith(b"{") and not data.startswith(b"{")
        assert len(data) < 100_000
        assert decode(data) == large(city)

    def test_newer_and_older_writers(self, city: City) -> None:
        """A key we do not know is passed over; one the writer did not know gets its default."""
        assert decode(encode(city).replace(b'{"id"', b'{"mood":["new"],"id"', 1)) == city
        assert decode(encode(city).replace(b'"max_hops":3,', b"", 1)) == city

    @pytest.mark.parametrize(
        "data",
        [
            *(b"", b"{", b"nonsense", b'{"id": 5}', b"\x78\x9c123"),
            *(zlib.compress(b"[]"), zlib.compress(b"{}" * 99)[:-4]),
        ],
    )
    def test_undecodable(self, data: bytes) -> None:
        with pytest.raises(Undecodable):
            decode(data)

    def test_stamp_depends_on_content_only(self, city: City) -> None:
        assert stamp(replace(city, version="other")) == city
        assert stamp(replace(city, name="别的")).version != city.version


class TestLocator:
    @pytest.mark.parametrize(
        ("longitude", "latitude", "code"),
        [
            (120.5, 30.5, "990101"),
            (121.5, 30.5, "990102"),
            (121.0, 30.5, "990101"),  # on the common border: the first in the file
            (122.0, 31.0, "990102"),  # a corner of the city
            (122.1, 30.5, ""),
            (30.5, 120.5, ""),
            (float("nan"), 30.5, ""),
            (float("inf"), 30.5, ""),
        ],
    )
    def test_division_at(self, city: City, longitude: float, latitude: float, code: str) -> None:
        assert Locator(city).division_at(longitude, latitude) == code

    def test_lowest_wins_wherever_it_stands(self, city: City) -> None:
        ring = ((120.1, 30.1), (120.2, 30.1), (120.2, 30.2), (120.1, 30.1))
        *others, town = city.divisions
        found = Locator(replace(city, divisions=(replace(town, rings=(ring,)), *others)))
        assert found.division_at(120.18, 30.12) == "990101001"
        assert found.division_at(120.5, 30.5) == "990101"

    def test_in_the_city_but_in_no_district(self, city: City) -> None:
        found = Locator(replace(city, divisions=(city.divisions[0], city.divisions[1])))
        assert found.division_at(121.5, 30.5) == "990100"

    def test_no_polygons(self, city: City) -> None:
        assert Locator(replace(city, divisions=())).division_at(120.5, 30.5) == ""


def test_a_file_travels_squeezed_and_a_bomb_does_not() -> None:
    text = '[[guides]]\nprompt = "在哪里？"\n' * 4000
    assert len(squeezed(text)) < len(text) / 20 and text_of(squeezed(text)) == text
    for bad in (b"no zlib", squeezed(" " * 2_000_000)):
        with pytest.raises(Undecodable):
            text_of(bad)
