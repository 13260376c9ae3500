"""Pages: opaque tokens that are checked, and sizes within bounds."""

from __future__ import annotations

import base64
import binascii
import re

from callmesh.domain.errors import Invalid

MOST = 500
PAGE_BYTES = 2 * 1024 * 1024  # a client takes 4 MiB; a page of long reports ends early


def size_of(given: int, default: int) -> int:
    """The page size to use; raises Invalid when negative."""
    if given < 0:
        raise Invalid("page_size is negative", "每页数量不能为负", {"page_size": f"1 to {MOST}"})
    return min(given or default, MOST)


def token(*parts: str | int) -> str:
    """An opaque token of its parts."""
    return base64.urlsafe_b64encode(":".join(map(str, parts)).encode()).decode().rstrip("=")


def parts_of(given: str, form: re.Pattern[str], field: str) -> tuple[str, ...]:
    """The parts of a token that has the form; raises Invalid."""
    found = form.fullmatch(_text(given))
    if found is None:
        raise foreign(field)
    return found.groups()


def foreign(field: str) -> Invalid:
    """The token was not given by us for this request."""
    reason = {field: "must come unchanged from the last response of the same request"}
    return Invalid(f"{field} is not one of ours", "分页或续订令牌无效, 请重新查询", reason)


def _text(given: str) -> str:
    try:
        padded = given.encode("ascii") + b"=" * (-len(given) % 4)
        return base64.b64decode(padded, b"-_", validate=True).decode("ascii")
    except (UnicodeError, binascii.Error, ValueError):
        return ""
