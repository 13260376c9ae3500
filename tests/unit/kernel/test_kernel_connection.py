"""The cheaper reading of headers says what the library says, for whatever lines NATS may carry."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client

from callmesh.kernel.connection import Connection

_NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=":"), min_size=1, max_size=12)
_VALUES = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=30)


@given(st.dictionaries(_NAMES, _VALUES, max_size=8), st.sampled_from([": ", ":", ":\t"]))
def test_reads_headers_as_the_library_does(headers: dict[str, str], between: str) -> None:
    block = "".join(f"{name}{between}{value}\r\n" for name, value in headers.items()).encode() + b"\r\n"
    assert Connection._parse_header_lines(block) == Client._parse_header_lines(block)


def test_it_is_the_librarys_method_that_is_replaced() -> None:
    assert "_parse_header_lines" in vars(Client)
