"""Point -> division, and the geometry that the checks need. The only module that knows shapely.

A tree of bounding boxes finds the few polygons near a point; of those that contain it the lowest in the
administrative tree is taken. A point on a common border belongs to the division that stands first in the
file, so the answer never depends on chance; a point outside everything is in no division ("").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import shapely

from callmesh.domain.directory import City

Rings = tuple[tuple[tuple[float, float], ...], ...]

_SLIVER = 0.01  # share of the smaller area that borders drawn by different hands may differ by


class Locator:
    """Built once for each version of the city."""

    def __init__(self, city: City) -> None:
        shaped = [one for one in city.divisions if one.rings]
        shaped.sort(key=lambda one: -len(city.lineage(one.code)))
        self._codes = [one.code for one in shaped]
        self._tree = shapely.STRtree([outline(one.rings) for one in shaped])

    def division_at(self, longitude: float, latitude: float) -> str:
        """The lowest division whose polygon contains the point; "" when none does."""
        found = self._tree.query(shapely.Point(longitude, latitude), predicate="intersects")
        return self._codes[min(found)] if len(found) else ""


def outline(rings: Rings) -> shapely.MultiPolygon:
    """The area inside the rings."""
    return shapely.MultiPolygon([shapely.Polygon(ring) for ring in rings])


def flaw(rings: Rings) -> str:
    """Why the rings are no valid area; "" when they are."""
    if not all(in_range(*point) for ring in rings for point in ring):
        return "a point is not longitude, latitude in degrees"
    area = outline(rings)
    return "" if area.is_valid else f"polygon is not valid: {shapely.is_valid_reason(area)}"


def in_range(longitude: float, latitude: float) -> bool:
    """Degrees of WGS 84; swapped coordinates of Chinese places fail here."""
    return -180 <= longitude <= 180 and -90 <= latitude <= 90


def contains(rings: Rings, longitude: float, latitude: float) -> bool:
    """Whether the point is inside or on the border."""
    return bool(outline(rings).intersects(shapely.Point(longitude, latitude)))


def overlaps(areas: Sequence[Rings]) -> Iterator[tuple[int, int]]:
    """Which areas cover more of each other than a sliver."""
    shapes = [outline(one) for one in areas]
    if not shapes:
        return  # shapely takes no empty list
    pairs = shapely.STRtree(shapes).query(shapes, predicate="intersects").T.tolist()
    for one, other in sorted((one, other) for one, other in pairs if one < other):
        common = shapes[one].intersection(shapes[other]).area
        if common > _SLIVER * min(shapes[one].area, shapes[other].area):
            yield one, other


def sticks_out(inner: Rings, outer: Rings) -> bool:
    """Whether more than a sliver of `inner` is outside `outer`."""
    area = outline(inner)
    return bool(area.difference(outline(outer)).area > _SLIVER * area.area)
