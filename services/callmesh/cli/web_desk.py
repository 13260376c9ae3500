"""The web desk as part of a mesh on this machine: is it installed, and how one gets in."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

_NEEDED = ("uvicorn", "starlette", "jinja2", "babel", "argon2", "multipart")


def installed() -> bool:
    """Whether the extra `console` is there."""
    return all(find_spec(one) for one in _NEEDED)


def welcome(url: str) -> Iterator[str]:
    """Lines for people: the address, and the accounts that a mesh outside production has."""
    from callmesh.console.accounts import DEMO_PASSWORD, SEEDS

    yield f"web desk: {url}   (password of all accounts: {DEMO_PASSWORD})"
    yield "  " + "   ".join(f"{one.id} {one.name}" for one in SEEDS)
