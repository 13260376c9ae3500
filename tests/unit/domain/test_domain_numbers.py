"""One number, however it is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callmesh.domain.numbers import dialled


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("13800000000", "13800000000"),
        ("138 0000 0000", "13800000000"),
        ("138-0000-0000", "13800000000"),
        ("+86 138 0000 0000", "13800000000"),
        ("8613800000000", "13800000000"),
        ("0086-13800000000", "13800000000"),
        ("013800000000", "13800000000"),
        ("１３８００００００００", "13800000000"),
        ("(0571) 8888 0000", "057188880000"),
        ("+86 571 8888 0000", "057188880000"),
        ("+86 10 8888 0000", "01088880000"),
        ("+86 400 888 0000", "4008880000"),
        ("+86 110", "110"),
        ("88880000", "88880000"),
        ("+1 202 555 0100", "0012025550100"),
        ("wx:Ab-12", "wx:Ab-12"),
        ("057188880000转12", "057188880000转12"),
        ("", ""),
        ("+", "00"),
    ],
)
def test_what_is_dialled(written: str, wanted: str) -> None:
    assert dialled(written) == wanted


@given(st.text(max_size=30) | st.from_regex(r"[+0-9 \-()]{0,20}", fullmatch=True))
def test_what_is_dialled_is_dialled_so(written: str) -> None:
    assert dialled(dialled(written)) == dialled(written)


@given(st.from_regex(r"1[3-9][0-9]{9}|0[1-9][0-9]{9,10}", fullmatch=True), st.lists(st.integers(1, 10), max_size=4))
def test_gaps_make_no_other_number(number: str, gaps: list[int]) -> None:
    written = number
    for gap in sorted(gaps, reverse=True):
        written = f"{written[:gap]} {written[gap:]}"
    assert dialled(written) == number
