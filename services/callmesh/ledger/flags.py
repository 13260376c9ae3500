"""Codes that the city's data does not know pass through and are flagged, never refused."""

from __future__ import annotations

from callmesh.domain.directory import City
from callmesh.domain.words import Channel


def of_channel(channel: str) -> tuple[str, ...]:
    """("unknown_channel",) for a channel we have no rules for."""
    return () if channel in list(Channel) else ("unknown_channel",)


def of_category(city: City, category: str) -> tuple[str, ...]:
    """("unknown_category",) for a leaf that is not in the catalogue."""
    return () if not category or category in city.category else ("unknown_category",)


def of_division(city: City, code: str) -> tuple[str, ...]:
    """("unknown_division",) for a code that is not in the city's data."""
    return () if not code or code in city.division else ("unknown_division",)


def of_return_reason(city: City, code: str) -> tuple[str, ...]:
    """("unknown_return_reason",) for a code outside the city's list."""
    return () if code in city.return_reason else ("unknown_return_reason",)
