"""This year's figures beside those of a year before: the signed change."""

from __future__ import annotations

from collections.abc import Iterable

from callmesh.api.v1 import tracking_service_pb2 as api

_F = api.Figure
Name = tuple[str, str, tuple[tuple[int, str], ...]]


def compared(now: list[api.Figure], before: Iterable[api.Figure]) -> list[api.Figure]:
    """Each figure with its counterpart; one that has none a year before is compared with nothing."""
    known = {_name(one): one for one in before}
    for one in now:
        earlier = known.get(_name(one), _F())
        one.previous_numerator, one.previous_denominator = earlier.numerator, earlier.denominator
        one.previous_seconds = earlier.seconds
        change = _change(one, earlier)
        if change is not None:
            one.change = change
    return now


def _name(one: api.Figure) -> Name:
    return one.id, one.key, tuple((group.by, group.key) for group in one.groups)


def _change(now: api.Figure, before: api.Figure) -> float | None:
    """Relative for counts, the difference of everything else; None when one of them is unknown."""
    if now.unit == _F.COUNT:
        return (now.numerator - before.numerator) / before.numerator if before.numerator else None
    if now.unit == _F.SECONDS:
        return now.seconds - before.seconds if now.numerator and before.numerator else None
    if now.unit in (_F.RATE, _F.SCORE) and now.HasField("value") and before.HasField("value"):
        return now.value - before.value
    return None
