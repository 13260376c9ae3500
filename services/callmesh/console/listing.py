"""Lists of cases from tracking, a page at a time: newest first as the API gives them, due first as they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from callmesh.api.v1 import case_pb2, tracking_service_pb2
from callmesh.console.clients import Acting

_MOST_PAGES = 10
_LARGEST = 500


@dataclass(frozen=True, slots=True)
class Page:
    """Cases, and the token of what comes behind them; "" on the last page."""

    cases: list[case_pb2.Case]
    token: str

    def counted(self, shown: int) -> str:
        """How many are `shown`; with a plus when there are more than this page has."""
        return f"{shown}+" if self.token else str(shown)

    def more(self, path: str, asked: Mapping[str, str]) -> str:
        """Address of the next page; "" on the last one."""
        return f"{path}?{urlencode({**asked, 'page': self.token})}" if self.token else ""


async def page_of(by: Acting, wanted: tracking_service_pb2.CaseFilter, size: int, token: str = "") -> Page:
    """One page; raises grpc.aio.AioRpcError."""
    asked = tracking_service_pb2.ListCasesRequest(filter=wanted, page_size=size, page_token=token)
    found = await by.do(by.mesh.tracking.ListCases, asked)
    return Page(list(found.cases), found.next_page_token)


async def every(by: Acting, wanted: tracking_service_pb2.CaseFilter) -> list[case_pb2.Case]:
    """All that match, where none may be overlooked: page after page, 5,000 at most."""
    found = await page_of(by, wanted, _LARGEST)
    cases, pages = found.cases, 1
    while found.token and pages < _MOST_PAGES:
        found = await page_of(by, wanted, _LARGEST, found.token)
        cases, pages = cases + found.cases, pages + 1
    return cases
