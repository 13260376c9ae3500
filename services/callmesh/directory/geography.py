"""Checks of the map: one city at the root, sound polygons, devices where they say they are."""

from __future__ import annotations

from callmesh.directory.locate import contains, flaw, in_range, overlaps, sticks_out
from callmesh.directory.problems import Report
from callmesh.directory.tables import Draft, Item
from callmesh.domain.directory import Device, Division


def check(draft: Draft, report: Report) -> None:
    """All checks of the map. Comparing polygons makes sense only between sound ones."""
    _root(draft, report)
    sound = {one.value.code: one for one in draft.divisions.items if _sound(one, report)}
    _apart(list(sound.values()), report)
    _inside(sound, report)
    for device in draft.devices.items:
        _device(device, draft, sound, report)


def _root(draft: Draft, report: Report) -> None:
    """Routing takes the first division for the whole city."""
    roots = [one for one in draft.divisions.items if not one.value.parent]
    if draft.divisions.rows is not None and not roots:
        report.add("divisions.geojson", 1, "no feature without parent: the city itself is missing")
    for extra in roots[1:]:
        reason = f'"{extra.value.code}" has no parent, but the city is "{roots[0].value.code}"'
        report.about(extra.row, reason, "code")
    if roots and draft.divisions.items[0] is not roots[0]:
        report.about(roots[0].row, f'the city "{roots[0].value.code}" must be the first feature', "code")


def _sound(division: Item[Division], report: Report) -> bool:
    if not division.value.rings:
        return False
    wrong = flaw(division.value.rings)
    if wrong:
        report.about(division.row, f'"{division.value.code}": {wrong}', "code")
    return not wrong


def _apart(divisions: list[Item[Division]], report: Report) -> None:
    """Sisters that overlap would make the place of a case a matter of chance."""
    for first, second in overlaps([one.value.rings for one in divisions]):
        one, other = divisions[first].value, divisions[second].value
        if one.parent and one.parent == other.parent:
            report.about(divisions[second].row, f'"{other.code}" overlaps "{one.code}"', "code")


def _inside(divisions: dict[str, Item[Division]], report: Report) -> None:
    for code, division in divisions.items():
        parent = divisions.get(division.value.parent)
        if parent is not None and sticks_out(division.value.rings, parent.value.rings):
            report.about(division.row, f'"{code}" is not inside its parent "{parent.value.code}"', "code")


def _device(device: Item[Device], draft: Draft, sound: dict[str, Item[Division]], report: Report) -> None:
    """A town without polygon: the device is at least inside the district."""
    longitude, latitude = device.value.longitude, device.value.latitude
    if not in_range(longitude, latitude):
        report.about(device.row, "longitude and latitude are not degrees")
        return
    around = _shaped(device.value.division, draft, sound)
    if around is not None and not contains(around.rings, longitude, latitude):
        report.about(device.row, f'({longitude}, {latitude}) is outside division "{around.code}"')


def _shaped(code: str, draft: Draft, sound: dict[str, Item[Division]]) -> Division | None:
    """The division or the nearest above it that has a polygon. A faulty polygon ends the search."""
    divisions = {one.value.code: one.value for one in draft.divisions.items}
    passed: set[str] = set()
    while code in divisions and code not in passed and not divisions[code].rings:
        passed.add(code)
        code = divisions[code].parent
    return sound[code].value if code in sound else None
