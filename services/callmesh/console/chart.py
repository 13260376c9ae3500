"""Shapes of the board, as numbers for SVG: districts on a map, lines of a trend. Pure; no tiles, no scripts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from callmesh.domain.directory import Division

TONES = 5
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class District:
    """One district: its outline as an SVG path, where its name stands, its count, and a tone from 0 to TONES - 1."""

    code: str
    path: str
    x: float
    y: float
    count: int
    tone: int


@dataclass(frozen=True, slots=True)
class Spot:
    """A busy cell."""

    x: float
    y: float
    r: float
    count: int
    category: str


@dataclass(frozen=True, slots=True)
class Map:
    """Districts and spots in a box of `width` by `height`."""

    width: float
    height: float
    districts: tuple[District, ...]
    spots: tuple[Spot, ...]


@dataclass(frozen=True, slots=True)
class Projection:
    """Degrees -> units of the drawing: flat, true at the middle latitude, north is up."""

    west: float
    north: float
    squeeze: float
    scale: float

    def at(self, longitude: float, latitude: float) -> Point:
        """The point of a position."""
        x = (longitude - self.west) * self.squeeze * self.scale
        return round(x, 1), round((self.north - latitude) * self.scale, 1)


def projection(points: Sequence[Point], width: float) -> tuple[Projection, float]:
    """What fits the points into that width, and the height it takes."""
    longitudes, latitudes = [one[0] for one in points], [one[1] for one in points]
    squeeze = math.cos(math.radians((min(latitudes) + max(latitudes)) / 2))
    scale = width / ((max(longitudes) - min(longitudes)) * squeeze)
    height = (max(latitudes) - min(latitudes)) * scale
    return Projection(min(longitudes), max(latitudes), squeeze, scale), round(height, 1)


def city_map(
    divisions: Iterable[Division],
    counts: Mapping[str, int],
    hotspots: Iterable[tuple[str, str, int]],
    width: float = 600,
) -> Map | None:
    """The districts right below the city with their counts, and hotspots (cell, category, count) on top of them.

    None when no district has a shape.
    """
    shaped = [one for one in divisions if one.rings and len(one.code) == 6 and one.parent]
    points = [point for one in shaped for ring in one.rings for point in ring]
    if not points:
        return None
    drawn, height = projection(points, width)
    tones = tones_of(counts)
    districts = tuple(_district(one, drawn, counts.get(one.code, 0), tones.get(one.code, 0)) for one in shaped)
    return Map(width, height, districts, tuple(_spots(hotspots, drawn)))


def tones_of(counts: Mapping[str, int]) -> dict[str, int]:
    """Darker for more: even steps up to the largest count, 0 for none."""
    most = max(counts.values(), default=0)
    return {key: math.ceil(count * (TONES - 1) / most) if most else 0 for key, count in counts.items()}


def _district(one: Division, drawn: Projection, count: int, tone: int) -> District:
    path = " ".join(
        "M" + " L".join(f"{x},{y}" for x, y in (drawn.at(*point) for point in ring)) + "Z" for ring in one.rings
    )
    x, y = drawn.at(*middle(max(one.rings, key=len)))
    return District(one.code, path, x, y, count, tone)


def middle(ring: Sequence[Point]) -> Point:
    """The centre of gravity of a ring; its first point when it has no area."""
    area = x = y = 0.0
    for (ax, ay), (bx, by) in pairwise(ring):
        cross = ax * by - bx * ay
        area, x, y = area + cross, x + (ax + bx) * cross, y + (ay + by) * cross
    return (x / (3 * area), y / (3 * area)) if area else ring[0]


def _spots(hotspots: Iterable[tuple[str, str, int]], drawn: Projection) -> Iterable[Spot]:
    """Cells are named by their south-west corner, a hundredth of a degree each way."""
    for cell, category, count in hotspots:
        latitude, _, longitude = cell.partition(",")
        x, y = drawn.at(float(longitude) + 0.005, float(latitude) + 0.005)
        yield Spot(x, y, round(min(5 + 2 * math.sqrt(count), 18), 1), count, category)


def line(values: Sequence[float | None], width: float, height: float) -> str:
    """Points of a polyline from left to right, 0 at the bottom; gaps are left out."""
    most = max((one for one in values if one is not None), default=0) or 1
    step = width / max(len(values) - 1, 1)
    points = [(place * step, height - one / most * height) for place, one in enumerate(values) if one is not None]
    points *= 2 if len(points) == 1 else 1  # a single one is drawn as a dot
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
