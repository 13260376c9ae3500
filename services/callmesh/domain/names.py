"""Resource names: `cases/{case}`, `cases/{case}/referrals/{n}`, `cases/{case}/events/{sequence}`."""

from __future__ import annotations

import re

from callmesh.domain.errors import Invalid, missing

_CASE = re.compile(r"^cases/([a-z0-9]+-[0-9]+-[0-9A-HJKMNP-TV-Z]{26})$")
_REFERRAL = re.compile(r"^(cases/[a-z0-9]+-[0-9]+-[0-9A-HJKMNP-TV-Z]{26})/referrals/[0-9]{1,4}$")
SHORT = 6
"""Signs of a case's number that find it, open or not."""


def short(name: str) -> str:
    """The part of a case's name or id that screens show and people say: its last SHORT signs."""
    return name[-SHORT:]


def shard_of(case_id: str) -> str:
    """Region and shard of a case id."""
    return case_id.rpartition("-")[0]


def case_id_of(name: str, field: str = "name") -> str:
    """The id in a case's name; raises Invalid."""
    if not name:
        raise missing(field, "事件单编号")
    found = _CASE.fullmatch(name)
    if not found:
        raise _malformed(field, "cases/{case}")
    return found.group(1)


def case_of_referral(name: str, field: str = "name") -> str:
    """The id of the case that a referral's name belongs to; raises Invalid."""
    if not name:
        raise missing(field, "转办单编号")
    found = _REFERRAL.fullmatch(name)
    if not found:
        raise _malformed(field, "cases/{case}/referrals/{number}")
    return found.group(1).removeprefix("cases/")


def _malformed(field: str, form: str) -> Invalid:
    return Invalid(f"{field} is not like {form}", f"编号格式不正确, 应为 {form}", {field: f"must be {form}"})
