"""Resource names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callmesh.domain.errors import Invalid
from callmesh.domain.names import case_id_of, case_of_referral
from callmesh.kernel.ids import case_id
from support.builders import CASE, CASE_ID, speaks


def test_names_give_their_case() -> None:
    assert case_id_of(CASE) == CASE_ID
    assert case_of_referral(f"{CASE}/referrals/12") == CASE_ID


@given(st.from_regex(r"[a-z0-9]{1,6}", fullmatch=True), st.integers(0, 99), st.text(max_size=20))
def test_every_id_we_make_is_a_name(region: str, shard: int, identity: str) -> None:
    made = case_id(region, shard, identity)
    assert case_id_of(f"cases/{made}") == made


@pytest.mark.parametrize("read", [case_id_of, case_of_referral])
def test_an_empty_name_is_missing(read: object) -> None:
    with pytest.raises(Invalid) as refused:
        read("", "parent")  # type: ignore[operator]
    assert refused.value.violations == {"parent": "required"}
    speaks(refused.value)


@pytest.mark.parametrize(
    "wrong",
    [
        CASE_ID,
        f"cases/{CASE_ID.lower()}",
        f"cases/{CASE_ID}/",
        f"cases/{CASE_ID}\n",
        f"cases/{CASE_ID[:-1]}",
        f"cases/r1-0-{'U' * 26}",
        "cases/r1.0.>",
        "cases/*",
        f" {CASE}",
        f"{CASE}/referrals/1",
    ],
)
def test_a_malformed_case(wrong: str) -> None:
    with pytest.raises(Invalid) as refused:
        case_id_of(wrong)
    speaks(refused.value)
    assert list(refused.value.violations) == ["name"]


@pytest.mark.parametrize("wrong", [CASE, f"{CASE}/referrals/", f"{CASE}/referrals/x", f"{CASE}/referrals/1\n"])
def test_a_malformed_referral(wrong: str) -> None:
    with pytest.raises(Invalid):
        case_of_referral(wrong)
